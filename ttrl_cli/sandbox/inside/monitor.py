"""What the processes of a candidate use, read from /proc while they run.

No process can hide here: children are followed from the fork server down, and processes that
lose their parent are handed to process 1 of the candidate's namespace or, without one, to the fork
server. What they hold together is

- their own memory: the proportional share of each page, so that pages which a candidate has in
  common with the fork server, or its own processes among each other, count once in all; of
  processes that share one memory altogether, as two do between vfork and exec, one counts;
- memory they share without a file, at its full size, because no process may map it at the moment;
- their page tables;
- what fits into the buffers of their sockets and pipes, once they have many.

Files in /tmp have a limit of their own. Reading all this takes longer than a look may, so it is
done only where a bound that is quick to read leaves it open. A process alone has such a bound: the
limit of its address space, which the kernel enforces.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from . import kernel

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_MANY_DESCRIPTORS = 128
_COUNT_SECONDS = 0.25
"""Most that counting once may take: many mappings, or descriptors, are no way to be left alone."""
_SHARE_OF_TIME = 0.05
"""Counting pages takes long where there are many: it takes this share of the time at most, unless
what is mapped or resident has grown so much since the last count that it is needed."""
_PIPE_BYTES = 1 << 16
_SOCKET_BYTES = 212_992
"""What a Unix socket's buffer may hold, by the kernel's default; a program without privileges
cannot raise it beyond twice this."""


class Process(NamedTuple):
    """One process, as /proc describes it.

    Attributes:
        pid: Its number.
        started: When it started, in clock ticks; with the number, this names it for good.
        threads: Its threads.
        resident: Resident bytes; pages that it shares count in full.
        mapped: Bytes of address space.
        tables: Bytes of page tables; pages far apart take more for these than for themselves.
        own_cpu: Seconds of CPU time.
        children_cpu: Seconds of CPU time of children that ended and were waited for.
    """

    pid: int
    started: int
    threads: int
    resident: int
    mapped: int
    tables: int
    own_cpu: float
    children_cpu: float


class Monitor:
    """Looks at one candidate from time to time.

    Args:
        limits: `processes` (threads count), `cpu` in seconds, `memory` in bytes.
        inherited: Bytes of address space that each process has from the fork server.
        shares: Whether its processes can share memory without a file.

    Attributes:
        cpu: The most CPU time, in seconds, that was seen to be used, by processes that nobody has
            waited for as well.
    """

    def __init__(self, limits: dict[str, float], *, inherited: int, shares: bool) -> None:
        self._limits = limits
        self._inherited = inherited
        self._shares = shares
        self.cpu = 0.0
        self._seen: dict[tuple[int, int], float] = {}
        self._counted = 0
        self._bound_then = 0
        self._next_count = 0.0

    def excess(self, pids: list[int], cpu: float) -> str | None:
        """Return the limit that is exceeded; None if none is.

        Args:
            pids: The candidate's processes.
            cpu: CPU time, in seconds, of the processes that the fork server has waited for.
        """
        found = _processes(pids)
        self._count_cpu(found, cpu)
        if sum(process.threads for process in found) > self._limits["processes"]:
            return "processes"
        if self.cpu > self._limits["cpu"]:
            return "cpu"
        if self._memory(found) > self._limits["memory"]:
            return "memory"
        return None

    def count_cpu(self, pids: list[int], cpu: float) -> None:
        """Look at the CPU time alone, before the processes are ended; arguments as of `excess`."""
        self._count_cpu(_processes(pids), cpu)

    def _count_cpu(self, found: list[Process], gone: float) -> None:
        """Count the CPU time of all processes, past ones too.

        It is the larger of two counts, both too low: the kernel's misses children that no process
        waits for; ours misses processes that live for less than the time between two looks.
        """
        for process in found:
            self._seen[process.pid, process.started] = process.own_cpu
        waited_for = sum(process.own_cpu + process.children_cpu for process in found) + gone
        self.cpu = max(self.cpu, waited_for, sum(self._seen.values()))

    def _memory(self, found: list[Process]) -> int:
        """Return the bytes that the processes hold, or an upper bound that is within the limit."""
        grown = sum(max(0, process.mapped - self._inherited) for process in found)
        resident = sum(process.resident for process in found)
        tables = sum(process.tables for process in found)  # bounds, all three: see _distinct
        bound = (min(grown, resident) if len(found) == 1 else max(grown, resident)) + tables
        many = sum(_count_descriptors(process.pid) for process in found) > _MANY_DESCRIPTORS
        if bound <= self._limits["memory"] and not many:
            return bound
        started = time.monotonic()
        # since the last count it can have grown by no more than by what is resident now
        known = self._counted + max(0, bound - self._bound_then)
        if started < self._next_count and known <= self._limits["memory"]:
            return known
        until = started + _COUNT_SECONDS
        over = bound > self._limits["memory"]
        held = _held(_distinct(found), until, self._shares) if over else bound
        self._counted = held + (_buffers(found, until) if many else 0)
        self._bound_then = bound
        self._next_count = started + (time.monotonic() - started) / _SHARE_OF_TIME
        return self._counted


def can_look() -> bool:
    """Decide whether the kernel lists the children of a process."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def descendants(pid: int) -> list[int]:
    """Return all processes below one, nearest first; some that end meanwhile may be missing."""
    found = children(pid)
    for child in found:  # grows while it is read
        found.extend(children(child))
    return found


def children(pid: int) -> list[int]:
    """Return the children of all threads of one process."""
    tasks = _names(f"/proc/{pid}/task")
    return [int(w) for task in tasks for w in _read(f"/proc/{pid}/task/{task}/children").split()]


def _processes(pids: list[int]) -> list[Process]:
    return [process for process in map(_process, pids) if process is not None]


def _process(pid: int) -> Process | None:
    """Read what /proc says about a process; return None if it has ended."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if fields and fields[0] == "Z" and int(fields[17]) > 1:
        # its first thread has ended, and with it goes what /proc shows of the others
        tasks = [int(name) for name in _names(f"/proc/{pid}/task")]
        pid = next((task for task in tasks if _mapped_pages(task)), pid)
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    sizes = _read(f"/proc/{pid}/statm").split()
    if not sizes or not fields:
        return None
    user, system, children_user, children_system = (int(ticks) for ticks in fields[11:15])
    return Process(
        pid=pid,
        started=int(fields[19]),
        threads=int(fields[17]),
        resident=int(sizes[1]) * _PAGE,
        mapped=int(sizes[0]) * _PAGE,
        tables=_page_tables(pid),
        own_cpu=(user + system) / _TICKS,
        children_cpu=(children_user + children_system) / _TICKS,
    )


def _mapped_pages(task: int) -> int:
    return int((_read(f"/proc/{task}/statm").split() or "0")[0])


def _page_tables(pid: int) -> int:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmPTE:"):
            return int(line.split()[1]) * 1024
    return 0


def _distinct(found: list[Process]) -> list[Process]:
    """Keep one of the processes that share one memory: each shows all of it as its own.

    Where the kernel cannot compare processes, or one has just ended, a process counts by itself.
    """
    ordered: list[Process] = []
    for process in found:
        low, high = 0, len(ordered)
        while low < high:
            middle = (low + high) // 2
            order = _order(process.pid, ordered[middle].pid)
            if order == 0:
                break
            low, high = (low, middle) if order == 1 else (middle + 1, high)
        else:
            ordered.insert(low, process)
    return ordered


def _order(first: int, second: int) -> int:
    try:
        return kernel.compare_memory(first, second)
    except OSError:
        return 1 if first < second else 2


def _held(found: list[Process], until: float, shares: bool) -> int:
    """Return the bytes that processes hold together, counted page by page, and their page tables.

    Args:
        found: The processes; no two of them share one memory.
        until: A time of `time.monotonic`; processes that were not counted by then count in full.
        shares: Whether they can share memory without a file.
    """
    shared: dict[str, int] = {}
    total = sum(process.tables for process in found)
    for process in found:
        if time.monotonic() > until:
            total += process.resident
            continue
        total += _proportional(process)
        if shares:
            shared.update(_shared(process.pid))
    return total + sum(shared.values())


def _proportional(process: Process) -> int:
    """Return the bytes of a process's memory without shared memory; shared pages are divided."""
    sizes: dict[str, int] = {}
    for line in _read(f"/proc/{process.pid}/smaps_rollup").splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) * 1024
    if "Pss" in sizes:
        return sizes["Pss"] - sizes.get("Pss_Shmem", 0)
    # where it hides its maps, every page counts; where it has just ended, none does
    now = _process(process.pid)
    return 0 if now is None else now.resident


def _shared(pid: int) -> dict[str, int]:
    """Return the sizes, by inode, of the memory that a process shares without a file."""
    found: dict[str, int] = {}
    for line in _read(f"/proc/{pid}/maps").splitlines():
        if "/dev/zero" in line and line.split()[1].endswith("s"):
            span, _, offset, _, inode = line.split()[:5]
            start, end = (int(word, 16) for word in span.split("-"))
            size = int(offset, 16) + end - start
            found[inode] = max(size, found.get(inode, 0))
    return found


def _buffers(found: list[Process], until: float) -> int:
    """Return the bytes that fit into the buffers of all pipes and sockets.

    After `until`, every open descriptor counts as a socket.
    """
    ends: set[str] = set()
    for process in found:
        folder = f"/proc/{process.pid}/fd"
        names = _names(folder)
        if time.monotonic() > until:
            ends.update(f"socket: {process.pid} {name}" for name in names)
        else:
            ends.update(_target(f"{folder}/{name}") for name in names)
    pipes = sum(end.startswith("pipe:") for end in ends)
    sockets = sum(end.startswith("socket:") for end in ends)
    return pipes * _PIPE_BYTES + sockets * 2 * _SOCKET_BYTES


def _count_descriptors(pid: int) -> int:
    try:
        size = os.stat(f"/proc/{pid}/fd").st_size  # their number, since Linux 6.2
    except OSError:
        return 0
    return size or len(_names(f"/proc/{pid}/fd"))


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
