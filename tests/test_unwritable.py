"""Runs that cannot be written: full and read-only disks, limits, folders that go away."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._helpers import (
    PATIENCE,
    SCRIPT,
    Done,
    command,
    one_sentence,
    solve,
    spawn,
    ttrl,
    until,
    wait,
    write_lines,
    write_problem,
)
from tests._ordinary_user import run_as_ordinary_user
from tests.conftest import make_tiny_model
from ttrl_cli.api.lifecycle import holding
from ttrl_cli.config import RunConfig, VoteConfig
from ttrl_cli.errors import SetupError, UnwritableError
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.models.adapter import write_tensors
from ttrl_cli.rundir import RunDir, Totals

ROOT = os.geteuid() == 0


@pytest.fixture
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 600 KiB, or with the options of a parameter."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = getattr(request, "param", "size=600k")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not ROOT or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root, and not in every container, may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def bulky(count: int = 40) -> list[str]:
    """Completions that fill files quickly."""
    return [f"{n}{' ' * 20_000}" for n in range(count)]


def stopped(done: Done, run: Path) -> None:
    """See that a run that could not be written ended as it must."""
    said = one_sentence(done)
    assert str(run) in said
    assert "cannot be written" in said
    assert said.endswith(f"go on with: ttrl resume {run}")


OPTIONS = ("--steps", 30, "--groups", 2, "--group-size", 4)


def test_a_full_disk(tmp_path: Path, small: Path):
    """A run that fills its disk says so, is called failed, and goes on once there is room."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    replay = write_lines(tmp_path / "r", bulky())
    done = command("solve", problem, "--out", run, "--sampler", f"replay:{replay}", *OPTIONS)
    stopped(done, run)
    assert "No space left on device" in done.err
    status = RunDir.open(run).status
    assert (status.phase, "No space left on device" in status.stopped_by) == ("failed", True)
    assert 0 < status.totals.steps < 30
    shown = ttrl("show", run, "--json").json
    assert (shown["status"], shown["steps"]) == ("failed", status.totals.steps)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
    assert command("resume", run, "--steps", status.totals.steps + 2).code == 0


def test_a_disk_that_is_full_from_the_start(tmp_path: Path, small: Path):
    """A run that cannot even be begun leaves nothing behind."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    replay = write_lines(tmp_path / "r", ["5"])
    with (small / "film").open("wb") as file:
        while file.tell() < 600 * 1024:
            try:
                file.write(b"0" * 4096)
                file.flush()
            except OSError:
                break
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not run.exists()


TINY = ["size=4k", "size=20k", "size=28k", "nr_inodes=3", "nr_inodes=9", "nr_inodes=13"]


@pytest.mark.parametrize("small", TINY, indirect=True)
@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_a_disk_that_fills_at_the_start(tmp_path: Path, small: Path, kind: str):
    """A run that fails as it begins leaves nothing, or what `ttrl resume` goes on with."""
    run = small / "run"
    replay = write_lines(tmp_path / "r", ["5" if kind == "solve" else "Answer: 5"])
    sampler = ("--sampler", f"replay:{replay}")
    if kind == "solve":
        asked = ("solve", write_problem(tmp_path / "p"), "--steps", 1)
    else:
        asked = ("vote", write_lines(tmp_path / "q", [{"question": "5?"}]), "--n", 2, "--steps", 0)
    done = ttrl(*asked, "--out", run, *sampler)
    assert done.code == 3
    assert "No space left on device" in done.err
    subprocess.run(["mount", "-o", "remount,size=20m,nr_inodes=9999", str(small)], check=True)
    again = ("resume", run) if run.exists() else (*asked, "--out", run, *sampler)
    assert (f"ttrl resume {run}" in done.err) == run.exists()
    assert ttrl(*again).code == 0
    assert ttrl("show", run, "--json").json["status"] == "done"


def test_a_run_that_cannot_be_begun_leaves_nothing(tmp_path: Path):
    """Whatever goes wrong while a run's folder is made, the folder is taken away."""
    broken: dict[str, object] = {"questions.jsonl": KeyboardInterrupt}
    with pytest.raises(TypeError):
        RunDir.create(tmp_path / "run", "vote", "q", VoteConfig(), broken)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_problem_that_does_not_fit(tmp_path: Path, small: Path):
    """A copy of the problem's folder that does not fit is the disk's fault, not the problem's."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    (problem / "table").write_bytes(b"0" * 2**20)
    replay = write_lines(tmp_path / "r", ["5"])
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not run.exists()


def test_a_disk_that_becomes_read_only(tmp_path: Path, small: Path):
    """A run on a read-only disk cannot be resumed, which is said; it can be looked at."""
    run = small / "run"
    assert solve(write_problem(tmp_path / "p"), run, ["5"], "--steps", 1).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    stopped(command("resume", run, "--steps", 2), run)
    assert ttrl("show", run, "--json").json["status"] == "done"
    done = ttrl("solve", tmp_path / "p", "--out", small / "new", "--sampler", "replay:no")
    assert done.code in (2, 3)


def test_a_lock_that_cannot_be_taken(tmp_path: Path):
    """A run that cannot be held is not written to: somebody else may be working on it."""
    run = tmp_path / "run"
    assert solve(write_problem(tmp_path / "p"), run, ["5"], "--steps", 1).code == 0
    before = (run / "status.json").read_text()
    (run / "lock").unlink(missing_ok=True)
    (run / "lock").mkdir()
    with (run / "attempts.jsonl").open("a") as log:
        log.write("half a li")
    stopped(command("resume", run, "--steps", 2), run)
    assert (run / "status.json").read_text() == before
    assert (run / "attempts.jsonl").read_text().endswith("half a li")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "file cannot be written: No space left on device"),
        (errno.EROFS, "file cannot be written: Read-only file system"),
        (errno.EIO, "file: Input/output error"),
        (errno.EMFILE, "file: Too many open files"),
        (errno.EACCES, "file: Permission denied"),
    ],
)
def test_what_the_system_refuses_is_said(tmp_path: Path, number: int, says: str):
    """Only what is about writing is said to be; all of it is noted, and says how to go on."""
    run = RunDir.create(tmp_path / "run", "solve", "n", RunConfig(), write_problem(tmp_path / "p"))
    says = f"{run.path}/{says}"
    with pytest.raises(SetupError) as caught, holding(run):
        raise OSError(number, os.strerror(number), str(run.path / "file"))
    assert str(caught.value) == f"{says}; go on with: ttrl resume {run.path}"
    assert (run.status.phase, run.status.stopped_by) == ("failed", says)


def _limit_files() -> None:
    """Let no file of the process grow above 100 kB; Python ignores the signal."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_a_file_that_may_not_grow(tmp_path: Path, kind: str):
    """What an ordinary user's limit on files does to a run ends it like a full disk."""
    run = tmp_path / "run"
    replay = write_lines(tmp_path / "r", bulky() if kind == "solve" else ["Answer: 1 " * 2000])
    if kind == "solve":
        words = ["solve", write_problem(tmp_path / "p"), *OPTIONS]
    else:
        questions = [{"question": f"{n}?"} for n in range(16)]
        words = ["vote", write_lines(tmp_path / "q.jsonl", questions), "--n", 2, "--groups", 2]
    done = subprocess.run(
        [str(word) for word in (SCRIPT, *words, "--out", run, "--sampler", f"replay:{replay}")],
        check=False, capture_output=True, text=True, timeout=PATIENCE, preexec_fn=_limit_files,
    )  # fmt: skip
    stopped(Done(code=done.returncode, out=done.stdout, err=done.stderr), run)
    assert "File too large" in done.stderr
    assert RunDir.open(run).status.phase == "failed"


def test_a_run_that_is_deleted(tmp_path: Path):
    """A run whose folder goes away says that it is gone, and does not make it anew."""
    verify = "import time\ndef verify(t): time.sleep(0.2); return t\ndef score(t): return int(t)\n"
    problem, run = write_problem(tmp_path / "p", verify), tmp_path / "run"
    replay = write_lines(tmp_path / "r", [str(n) for n in range(50)])
    process = spawn("solve", problem, "--out", run, "--sampler", f"replay:{replay}", "--steps", 400)
    until((run / "checkpoints" / "step_000001").exists)
    shutil.move(run, tmp_path / "elsewhere")
    said = one_sentence(wait(process))
    assert f"{run} is gone" in said
    assert said.endswith(f"go on with: ttrl resume {run}")
    assert not run.exists()
    assert RunDir.open(tmp_path / "elsewhere").last_checkpoint() is not None


def test_a_folder_that_may_not_be_written():
    """As an ordinary user, a folder of somebody else's is refused for --out and for resume."""
    if not ROOT:
        pytest.skip("only root can become another user")
    folder = Path("/var/tmp") / f"ttrl-test-{os.getpid()}"
    folder.mkdir()
    try:
        problem, run = write_problem(folder / "p"), folder / "run"
        replay = f"replay:{run.with_suffix('.replay')}"
        assert solve(problem, run, ["5"], "--steps", 1).code == 0
        for words in (
            [
                "solve",
                str(problem),
                "--out",
                str(folder / "new"),
                "--sampler",
                replay,
            ],
            ["resume", str(run), "--steps", "2"],
        ):
            done = run_as_ordinary_user([sys.executable, "-m", "ttrl_cli", *words], {})
            assert done.returncode == 3, done.stdout
            assert "Permission denied" in done.stdout
            assert "Traceback" not in done.stdout
            assert str(folder) in done.stdout
    finally:
        shutil.rmtree(folder)


def _write_nothing(folder: Path) -> None:
    """Save nothing of a learner."""


def test_every_file_of_a_run(tmp_path: Path):
    """Whatever file of a run it is that the system refuses, the error names it and is ours."""
    problem = write_problem(tmp_path / "p")
    run = RunDir.create(tmp_path / "run", "solve", "number", RunConfig(), problem)
    run.commit(Totals(), _write_nothing, {})
    for log in ("attempts.jsonl", "archive.jsonl", "metrics.jsonl"):
        (run.path / log).unlink()
        (run.path / log).symlink_to("/dev/full")
        with pytest.raises(UnwritableError, match=f"{log} cannot be written: No space left"):
            run.append(log, [{"step": 1}] * 9999)
    (run.path / ".status.json.tmp").symlink_to("/dev/full")
    with pytest.raises(UnwritableError, match=r"status\.json cannot be written: No space left"):
        run.write_status(run.status)
    assert RunDir.open(run.path).status == run.status
    assert issubclass(UnwritableError, SetupError)


def test_tensors_that_do_not_fit(small: Path):
    """What safetensors says of a full disk is said like anything else of it."""
    import torch

    with pytest.raises(UnwritableError, match=r"a cannot be written: No space left on device$"):
        write_tensors({"x": torch.zeros(10**6)}, small / "a")


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_adapters_that_cannot_be_published(tmp_path: Path, why: int):
    """An adapter that cannot be written names the folder, and the option for another one."""

    def write(folder: Path) -> None:
        raise OSError(why, os.strerror(why), str(folder))

    files = AdapterFiles(tmp_path / "adapters")
    with pytest.raises(UnwritableError, match="--adapter-folder names another place") as caught:
        files.publish(write, 10)
    files.close()
    assert os.strerror(why) in str(caught.value)
    assert str(tmp_path / "adapters") in str(caught.value)


def test_adapters_where_memory_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the file system in memory may not be written, adapters go to the temporary folder."""
    closed = tmp_path / "shm"
    closed.mkdir()
    monkeypatch.setattr("ttrl_cli.learner.adapter_files._MEMORY", closed)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if ROOT:
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(closed)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
    else:
        closed.chmod(0o500)
    files = AdapterFiles()
    try:
        folder = files.publish(lambda to: (to / "x").touch(), 10)
        assert folder.parent.parent == tmp_path
    finally:
        files.close()
        if ROOT:
            subprocess.run(["umount", "-l", str(closed)], check=True)


def test_a_learner_on_a_full_disk(tmp_path: Path, small: Path):
    """A checkpoint that does not fit ends a run that learns like any other file."""
    model = make_tiny_model(tmp_path / "model")
    run = small / "run"
    done = command(
        "solve", write_problem(tmp_path / "p"), "--out", run, "--model", model, "--steps", 2,
        "--group-size", 2, "--max-tokens", 4, "--lora-rank", 64,
    )  # fmt: skip
    stopped(done, run)
    assert RunDir.open(run).status.phase == "failed"
