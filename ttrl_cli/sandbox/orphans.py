"""No process outlives its run: adopt orphan processes, then kill and reap them.

A process that forks twice and opens a session of its own leaves both its parent and its process
group. On Linux the calling process makes itself a child subreaper, so that such orphans become
its children and are found. On other systems they are found only while their parent lives.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from ttrl_cli.sandbox.inside import kernel

ROUNDS = 50
"""Each round kills what the round before left; a program that keeps forking loses the race."""
DYING_SECONDS = 10.0
"""How long a killed process may take to die; a busy machine does not get to it at once."""


def kill_group(process: subprocess.Popen[bytes]) -> int:
    """Kill a child's whole process group, reap the child, and return its own exit code.

    The child must have been started in a new session and must not have been reaped.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def kill_session(leader: int) -> None:
    """Kill the members of a session whose leader, named by its pid, has died; wait for their end.

    They are not our children. Members that are there for the first time are killed without a pause,
    so that a program that keeps forking loses the race.
    """
    known: set[int] = set()
    deadline = time.monotonic() + DYING_SECONDS
    while members := {pid for pid in psutil.pids() if _is_member(pid, leader)}:
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if members <= known:
            if time.monotonic() > deadline:
                return
            time.sleep(0.001)
        known |= members


def _is_member(pid: int, leader: int) -> bool:
    try:
        return os.getsid(pid) == leader and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False


@contextlib.contextmanager
def no_orphans() -> Iterator[None]:
    """Kill every descendant that the block adds to the calling process, when the block ends.

    A process may have one such block at a time: two threads in two blocks would kill each other's
    programs.
    """
    before = _children()
    adopting = _set_adopting(True)
    try:
        yield
    finally:
        kill_descendants(spared=before)
        _set_adopting(adopting)


def kill_descendants(*, spared: frozenset[psutil.Process] = frozenset()) -> None:
    """Kill and reap the descendants of the calling process, except the spared ones and theirs."""
    spared = spared | {child for process in spared for child in _children(process)}
    for _ in range(ROUNDS):
        strays = _children() - spared
        if not strays:
            return
        for process in strays:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(strays, timeout=1)


def see_out(family: list[psutil.Process], *, seconds: float) -> None:
    """Wait up to `seconds` for processes that are about to end, and reap our own children."""
    deadline = time.monotonic() + seconds
    while any(map(_lives, family)) and time.monotonic() < deadline:
        time.sleep(0.001)
    for process in family:
        with contextlib.suppress(ChildProcessError):  # another parent reaps it
            os.waitpid(process.pid, os.WNOHANG)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(process: psutil.Process | None = None) -> frozenset[psutil.Process]:
    try:
        return frozenset((process or psutil.Process()).children(recursive=True))
    except psutil.NoSuchProcess:
        return frozenset()


def _set_adopting(adopting: bool) -> bool:
    """Turn the adoption of orphans on or off; return whether it was on before."""
    if sys.platform != "linux":
        return False
    before = ctypes.c_int(0)
    kernel.prctl(kernel.PR_GET_CHILD_SUBREAPER, ctypes.addressof(before))
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, int(adopting))
    return bool(before.value)
