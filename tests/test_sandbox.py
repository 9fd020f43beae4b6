"""The contract of every backend: programs of our own, run for real; what came back is looked at.

What programs must not be able to do has a folder of its own: attacks.
"""

import json
import time
import uuid
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests._sandboxes import EMPTY, attack
from ttrl_cli.problem import Limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Program, ProgramResult, kill_after
from ttrl_cli.sandbox.protocol import MalformedError, decode
from ttrl_cli.sandbox.session import Sandbox

LIMITS = Limits(seconds=10, memory_mb=1024, cpus=1, output_mb=0.5)
SHORT = LIMITS.model_copy(update={"seconds": 0.3})

pytestmark = attack()  # no property: on every backend

_current: list[Sandbox] = []


@pytest.fixture(autouse=True)
def _backend(sandbox: Sandbox) -> None:
    """Every test of this file runs on every backend."""
    _current[:] = [sandbox]


def run(source: str, *, limits: Limits = LIMITS, **arguments: object) -> ProgramResult:
    """Run a program whose entry is `run`."""
    return _current[0].run(Program(source=source, arguments=arguments), limits)


def returning(expression: str, before: str = "") -> ProgramResult:
    """Run a program that returns the value of an expression."""
    return run(f"import os, sys\n{before}\ndef run():\n    return {expression}\n")


def writing(frame: str) -> ProgramResult:
    """A program that finds the answer's descriptor by itself and writes bytes of its own to it."""
    return run(f"import os\nos.write({_ANSWER}, {frame})\nos._exit(0)\n")


# the answer's descriptor is the one pipe beside the output
_ANSWER = (
    "next(int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2"
    " and os.path.exists(f'/proc/self/fd/{n}')"
    " and os.readlink(f'/proc/self/fd/{n}').startswith('pipe:'))"
)


def marked(marker: str) -> list[psutil.Process]:
    """Processes, zombies aside, whose command line holds the marker."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(marker in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


class TestData:
    def test_json_values_come_back_as_they_were(self) -> None:
        """Numbers, text, lists and dicts are returned unchanged, tuples as lists."""
        result = returning("{'a': [1, 2.5, (True, None)], 'ß': 'text'}")
        assert (result.status, result.reason) == (Status.OK, "")
        assert result.data == {"a": [1, 2.5, [True, None]], "ß": "text"}

    def test_numpy_arrays_come_back_as_nested_lists(self) -> None:
        """An array, whatever its memory order, is returned as lists in its logical order."""
        result = returning("np.asfortranarray(np.arange(6.0).reshape(2, 3))", "import numpy as np")
        assert result.data == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]

    def test_numpy_inside_json_becomes_plain(self) -> None:
        """Numpy scalars and arrays inside a dict are returned as numbers and lists."""
        result = returning(
            "{'a': np.float32(0.5), 'b': np.int8([1, 2]), 'c': np.bool_(1)}", "import numpy as np"
        )
        assert result.data == {"a": 0.5, "b": [1, 2], "c": True}
        assert type(result.data["c"]) is bool

    def test_bytes_of_a_double_survive(self) -> None:
        """A float array is returned without the loss of a single bit."""
        result = returning("np.random.default_rng(3).random(50)", "import numpy as np")
        assert result.data == np.random.default_rng(3).random(50).tolist()

    @pytest.mark.parametrize(
        ("expression", "why"),
        [
            ("float('nan')", "finite"),
            ("[1.0, float('inf')]", "finite"),
            ("{1: 2}", "keys must be strings"),
            ("{'a': {1, 2}}", "a set"),
            ("b'bytes'", "a bytes"),
            ("10 ** 10000", "4300"),
            ("1j", "a complex"),
            ("'\\ud800'", "not valid JSON"),
            ("np.array([1, None])", "an array of object"),
            ("np.array([1j])", "an array of complex128"),
            ("np.array([1.0, np.nan])", "NaN"),
            ("[np.datetime64('2020-01-01')]", "datetime64"),
            ("np.zeros((10 ** 9, 0))", "shape"),
        ],
    )
    def test_what_is_not_plain_data_is_malformed(self, expression: str, why: str) -> None:
        """Data that strict JSON or a real array cannot hold are refused, and the reason says so."""
        result = returning(expression, "import numpy as np")
        assert result.status is Status.MALFORMED
        assert why in result.reason
        assert result.data is None

    def test_deep_nesting_is_malformed(self) -> None:
        """A list nested 100,000 deep is refused, and breaks neither side."""
        result = run("def run():\n x = []\n for _ in range(10 ** 5): x = [x]\n return x")
        assert (result.status, result.reason) == (
            Status.MALFORMED,
            "the data is nested too deeply",
        )


ALL = {"seed": 7, "seconds": 2.5, "cpus": 3, "parent": {"x": [1, 2]}}


class TestArguments:
    def test_only_accepted_arguments_are_passed(self) -> None:
        """An entry gets those arguments that its signature names, and no others."""
        result = run("def run(parent, *, seed=0): return [parent, seed]", **ALL)
        assert result.data == [{"x": [1, 2]}, 7]

    def test_double_star_accepts_all(self) -> None:
        """An entry with **kwargs gets every argument."""
        assert run("def run(**kwargs): return kwargs", **ALL).data == ALL

    def test_an_entry_may_take_nothing(self) -> None:
        """An entry without parameters is called without arguments."""
        assert run("def run(): return 1", **ALL).data == 1

    def test_a_missing_entry_is_an_error(self) -> None:
        """A program without the entry ends as ERROR and is told the name."""
        result = run("def other(): return 1")
        assert result.status is Status.ERROR
        assert "no function 'run'" in result.reason

    def test_a_large_parent_is_passed(self) -> None:
        """A parent of several megabytes reaches the program, although pipes hold only 64 kB."""
        parent = [0.5] * 500_000
        assert run("def run(parent): return [len(parent), sum(parent)]", parent=parent).data == [
            500_000,
            250_000.0,
        ]


class TestEnvironment:
    def test_our_environment_is_not_visible(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable of the caller's environment is not in the program's."""
        monkeypatch.setenv("TTRL_CANARY", "a secret")
        data = returning("dict(os.environ)").data
        assert "TTRL_CANARY" not in data
        assert (data["OMP_NUM_THREADS"], data["PYTHONHASHSEED"]) == ("1", "0")

    def test_the_working_folder_is_private_and_removed(self) -> None:
        """A program's home and working folder are one temporary folder, gone afterwards."""
        data = returning(
            "[os.getcwd(), os.environ['HOME'], os.listdir()]", "open('junk', 'w').write('x')"
        ).data
        assert data[0] == data[1] != str(Path.cwd())
        assert "junk" in data[2]
        private = EMPTY if _current[0].isolated else ["candidate.py"]
        assert returning("sorted(os.listdir())").data == private
        assert data[0] == "/tmp" or not Path(data[0]).exists()

    def test_the_program_is_not_main(self) -> None:
        """Code under `if __name__ == "__main__"` does not run, and stdin is empty."""
        result = returning("[__name__, sys.stdin.read()]")
        assert result.data == ["candidate", ""]

    def test_hashes_are_the_same_in_every_run(self) -> None:
        """Two runs of a program see the same hash of a string."""
        assert returning("hash('a')").data == returning("hash('a')").data

    def test_files_of_the_package_are_not_importable_by_accident(self) -> None:
        """The folder of the fork server's modules is not on the program's path."""
        result = run("import protocol\ndef run(): return 1")
        assert result.status is Status.ERROR
        assert "No module named 'protocol'" in result.reason

    def test_printed_text_is_kept(self) -> None:
        """The last 2,000 characters of stdout and stderr come back, merged."""
        result = returning("1", "print('x' * 3000)\nprint('err', file=sys.stderr)")
        assert len(result.output) == 2000
        assert result.output.endswith("xx\nerr\n")


SQUARES = """
import asyncio, concurrent.futures, multiprocessing, subprocess, sys, threading
import numpy as np

def square(x):
    return x * x

async def concurrently():
    child = await asyncio.create_subprocess_exec(
        "/usr/bin/env", "echo", "9", stdout=subprocess.PIPE)
    said = await child.stdout.read()
    assert await child.wait() == 0
    server = await asyncio.start_unix_server(lambda r, w: w.close(), "own-socket")
    reader, writer = await asyncio.open_unix_connection("own-socket")
    assert await reader.read() == b""
    server.close()
    sums = await asyncio.gather(*(asyncio.to_thread(square, n) for n in range(5)))
    return [int(said), sum(sums)]
"""


class TestHonest:
    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_multiprocessing_works(self, method: str) -> None:
        """Pools and queues of every start method give the results of their workers."""
        source = SQUARES + (
            "def run():\n"
            f"    context = multiprocessing.get_context({method!r})\n"
            "    with context.Pool(2) as pool: squares = pool.map(square, range(10))\n"
            "    queue = context.SimpleQueue()\n"
            "    child = context.Process(target=queue.put, args=(7,))\n"
            "    child.start(); child.join()\n"
            "    return [sum(squares), queue.get()]"
        )
        result = run(source)
        assert (result.data, result.reason) == ([285, 7], "")

    def test_asyncio_works(self) -> None:
        """An event loop waits for programs, sockets and threads, in a program started, too."""
        source = SQUARES + (
            "def run():\n"
            "    words = [sys.executable, '-c', 'import asyncio; asyncio.run(asyncio.sleep(0))']\n"
            "    return [*asyncio.run(concurrently()), subprocess.run(words).returncode]"
        )
        result = run(source)
        assert (result.data, result.reason) == ([9, 30, 0], "")

    def test_threads_and_numpy_work(self) -> None:
        """Threads compute with numpy side by side."""
        source = SQUARES + (
            "def run():\n"
            "    with concurrent.futures.ThreadPoolExecutor(4) as pool:\n"
            "        found = pool.map(lambda n: float(np.linalg.det(n * np.eye(2))), [1, 2, 3])\n"
            "        return [round(value) for value in found]"
        )
        result = run(source)
        assert (result.data, result.reason) == ([1, 4, 9], "")


class TestFailures:
    def test_an_exception_is_an_error_with_its_line(self) -> None:
        """The reason is the program's own traceback, from its first frame to the exception."""
        result = run("def run():\n    return 1 / 0\n")
        assert result.status is Status.ERROR
        assert result.reason.endswith("ZeroDivisionError: division by zero")
        assert "return 1 / 0" in result.reason
        assert "program.py" not in result.reason

    @pytest.mark.parametrize("source", ["def run(:", "raise SystemExit(0)", "x = '\ud800'", "\0"])
    def test_source_that_does_not_load_is_an_error(self, source: str) -> None:
        """A program that cannot be compiled, or exits while it is loaded, ends as ERROR."""
        assert run(source).status is Status.ERROR

    def test_ending_early_is_an_error(self) -> None:
        """os._exit(0) before the answer is an error, not a success."""
        result = run("import os\nos._exit(0)")
        assert (result.status, result.reason) == (Status.ERROR, "ended without an answer")

    def test_a_crash_is_an_error(self) -> None:
        """A segmentation fault ends as ERROR, with the signal and the stack."""
        result = run("import ctypes\ndef run(): ctypes.string_at(0)")
        assert result.status is Status.ERROR
        assert "SIGSEGV" in result.reason
        assert 'File "candidate.py", line 2 in run' in result.output

    def test_a_memory_bomb_ends_as_memory(self) -> None:
        """A program that wants more than memory_mb ends as MEMORY."""
        assert run("def run():\n return len(bytearray(2 << 30))").status is Status.MEMORY

    def test_a_growing_program_ends_as_memory(self) -> None:
        """A program that grows bit by bit ends as MEMORY too."""
        source = "def run():\n x = []\n while True: x.append(bytearray(1 << 20))"
        assert run(source).status is Status.MEMORY

    def test_a_flood_of_output_is_killed(self) -> None:
        """A program that prints without end is stopped at output_mb, well before its time."""
        result = run("def run():\n while True: print('x' * 1000)")
        assert result.status is Status.OUTPUT
        assert "printed more" in result.reason
        assert result.seconds < LIMITS.seconds

    def test_a_flood_of_data_is_killed(self) -> None:
        """An answer larger than output_mb is refused."""
        result = returning("'x' * 600_000")
        assert result.status is Status.OUTPUT
        assert "returned more" in result.reason

    def test_no_file_larger_than_the_disk(self) -> None:
        """Writing a file larger than disk_mb fails inside the program."""
        limits = LIMITS.model_copy(update={"disk_mb": 20})
        source = "def run():\n with open('f', 'wb') as f: f.seek(30 << 20); f.write(b'x')"
        assert "File too large" in run(source, limits=limits).reason


class TestTime:
    def test_promised_time_may_be_used(self) -> None:
        """A program that sleeps for all of its seconds still answers."""
        source = "import time\ndef run(): time.sleep(0.5); return 1"
        # a busy machine may hold up a start for longer than what is promised and a second more
        assert any(run(source, limits=SHORT).status is Status.OK for _ in range(20))
        assert kill_after(SHORT) == 1.3
        assert kill_after(Limits(seconds=600)) == 630

    def test_a_program_that_ignores_signals_is_killed(self) -> None:
        """Ignoring SIGTERM, SIGINT and SIGHUP does not prolong a program's life."""
        source = "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
        result = run(source + "def run():\n while True: time.sleep(9)", limits=SHORT)
        assert result.status is Status.TIMEOUT

    def test_closing_every_descriptor_does_not_hide_a_program(self) -> None:
        """A program that closes its pipes and goes on is ended, without an answer."""
        marker = uuid.uuid4().hex
        source = f"import os, time\ndef run():\n os.execl({_PYTHON!r}, 'x', '-c', '{_SLEEP}', M)"
        source = f"M = {marker!r}\nimport os\nos.closerange(1, 99)\n" + source
        assert run(source, limits=SHORT).status in (Status.ERROR, Status.TIMEOUT)
        assert marked(marker) == []

    @pytest.mark.parametrize("answers", [True, False])
    def test_no_process_is_left(self, answers: bool) -> None:
        """A daemon in a session of its own dies with its program, whether that answers or hangs."""
        marker = uuid.uuid4().hex
        end = "return 'answered'" if answers else "time.sleep(60)"
        source = _DAEMON.format(python=_PYTHON, sleep=_SLEEP, marker=marker, end=end)
        result = run(source, limits=LIMITS.model_copy(update={"seconds": 60 if answers else 4}))
        assert result.status is (Status.OK if answers else Status.TIMEOUT)
        assert result.output == "seen alive\n"
        assert marked(marker) == []

    def test_other_children_of_the_caller_are_spared(self) -> None:
        """A run kills nothing that the caller had started before."""
        with psutil.Popen([_PYTHON, "-c", _SLEEP]) as other:
            run("def run(): return 1")
            run("import time\ndef run(): time.sleep(60)", limits=SHORT)
            assert other.is_running()
            assert other.status() != psutil.STATUS_ZOMBIE
            other.kill()


class TestForgery:
    def test_an_answer_of_its_own_is_only_data(self) -> None:
        """A frame the program writes itself is worth as much as a returned value: it is data."""
        assert writing("b'json 1\\n7'").data == 7

    @pytest.mark.parametrize(
        "frame",
        [
            "b'json 1\\n7json 1\\n8'",
            "b'json 5\\n7'",
            "b'json 01\\n7'",
            "b'json -1\\n7'",
            "b'pickle 1\\n7'",
            "b'7'",
            'b\'refusal 17\\n{"status": "okay"}\'',
            "b'json 9\\n[1, NaN ]'",
            "b'json 5\\n1e999'",
            "b'json 200001\\n' + b'[' * 100_000 + b'1' + b']' * 100_000",
            "b'json 5000\\n' + b'1' * 5000",
            "b'json 2\\n\\xff\\xff'",
        ],
    )
    def test_a_frame_that_is_not_exactly_one_answer_is_malformed(self, frame: str) -> None:
        """Two answers, wrong lengths, unknown formats and bombs are refused."""
        assert writing(frame).status is Status.MALFORMED

    def test_answering_and_returning_is_malformed(self) -> None:
        """A program that writes an answer and then returns another has answered twice."""
        source = f"import os\nos.write({_ANSWER}, b'json 1\\n7')\ndef run(): return 8"
        assert run(source).status is Status.MALFORMED

    def test_a_child_cannot_claim_that_it_was_ours(self) -> None:
        """A program cannot make its run look like a failure of the sandbox, or like a success."""
        for status in ("failed", "ok", "invalid"):
            text = json.dumps({"status": status, "reason": "x"})
            frame = f"b'refusal {len(text)}\\n' + {text.encode()!r}"
            assert writing(frame).status is Status.MALFORMED

    def test_a_pickled_array_is_never_loaded(self, tmp_path: Path) -> None:
        """An npy payload that holds a pickle is refused, and the code in it does not run."""
        canary = tmp_path / "canary"
        source = f"""
import io, os, sys
import numpy as np
class Bomb:
    def __reduce__(self):
        return (open, ({str(canary)!r}, "w"))
file = io.BytesIO()
np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
data = file.getvalue()
os.write({_ANSWER}, b"npy %d\\n" % len(data) + data)
os._exit(0)
"""
        result = run(source)
        assert result.status is Status.MALFORMED
        assert "not a valid npy array of real numbers" in result.reason
        assert not canary.exists()

    def test_an_npy_header_cannot_claim_what_is_not_there(self) -> None:
        """A header that announces a terabyte is refused before anything is allocated."""
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10 ** 11,), }"
        for shape in (b"(100000000000,)", b"(-1,)", b"(0, -5)", b"(True,)", b"'ab'"):
            text = header.replace(b"(10 ** 11,)", shape).ljust(117) + b"\n"
            payload = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
            with pytest.raises(MalformedError):
                decode(b"npy %d\n" % len(payload) + payload)

    def test_patching_the_child_changes_only_the_program(self) -> None:
        """A program that patches json and time in its process changes nothing in ours."""
        before = (json.dumps([1]), time.monotonic)
        result = run(
            "import json, time\njson.dumps = lambda *a, **k: '[0.1]'\n"
            "time.monotonic = time.time = lambda: 0.0\ndef run(): return [9]"
        )
        assert result.data == [0.1]
        assert result.seconds > 0
        assert (json.dumps([1]), time.monotonic) == before


def test_nothing_is_left_open() -> None:
    """A run leaves no descriptor and no child behind in the calling process."""
    run("def run(): return 1")
    before = (psutil.Process().num_fds(), psutil.Process().children())
    run("def run(): return 1")
    assert (psutil.Process().num_fds(), psutil.Process().children()) == before


_PYTHON = psutil.Process().exe()
_SLEEP = "import time; time.sleep(60)"
_DAEMON = """
import glob, os, time
def words(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
def run():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 99)
            os.execl({python!r}, "x", "-c", {sleep!r}, {marker!r})
        os._exit(0)
    os.wait()
    for _ in range(50):
        if any({marker!r} in words(p) for p in glob.glob("/proc/[0-9]*/cmdline")):
            print("seen alive")
            break
        time.sleep(0.1)
    time.sleep(0.5)  # the daemon's interpreter may still be starting
    {end}
"""
