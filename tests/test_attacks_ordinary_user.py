"""The attacks once more, run by a user without privileges: ttrl must need none."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests._ordinary_user import own_python, run_as_ordinary_user

ENDED = "test_verify.py::TestEnding::test_a_command_that_is_ended_leaves_nothing"
TERMINAL = "test_terminal.py::test_commands_on_a_terminal"
SUITES = (
    "attacks",
    "test_reader.py::TestArrays::test_shapes_of_too_many_lists_are_refused",
    f"{ENDED}[auto-15]",
    f"{ENDED}[process-15]",
    f"{TERMINAL}[an exception of a program]",
    f"{TERMINAL}[best]",
    "test_terminal.py::test_whatever_a_verifier_starts[a process]",
)


def test_attacks_fail_where_ttrl_is_run_by_an_ordinary_user_of_his_own_python() -> None:
    """Every attack that may depend on the user is run, none is skipped, and none succeeds.

    It is run without any privilege of ours, by an interpreter that this user may change.
    """
    if os.geteuid() != 0:
        assert os.geteuid() > 0  # the suites have just been run by such a user
        return
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        python = own_python(folder / "python")
        before = files(folder)
        # nothing but the sandbox keeps the interpreter as it is
        write = "import os, sys; open(sys.executable + '-2', 'w'); os.unlink(sys.executable + '-2')"
        assert run_as_ordinary_user([str(python), "-c", write], {}).returncode == 0
        done = attacked(python)
        counts = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+)", last_line(done))}
        assert done.returncode == 0, done.stdout
        assert counts.pop("passed") > 50, done.stdout
        # a few attacks need two cores or bubblewrap
        complete = len(os.sched_getaffinity(0)) > 1 and shutil.which("bwrap") is not None
        expected = {"in", "deselected"} if complete else {"in", "deselected", "skipped"}
        assert counts.keys() <= expected, done.stdout
        assert files(folder) == before
    finally:
        shutil.rmtree(folder)


def attacked(python: Path) -> subprocess.CompletedProcess[str]:
    """Run the suites as the ordinary user, without what other tests than these share."""
    suites = [str(Path(__file__).parent / name) for name in SUITES]
    plugins = ["--noconftest", "-p", "tests._sandboxes", "-p", "tests._of_a_user"]
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "--durations=25",
        "-p",
        "no:cacheprovider",
        *plugins,
        *suites,
    ]
    return run_as_ordinary_user(command, {"PYTHONDONTWRITEBYTECODE": "1"})


def files(folder: Path) -> set[tuple[Path, int, int]]:
    """The files in a folder, with what tells that one was changed."""
    return {
        (path, path.lstat().st_ctime_ns if path.is_file() else 0, path.lstat().st_mode)
        for path in folder.rglob("*")
    }


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The summary that pytest ends with."""
    return done.stdout.rstrip().rpartition("\n")[2]
