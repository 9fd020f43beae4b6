"""Calls of a program in a sandbox: an input in, an outcome out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests._sandboxes import LIMITS, attack
from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.base import Program, Property
from ttrl_cli.sandbox.calls import Outcome, compiled, interpreted
from ttrl_cli.sandbox.given import Input
from ttrl_cli.sandbox.inside.arrays import pieces
from ttrl_cli.sandbox.parts import read_answer
from ttrl_cli.sandbox.protocol import MalformedError
from ttrl_cli.sandbox.session import Sandbox

EVERYWHERE = attack(Property.DATA_ONLY)


def call(sandbox: Sandbox, source: str, value: Input = None, limits: Limits = LIMITS) -> Outcome:
    """Call a Python program once."""
    return interpreted(Program(source=source))(sandbox, value, limits)


def call_cpp(sandbox: Sandbox, folder: Path, source: str, value: Input = None) -> Outcome:
    """Call a C++ program once."""
    limits = LIMITS.model_copy(update={"memory_mb": 1024, "disk_mb": 64})
    caller, _ = compiled(sandbox, Program(source=source), limits, folder)
    return caller(sandbox, value, limits)


@EVERYWHERE
@pytest.mark.parametrize(
    ("source", "value", "output"),
    [
        ("print(int(input()) + 1)", "41\n", "42\n"),
        ("import sys\nsys.stdout.write(sys.stdin.read()[::-1])", "äb\n", "\nbä"),
        ("if __name__ == '__main__':\n    print('main')", "", "main\n"),
        ("print(repr(input()))\nimport sys\nsys.exit(0)", "x\n", "'x'\n"),
        ("def run():\n    print(input())\nif __name__ == '__main__':\n    run()", "y\n", "y\n"),
        ("import os\nos.write(1, b'raw')\nos._exit(0)", "", "raw"),
    ],
)
def test_a_text_is_standard_input(sandbox: Sandbox, source: str, value: str, output: str):
    """A program reads the text and ends well; all that it prints is its output."""
    found = call(sandbox, source, value)
    assert (found.status, found.output, found.reason) == ("ok", output, "")


@EVERYWHERE
def test_arguments_and_data(sandbox: Sandbox):
    """Keyword arguments reach the entry, and what it returns comes back, whatever it prints."""
    source = "def run(a, b):\n    print('said')\n    return {'a': a, 'b': [b, None, 1.5, True]}"
    found = call(sandbox, source, {"a": [1, {"x": "ß"}], "b": "t", "unknown": 1})
    assert (found.status, found.reason) == ("ok", "")
    assert found.data == {"a": [1, {"x": "ß"}], "b": ["t", None, 1.5, True]}
    assert (found.output, found.log) == ("said\n", "")


@EVERYWHERE
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(20)[::3],
        np.array([[True], [False]]),
        np.array(2.5),
        np.zeros((0, 3)),
        np.arange(5, dtype=">i4"),
    ],
)
def test_arrays_stay_arrays(sandbox: Sandbox, array: Any):
    """An array crosses both ways as an array, with its shape and values."""
    source = (
        "def run(x, deep):\n    assert x.flags.writeable\n    return {'x': x, 'y': [deep[0]['z']]}"
    )
    found = call(sandbox, source, {"x": array, "deep": [{"z": array}]})
    assert (found.status, found.reason) == ("ok", "")
    for back in (found.data["x"], found.data["y"][0]):
        assert isinstance(back, np.ndarray)
        assert back.shape == array.shape
        np.testing.assert_array_equal(back, array)


@EVERYWHERE
def test_an_array_alone(sandbox: Sandbox):
    """An entry may return an array and nothing else."""
    found = call(sandbox, "import numpy\ndef run(n): return numpy.arange(n)", {"n": 3})
    assert isinstance(found.data, np.ndarray)
    assert found.data.tolist() == [0, 1, 2]


@EVERYWHERE
@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("def run(): raise ValueError('of mine')", "error", "ValueError: of mine"),
        ("def run(:", "error", "SyntaxError"),
        ("def run():\n    import os\n    os._exit(0)", "error", "without an answer"),
        ("def run():\n    import os\n    os._exit(3)", "error", "exit status 3"),
        ("def run(): return {1}", "malformed", "a set"),
        ("import numpy\ndef run(): return numpy.array([numpy.nan])", "malformed", "NaN"),
        ("import numpy\ndef run(): return numpy.array([None])", "malformed", "object"),
        ("def run(): print('x' * 2_000_000)", "output", "printed more"),
    ],
)
def test_a_program_that_fails_is_an_outcome(
    sandbox: Sandbox, source: str, status: str, reason: str
):
    """What goes wrong in a program is told by status and reason, and there are no data."""
    found = call(sandbox, source, {})
    assert (found.status, found.data) == (status, None)
    assert reason in found.reason


@EVERYWHERE
@pytest.mark.parametrize("source", ["import sys\nsys.exit(3)", "1/0", "import os\nos._exit(1)"])
def test_a_script_that_fails_keeps_what_it_printed(sandbox: Sandbox, source: str):
    """Results before a failure are kept: stdout and stderr of a script that ends badly."""
    before = "import sys\nprint('before', flush=True)\nprint('why', file=sys.stderr)\n"
    found = call(sandbox, before + source, "")
    assert (found.status, found.output) == ("error", "before\n")
    assert found.log.startswith("why\n")


@EVERYWHERE
def test_a_call_fails_by_its_measured_time(sandbox: Sandbox):
    """A program that ends by itself, after its time and before it would be killed, is too late."""
    source = "import time\ndef run(n):\n    time.sleep(n)\n    return n"
    limits = LIMITS.model_copy(update={"seconds": 0.5})
    late = call(sandbox, source, {"n": 0.7}, limits)
    assert (late.status, late.data) == ("timeout", None)
    assert late.reason.startswith("took 0.")
    assert 0.7 <= late.seconds < 1.6


@EVERYWHERE
def test_a_call_fails_by_its_measured_cpu_time(sandbox: Sandbox):
    """Two processes that together use more CPU time than one core has fail, if wall time is left.

    Whether they get two cores is not ours to say: wall or CPU time is what they fail by.
    """
    source = (
        "import os, time\n"
        "def burn():\n"
        "    while time.process_time() < 0.7: pass\n"
        "def run():\n"
        "    pid = os.fork()\n"
        "    burn()\n"
        "    if pid == 0: os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
    )
    limits = LIMITS.model_copy(update={"seconds": 1.0})
    found = call(sandbox, source, {}, limits)
    assert found.status == "timeout"
    assert found.cpu_seconds > 1.0 or found.seconds > 1.0


@EVERYWHERE
def test_starting_is_not_the_programs_time(sandbox: Sandbox):
    """What we do before a program takes over is not in its CPU time."""
    found = call(sandbox, "def run(): return 1", {})
    assert found.ok
    assert found.cpu_seconds < 0.5


@EVERYWHERE
def test_inputs_cannot_be_written(sandbox: Sandbox):
    """Standard input is sealed: a program cannot write into it, nor make it grow."""
    source = (
        "import os\n"
        "def run():\n"
        "    found = []\n"
        "    for change in (lambda: os.write(0, b'x'), lambda: os.ftruncate(0, 10**9)):\n"
        "        try:\n"
        "            change()\n"
        "            found.append('changed')\n"
        "        except OSError:\n"
        "            pass\n"
        "    return found\n"
    )
    found = call(sandbox, source, "text\n")
    assert (found.status, found.data) == ("ok", [])


@EVERYWHERE
def test_cpp_programs(sandbox: Sandbox, tmp_path: Path):
    """A C++ program reads text or JSON on stdin, and its output and log are apart."""
    source = (
        "#include <iostream>\n#include <string>\n"
        "int main() { std::string s; std::getline(std::cin, s);\n"
        '  std::cerr << "log"; std::cout << s << "!"; return s == "bad" ? 3 : 0; }\n'
    )
    good = call_cpp(sandbox, tmp_path, source, "good\n")
    assert (good.status, good.output, good.log, good.data) == ("ok", "good!", "log", None)
    asked = call_cpp(sandbox, tmp_path, source, {"n": 1})
    assert (asked.status, asked.output) == ("ok", '{"n": 1}!')
    bad = call_cpp(sandbox, tmp_path, source, "bad\n")
    assert (bad.status, bad.output) == ("error", "bad!")
    assert "exit status 3" in bad.reason
    crash = call_cpp(sandbox, tmp_path, "#include <cstdlib>\nint main() { std::abort(); }", "")
    assert "SIGABRT" in crash.reason
    broken = call_cpp(sandbox, tmp_path, "int main( {", "")
    assert broken.status == "error"
    assert "does not compile" in broken.reason


@pytest.mark.parametrize(
    "frame",
    [
        b"parts 0\n",
        b"parts 4\n[1]\n",
        b"parts 8\n[1, 9]\n1",
        b'parts 15\n[11]\n{"\\u0000npy": 0}',
        b"parts 6\n[-1]\n1",
        b"npy 0\n",
        b"json 1\n1",
        b"parts 9\n[1, 3]\n1abc",
    ],
)
def test_forged_answers_are_refused(frame: bytes):
    """An answer whose parts are not what it says is malformed."""
    with pytest.raises(MalformedError):
        read_answer(frame)


def test_a_mark_without_its_array_is_refused():
    """A mark may name only arrays that are there."""
    text, blob = b'{"\\u0000npy": 1}', b"".join(map(bytes, pieces(np.arange(3))))
    body = b"[%d, %d]\n%s%s" % (len(text), len(blob), text, blob)
    with pytest.raises(MalformedError, match="an array 1 that it does not have"):
        read_answer(b"parts %d\n%s" % (len(body), body))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7, "text or a dict"),
        ([1], "text or a dict"),
        ({1: 2}, "name must be text"),
        ({"x": np.array([None])}, "array of object"),
        ({"x": {"\0npy": 0}}, "not for arguments"),
        ({"x": {1, 2}}, "set"),
    ],
)
@EVERYWHERE
def test_inputs_that_are_no_inputs(sandbox: Sandbox, value: Any, why: str):
    """An input of another kind is the problem's mistake, and says so."""
    with pytest.raises(TypeError, match=why):
        call(sandbox, "def run(x): return x", value)


@EVERYWHERE
@pytest.mark.parametrize(
    "returned", ["10**4300", "[0, -10**4300]", "{'a': [None, 10**5000]}", "True + 10**9999"]
)
def test_an_integer_too_long_to_be_read(sandbox: Sandbox, returned: str):
    """An integer too long to be read back is malformed; the longest that is not is data."""
    found = call(sandbox, f"def run():\n    return {returned}")
    assert found.status == "malformed"
    assert found.reason == "the data holds an integer of more than 4300 digits"
    assert call(sandbox, "def run():\n    return [10**4300 - 1]").data == [10**4300 - 1]


@EVERYWHERE
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"n": {1, 2}}, "the argument 'n': a set cannot be given to a candidate"),
        ({"a": 1, "b": [{"c": b"x"}]}, "the argument 'b': a bytes cannot be given to a candidate"),
        ({"n": [10**4300]}, "the argument 'n': an integer of more than 4300 digits"),
        ({"n": np.array(["x"])}, "the argument 'n': an array of <U1"),
    ],
)
def test_a_bad_argument_is_named(sandbox: Sandbox, value: Any, why: str):
    """What no candidate can be given is refused with the name of the argument."""
    with pytest.raises(TypeError) as error:
        call(sandbox, "def run(): pass", value)
    assert str(error.value).startswith(why)


@EVERYWHERE
@pytest.mark.parametrize("kind", ["an array", "lists"])
def test_an_input_larger_than_the_memory_is_an_outcome(sandbox: Sandbox, kind: str):
    """An input that does not fit into the program's memory fails the call, and no more."""
    value = {"x": np.zeros(300 << 20, np.uint8) if kind == "an array" else [[0.5] * 8] * 900_000}
    small = LIMITS.model_copy(update={"memory_mb": 64, "seconds": 60})
    found = call(sandbox, "def run(x):\n    return len(x)", value, small)
    assert found.status == "memory"
    assert "memory" in found.reason or "64 MiB" in found.reason
    assert call(sandbox, "def run(x):\n    return len(x)", {"x": [1, 2]}).data == 2
