"""A program must leave nothing behind: no process, no file, no descriptor."""

import contextlib
import os
import random
import tempfile
from pathlib import Path

import psutil
import pytest

from tests._helpers import until
from tests._sandboxes import EMPTY, LIMITS, attack
from tests.attacks._programs import Hostile, attempt, inside, still_works
from tests.attacks.programs import leftovers
from ttrl_cli.sandbox.base import Backend, Property, SandboxSpec
from ttrl_cli.sandbox.orphans import no_orphans
from ttrl_cli.sandbox.session import Sandbox

SHORT = LIMITS.model_copy(update={"seconds": 2})


def unique_duration() -> str:
    """Return a number of seconds that nobody else sleeps for: a marker in a command line."""
    return f"{random.SystemRandom().randrange(10**9, 10**10)}.{os.getpid()}"


def sleeping_for(duration: str) -> list[psutil.Process]:
    """Return processes of the whole machine, zombies aside, that sleep for that long."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if duration in process.cmdline():
                found.append(process)
    return found


@attack(Property.NO_LEFTOVERS)
@pytest.mark.parametrize(
    "leave",
    [
        leftovers.leave_an_orphan_and_return,
        leftovers.leave_an_orphan_and_sleep,
        leftovers.leave_an_orphan_and_exit,
    ],
)
def test_an_orphan_in_its_own_session_dies(sandbox: Sandbox, leave: Hostile) -> None:
    """A process forked twice, in a session of its own, is gone when its program is."""
    duration = unique_duration()
    limits = SHORT if leave is leftovers.leave_an_orphan_and_sleep else LIMITS
    result = attempt(sandbox, leave, limits=limits, duration=duration)
    assert result.output == "seen alive\n"
    assert sleeping_for(duration) == []
    still_works(sandbox)


@attack(Property.NO_LEFTOVERS)
def test_no_file_is_left_for_the_next_program(sandbox: Sandbox) -> None:
    """What one program writes to /tmp and /dev/shm is not there for the next."""
    first = inside(sandbox, leftovers.leave_folders)
    assert inside(sandbox, leftovers.leave_folders) == first == [EMPTY] * 3


@attack(Property.DATA_ONLY)
def test_150_programs_leave_nothing(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 150 programs there are no more processes, descriptors and files than before."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def used() -> tuple[int, int, list[Path]]:
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        opened = 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                opened += process.num_fds()
        return len(family), opened, sorted(tmp_path.iterdir())

    with Sandbox(backend, SandboxSpec()) as sandbox:
        still_works(sandbox)
        before = used()
        for number in range(150):
            attempt(sandbox, leftovers.KINDS[number % len(leftovers.KINDS)])
        until(lambda: used() == before)
        still_works(sandbox)


@attack(Property.WALL_TIME)
def test_closing_ends_the_warm_parent(backend: Backend) -> None:
    """A closed sandbox leaves no process, not even a zombie, and no open descriptor."""
    before = psutil.Process().num_fds(), set(psutil.Process().children(recursive=True))
    with no_orphans():  # as around a command: orphans, dead ones too, become our children
        with Sandbox(backend, SandboxSpec()) as sandbox:
            still_works(sandbox)
        until(lambda: not set(psutil.Process().children(recursive=True)) - before[1])
    assert psutil.Process().num_fds() == before[0]
