"""What a terminal is sent: no control character of a candidate, a model, a problem or a server."""

import io
import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tests._helpers import PATIENCE, SCRIPT, command, solve, ttrl, write_problem
from ttrl_cli.cli.visible_streams import show_traceback
from ttrl_cli.console import Console, RunView
from ttrl_cli.escapes import dumps, encodable, visible
from ttrl_cli.records import Watch

ATTACK = "\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;Y2FuYXJ5\x07\r\x9b1A\x7f\u202egnp\u2066.\u200bexe"
SHOWN = r"\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;Y2FuYXJ5\x07\r\x9b1A\x7f\u202egnp\u2066.\u200bexe"
RAISES = f"""
import sys

from ttrl_cli import Invalid

def verify(text):
    print("looks at", text)
    print("and complains of", text, file=sys.stderr)
    if text.startswith("bad"):
        raise Invalid({ATTACK!r})
    return text

def score(text):
    return len(text) + 1
"""


def controls(text: str) -> set[str]:
    """The characters of a text that a terminal obeys or hides, line ends aside."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    text = text.replace("\r\n", "\n")  # as a terminal is sent the end of a line
    return {c for c in text if unicodedata.category(c) in kinds and c not in "\n\t"}


def on_terminal(*arguments: object, cwd: Path) -> str:
    """Run a command whose output and errors go to a terminal; return every character of them."""
    ours, its = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "COLUMNS": "500", "NO_COLOR": "1"}
    words = [str(argument) for argument in arguments]
    with subprocess.Popen(
        [SCRIPT, *words], stdin=subprocess.DEVNULL, stdout=its, stderr=its, cwd=cwd, env=environment
    ) as process:
        os.close(its)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # nobody has the other end any more
                break
            if not piece:
                break
            said += piece
        process.wait(PATIENCE)
    os.close(ours)
    return said.decode()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a problem `p`, a run of it that found the attack, and programs `q`."""
    folder = tmp_path_factory.mktemp("desk")
    write_problem(folder / "p", RAISES, best_known=3, best_known_source=f"a book{ATTACK}")
    assert solve(folder / "p", folder / "run", [ATTACK, "x", "y", "z"], "--steps", 1).code == 0
    write_problem(
        folder / "q",
        "def verify(data):\n    return data\ndef score(data):\n    return data\n",
        solution={"kind": "program"},
        seed="def run():\n    return 1\n",
    )
    (folder / "bad.txt").write_text(f"bad{ATTACK}")
    (folder / "good.txt").write_text("good")
    (folder / "raises.py").write_text(f"def run():\n    raise ValueError({ATTACK!r})\n")
    (folder / "c.json").write_text(json.dumps({"kind": ATTACK, "claim": ATTACK}))
    return folder


@pytest.mark.parametrize("code", [*range(32), *range(127, 160)])
def test_control_characters(code: int):
    r"""Of C0, DEL and C1 newline and tab alone are shown as they are, the others as \x.. ."""
    kept = chr(code) in "\n\t"
    assert visible(f"a{chr(code)}b") == (f"a{chr(code)}b" if kept else f"a{_escape(code)}b")


def _escape(code: int) -> str:
    return r"\r" if code == 13 else f"\\x{code:02x}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202ea\u2069", r"\u202ea\u2069"),
        ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
        ("\u2028\u2029\u200b\ufeff\u2060", r"\u2028\u2029\u200b\ufeff\u2060"),
        ("\ud800 \udc9b", r"\ud800 \udc9b"),
        ("\U000e0041", r"\U000e0041"),
        ("na\u00efve \u6570 \U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e", None),
        (ATTACK, SHOWN),
    ],
)
def test_what_is_shown(text: str, shown: str | None):
    """Marks of direction, separators, what has no width and lone surrogates are escaped.

    Letters, emoji and the joiners within them are not.
    """
    assert visible(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain \u6570 \U0001f469", "plain \u6570 \U0001f469"),
        ("a\ud800b", "a?b"),
        ("\ud83d\ude00", "??"),  # two halves are no character
        ("", ""),
    ],
)
def test_what_can_be_written(text: str, kept: str):
    """A half of a surrogate pair becomes a question mark; all else has a UTF-8 and stays."""
    assert encodable(text) == kept
    assert kept.encode("utf-8").decode("utf-8") == kept


def test_json_has_no_control_character():
    """JSON for scripts and logs is ASCII without controls, and reads back as what it was."""
    assert controls(dumps({ATTACK: ATTACK})) == set()
    assert json.loads(dumps({ATTACK: [ATTACK]})) == {ATTACK: [ATTACK]}


def test_every_word_of_a_console(capsys: pytest.CaptureFixture[str]):
    """Results, talk, warnings and errors are escaped, and so is what a run is called."""
    console = Console()
    console.result(ATTACK)
    console.result_json({"a": ATTACK})
    for say in (console.say, console.warn, console.error):
        say(ATTACK)
    view = RunView(console, started=0.0)
    view.began(
        Watch(name=ATTACK, path=ATTACK, steps=1, seconds=None, best_known=None, warning=ATTACK)
    )
    said = capsys.readouterr()
    assert controls(said.out + said.err) == set()
    assert said.out.startswith(SHOWN + "\n")
    assert f"error: {SHOWN}" in said.err


VISITS: dict[str, tuple[str, ...]] = {
    "a refusal": ("verify", "p", "bad.txt"),
    "an exception of a program": ("verify", "q", "raises.py"),
    "a source": ("check", "p"),
    "best": ("best", "run"),
    "a run that is none": ("show", f"no{ATTACK}"),
    "no such option": ("show", "run", f"--x{ATTACK}"),
    "one argument too many": ("show", "run", ATTACK),
}


@pytest.mark.parametrize("arguments", VISITS.values(), ids=list(VISITS))
def test_commands_on_a_terminal(desk: Path, arguments: tuple[str, ...]):
    """What a terminal is sent has no control character in it, and still says what was written."""
    said = on_terminal(*arguments, cwd=desk)
    assert controls(said) == set()
    assert SHOWN[:14] in said  # what stands in a frame is broken into lines


PRINTERS = {
    "print": "print(text); print(text, file=sys.stderr)",
    "a descriptor": "os.write(1, text.encode()); os.write(2, text.encode())",
    "a process": "subprocess.run(['cat'], input=text.encode()); run_to_stderr(text)",
    "a process of multiprocessing": (
        "p = multiprocessing.get_context('fork').Process(target=print, args=(text,))\n"
        "    p.start(); p.join()"
    ),
    "C": "ctypes.CDLL(None).puts(text.encode()); ctypes.CDLL(None).fflush(None)",
    "bytes that are no text": "os.write(2, b'\\xff\\x9b2J' + text.encode())",
    "a worker that is killed": "os.write(2, text.encode()); os.kill(os.getpid(), 9)",
    "a worker that is too late": "os.write(2, text.encode()); time.sleep(600)",
    "much": "subprocess.run(['sh', '-c', 'yes | head -c 4000000']); os.write(2, text.encode())",
    "a process that stays": (
        "os.write(2, text.encode()); subprocess.Popen(['setsid', 'sleep', '600'])"
    ),
}
PRINTS = """
import ctypes, multiprocessing, os, subprocess, sys, time

def run_to_stderr(text):
    subprocess.run(["sh", "-c", "cat 1>&2"], input=text.encode())

def verify(text):
    if text == "1":
        return text
    {0}
    return text

def score(text):
    return len(text) + 1
"""


@pytest.mark.parametrize("case", PRINTERS)
def test_whatever_a_verifier_starts(case: str, tmp_path: Path):
    """What a verifier, its processes and code in C print is escaped, whole, and stops nothing."""
    limits = {"seconds": 2 if case == "a worker that is too late" else 120}
    problem = write_problem(tmp_path / "p", PRINTS.replace("{0}", PRINTERS[case]), limits=limits)
    (tmp_path / "s.txt").write_text(ATTACK)
    done = command("verify", problem, tmp_path / "s.txt", "--json")
    fails = case.startswith("a worker")
    assert done.code == (3 if fails else 0), done.err[-2000:]
    assert done.out == "" if fails else done.json["valid"]
    assert controls(done.err) == set()
    assert SHOWN in done.err
    if case == "much":
        assert done.err.count("y\n") == 2_000_000
    if case == "bytes that are no text":
        assert "\\xff\\x9b2J" in done.err


def test_nobody_reads_what_a_verifier_prints(tmp_path: Path):
    """A command whose standard error is closed ends as always."""
    problem = write_problem(
        tmp_path / "p", PRINTS.replace("{0}", PRINTERS["much"]), limits={"seconds": 120}
    )
    (tmp_path / "s.txt").write_text("22")
    words = f"{SCRIPT} verify {problem} {tmp_path / 's.txt'} --json"
    for where in ("2>&-", "2>/dev/full", "2> >(true)"):
        done = subprocess.run(["bash", "-c", f"{words} {where}"], capture_output=True, check=True)
        assert json.loads(done.stdout)["valid"]


@pytest.mark.parametrize(
    "arguments",
    [("verify", "--certificate", "c.json"), ("show", "run", "--json"), ("best", "run", "--data")],
    ids=" ".join,
)
def test_what_is_never_shown_as_it_is(
    desk: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    """Data, certificates and summaries hold no control character, wherever they go."""
    monkeypatch.chdir(desk)
    done = ttrl(*arguments)
    assert done.out.strip()
    assert controls(done.out + done.err) == set()


def test_a_pipe_gets_the_solution_byte_by_byte(desk: Path):
    """`ttrl best` in a pipe is the solution itself, carriage returns and all."""
    done = subprocess.run([SCRIPT, "best", "run"], cwd=desk, capture_output=True, check=True)
    assert done.stdout == ATTACK.encode() + b"\n"
    assert done.stdout == (desk / "run" / "best" / "solution.txt").read_bytes() + b"\n"


def test_json_for_scripts_keeps_the_text(desk: Path):
    """With --json the reason is what the verifier said, as JSON escapes."""
    done = command("verify", "p", "bad.txt", "--json", cwd=desk)
    assert done.code == 4
    assert controls(done.out) == set()
    assert ATTACK in done.json["reason"]


def test_logs_on_a_terminal(desk: Path):
    """Every file of a run that is JSON has no control character but line ends."""
    logs = [p for p in (desk / "run").rglob("*.json*") if p.is_file()]
    assert len(logs) > 4
    for log in logs:
        assert controls(log.read_text()) == set()
    assert (
        ATTACK in json.loads((desk / "run" / "attempts.jsonl").read_text().splitlines()[0])["text"]
    )


def test_tracebacks(monkeypatch: pytest.MonkeyPatch):
    """A mistake of ours shows its traceback, and what it quotes is escaped in it."""
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    try:
        raise ValueError(ATTACK)
    except ValueError as error:
        show_traceback(type(error), error, error.__traceback__)
    assert said.getvalue().startswith("Traceback (most recent call last):\n")
    assert said.getvalue().endswith(f"ValueError: {SHOWN}\n")


OF_LIBRARIES = f"""
import logging, threading, warnings
from ttrl_cli.cli.visible_streams import show_control_characters

def fail():
    raise ValueError({ATTACK!r})

class Fails:
    def __del__(self):
        fail()

show_control_characters()
warnings.warn({ATTACK!r})
logging.error("%s", {ATTACK!r})
try:
    fail()
except ValueError:
    logging.exception("what follows")
thread = threading.Thread(target=fail, name={ATTACK!r})
thread.start()
thread.join()
Fails()
"""


def test_what_python_and_libraries_write():
    """Warnings, log records, and exceptions of threads and finalizers are escaped as well."""
    words = [sys.executable, "-c", OF_LIBRARIES]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert controls(done.stderr) == set()
    for line in ("UserWarning: ", "ERROR:root:", "ValueError: ", "Exception in thread "):
        assert f"{line}{SHOWN}" in done.stderr
    assert done.stderr.count(f"ValueError: {SHOWN}\n") == 3


def test_a_result_that_the_encoding_cannot_hold():
    """What standard output's encoding does not know is printed as its escape."""
    source = "from ttrl_cli.console import Console; Console().result('\u0101 \u2264 \\xe9')"
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )
    assert done.stdout == b"\\u0101 \\u2264 \xe9\n"
