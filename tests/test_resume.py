"""Runs that are killed or interrupted, in processes of their own, and taken on.

The moments are hit by the problem's verifier, which knows how many attempts it has seen, and by
an audit hook, which sees the files that a commit touches; no code of ours is replaced.
"""

import json
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests._helpers import (
    digest,
    read_lines,
    spawn,
    ttrl,
    until,
    wait,
    write_lines,
    write_problem,
)

SEEDS, PER_STEP, STEPS = 1, 8, 4
OPTIONS = ["--dtype", "float32", "--max-tokens", 48, "--lr", "0.0003", "--steps", STEPS, "--json"]
VERIFY = """
import os, signal, time
from multiprocessing import parent_process
from pathlib import Path
from zlib import crc32

MOMENT, CALLS = Path({moment!r}), Path({calls!r})

def verify(text):
    with CALLS.open("a") as file:
        file.write("x")
    if MOMENT.exists() and CALLS.stat().st_size == int(MOMENT.read_text().split()[1]):
        number = int(MOMENT.read_text().split()[0])
        MOMENT.unlink()
        os.kill(parent_process().pid, number)
        if number == signal.SIGKILL:
            time.sleep(600)  # nothing more is graded: a worker ends with its main process
    return text

def score(text):
    return 1 + crc32(text.encode()) / 2**32
"""
HOOK = """
import os, signal, sys

def hook(event, arguments):
    if event in ("open", "os.rename") and {name!r} in str(arguments[0]) and ({after!r} == "" or
            os.path.exists({after!r})):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, writing_model: Path) -> str:
    """The digest of the run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    done = ttrl(
        "solve", problem(folder), "--out", folder / "run", "--model", writing_model, *OPTIONS
    )
    assert done.code == 0, done.err
    steps = read_lines(folder / "run" / "metrics.jsonl")
    # a run that did not learn, or in which all attempts were alike, would show nothing
    assert all(line["train/grad_norm"] > 0 for line in steps)
    assert len({a["text"] for a in read_lines(folder / "run" / "attempts.jsonl")}) > PER_STEP
    return digest(folder / "run")


def problem(folder: Path) -> Path:
    """A problem whose verifier can send its main process a signal."""
    verify = VERIFY.format(moment=str(folder / "moment"), calls=str(folder / "calls"))
    run = {"groups": 2, "group_size": 4, "workers": 1, "threads": 1}
    return write_problem(folder / "p", verify, run=run)


def stop_at_call(folder: Path, number: signal.Signals, call: int) -> None:
    """Have the verifier send a signal when it grades its N-th attempt, seeds included."""
    (folder / "moment").write_text(f"{number.value} {call}")


def calls(folder: Path) -> int:
    """How many attempts the verifier has been shown."""
    return len((folder / "calls").read_text())


def start_run(folder: Path, model: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start the run in a process of its own."""
    arguments = ["--out", folder / "run", "--model", model, *OPTIONS]
    return spawn("solve", problem(folder), *arguments, **environment)


def go_on(run: Path) -> None:
    """Resume the run to its end."""
    done = ttrl("resume", run, "--json")
    assert done.code == 0, done.err
    assert (done.json["status"], done.json["steps"]) == ("done", STEPS)


def checkpoints(run: Path) -> list[str]:
    """Names of the checkpoints, half-written ones included."""
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def is_gone(process: psutil.Process) -> bool:
    """True for a process that has ended, reaped or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def hangs(process: psutil.Process) -> bool:
    """True for the child of a program that hangs."""
    try:
        return "98765" in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(SEEDS + PER_STEP + 1, id="sampling"),
        pytest.param(SEEDS + 2 * PER_STEP, id="grading"),
    ],
)
def test_killed_while_sampling_or_grading(
    tmp_path: Path, writing_model: Path, whole: str, call: int
):
    """Killed at a step's first graded attempt or at its last, a run goes on as if never stopped."""
    stop_at_call(tmp_path, signal.SIGKILL, call)
    assert wait(start_run(tmp_path, writing_model)).code == -signal.SIGKILL
    run = tmp_path / "run"
    assert calls(tmp_path) == call
    assert checkpoints(run) == ["step_000000", "step_000001"]
    assert len(read_lines(run / "attempts.jsonl")) == PER_STEP
    assert json.loads((run / "status.json").read_text())["phase"] == "running"
    go_on(run)
    assert digest(run) == whole
    second = [a["tokens"] for a in read_lines(run / "attempts.jsonl") if a["step"] == 2]
    assert min(second) < max(second)  # so others were still being written at the first


@pytest.mark.parametrize(
    ("name", "after", "left"),
    [
        # all is written but for the record that makes it a checkpoint
        (
            ".step_000002.tmp/.commit.json.tmp",
            "",
            [".step_000002.tmp", "step_000000", "step_000001"],
        ),
        # it is in place, and status.json does not know yet
        (".status.json.tmp", "step_000002", ["step_000000", "step_000001", "step_000002"]),
    ],
    ids=["before the record", "before the status"],
)
def test_killed_while_committing(
    tmp_path: Path, writing_model: Path, whole: str, name: str, after: str, left: list[str]
):
    """Killed anywhere in a commit, a run goes on as if never stopped."""
    run = tmp_path / "run"
    exists = str(run / "checkpoints" / after) if after else ""
    (tmp_path / "hook").mkdir()
    hook = HOOK.format(name=name, after=exists)
    (tmp_path / "hook" / "sitecustomize.py").write_text(hook)
    process = start_run(tmp_path, writing_model, PYTHONPATH=str(tmp_path / "hook"))
    assert wait(process).code == -signal.SIGKILL
    assert checkpoints(run) == left
    assert len(read_lines(run / "attempts.jsonl")) == 2 * PER_STEP
    assert json.loads((run / "status.json").read_text())["totals"]["steps"] == 1
    go_on(run)
    assert digest(run) == whole
    assert len(checkpoints(run)) == 2


def test_interrupted(tmp_path: Path, writing_model: Path, whole: str):
    """The first SIGINT finishes and saves the step, says how to go on, and exits 130."""
    stop_at_call(tmp_path, signal.SIGINT, SEEDS + PER_STEP + 1)
    done = wait(start_run(tmp_path, writing_model))
    run = tmp_path / "run"
    assert done.code == 130
    assert done.json["status"] == "interrupted"
    assert f"interrupted after step 2; go on with: ttrl resume {run}" in done.err
    assert "Traceback" not in done.err
    status = json.loads((run / "status.json").read_text())
    assert (status["phase"], status["stopped_by"]) == ("interrupted", "interrupt")
    assert checkpoints(run) == ["step_000001", "step_000002"]
    assert len(read_lines(run / "attempts.jsonl")) == 2 * PER_STEP
    go_on(run)
    assert digest(run) == whole


def _returning(value: int) -> str:
    return f"```python\ndef run():\n    return {value}\n```"


_HANGING = "```python\nimport subprocess\n\ndef run():\n    subprocess.run(['sleep', '98765'])\n```"


def heal(tmp_path: Path) -> None:
    """Make the programs of the second step such as do not hang, and have it sampled anew."""
    (tmp_path / "run" / "pending.jsonl").unlink()
    write_lines(tmp_path / "replay", [_returning(2)] * 4 + [_returning(3)] * 4)


@pytest.fixture(params=["auto", "process"])
def hanging(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """A run whose second step's programs hang, as a process with its descendants."""
    verify = "def verify(x):\n  return x\ndef score(x):\n  return x\n"
    folder = write_problem(
        tmp_path / "p",
        verify,
        seed="def run():\n    return 1\n",
        solution={"kind": "program"},
        limits={"seconds": 1000, "memory_mb": 512},
    )
    replay = write_lines(tmp_path / "replay", [_returning(2)] * 4 + [_HANGING] * 4)
    arguments = ["solve", folder, "--out", tmp_path / "run", "--sampler", f"replay:{replay}"]
    process = spawn(*arguments, "--sandbox", request.param, "--json")
    main = psutil.Process(process.pid)

    def family() -> list[psutil.Process]:
        members = main.children(recursive=True)
        return members if any(map(hangs, members)) else []

    return process, until(family)


def test_nothing_survives_a_kill(
    hanging: tuple[subprocess.Popen[bytes], list[psutil.Process]], tmp_path: Path
):
    """After kill -9 of the main process, its workers and running programs end by themselves."""
    process, family = hanging
    assert len(family) >= 3  # the fork server, a worker, a program and its child
    process.kill()
    assert wait(process).code == -signal.SIGKILL
    until(lambda: all(map(is_gone, family)))
    # the process could not note it in status.json, but nothing holds the run any more
    assert ttrl("show", tmp_path / "run", "--json").json["status"] == "interrupted"
    heal(tmp_path)
    done = ttrl("resume", tmp_path / "run", "--json")
    assert (done.code, done.json["steps"], done.json["best"]["score"]) == (0, 2, 3.0)


def test_second_interrupt(
    hanging: tuple[subprocess.Popen[bytes], list[psutil.Process]], tmp_path: Path
):
    """The second SIGINT stops at once at the last commit, with exit code 130 and nothing left."""
    process, family = hanging
    main = psutil.Process(process.pid)
    before = main.num_ctx_switches().voluntary
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    # two at once would be taken for one: the first is handled before it goes on waiting
    until(lambda: main.num_ctx_switches().voluntary > before + 4)
    assert process.poll() is None  # the first one waits for the step
    process.send_signal(signal.SIGINT)
    done = wait(process)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert f"stopped at once, after step 1; go on with: ttrl resume {tmp_path / 'run'}" in done.err
    until(lambda: all(map(is_gone, family)))
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["phase"], status["totals"]["steps"]) == ("interrupted", 1)
    heal(tmp_path)
    assert ttrl("resume", tmp_path / "run", "--json").json["steps"] == 2


def test_hang_up(hanging: tuple[subprocess.Popen[bytes], list[psutil.Process]], tmp_path: Path):
    """SIGHUP stops at once at the last commit, says how to go on, exits 129 and leaves nothing."""
    process, family = hanging
    process.send_signal(signal.SIGHUP)
    done = wait(process)
    assert done.code == 129
    assert "Traceback" not in done.err
    assert f"stopped at once, after step 1; go on with: ttrl resume {tmp_path / 'run'}" in done.err
    until(lambda: all(map(is_gone, family)))
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["phase"], status["stopped_by"]) == ("interrupted", "interrupt")
    assert status["totals"]["steps"] == 1
    heal(tmp_path)
    assert ttrl("resume", tmp_path / "run", "--json").json["steps"] == 2
