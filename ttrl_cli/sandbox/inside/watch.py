"""What the processes of a candidate use, read from /proc while they run.

No process may hide here: children are followed from the warm parent down, and processes that
lose their parent are handed to process 1 of the candidate's namespace or, without one, to the
warm parent. Memory is the sum of proportional shares, so that pages which a candidate has
in common with the warm parent, or its own processes among each other, count once in all.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """What a tree of processes uses.

    Attributes:
        processes: Processes, and their further threads.
        memory: Resident bytes; pages counted as often as they are mapped.
        cpu: Seconds of CPU time, that of ended children included.
    """

    processes: int
    memory: int
    cpu: float


def descendants(pid: int) -> list[int]:
    """All processes below one, the nearest first; those that end meanwhile may be missing."""
    found = children(pid)
    for child in found:  # grows while it is read
        found.extend(children(child))
    return found


def children(pid: int) -> list[int]:
    """The children of one process."""
    text = _read(f"/proc/{pid}/task/{pid}/children")
    # threads other than the first may have forked, too
    for task in _tasks(pid):
        if task != str(pid):
            text += " " + _read(f"/proc/{pid}/task/{task}/children")
    return [int(word) for word in text.split()]


def usage(pids: list[int]) -> Usage:
    """What these processes use together."""
    processes, memory, cpu = 0, 0, 0
    for pid in pids:
        resident = _read(f"/proc/{pid}/statm").split()
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if resident and fields:  # else it has just ended
            memory += int(resident[1]) * _PAGE
            cpu += sum(int(ticks) for ticks in fields[11:15])  # utime stime cutime cstime
            processes += int(fields[17])  # num_threads
    return Usage(processes, memory, cpu / _TICKS)


def proportional_memory(pids: list[int]) -> int:
    """Bytes of memory these processes hold, shared pages divided among those that share them."""
    return sum(_proportional(pid) for pid in pids)


def excess(pids: list[int], limits: dict[str, float], cpu: float = 0.0) -> str | None:
    """Which limit is exceeded, if one is.

    Args:
        pids: The processes.
        limits: `processes` (threads count), `cpu` in seconds, `memory` in bytes.
        cpu: Seconds used by processes that are gone.
    """
    used = usage(pids)
    if used.processes > limits["processes"]:
        return "processes"
    if used.cpu + cpu > limits["cpu"]:
        return "cpu"
    if used.memory > limits["memory"] and proportional_memory(pids) > limits["memory"]:
        return "memory"
    return None


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    # it has ended, or hides its maps: then every page counts
    return int((_read(f"/proc/{pid}/statm").split() or "00")[1]) * _PAGE


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
