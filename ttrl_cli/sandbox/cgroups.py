"""Limits by the kernel's own accounting: one cgroup for the candidates of each fork server.

Used where the system has version 2 of cgroups and lets us make some: as root, or where the
process runs in a scope of its own (`systemd-run --user --scope -p Delegate=yes ttrl ...`).
Elsewhere the fork server looks at what candidates use (inside/monitor.py), which costs no privilege
and lets a candidate go over its memory for the 20 ms between two looks.
"""

import contextlib
import itertools
import os
import re
from multiprocessing import parent_process
from pathlib import Path
from typing import Self

import psutil

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.base import MIB, SandboxError

_CONTROLLERS = ("memory", "pids")
_PREFIX, _OURS = "ttrl-", "ttrl-main"
_TRIES = 10
_numbers = itertools.count()


class Cgroup:
    """A cgroup that candidates enter. Made by `Cgroup.make`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._set: tuple[int, int] | None = None

    @classmethod
    def make(cls) -> Self | None:
        """Make a group below the one that this process is in; return None if that fails."""
        base = _base()
        if base is None or not _enable(base):
            return None
        _remove_abandoned(base)
        path = base / f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        try:
            path.mkdir()
        except OSError:
            return None
        return cls(path)

    def opened(self, limits: Limits) -> int:
        """Set the limits of the next candidate; its temporary files count as memory.

        Returns:
            A new descriptor; a process that writes "0" to it enters the group.

        Raises:
            SandboxError: If the group is gone, or refuses.
        """
        memory = int((limits.memory_mb + limits.disk_mb) * MIB)
        wanted = (memory, limits.processes)
        try:
            if self._set != wanted:
                self._limit(memory, limits.processes)
                self._set = wanted
            return os.open(self._path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            msg = f"the cgroup {self._path} cannot be used: {error}"
            raise SandboxError(msg) from error

    def _limit(self, memory: int, processes: int) -> None:
        self._write("memory.max", str(memory))
        self._write("memory.oom.group", "1")
        with contextlib.suppress(FileNotFoundError):  # a kernel without swap has no such file
            self._write("memory.swap.max", "0")
        self._write("pids.max", str(processes))

    def kills(self) -> int:
        """Return how often the kernel has killed candidates for their memory so far."""
        try:
            text = (self._path / "memory.events").read_text(encoding="ascii")
        except OSError as error:
            msg = f"the cgroup {self._path} cannot be read: {error}"
            raise SandboxError(msg) from error
        found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def remove(self) -> None:
        """Remove the group, which must be empty."""
        with contextlib.suppress(OSError):  # a process of it is still ending: swept up next time
            self._path.rmdir()

    def _write(self, name: str, text: str) -> None:
        (self._path / name).write_text(text, encoding="ascii")


def _base() -> Path | None:
    """Return the folder of this process's group; None if we may not make groups in it."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    own = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    places = [fields for line in mounts if "cgroup2" in (fields := line.split())]
    if not own or not places:
        return None
    root, point = places[0][3:5]
    relative = own[0].removeprefix(root.rstrip("/")).removesuffix(f"/{_OURS}").lstrip("/")
    base = Path(point) / relative
    return base if os.access(base, os.W_OK) and _has(base / "cgroup.controllers") else None


def _has(path: Path) -> bool:
    """Decide whether a list of controllers contains all that we need."""
    try:
        return set(_CONTROLLERS) <= set(path.read_text(encoding="ascii").split())
    except OSError:
        return False


def _enable(base: Path) -> bool:
    """Enable our controllers for groups below `base`; return whether it worked."""
    control = base / "cgroup.subtree_control"
    for _ in range(_TRIES):
        if _has(control):
            return True
        try:
            control.write_text(" ".join(f"+{name}" for name in _CONTROLLERS), encoding="ascii")
        except OSError:  # a group with processes in it can have none below, but for the first
            if not _move_ours(base):
                return False
    return False


def _move_ours(base: Path) -> bool:
    """Move a group's processes into a group below it if all are ours; return whether it worked."""
    main = parent_process()
    root = psutil.Process(os.getpid() if main is None else main.pid)
    ours = {root.pid, *(child.pid for child in root.children(recursive=True))}
    try:
        present = [int(word) for word in (base / "cgroup.procs").read_text("ascii").split()]
        if not present or not ours.issuperset(present):
            return False
        inner = base / _OURS
        inner.mkdir(exist_ok=True)
        for pid in present:
            with contextlib.suppress(ProcessLookupError):
                (inner / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except OSError:
        return False
    return True


def _remove_abandoned(base: Path) -> None:
    """Remove the empty groups that killed processes of ours have left."""
    for path in base.glob(f"{_PREFIX}[0-9]*"):
        if not psutil.pid_exists(int(path.name.split("-")[1])):
            with contextlib.suppress(OSError):
                path.rmdir()
