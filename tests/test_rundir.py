"""Runs on disk: made once, committed whole or not at all, held by one process."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests._helpers import (
    PATIENCE,
    digest,
    read_lines,
    solve,
    spawn,
    ttrl,
    write_lines,
    write_problem,
)
from ttrl_cli.config import RunConfig, SolveConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.records import Status, Verdict
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.rundir.files import finite
from ttrl_cli.rundir.run import LOGS

LOGGED = LOGS["solve"]


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A new run of a small problem."""
    problem = write_problem(tmp_path / "p")
    return RunDir.create(tmp_path / "run", "solve", "number", RunConfig(), problem)


def take_steps(run: RunDir, last: int, *, first: int = 0) -> None:
    """Log one line a step, and commit."""
    for step in range(first, last + 1):
        for log in LOGGED:
            run.append(log, [{"step": step}])
        run.commit(Totals(steps=step, samples=4 * step), saver(f"weights {step}"), {"cursor": step})


def saver(text: str) -> Callable[[Path], None]:
    """A learner's save."""

    def save(folder: Path) -> None:
        (folder / "adapter.bin").write_text(text)

    return save


def checkpoints(run: RunDir) -> list[str]:
    """Names of all that lies in checkpoints/."""
    return sorted(path.name for path in (run.path / "checkpoints").iterdir())


def valid(score: float) -> Verdict:
    """A verdict on a valid solution."""
    return Verdict(status=Status.OK, score=score, data=[score], solution=f"solution of {score}")


# -- making and opening ----------------------------------------------------------------------


def test_written_before_step_one(run: RunDir):
    """Configuration, provenance, status and problem are there before anything has run."""
    names = {path.name for path in run.path.iterdir()}
    assert names == {"config.json", "provenance.json", "status.json", "problem"}
    status = json.loads((run.path / "status.json").read_text())
    assert status == {
        "schema_version": 1,
        "kind": "solve",
        "name": "number",
        "phase": "running",
        "totals": {"steps": 0, "samples": 0, "valid": 0, "tokens": 0, "seconds": 0.0},
        "stopped_by": "",
        "seed_score": None,
        "start_from": None,
    }
    assert json.loads((run.path / "config.json").read_text())["lora_rank"] == 32
    provenance = json.loads((run.path / "provenance.json").read_text())
    assert provenance["python"].startswith(f"{sys.version_info.major}.")
    assert provenance["command"] == sys.argv


def test_existing_folder_is_refused(tmp_path: Path):
    """An existing folder is refused and left as it was, be it empty or not."""
    problem = write_problem(tmp_path / "p")
    for content in ((), ("precious.txt",)):
        folder = tmp_path / f"out{len(content)}"
        folder.mkdir()
        for name in content:
            (folder / name).write_text("mine")
        with pytest.raises(UsageError, match="exists already, and runs are never overwritten"):
            RunDir.create(folder, "solve", "number", RunConfig(), problem)
        assert [path.name for path in folder.iterdir()] == list(content)


def test_folder_that_cannot_be_made(tmp_path: Path):
    """A run below a file is refused by its path."""
    problem = write_problem(tmp_path / "p")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file/run cannot be made: Not a directory"):
        RunDir.create(tmp_path / "file" / "run", "solve", "number", RunConfig(), problem)


def test_problem_is_copied_without_runs(tmp_path: Path):
    """A run made inside the problem's folder copies neither itself, nor other runs, nor caches."""
    problem = write_problem(tmp_path / "p")
    (problem / "extra").mkdir()
    (problem / "extra" / "table.csv").write_text("1,2\n")
    for name in ("__pycache__", ".git", "runs"):
        (problem / name).mkdir()
        (problem / name / "x").write_text("x")
    RunDir.create(problem / "one", "solve", "number", RunConfig(), problem)
    run = RunDir.create(problem / "two", "solve", "number", RunConfig(), problem)
    copied = {str(p.relative_to(run.path / "problem")) for p in run.path.glob("problem/**/*")}
    assert copied == {"problem.yaml", "verify.py", "seed.txt", "extra", "extra/table.csv"}
    assert (run.path / "problem" / "extra" / "table.csv").read_text() == "1,2\n"


def test_large_problem_folder(tmp_path: Path):
    """A problem's folder of more than 64 MiB is refused, and no run is left behind."""
    problem = write_problem(tmp_path / "p")
    with (problem / "video").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(UsageError, match="more than 64 MiB; keep a problem in a folder of its own"):
        RunDir.create(tmp_path / "run", "solve", "number", RunConfig(), problem)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("status.json", None, "is not a run directory: it has no status.json"),
        ("config.json", None, "is not a run directory: it has no config.json"),
        ("status.json", "{", "cannot be read"),
        ("status.json", "[]", "has schema version None"),
        ("status.json", '{"schema_version": 2}', "use a newer ttrl"),
        ("config.json", '{"schema_version": 2}', "use a newer ttrl"),
        ("status.json", '{"schema_version": 1, "kind": "solve"}', "damaged"),
        ("config.json", '{"schema_version": 1, "steps": "many"}', "damaged"),
    ],
)
def test_what_is_no_run_of_ours(run: RunDir, file: str, text: str | None, why: str):
    """A missing, broken or newer file is refused by its name, with exit code 2."""
    (run.path / file).unlink()
    if text is not None:
        (run.path / file).write_text(text)
    for command in (["show"], ["show", "--digest"], ["best"], ["resume"]):
        done = ttrl(command[0], run.path, *command[1:])
        assert done.code == 2
        assert why in done.err
        assert str(run.path) in done.err


@pytest.mark.parametrize(
    ("stored", "fsdp"),
    [
        ({"deepspeed": True, "fsdp": False}, True),
        ({"deepspeed": True}, True),
        ({"deepspeed": False, "fsdp": False}, False),
        ({"deepspeed": False, "fsdp": True}, True),
        ({"fsdp": True}, True),
        ({}, False),
    ],
)
def test_deepspeed_is_read_as_fsdp(run: RunDir, stored: dict[str, bool], fsdp: bool):
    """A configuration of a release with DeepSpeed is one with FSDP; without, it stays as it was."""
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    del config["fsdp"]
    path.write_text(json.dumps(config | stored))
    assert RunDir.open(run.path).config == SolveConfig(fsdp=fsdp)


# -- committing ------------------------------------------------------------------------------


def test_restore_goes_back_to_the_commit(run: RunDir):
    """After a commit, whatever was appended, torn or half written is gone, and nothing else."""
    take_steps(run, 2)
    before = {log: (run.path / log).read_bytes() for log in LOGGED}
    for log in LOGGED:
        run.append(log, [{"step": 3}])
        with (run.path / log).open("a") as file:
            file.write('{"schema_version": 1, "st')  # torn in the middle
    half = run.path / "checkpoints" / ".step_000003.tmp"
    half.mkdir()
    (half / "adapter.bin").write_text("half")
    run.write_status(run.status.__class__(kind="solve", name="n", phase="running", totals=Totals()))

    restored = RunDir.open(run.path)
    folder, extra = restored.restore() or pytest.fail("nothing restored")
    assert (folder.name, extra) == ("step_000002", {"cursor": 2})
    assert (folder / "adapter.bin").read_text() == "weights 2"
    assert {log: (run.path / log).read_bytes() for log in LOGGED} == before
    assert checkpoints(run) == ["step_000001", "step_000002"]
    assert restored.status.totals == Totals(steps=2, samples=8)
    assert RunDir.open(run.path).status.totals == Totals(steps=2, samples=8)


def test_restore_before_any_commit(run: RunDir):
    """A run that died before its first commit is restored to empty logs."""
    run.append("archive.jsonl", [{"event": "roots"}])
    assert run.restore() is None
    assert [(run.path / log).read_bytes() for log in LOGGED] == [b"", b"", b""]


def test_lines_are_the_committed_ones(run: RunDir):
    """Reading a log gives what was committed, whatever was appended after it."""
    assert list(run.lines("attempts.jsonl")) == []
    take_steps(run, 1)
    run.append("attempts.jsonl", [{"step": 2}])
    with (run.path / "attempts.jsonl").open("a") as file:
        file.write('{"torn')
    assert [line["step"] for line in run.lines("attempts.jsonl")] == [0, 1]


def test_a_failed_save_commits_nothing(run: RunDir):
    """A learner that cannot be saved leaves the last commit in place."""
    take_steps(run, 1)

    def fail(folder: Path) -> None:
        (folder / "adapter.bin").write_text("half")
        raise OSError(28, "No space left on device")

    run.append("attempts.jsonl", [{"step": 2}])
    with pytest.raises(OSError, match="No space left"):
        run.commit(Totals(steps=2), fail, {})
    assert run.last_checkpoint() == run.path / "checkpoints" / "step_000001"
    assert run.restore() is not None
    assert [line["step"] for line in read_lines(run.path / "attempts.jsonl")] == [0, 1]


def test_the_last_two_checkpoints_are_kept(run: RunDir):
    """After any number of commits there are the last two checkpoints."""
    take_steps(run, 5)
    assert checkpoints(run) == ["step_000004", "step_000005"]


def test_a_half_removed_checkpoint_is_never_taken(run: RunDir):
    """A checkpoint that was being removed when the run died is dropped on restore."""
    take_steps(run, 3)
    (run.path / "checkpoints" / "step_000003").rename(run.path / "checkpoints" / ".step_000003.tmp")
    folder, _ = run.restore() or pytest.fail("nothing restored")
    assert folder.name == "step_000002"
    assert checkpoints(run) == ["step_000002"]


# -- the best solution -----------------------------------------------------------------------


def test_best_is_replaced_at_once_and_never_rolled_back(run: RunDir):
    """A new best is on disk before its step is committed, and stays there after a restore."""
    assert run.best.verdict() is None
    take_steps(run, 1)
    run.best.replace("1.0.0", 1, valid(2.0), ".txt")
    run.best.replace("2.0.1", 2, valid(3.5), ".txt")
    run.restore()
    best = run.best.verdict()
    assert best is not None
    assert (best["id"], best["step"], best["score"]) == ("2.0.1", 2, 3.5)
    assert (run.best.folder / best["solution"]).read_text() == "solution of 3.5"
    assert json.loads((run.best.folder / "data.json").read_text()) == [3.5]
    assert len(list((run.path / ".best").iterdir())) == 1


def test_best_comes_by_one_id_twice(run: RunDir):
    """A step taken again may beat its own earlier result, which is there until then."""
    run.best.replace("2.0.1", 2, valid(3.5), ".txt")
    held = run.best.folder.resolve()
    run.best.replace("2.0.1", 2, valid(4.0), ".txt")
    assert run.best.folder.resolve() != held
    best = run.best.verdict()
    assert best is not None
    assert (best["id"], best["score"]) == ("2.0.1", 4.0)


# -- the lock --------------------------------------------------------------------------------


def test_another_process_is_kept_out(run: RunDir):
    """While one process holds a run, another is refused with exit code 2, and touches nothing."""
    take_steps(run, 1)
    before = (run.path / "config.json").read_text()
    with run.lock():
        process = spawn("resume", run.path, "--steps", 99)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert b"another process is working on this run" in err
    assert b"Traceback" not in err
    assert (run.path / "config.json").read_text() == before


def test_a_dead_process_holds_nothing(run: RunDir):
    """The lock of a process that was killed is free at once."""
    code = (
        "import sys, pathlib; from ttrl_cli.rundir import RunDir\n"
        "with RunDir.open(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another process"), run.lock():
            pass
        holder.kill()
        holder.wait()
    with run.lock():
        pass


# -- what is in the files --------------------------------------------------------------------


def test_every_record_carries_its_schema_version(tmp_path: Path):
    """Every JSON file and every JSON line of a solve and of a vote run says schema_version 1."""
    problem = write_problem(tmp_path / "p")
    assert solve(problem, tmp_path / "solved", ["2", "x"]).code == 0
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1 + 1?", "answer": "2"}])
    replay = write_lines(tmp_path / "v.replay", ["Answer: 2"])
    voted = tmp_path / "voted"
    assert (
        ttrl("vote", questions, "--n", 2, "--out", voted, "--sampler", f"replay:{replay}").code == 0
    )
    solved = tmp_path / "solved"
    files = [p for run in (solved, voted) for p in run.rglob("*.json") if p.name != "data.json"]
    # the log of the step under way is empty by now; test_pending.py looks at its lines
    others = ("questions.jsonl", "pending.jsonl")
    logs = [p for run in (solved, voted) for p in run.rglob("*.jsonl") if p.name not in others]
    # config, provenance, status, two commits; one verdict; one summary
    assert len(files) == 2 * (3 + 2) + 1 + 1
    assert len(logs) == 2 * 3 + 1  # one answers.jsonl
    records = [json.loads(p.read_text()) for p in files] + [r for p in logs for r in read_lines(p)]
    assert {record["schema_version"] for record in records} == {1}
    assert json.loads((voted / "status.json").read_text())["kind"] == "vote"


def test_metrics_that_are_not_finite(run: RunDir):
    """A metric that is not finite is null in metrics.jsonl, which is strict JSON."""
    run.append("metrics.jsonl", [finite({"a": math.inf, "b": math.nan, "c": 0.5})])
    (line,) = read_lines(run.path / "metrics.jsonl")
    assert line == {"schema_version": 1, "a": None, "b": None, "c": 0.5}


def test_digest_of_a_run_that_is_being_written(tmp_path: Path):
    """The digest counts what was committed, also while a step is being appended."""
    problem = write_problem(tmp_path / "p")
    run = tmp_path / "run"
    assert solve(problem, run, ["2", "x", "3"]).code == 0
    before = digest(run)
    for log in LOGGED:
        with (run / log).open("a") as file:
            file.write('{"event": "expan')
    assert digest(run) == before
