"""The attacks once more, run by a user without privileges: ttrl must need none."""

import os
import re
import shutil
import sys
from pathlib import Path

from tests._ordinary_user import run_as_ordinary_user

SUITES = ("test_attacks_limits.py", "test_attacks_escape.py", "test_attacks_shared.py")


def test_attacks_fail_where_ttrl_is_run_by_an_ordinary_user() -> None:
    """Every attack is run, none is skipped, and none succeeds, without any privilege of ours."""
    if os.geteuid() != 0:
        assert os.geteuid() > 0  # the suites have just been run by such a user
        return
    folder = Path(__file__).parent
    suites = [str(folder / name) for name in SUITES if (folder / name).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites]
    offline = {"PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
    done = run_as_ordinary_user(command, offline)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) ([a-z]+)", last_line(done))}
    assert done.returncode == 0, done.stdout
    assert counts.pop("passed") > 50, done.stdout
    # a few attacks need two cores or bubblewrap
    complete = len(os.sched_getaffinity(0)) > 1 and shutil.which("bwrap") is not None
    assert counts.keys() <= ({"in"} if complete else {"in", "skipped"}), done.stdout


def last_line(done) -> str:
    """The summary that pytest ends with."""
    return done.stdout.rstrip().rpartition("\n")[2]
