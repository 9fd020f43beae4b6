"""Programs that look for, and at, processes that are not their own."""

import contextlib
import ctypes
import glob
import json
import os
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Callable

from tests.attacks.programs.tools import call, command, gains, libc, read


def list_processes() -> list[object]:
    """Tell its own number, its parent's, and those it sees beside its child's."""
    with subprocess.Popen(["sleep", "9"]) as child:
        listed = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        child.kill()
    return [os.getpid(), os.getppid(), sorted(listed - {child.pid})]


def list_alone() -> list[object]:
    """Tell its own number, its parent's, and those it sees."""
    seen = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [os.getpid(), os.getppid(), seen]


def meddle(pids: list[int]) -> dict[str, str]:
    """See, read, trace, limit, signal and kill processes by their numbers."""
    tries: dict[str, Callable[[], object]] = {}
    for pid in pids:
        ways = {**ways_to_see(pid), **ways_to_touch(pid)}
        tries |= {f"{name} {pid}": way for name, way in ways.items()}
    return gains(tries)


def ways_to_see(pid: int) -> dict[str, Callable[[], object]]:
    """Return the ways to see what a process is, has and holds."""
    return {
        "folder": lambda: os.stat(f"/proc/{pid}"),
        "environment": lambda: read(f"/proc/{pid}/environ"),
        "command": lambda: read(f"/proc/{pid}/cmdline"),
        "status": lambda: read(f"/proc/{pid}/status"),
        "maps": lambda: read(f"/proc/{pid}/maps"),
        "root": lambda: os.listdir(f"/proc/{pid}/root/"),
        "open": lambda: os.listdir(f"/proc/{pid}/fd"),
        "memory": lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY)),
    }


def ways_to_touch(pid: int) -> dict[str, Callable[[], object]]:
    """Return the ways to take hold of a process; the last one kills it."""

    def descriptor() -> None:
        process = call(434, pid, 0)
        os.close(call(438, process, 0, 0))

    def attach() -> None:
        call((101, 117), 16, pid, 0, 0)
        os.waitpid(pid, 0x40000000)
        call((101, 117), 17, pid, 0, 0)

    def peek() -> int:
        block = ctypes.create_string_buffer(8)
        local = struct.pack("=QQ", ctypes.addressof(block), 8)
        return call((310, 270), pid, local, 1, local, 1, 0)

    return {
        "handle": lambda: os.close(call(434, pid, 0)),
        "descriptor": descriptor,
        "signal by handle": lambda: call(424, call(434, pid, 0), 0, 0, 0),
        "attach": attach,
        "peek": peek,
        "group": lambda: os.getpgid(pid),
        "session": lambda: os.getsid(pid),
        "cores": lambda: os.sched_getaffinity(pid),
        "scheduler": lambda: os.sched_getscheduler(pid),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        "limits": lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)),
        "signal": lambda: os.kill(pid, 0),
        "kill its group": lambda: os.kill(-pid, 9),
        "kill": lambda: os.kill(pid, 9),
    }


def meddle_as_daemon(pids: list[int]) -> dict[str, str]:
    """Do the same from a daemon in a session of its own, which runs this very program."""
    with open("candidate.py") as file:
        source = file.read() + f"\nprint(json.dumps(meddle({pids})))"
    found: dict[str, str] = json.loads(command("setsid", sys.executable, "-I", "-S", "-c", source))
    return found


def kill_everything() -> int:
    """Kill every process that can be named; return how its own child ended."""
    child = subprocess.Popen(["sleep", "9"])
    os.kill(-1, signal.SIGKILL)
    return child.wait()


def kill(target: int | None) -> str:
    """Kill a process, once from a child and once by itself.

    Args:
        target: Its number; None for that of the parent.
    """
    assert os.getpid() == 1, "not in a namespace: not tried"
    for child in (True, False):
        if child and os.fork():
            os.wait()
            continue
        with contextlib.suppress(OSError):
            os.kill(os.getppid() if target is None else target, 9)
        if child:
            os._exit(0)
    return "alive"


def trace() -> list[int]:
    """Trace its parent, process 1 and every number in sight, from a child, and be traced."""
    if os.fork() == 0:
        targets = [os.getppid(), 1, 2, *range(3, 2000)]
        traced = [t for t in targets for how in (16, 0x4206) if libc.ptrace(how, t, 0, 0) == 0]
        os._exit(bool(traced))
    return [os.waitstatus_to_exitcode(os.wait()[1]), libc.ptrace(16, 0, 0, 0)]


def namespaces(names: list[str]) -> dict[str, str]:
    """Tell which namespaces the program is in."""
    return {name: os.readlink("/proc/self/ns/" + name) for name in names}


def environments() -> list[str]:
    """Read the environment of every process and thread that shows one."""
    found = []
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/task/*/environ"):
        try:
            with open(path, errors="replace") as file:
                found.append(file.read())
        except OSError:
            continue
    return found
