"""Attacks on what a sandbox limits, believes and leaves behind; each runs on every backend.

Programs are hostile, results are plain: how the run ended, why, and that the next program runs as
if nothing had been. Bombs stop by themselves, should the protection that they attack be broken.
"""

import contextlib
import json
import math
import os
import pwd
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests._sandboxes import EMPTY, LIMITS, attack, run
from ttrl_cli.problem import Limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import MIB, ProgramResult, Property, SandboxSpec, kill_after
from ttrl_cli.sandbox.orphans import no_orphans
from ttrl_cli.sandbox.session import Sandbox

SHORT = LIMITS.model_copy(update={"seconds": 0.1})
SMALL = LIMITS.model_copy(update={"memory_mb": 128})
FORGE = """
import os, stat
def is_pipe(number):
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False
ANSWERS = [number for number in range(3, 64) if is_pipe(number)]
def write(frame):
    for number in ANSWERS:
        os.write(number, frame)
"""
"""Finds the descriptor that answers are written to, which no program is told."""


def still_works(sandbox: Sandbox) -> None:
    """Fail unless the next program of this sandbox runs as if nothing had been."""
    result = run(sandbox, "def run(): return ['fine', 1.5]")
    assert (result.status, result.data, result.reason) == (Status.OK, ["fine", 1.5], "")


def returned(sandbox: Sandbox, source: str, *, limits: Limits = LIMITS, **arguments: object):
    """What a program returns, which has to end well."""
    result = run(sandbox, source, limits=limits, **arguments)
    assert (result.status, result.reason) == (Status.OK, "")
    return result.data


def forging(sandbox: Sandbox, frame: str, end: str = "os._exit(0)") -> ProgramResult:
    """Run a program that writes the bytes of an expression in place of an answer."""
    return run(sandbox, f"{FORGE}def run():\n    write({frame})\n    {end}\n")


def unique_duration() -> str:
    """A number of seconds that nobody else sleeps for: a marker in a command line."""
    return f"{random.SystemRandom().randrange(10**9, 10**10)}.{os.getpid()}"


def sleeping_for(duration: str) -> list[psutil.Process]:
    """Processes of the whole machine, zombies aside, that sleep for that long."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if duration in process.cmdline():
                found.append(process)
    return found


@contextlib.contextmanager
def fresh(name: str) -> Iterator[Sandbox]:
    """A sandbox of its own, for a test that looks at how one starts or ends."""
    if name == "bwrap" and not any(Path(p, "bwrap").exists() for p in os.get_exec_path()):
        pytest.skip("bubblewrap is not installed")
    with Sandbox(BACKENDS[name], SandboxSpec()) as sandbox:
        yield sandbox


def attack_fresh(*properties: Property) -> pytest.MarkDecorator:
    """As `attack`, with the backend's name in place of a sandbox."""
    names = [name for name, backend in BACKENDS.items() if backend.claims.issuperset(properties)]
    return pytest.mark.parametrize("name", names)


class TestWallTime:
    @pytest.mark.parametrize(
        "forever",
        [
            "time.time = time.monotonic = time.perf_counter = lambda: 0.0\n"
            "    signal.alarm = signal.setitimer = lambda *_: None\n"
            "    while True: pass",
            "for number in range(1, 65):\n"
            "        try: signal.signal(number, signal.SIG_IGN)\n"
            "        except (OSError, ValueError): pass\n"
            "    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
            "    while True: time.sleep(9)",
            "write(b'json 1\\n7'); os.closerange(0, 64); os.kill(os.getpid(), signal.SIGSTOP)\n"
            "    while True: time.sleep(9)",
        ],
        ids=["loops, clocks patched", "sleeps, signals ignored", "has answered and hung up"],
    )
    @attack(Property.WALL_TIME)
    def test_time_is_up_whatever_a_program_does(self, sandbox: Sandbox, forever: str) -> None:
        """A program that does not end is ended when its time is up, and told so."""
        source = f"import signal, time\n{FORGE}def run():\n    {forever}\n"
        started = time.monotonic()
        result = run(sandbox, source, limits=SHORT)
        assert result.status is Status.TIMEOUT
        assert result.reason == "still running after 1.1 s"
        assert time.monotonic() - started < kill_after(SHORT) + 1
        still_works(sandbox)

    @attack(Property.WALL_TIME)
    def test_a_chain_of_orphans_is_ended(self, sandbox: Sandbox) -> None:
        """Processes that fork and end, so that none lives long, die with their program."""
        source = (
            "import os, time\n"
            "def run():\n"
            "    end = time.monotonic() + 3\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        while time.monotonic() < end:\n"
            "            if os.fork(): os._exit(0)\n"
            "        os._exit(0)\n"
            "    time.sleep(0.05)\n"
            "    return 1"
        )
        started = time.monotonic()
        assert run(sandbox, source).status in (Status.OK, Status.ERROR)
        assert time.monotonic() - started < 2
        still_works(sandbox)


class TestLeftovers:
    @pytest.mark.parametrize("ends", ["return True", "time.sleep(1000)", "os._exit(3)"])
    @attack(Property.NO_LEFTOVERS)
    def test_an_orphan_in_its_own_session_dies(self, sandbox: Sandbox, ends: str) -> None:
        """A process forked twice, in a session of its own, is gone when its program is."""
        duration = unique_duration()
        source = f"""
import glob, os, time
def words(path):
    try:
        with open(path) as file: return file.read()
    except OSError:
        return ""
def run():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            os.execlp("sleep", "sleep", {duration!r})
        os._exit(0)
    os.wait()
    for _ in range(100):
        if any({duration!r} in words(path).split("\\0") for path in glob.glob("/proc/*/cmdline")):
            print("seen alive", flush=True)
            break
        time.sleep(0.01)
    {ends}
"""
        result = run(sandbox, source, limits=SHORT)
        assert result.output == "seen alive\n"
        assert sleeping_for(duration) == []
        still_works(sandbox)

    @attack(Property.NO_LEFTOVERS)
    def test_no_file_is_left_for_the_next_program(self, sandbox: Sandbox) -> None:
        """What one program writes to /tmp and /dev/shm is not there for the next."""
        source = (
            "import os, tempfile\n"
            "def run():\n"
            "    seen = [sorted(os.listdir(p)) for p in ('/tmp', '/dev/shm', os.getcwd())]\n"
            "    for name, path in zip('abcd', ('/tmp', '/dev/shm', tempfile.gettempdir(), '.')):\n"
            "        os.makedirs(f'{path}/{name}/deeper')\n"
            "        os.chmod(f'{path}/{name}', 0)\n"
            "    return seen"
        )
        first = returned(sandbox, source)
        assert returned(sandbox, source) == first == [EMPTY] * 3

    @attack_fresh(Property.DATA_ONLY)
    def test_150_programs_leave_nothing(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After 150 programs there are no more processes, descriptors and files than before."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        sources = [
            "def run(): return 1",
            "def run(): 1 / 0",
            "import os\ndef run(): os._exit(3)",
            "import os\ndef run():\n if os.fork() == 0: os.pause()\n return 1",
            "import tempfile\ndef run(): return tempfile.mkstemp()[0]",
            "import threading, time\n"
            "def run(): threading.Thread(target=time.sleep, args=[9]).start()",
        ]

        def used() -> tuple[int, int, list[Path]]:
            family = [psutil.Process(), *psutil.Process().children(recursive=True)]
            opened = 0
            for process in family:
                with contextlib.suppress(psutil.AccessDenied):
                    opened += process.num_fds()
            return len(family), opened, sorted(tmp_path.iterdir())

        with fresh(name) as sandbox:
            still_works(sandbox)
            before = used()
            for number in range(150):
                run(sandbox, sources[number % len(sources)])
            assert used() == before
            still_works(sandbox)

    @attack_fresh(Property.WALL_TIME)
    def test_closing_ends_the_warm_parent(self, name: str) -> None:
        """A closed sandbox leaves no process, not even a zombie, and no open descriptor."""
        before = psutil.Process().num_fds(), set(psutil.Process().children(recursive=True))
        with no_orphans():  # as around a command: orphans, dead ones too, become our children
            with fresh(name) as sandbox:
                still_works(sandbox)
            end = time.monotonic() + 1
            while set(psutil.Process().children(recursive=True)) - before[1]:
                assert time.monotonic() < end
                time.sleep(0.01)
        assert psutil.Process().num_fds() == before[0]


class TestProcesses:
    @attack(Property.PROCESSES)
    def test_a_fork_bomb_is_ended(self, sandbox: Sandbox) -> None:
        """Processes that all fork without end are stopped by the limit, which is named."""
        source = (
            "import os, time\n"
            "def run():\n"
            "    for _ in range(12):\n"  # 4,096 processes at most, where nothing stops them
            "        try: os.fork()\n"
            "        except OSError: pass\n"
            "    time.sleep(2)\n"
        )
        result = run(sandbox, source)
        assert result.status is Status.ERROR
        assert result.reason == "started more than 24 processes and threads"
        still_works(sandbox)

    @attack(Property.PROCESSES)
    def test_a_fork_bomb_between_two_looks_is_refused(self, sandbox: Sandbox) -> None:
        """A program that forks faster than it is watched has few more processes than allowed."""
        source = (
            "import os, signal\n"
            "def run():\n"
            "    children = []\n"
            "    for _ in range(1000):\n"
            "        try: child = os.fork()\n"
            "        except OSError: break\n"
            "        if child == 0:\n"
            "            signal.pause(); os._exit(0)\n"
            "        children.append(child)\n"
            "    for child in children: os.kill(child, 9)\n"
            "    return len(children)"
        )
        result = run(sandbox, source)
        assert result.status is Status.ERROR or result.data < 2 * LIMITS.processes
        still_works(sandbox)

    @attack(Property.PROCESSES)
    def test_a_thread_bomb_is_ended(self, sandbox: Sandbox) -> None:
        """Threads count as processes do."""
        source = (
            "import threading, time\n"
            "def run():\n"
            "    threading.stack_size(65536)\n"
            "    for _ in range(3000):\n"
            "        try: threading.Thread(target=time.sleep, args=[2], daemon=True).start()\n"
            "        except RuntimeError: break\n"
            "    time.sleep(2)\n"
        )
        result = run(sandbox, source)
        assert result.status is Status.ERROR
        assert result.reason == "started more than 24 processes and threads"
        still_works(sandbox)


CORES = len(os.sched_getaffinity(0))


class TestCpuTime:
    @attack(Property.CPU_TIME)
    def test_burning_in_parallel_is_ended(self, sandbox: Sandbox) -> None:
        """Processes that burn CPU time side by side are ended; more cores give no more of it."""
        source = "import os\ndef run():\n    for _ in range(3): os.fork()\n    while True: pass"
        result = run(sandbox, source, limits=SHORT)
        assert result.status is Status.TIMEOUT
        assert result.reason in ("still running after 1.1 s", "used more than 3 s of CPU time")
        still_works(sandbox)

    @pytest.mark.skipif(CORES < 2, reason="one core has no more CPU time than wall time")
    @pytest.mark.parametrize("children", ["SIG_DFL", "SIG_IGN"])
    @attack(Property.CPU_TIME)
    def test_time_of_ended_children_counts(self, sandbox: Sandbox, children: str) -> None:
        """Short-lived processes use up the CPU time of all, also where nobody waits for them."""
        limits = LIMITS.model_copy(update={"seconds": 1})  # 2 s of wall time, 3 s of CPU time
        source = (
            "import os, signal, time\n"
            f"signal.signal(signal.SIGCHLD, signal.{children})\n"
            "def run():\n"
            "    start, spent = time.monotonic(), 0.0\n"
            "    while spent < 3.4:\n"
            "        pids = []\n"
            "        for _ in range(6):\n"
            "            pids.append(os.fork())\n"
            "            if pids[-1] == 0:\n"
            "                while time.process_time() < 0.1: pass\n"
            "                os._exit(0)\n"
            "        for pid in pids:\n"
            "            try: os.waitpid(pid, 0)\n"
            "            except ChildProcessError: pass\n"
            "        spent += 0.6\n"
            "    return [spent, time.monotonic() - start]"
        )
        result = run(sandbox, source, limits=limits)
        assert result.status is Status.TIMEOUT
        still_works(sandbox)


LINGER = """
import ctypes, numpy, os, time
libc = ctypes.CDLL(None)
CLONE_VM, CLONE_VFORK, SIGCHLD = 0x100, 0x4000, 17
stacks = []
def linger(flags, microseconds):
    "Start a process that shares this one's memory, and sleeps; with CLONE_VFORK, wait for it."
    stacks[16:] = []
    stacks.insert(0, ctypes.create_string_buffer(1 << 16))
    top = ctypes.c_void_p((ctypes.addressof(stacks[0]) + 65000) & ~15)
    function = ctypes.cast(libc.usleep, ctypes.c_void_p)
    flags |= CLONE_VM | SIGCHLD
    return libc.clone(function, top, flags, ctypes.c_void_p(microseconds))
"""
# where it is isolated, a program cannot share memory without a file at all
HOLDING = [*((name, "MAP_PRIVATE") for name in BACKENDS), ("process", "MAP_SHARED")]


class TestMemory:
    @pytest.mark.parametrize(
        "bomb",
        [
            "bytearray(1 << 30)",
            "[bytearray(1 << 20) for _ in range(1 << 10)]",
            "numpy.ones(1 << 27)",
            "'x' * (1 << 30)",
        ],
        ids=["heap", "step by step", "numpy", "text"],
    )
    @attack(Property.MEMORY)
    def test_a_heap_bomb_ends_as_memory(self, sandbox: Sandbox, bomb: str) -> None:
        """A gigabyte is not to be had where 128 MiB are the limit, and the status says so."""
        source = f"import numpy\ndef run():\n    x = {bomb}\n    return len(x)"
        result = run(sandbox, source, limits=SMALL)
        assert result.status is Status.MEMORY
        assert "more memory than its limit" in result.reason or "128 MiB" in result.reason
        still_works(sandbox)

    @pytest.mark.parametrize("flags", ["MAP_PRIVATE", "MAP_SHARED"])
    @attack(Property.MEMORY)
    def test_mapped_memory_is_bounded(self, sandbox: Sandbox, flags: str) -> None:
        """Anonymous memory mapped past the heap is refused beyond the limit."""
        source = (
            "import mmap\n"
            "def run():\n"
            "    kept = []\n"
            "    try:\n"
            "        for _ in range(1024):\n"
            f"            kept.append(mmap.mmap(-1, 1 << 20, mmap.{flags} | mmap.MAP_ANONYMOUS))\n"
            "            kept[-1][::4096] = b'x' * 256\n"
            "    except OSError:\n"
            "        pass\n"
            "    return len(kept)"
        )
        result = run(sandbox, source, limits=SMALL)
        assert result.status is Status.MEMORY or result.data <= SMALL.memory_mb
        still_works(sandbox)

    @pytest.mark.attacks(Property.MEMORY)
    @pytest.mark.parametrize(("sandbox", "flags"), HOLDING, indirect=["sandbox"])
    def test_memory_of_all_processes_counts(self, sandbox: Sandbox, flags: str) -> None:
        """Processes that each stay below the limit are ended for what they hold together."""
        source = (
            "import mmap, os, time\n"
            "def run():\n"
            "    for _ in range(8):\n"
            "        if os.fork() == 0:\n"
            f"            block = mmap.mmap(-1, 60 << 20, mmap.{flags} | mmap.MAP_ANONYMOUS)\n"
            "            block[::4096] = b'x' * (60 << 8)\n"
            "            time.sleep(2)\n"
            "            os._exit(0)\n"
            "    time.sleep(2)"
        )
        result = run(sandbox, source, limits=SMALL)
        assert result.status is Status.MEMORY
        assert result.reason == "its processes used more than 128 MiB together"
        still_works(sandbox)

    @attack(Property.MEMORY, Property.SYSTEM_CALLS)
    def test_memory_shared_without_a_file_is_refused(self, sandbox: Sandbox) -> None:
        """A program cannot share memory that would stay when all but a page is unmapped."""
        source = (
            "import mmap\n"
            "def run():\n"
            "    got = []\n"
            "    for flags in (mmap.MAP_SHARED, 0x03, mmap.MAP_SHARED | 0x40000):\n"
            "        try: got.append(len(mmap.mmap(-1, 4096, flags | mmap.MAP_ANONYMOUS)))\n"
            "        except OSError: pass\n"
            "    try:\n"
            "        with open('/dev/zero', 'r+b') as file: mmap.mmap(file.fileno(), 4096)\n"
            "        got.append('zero')\n"
            "    except OSError: pass\n"
            "    return [got, len(mmap.mmap(-1, 4096, mmap.MAP_PRIVATE))]"
        )
        assert returned(sandbox, source) == [[], 4096]

    @pytest.mark.attacks(Property.MEMORY)
    @pytest.mark.parametrize("sandbox", ["process"], indirect=True)
    def test_memory_that_no_process_shows_counts(self, sandbox: Sandbox) -> None:
        """Shared memory that was filled, and then dropped from every page table, still counts."""
        source = (
            "import mmap, os, time\n"
            "def run():\n"
            "    for _ in range(8):\n"
            "        if os.fork() == 0:\n"
            "            block = mmap.mmap(-1, 80 << 20)\n"
            "            for i in range(0, 80 << 20, 4 << 20):\n"
            "                block[i : i + (4 << 20) : 4096] = b'x' * 1024\n"
            "                block.madvise(mmap.MADV_DONTNEED)\n"
            "            time.sleep(2)\n"
            "            os._exit(0 if block[0] == 120 else 1)\n"
            "        time.sleep(0.05)\n"
            "    time.sleep(0.3)\n"
            "    return 'held 640 MiB'"
        )
        result = run(sandbox, source, limits=SMALL)
        assert result.status is Status.MEMORY
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_memory_behind_a_dead_first_thread_counts(self, sandbox: Sandbox) -> None:
        """Processes whose first thread has ended, of which /proc shows no memory, still count."""
        source = (
            "import ctypes, os, platform, threading, time\n"
            "def hold():\n"
            "    held = bytearray(os.urandom(1 << 20) * 25)\n"
            "    time.sleep(4)\n"
            "def run():\n"
            "    leave = 60 if platform.machine() == 'x86_64' else 93\n"
            "    for _ in range(10):\n"
            "        if os.fork() == 0:\n"
            "            threading.Thread(target=hold).start()\n"
            "            time.sleep(0.3)\n"
            "            ctypes.CDLL(None).syscall(leave, 0)\n"
            "    time.sleep(3)"
        )
        assert run(sandbox, source, limits=SMALL).status is Status.MEMORY
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_signals_do_not_keep_us_from_looking(self, sandbox: Sandbox) -> None:
        """A program that is stopped and continued without pause is looked at all the same."""
        source = (
            "import os, signal, time\n"
            "def run():\n"
            "    own = os.getpid()\n"
            "    if os.fork() == 0:\n"
            "        while True:\n"
            "            os.kill(own, signal.SIGSTOP); os.kill(own, signal.SIGCONT)\n"
            "    for _ in range(6):\n"
            "        if os.fork() == 0:\n"
            "            held = bytearray(os.urandom(1 << 20) * 60)\n"
            "            time.sleep(4)\n"
            "    end = time.monotonic() + 3\n"
            "    while time.monotonic() < end: time.sleep(0.1)"
        )
        assert run(sandbox, source, limits=SMALL).status is Status.MEMORY
        still_works(sandbox)

    @attack(Property.WALL_TIME, Property.PROCESSES)
    def test_a_program_that_is_slow_to_look_at_is_ended_in_time(self, sandbox: Sandbox) -> None:
        """Tens of thousands of mappings in many processes do not put off the end by much."""
        limits = LIMITS.model_copy(update={"seconds": 1, "processes": 40, "memory_mb": 1024})
        source = (
            "import ctypes, os, time\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.mmap.restype = ctypes.c_void_p\n"
            "libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]\n"
            "def run():\n"
            "    pages = 40000\n"
            "    size = ctypes.c_size_t(pages * 4096)\n"
            "    start = libc.mmap(None, size, 0, 0x4022, -1, ctypes.c_long(0))\n"
            "    for page in range(0, pages, 2): libc.mprotect(start + page * 4096, 4096, 1)\n"
            "    for _ in range(30):\n"
            "        if os.fork() == 0: time.sleep(60)\n"
            "    time.sleep(60)"
        )
        result = run(sandbox, source, limits=limits)
        assert result.status is Status.TIMEOUT
        assert result.seconds < kill_after(limits) + 5
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_memory_between_vfork_and_exec_counts_once(self, sandbox: Sandbox) -> None:
        """A child that shares its parent's memory, and lingers before exec, adds nothing to it."""
        source = LINGER + (
            "def run():\n"
            "    held = numpy.ones(40 << 17)\n"  # 40 of 64 MiB, twice of which would be too much
            "    for _ in range(3): assert linger(CLONE_VFORK, 300_000) > 0\n"
            "    return held.sum()"
        )
        limits = LIMITS.model_copy(update={"memory_mb": 64})
        assert returned(sandbox, source, limits=limits) == float(40 << 17)
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_short_programs_do_not_count_as_their_parent(self, sandbox: Sandbox) -> None:
        """Two threads that start small programs all the time do not make a program larger."""
        limits = LIMITS.model_copy(update={"memory_mb": 256, "seconds": 30})
        source = (
            "import subprocess, threading, numpy\n"
            "def work():\n"
            "    for _ in range(60): subprocess.run(['/usr/bin/env', 'true'])\n"
            "def run():\n"
            "    held = numpy.ones(130 << 17)\n"
            "    threads = [threading.Thread(target=work) for _ in range(2)]\n"
            "    for thread in threads: thread.start()\n"
            "    for thread in threads: thread.join()\n"
            "    return held.sum()"
        )
        assert returned(sandbox, source, limits=limits) == float(130 << 17)
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_sharing_memory_hides_none(self, sandbox: Sandbox) -> None:
        """A program whose processes share memory in pairs is held to what all pairs hold."""
        source = LINGER + (
            "def run():\n"
            "    for _ in range(4):\n"
            "        if os.fork() == 0:\n"
            "            held = bytearray(os.urandom(1 << 20) * 50)\n"
            "            linger(0, 5_000_000)\n"
            "            while True: linger(CLONE_VFORK, 1000)\n"
            "    time.sleep(5)"
        )
        result = run(sandbox, source, limits=SMALL)
        assert result.status is Status.MEMORY
        assert result.reason == "its processes used more than 128 MiB together"
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_page_tables_count(self, sandbox: Sandbox) -> None:
        """Pages so far apart that each needs tables of its own are held to the limit, too."""
        source = (
            "import ctypes, os, time\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.mmap.restype = ctypes.c_void_p\n"
            "def run():\n"
            "    for _ in range(4):\n"
            "        if os.fork() == 0:\n"
            "            for place in range(1, 12000):\n"
            "                where, size = ctypes.c_void_p(place << 30), ctypes.c_size_t(4096)\n"
            "                page = libc.mmap(where, size, 1, 0x22, -1, ctypes.c_long(0))\n"
            "                if 0 < page < 1 << 63: ctypes.string_at(page, 1)\n"
            "            time.sleep(4)\n"
            "    time.sleep(4)"
        )
        assert run(sandbox, source, limits=SMALL).status is Status.MEMORY
        still_works(sandbox)

    @attack(Property.MEMORY)
    def test_memory_in_socket_buffers_is_bounded(self, sandbox: Sandbox) -> None:
        """What a program leaves unread in its own sockets cannot take more than the limit."""
        limits = LIMITS.model_copy(update={"memory_mb": 64})
        source = (
            "import socket, time\n"
            "def run():\n"
            "    kept, held = [], 0\n"
            "    try:\n"
            "        while held < 150 << 20:\n"
            "            pair = socket.socketpair()\n"
            "            kept.append(pair)\n"
            "            for end in pair:\n"
            "                end.setblocking(False)\n"
            "                try:\n"
            "                    while True: held += end.send(bytes(32768))\n"
            "                except BlockingIOError: pass\n"
            "    except OSError: pass\n"
            "    time.sleep(0.1)\n"
            "    return held >> 20"
        )
        result = run(sandbox, source, limits=limits)
        assert result.status is Status.MEMORY or result.data <= limits.memory_mb
        still_works(sandbox)


class TestDisk:
    @pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
    @attack(Property.DISK)
    def test_many_large_files_fit_the_limit_only(self, sandbox: Sandbox, folder: str) -> None:
        """Files below the limit, each, do not exceed it together; deleted open ones count, too."""
        source = (
            "import os\n"
            "def run():\n"
            "    written, kept = 0, []\n"
            "    try:\n"
            "        for number in range(64):\n"
            f"            path = f'{folder}/{{number}}'\n"
            "            kept.append(open(path, 'wb', buffering=0))\n"
            "            if number % 2: os.unlink(path)\n"
            "            for _ in range(4): written += kept[-1].write(bytes(1 << 20))\n"
            "    except OSError as error:\n"
            "        return [written, error.errno]\n"
            "    return [written, 0]"
        )
        written, errno = returned(sandbox, source)
        assert errno > 0
        assert 8 * MIB <= written <= LIMITS.disk_mb * MIB
        still_works(sandbox)

    @pytest.mark.parametrize(
        "grow",
        [
            "[file.write(bytes(1 << 20)) for _ in range(10 << 10)]",
            "file.truncate(10 << 30)",
            "(file.seek(10 << 30), file.write(b'x'), file.flush())",
            "os.posix_fallocate(file.fileno(), 0, 10 << 30)",
        ],
        ids=["written", "truncated", "sparse", "allocated"],
    )
    @attack(Property.DISK)
    def test_no_file_of_ten_gigabytes(self, sandbox: Sandbox, grow: str) -> None:
        """A file beyond the limit is an error in the program, sparse or not."""
        source = (
            "import os\n"
            "def run():\n"
            "    try:\n"
            "        with open('big', 'wb') as file:\n"
            f"            {grow}\n"
            "    except OSError as error:\n"
            "        return [error.errno > 0, os.stat('big').st_size]\n"
            "    return [False, os.stat('big').st_size]"
        )
        refused, size = returned(sandbox, source)
        assert refused
        assert size <= LIMITS.disk_mb * MIB
        still_works(sandbox)

    @pytest.mark.parametrize(
        "make",
        ["open(name, 'x').close()", "os.link('first', name)", "os.mkdir(name)", "os.mkfifo(name)"],
        ids=["files", "hard links", "folders", "pipes"],
    )
    @attack(Property.DISK)
    def test_a_million_entries_are_refused(self, sandbox: Sandbox, make: str) -> None:
        """Files that take no space take an inode, of which there are few."""
        source = (
            "import os\n"
            "open('first', 'x').close()\n"
            "def run():\n"
            "    for number in range(10 ** 6):\n"
            "        name = str(number)\n"
            f"        try: {make}\n"
            "        except OSError: return number\n"
        )
        number = returned(sandbox, source)
        assert number < 2000
        look = "import os\ndef run(): return sorted(os.listdir('/tmp'))"
        assert returned(sandbox, look) == EMPTY

    @attack(Property.DISK)
    def test_many_processes_share_one_limit(self, sandbox: Sandbox) -> None:
        """Files of several processes take no more space than those of one."""
        source = (
            "import os\n"
            "def run():\n"
            "    for number in range(8):\n"
            "        if os.fork() == 0:\n"
            "            try:\n"
            "                with open(f'/tmp/{number}', 'wb', buffering=0) as file:\n"
            "                    for _ in range(8): file.write(bytes(1 << 20))\n"
            "            finally: os._exit(0)\n"
            "    for _ in range(8): os.wait()\n"
            "    return sum(os.stat(f'/tmp/{n}').st_blocks * 512 for n in range(8))"
        )
        assert returned(sandbox, source) <= LIMITS.disk_mb * MIB
        still_works(sandbox)


class TestOutput:
    @pytest.mark.parametrize(
        "flood",
        [
            "print('x' * 1000)",
            "os.write(1, bytes(1 << 20))",
            "os.write(2, bytes(1 << 20))",
            "print('x' * 1000, end='', file=sys.stderr, flush=True)",
            "os.fork() or os.write(1, bytes(1 << 16))",
        ],
        ids=["lines", "stdout", "stderr", "one line", "children"],
    )
    @attack(Property.OUTPUT)
    def test_printing_without_end_is_cut_off(self, sandbox: Sandbox, flood: str) -> None:
        """A program that prints more than it may is ended early, and its output stays short."""
        source = f"import os, sys\ndef run():\n    for _ in range(10 ** 7): {flood}"
        result = run(sandbox, source)
        if "fork" in flood and result.status is Status.ERROR:
            assert "processes" in result.reason  # the other limit was faster
        else:
            assert result.status is Status.OUTPUT
            assert result.reason == "printed more than 1 MiB"
        assert len(result.output) <= 2000
        assert result.seconds < 2
        still_works(sandbox)

    @pytest.mark.parametrize(
        "value",
        ["'x' * (2 << 20)", "list(range(1 << 19))", "numpy.zeros(1 << 18)"],
        ids=["text", "list", "array"],
    )
    @attack(Property.OUTPUT)
    def test_a_result_that_is_too_large_is_refused(self, sandbox: Sandbox, value: str) -> None:
        """Data of more than output_mb do not come back."""
        result = run(sandbox, f"import numpy\ndef run(): return {value}")
        assert (result.status, result.data) == (Status.OUTPUT, None)
        assert result.reason == "returned more than 1 MiB"
        still_works(sandbox)

    @attack(Property.OUTPUT)
    def test_an_endless_answer_is_cut_off(self, sandbox: Sandbox) -> None:
        """A frame that is written without end is refused, long before its announced length."""
        result = forging(sandbox, "b'json 999999999999\\n'", "while True: write(b' ' * (1 << 16))")
        assert (result.status, result.reason) == (Status.OUTPUT, "returned more than 1 MiB")
        still_works(sandbox)

    @attack(Property.OUTPUT)
    def test_output_that_is_no_text_comes_back_as_text(self, sandbox: Sandbox) -> None:
        """Bytes that are no UTF-8 are replaced."""
        result = run(sandbox, "import os\ndef run(): os.write(1, b'\\xff\\x00\\xfe'); return 1")
        assert (result.status, result.output) == (Status.OK, "\ufffd\0\ufffd")


class TestOpenFiles:
    @pytest.mark.parametrize("raised", [False, True])
    @attack(Property.OPEN_FILES)
    def test_open_files_run_out(self, sandbox: Sandbox, raised: bool) -> None:
        """A program gets no more than about a thousand descriptors, and no more by asking."""
        source = (
            "import os, resource\n"
            "def run():\n"
            f"    if {raised}:\n"
            "        try: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
            "        except (OSError, ValueError): pass\n"
            "    for number in range(5000):\n"
            "        try: os.open('/dev/null', os.O_RDONLY)\n"
            "        except OSError as error: break\n"
            "    os.closerange(100, 5000)\n"
            "    return number"
        )
        assert 500 < returned(sandbox, source) < 1100
        still_works(sandbox)


ENDINGS = [
    ("def f(): f()\n    f()", "RecursionError"),
    ("1 / 0", "ZeroDivisionError"),
    ("ctypes.string_at(0)", "killed by SIGSEGV"),
    ("os._exit(0)", "ended without an answer"),
    ("os._exit(7)", "exit status 7"),
    ("sys.exit(0)", "SystemExit"),
    ("os.abort()", "killed by SIG"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("os.execlp('true', 'true')", "ended without an answer"),
]


class TestEndings:
    @pytest.mark.parametrize(("end", "reason"), ENDINGS)
    @attack(Property.DATA_ONLY)
    def test_whatever_ends_a_program_is_an_error(
        self, sandbox: Sandbox, end: str, reason: str
    ) -> None:
        """A program that ends without data ends as ERROR, with the reason."""
        result = run(sandbox, f"import ctypes, os, sys\ndef run():\n    {end}\n")
        assert (result.status, result.data) == (Status.ERROR, None)
        assert reason in result.reason
        still_works(sandbox)

    @pytest.mark.parametrize(
        "source",
        [
            "x = " + "-" * 200_000 + "1",
            "x = " + "not " * 100_000 + "1",
            "x = " + "~" * 50_000 + "1",
            "x = " + "lambda: " * 50_000 + "1",
            "x = " + "+".join(["1"] * 100_000),
            "x = " + "[" * 1000 + "]" * 1000,
            "x = " + "(" * 150 + "1" + ")" * 149,
            "x" + ".a" * 100_000,
        ],
        ids=["minus", "not", "invert", "lambda", "sum", "brackets", "open", "attributes"],
    )
    @attack(Property.DATA_ONLY)
    def test_source_that_the_parser_cannot_take_is_an_error(
        self, sandbox: Sandbox, source: str
    ) -> None:
        """A program nested too deeply to be compiled is at fault itself, and is told how."""
        result = run(sandbox, source + "\ndef run(): return 1")
        assert (result.status, result.data) == (Status.ERROR, None)
        assert "SyntaxError" in result.reason or "RecursionError" in result.reason
        still_works(sandbox)

    @pytest.mark.parametrize(
        "deep",
        [
            "call = ctypes.CFUNCTYPE(None)(lambda: call()); call()",
            "eval('-' * 10 ** 6 + '1')",
            "x = ()\n    for _ in range(10 ** 6): x = (x,)\n    hash(x)",
        ],
        ids=["callback", "parser", "hash"],
    )
    @attack(Property.DATA_ONLY)
    def test_an_overflowing_stack_is_an_error(self, sandbox: Sandbox, deep: str) -> None:
        """Recursion without a limit breaks the program alone."""
        source = f"import ctypes, sys\ndef run():\n    sys.setrecursionlimit(10 ** 9)\n    {deep}\n"
        result = run(sandbox, source)
        assert result.status in (Status.ERROR, Status.MEMORY)
        assert (result.data, bool(result.reason)) == (None, True)
        still_works(sandbox)

    @pytest.mark.parametrize("number", [*range(1, 32), 34, 40, 64])
    @attack(Property.DATA_ONLY)
    def test_a_signal_to_itself_ends_a_program_or_is_ignored(
        self, sandbox: Sandbox, number: int
    ) -> None:
        """Every signal that a program sends itself gives a result, and never data that are not."""
        end = f"os.kill(os.getpid(), {number})\n    return 'alive'"
        result = run(sandbox, f"import os\ndef run():\n    {end}\n", limits=SHORT)
        if result.status is Status.OK:
            assert result.data == "alive"
        else:
            assert result.data is None
            stops = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
            assert result.status is (Status.TIMEOUT if number in stops else Status.ERROR) or (
                number == signal.SIGXCPU
            )
        still_works(sandbox)


def npy(header: str, body: bytes = b"") -> str:
    """The expression of a frame with a hand-made npy array."""
    text = header.encode() + b"\n"
    payload = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + body
    return repr(b"npy %d\n" % len(payload) + payload)


def header(descr: str = "'<f8'", fortran: str = "False", shape: str = "(1,)") -> str:
    """The header of an npy array, from expressions."""
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


NAN = np.array([math.nan]).tobytes()


class TestForgery:
    @attack(Property.DATA_ONLY)
    def test_a_forged_answer_is_data_only(self, sandbox: Sandbox) -> None:
        """A frame that a program writes by itself is worth what it could have returned."""
        result = forging(sandbox, "b'json 3\\n[7]'")
        assert (result.status, result.data) == (Status.OK, [7])

    @attack(Property.DATA_ONLY)
    def test_a_claimed_score_is_data_only(self, sandbox: Sandbox) -> None:
        """A score in the data comes back as the plain dict that it is."""
        data = {"score": 1e9, "valid": True, "status": "ok", "reward": 1.0}
        result = run(sandbox, f"def run(): return {data!r}")
        assert (result.status, result.data) == (Status.OK, data)

    @pytest.mark.parametrize(
        "frame",
        [
            "b'json 1\\n7json 1\\n8'",
            "b'json 1\\n7garbage'",
            "b'json 1\\n7\\n'",
            "b'json 9\\n7'",
            "b'json 0\\n'",
            "b'json 01\\n7'",
            "b'json -1\\n7'",
            "b'json 1 \\n7'",
            "b'json 999999999999\\n7'",
            "b'json ' + b'9' * 1000 + b'\\n7'",
            "b'j' * 100_000",
            "b'\\n'",
            "b'pickle 1\\n7'",
            "b'JSON 1\\n7'",
            "b'json 3\\nNaN'",
            "b'json 10\\n[Infinity]'",
            "b'json 9\\n-Infinity'",
            "b'json 5\\n1e999'",
            "b'json 5001\\n1' + b'0' * 5000",
            "b'json 200001\\n' + b'[' * 100_000 + b'1' + b']' * 100_000",
            "b'json 100000\\n' + b'[' * 100_000",
            "b'json 500000\\n' + b'{\"a\":' * 100_000",
            "b'json 2\\n\\xff\\xff'",
            "b'json 8\\n\"\\\\ud800\"'",
            "b'json 3\\n{,}'",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_a_frame_that_is_not_one_answer_is_malformed(
        self, sandbox: Sandbox, frame: str
    ) -> None:
        """Two answers, garbage, wrong lengths, bombs and numbers that are none are refused."""
        result = forging(sandbox, frame)
        assert (result.status, result.data) == (Status.MALFORMED, None)
        assert result.reason
        still_works(sandbox)

    @attack(Property.DATA_ONLY)
    def test_answering_and_returning_is_malformed(self, sandbox: Sandbox) -> None:
        """A program that forges an answer and then gives its own has answered twice."""
        result = forging(sandbox, "b'json 1\\n7'", "return 8")
        assert (result.status, result.data) == (Status.MALFORMED, None)

    @attack(Property.DATA_ONLY)
    def test_a_child_cannot_answer_a_second_time(self, sandbox: Sandbox) -> None:
        """Where a child returns from the entry as its parent does, the parent alone answers."""
        source = (
            "import os\ndef run():\n    child = os.fork()\n"
            "    child and os.wait()\n    return 'parent' if child else 'child'"
        )
        result = run(sandbox, source)
        assert (result.status, result.data) == (Status.OK, "parent")
        still_works(sandbox)

    @pytest.mark.parametrize(
        "value",
        [
            "10 ** 5000",
            "float('nan')",
            "[float('-inf')]",
            "numpy.array([1, None])",
            "numpy.array(['text'])",
            "numpy.array([(1, 2)], dtype='i4,i4')",
            "numpy.longdouble(1)",
            "object()",
            "type('Score', (), {'__float__': lambda self: 1.0})()",
            "{1: 2}",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_objects_do_not_come_back(self, sandbox: Sandbox, value: str) -> None:
        """What is neither JSON nor an array of real numbers is refused."""
        result = run(sandbox, f"import numpy\ndef run(): return {value}")
        assert (result.status, result.data) == (Status.MALFORMED, None)
        still_works(sandbox)

    @attack(Property.DATA_ONLY)
    def test_a_pickle_is_never_loaded(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """An npy array that holds a pickle is refused, and the code in it does not run."""
        canary = tmp_path / "canary"
        source = f"""
import io, numpy
{FORGE}
class Bomb:
    def __reduce__(self):
        return (open, ({str(canary)!r}, "w"))
def run():
    file = io.BytesIO()
    numpy.save(file, numpy.array([Bomb()], dtype=object), allow_pickle=True)
    write(b"npy %d\\n" % len(file.getvalue()) + file.getvalue())
    os._exit(0)
"""
        result = run(sandbox, source)
        assert result.status is Status.MALFORMED
        assert "real numbers" in result.reason
        assert not canary.exists()

    @pytest.mark.parametrize(
        "frame",
        [
            npy(header(shape="(1000000000000,)"), bytes(8)),
            npy(header(shape="(" + "9" * 4000 + ",)"), bytes(8)),
            npy(header(shape="(-1,)"), bytes(8)),
            npy(header(shape="(1000000000, 0)")),
            npy(header(shape="(" + "1," * 64 + ")"), bytes(8)),
            npy(header(shape="(2,)"), bytes(8)),
            npy(header(shape="(1,)"), bytes(16)),
            npy(header(shape="'1'"), bytes(8)),
            npy(header(shape="(1.0,)"), bytes(8)),
            npy(header("'|V8'"), bytes(8)),
            npy(header("'<U2'"), bytes(8)),
            npy(header("'|S8'"), bytes(8)),
            npy(header("'|O'"), bytes(8)),
            npy(header("'<M8[ns]'"), bytes(8)),
            npy(header("'<c8'"), bytes(8)),
            npy(header("'<f16'"), bytes(16)),
            npy(header("[('a', '<f8')]"), bytes(8)),
            npy(header("'<f8'"), NAN),
            npy(header("'<U99999999999'"), bytes(8)),
            npy(header("5"), bytes(8)),
            npy("{}"),
            npy("[1]"),
            npy("{[]: 1}"),
            npy("x" * 20_000),
            "b'npy 3\\nabc'",
            "b'npy 8\\n\\x93NUMPY\\x03\\x00'",
            "b'npy 12\\n\\x93NUMPY\\x02\\x00\\xff\\xff\\xff\\xff'",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_an_array_that_is_none_is_malformed(self, sandbox: Sandbox, frame: str) -> None:
        """Absurd shapes, types that are no real numbers and headers that are none are refused."""
        result = forging(sandbox, frame)
        assert (result.status, result.data) == (Status.MALFORMED, None)
        assert result.reason
        still_works(sandbox)

    @pytest.mark.parametrize(
        "text",
        [
            header(shape="(" + "-" * 7000 + "1,)"),
            "{'descr': '<f8', (",
            "'''open",
            header("()"),
            header("('<f8',)"),
            header("'a8'"),
            header(shape="(1L,)"),
        ],
        ids=["nested", "cut", "open text", "no type", "half a type", "old type", "Python 2"],
    )
    @attack(Property.DATA_ONLY)
    def test_a_header_that_breaks_its_reader_is_malformed(
        self, sandbox: Sandbox, text: str
    ) -> None:
        """An npy header that numpy stumbles over ends as MALFORMED, neither raises nor warns."""
        result = forging(sandbox, npy(text, bytes(8)))
        assert result.status in (Status.MALFORMED, Status.OK)
        still_works(sandbox)

    @attack(Property.DATA_ONLY)
    def test_a_fortran_array_is_read_in_its_order(self, sandbox: Sandbox) -> None:
        """A hand-made array in Fortran's order comes back as the lists that it means."""
        body = np.array([1.0, 2.0, 3.0, 4.0]).tobytes()
        result = forging(sandbox, npy(header(fortran="True", shape="(2, 2)"), body))
        assert (result.status, result.data) == (Status.OK, [[1.0, 3.0], [2.0, 4.0]])

    @pytest.mark.parametrize(
        "text",
        [
            '{"status": "ok", "reason": ""}',
            '{"status": "failed", "reason": "the sandbox"}',
            '{"status": "timeout", "reason": "x"}',
            '{"status": "invalid", "reason": "x"}',
            '{"status": 1, "reason": "x"}',
            '{"status": "error"}',
            '{"status": ["error"], "reason": {}}',
            "[]",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_a_refusal_cannot_claim_what_is_not_its_own(self, sandbox: Sandbox, text: str) -> None:
        """A refusal with any other status than a program's own failures is malformed."""
        frame = repr(b"refusal %d\n" % len(text) + text.encode())
        result = forging(sandbox, frame)
        assert (result.status, result.data) == (Status.MALFORMED, None)

    @attack(Property.DATA_ONLY)
    def test_a_reason_is_cut_where_it_is_read(self, sandbox: Sandbox) -> None:
        """A forged refusal of megabytes gives a reason of 2,000 characters: its end."""
        limits = LIMITS.model_copy(update={"output_mb": 8})
        source = (
            f"{FORGE}import json\n"
            "def run():\n"
            "    words = {'status': 'error', 'reason': 'x' * 7_000_000 + 'the end'}\n"
            "    text = json.dumps(words).encode()\n"
            "    write(b'refusal %d\\n' % len(text) + text)\n"
            "    os._exit(0)"
        )
        result = run(sandbox, source, limits=limits)
        assert (result.status, len(result.reason)) == (Status.ERROR, 2000)
        assert result.reason.endswith("xxxthe end")
        still_works(sandbox)

    @pytest.mark.parametrize(
        "failure",
        [
            "raise type('E' * 3_000_000, (Exception,), {})('why')",
            "raise ValueError('why' * 1_000_000)",
            "raise ExceptionGroup('g', [ValueError('x' * 9999) for _ in range(99)])",
            "return {'k' * 3_000_000: {1: 2}, 'x': {'y' * 3_000_000}}",
            "return numpy.zeros(1, [('n' * 60_000, 'f8')])",
            "raise SystemExit('bye' * 1_000_000)",
        ],
        ids=["name", "text", "group", "key", "field", "exit"],
    )
    @attack(Property.DATA_ONLY)
    def test_no_reason_is_long(self, sandbox: Sandbox, failure: str) -> None:
        """Whatever a program raises or returns, what it is told of that fits a screen."""
        limits = LIMITS.model_copy(update={"output_mb": 8})
        result = run(sandbox, f"import numpy\ndef run():\n    {failure}", limits=limits)
        assert result.status in (Status.ERROR, Status.MALFORMED)
        assert 0 < len(result.reason) <= 2000

    @pytest.mark.parametrize(
        "value",
        [
            "numpy.zeros((100_000,) + (1,) * 31, numpy.int8)",
            "numpy.zeros((100_000,) + (1,) * 31, bool, order='F')",
            "numpy.zeros((60_000,) + (1,) * 24, '>f2')",
            "numpy.zeros((2_000_000, 1), numpy.uint8)",
            "numpy.zeros((10 ** 6, 0))",
            "numpy.zeros((10 ** 3,) * 3 + (0,), 'i4')",
            "numpy.full(14_000_000, -100, numpy.int8)",
            "{'a': numpy.zeros((40_000,) + (1,) * 29)}",
            "[[]] * 1_100_000",
            "[{}] * 1_100_000",
            "[[[[[[[[[[1]]]]]]]]]] * 130_000",
            "[{'a': {'b': {}}}] * 350_000",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_small_answers_do_not_become_large(self, sandbox: Sandbox, value: str) -> None:
        """Answers of a few megabytes that stand for millions of lists are not read, and quickly."""
        limits = Limits(seconds=30, memory_mb=2048, processes=24)
        result = run(sandbox, f"import numpy\ndef run(): return {value}", limits=limits)
        assert (result.status, result.data) == (Status.MALFORMED, None)
        assert "are read" in result.reason or "shape" in result.reason
        still_works(sandbox)

    @pytest.mark.parametrize(
        "value",
        [
            "numpy.linspace(0, 1, 500_000)",
            "numpy.linspace(0, 1, 500_000).tolist()",
            "{'f': numpy.ones(500_000), 'g': numpy.arange(500_000), 'h': 'text'}",
            "numpy.arange(200_000).reshape(100_000, 2)",
            "[[x, x / 2] for x in range(100_000)]",
        ],
    )
    @attack(Property.DATA_ONLY)
    def test_large_honest_answers_are_read(self, sandbox: Sandbox, value: str) -> None:
        """Step functions of 500,000 steps, arrays in a dict and 100,000 pairs come back."""
        limits = Limits(seconds=30, memory_mb=2048, processes=24)
        data = returned(sandbox, f"import numpy\ndef run(): return {value}", limits=limits)
        found = data["f"] if isinstance(data, dict) else data
        assert len(found) in (500_000, 100_000)

    @attack(Property.DATA_ONLY)
    def test_a_refusal_carries_no_data(self, sandbox: Sandbox) -> None:
        """A forged refusal is a failure, whatever else it holds."""
        text = b'{"status": "error", "reason": "x", "data": 1, "score": 9}'
        result = forging(sandbox, repr(b"refusal %d\n" % len(text) + text))
        assert (result.status, result.data, result.reason) == (Status.ERROR, None, "x")

    @attack(Property.DATA_ONLY)
    def test_a_child_does_not_answer_for_a_dead_program(self, sandbox: Sandbox) -> None:
        """An answer that is written when the program has already failed is no success."""
        source = (
            f"{FORGE}import time\n"
            "def run():\n"
            "    program = os.getpid()\n"
            "    if os.fork() == 0:\n"
            "        end = time.monotonic() + 2\n"
            "        while os.getppid() == program and time.monotonic() < end: pass\n"
            "        write(b'json 1\\n7')\n"
            "        os._exit(0)\n"
            "    time.sleep(0.05)\n"
            "    os._exit(1)"
        )
        for _ in range(5):
            result = run(sandbox, source)
            assert (result.status, result.data) == (Status.ERROR, None)
        still_works(sandbox)

    @pytest.mark.parametrize("depth", [100, 900, 950])
    @attack(Property.DATA_ONLY)
    def test_deep_data_that_were_read_can_be_written(self, sandbox: Sandbox, depth: int) -> None:
        """Data nested deeply are refused, or shallow enough to be stored from a deeper stack."""

        def deeper(levels: int, data: object) -> str:
            return deeper(levels - 1, data) if levels else json.dumps(data)

        frame = f"b'json {2 * depth + 1}\\n' + b'[' * {depth} + b'1' + b']' * {depth}"
        result = forging(sandbox, frame)
        if result.status is Status.OK:
            assert deeper(100, result.data).count("[") == depth
        else:
            assert result.status is Status.MALFORMED


class TestEnvironment:
    @attack_fresh(Property.ENVIRONMENT)
    def test_secrets_of_ours_are_nowhere_in_its_environment(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No variable of ours is in a program's environment, as it sees it or the kernel does."""
        secret = f"canary-{unique_duration()}"
        for key in ("TTRL_CANARY", "OPENAI_API_KEY", "HF_TOKEN", "LD_LIBRARY_PATH", "PYTHONPATH"):
            monkeypatch.setenv(key, secret)
        source = (
            "import os, subprocess\n"
            "from glob import glob\n"
            "def read(path):\n"
            "    try:\n"
            "        with open(path, errors='replace') as file: return file.read()\n"
            "    except OSError: return ''\n"
            "def run():\n"
            "    texts = [str(os.environ), read('/proc/self/environ')]\n"
            "    texts += map(read, glob('/proc/[0-9]*/environ') + glob('/proc/[0-9]*/cmdline'))\n"
            "    texts.append(subprocess.check_output(['env'], text=True))\n"
            "    return [len(texts[1]), ' '.join(texts)]"
        )
        with fresh(name) as sandbox:
            length, text = returned(sandbox, source)
        assert length > 0
        assert secret not in text

    @attack(Property.ENVIRONMENT, Property.PROCESSES_HIDDEN)
    def test_secrets_of_other_processes_are_out_of_reach(self, sandbox: Sandbox) -> None:
        """The environment of a process of ours is in no file that a program can read."""
        secret = f"canary-{unique_duration()}"
        environment = {**os.environ, "TTRL_CANARY": secret}
        source = (
            "import glob\n"
            "def run():\n"
            "    found = []\n"
            "    for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/task/*/environ'):\n"
            "        try:\n"
            "            with open(path, errors='replace') as file: found.append(file.read())\n"
            "        except OSError: pass\n"
            "    return found"
        )
        with subprocess.Popen(["sleep", unique_duration()], env=environment) as other:
            try:
                found = returned(sandbox, source)
            finally:
                other.kill()
        assert found
        assert not any(secret in text for text in found)

    @attack(Property.ENVIRONMENT)
    def test_a_program_has_a_user_and_a_home(self, sandbox: Sandbox) -> None:
        """The usual ways to ask for a user's name and home give some, and not ours."""
        source = (
            "import getpass, os, pathlib, subprocess, tempfile\n"
            "def run():\n"
            "    said = subprocess.check_output('echo $USER $LOGNAME', shell=True, text=True)\n"
            "    homes = {os.path.expanduser('~'), str(pathlib.Path.home()), os.environ['HOME']}\n"
            "    return [getpass.getuser(), said, len(homes), os.access(homes.pop(), os.W_OK)]"
        )
        assert returned(sandbox, source) == ["candidate", "candidate candidate\n", 1, True]

    @attack(Property.ENVIRONMENT)
    def test_a_program_has_an_entry_of_its_user(self, sandbox: Sandbox) -> None:
        """The list of users and groups names a program's own ids in Python, and no unknown one."""
        source = (
            "import grp, os, pathlib, pwd\n"
            "def run():\n"
            "    own = pwd.getpwuid(os.getuid())\n"
            "    assert pwd.getpwnam(own.pw_name).pw_uid == own.pw_uid == os.getuid()\n"
            "    assert pathlib.Path('candidate.py').owner() == own.pw_name\n"
            "    assert grp.getgrgid(os.getgid()).gr_gid == os.getgid()\n"
            "    for find, key in ((pwd.getpwuid, 12345678), (pwd.getpwnam, 'no such user'),\n"
            "                      (grp.getgrgid, 12345678), (grp.getgrnam, 'no such user')):\n"
            "        try:\n"
            "            return find(key)\n"
            "        except KeyError: pass\n"
            "    return [own.pw_name, own.pw_dir]"
        )
        named = returned(sandbox, source)
        entry = pwd.getpwuid(os.getuid())
        outside = [entry.pw_name, entry.pw_dir]
        assert named == (["candidate", "/tmp"] if sandbox.isolated else outside)


class TestOtherProcesses:
    @pytest.mark.parametrize("target", ["os.getppid()", "1", "2", "-1", "0"])
    @attack(Property.PROCESSES_HIDDEN)
    def test_killing_reaches_nobody_else(self, sandbox: Sandbox, target: str) -> None:
        """A program that kills its parent, process 1 or everybody ends nobody but itself."""
        with subprocess.Popen(["sleep", unique_duration()]) as other:
            try:
                source = (
                    "import os\n"
                    "def run():\n"
                    "    assert os.getpid() == 1, 'not in a namespace: not tried'\n"
                    "    for child in (True, False):\n"
                    "        if child and os.fork(): os.wait(); continue\n"
                    f"        try: os.kill({target}, 9)\n"
                    "        except OSError: pass\n"
                    "        if child: os._exit(0)\n"
                    "    return 'alive'"
                )
                result = run(sandbox, source)
                assert other.poll() is None
            finally:
                other.kill()
        assert (result.status, result.data) == (Status.OK, "alive")
        still_works(sandbox)

    @attack(Property.PROCESSES_HIDDEN)
    def test_nobody_can_be_traced(self, sandbox: Sandbox) -> None:
        """Attaching to the parent, to process 1 and to every number in sight is refused."""
        source = (
            "import ctypes, os\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "def run():\n"
            "    if os.fork() == 0:\n"
            "        targets = [os.getppid(), 1, 2, *range(3, 2000)]\n"
            "        traced = [t for t in targets for call in (16, 0x4206)\n"
            "                  if libc.ptrace(call, t, 0, 0) == 0]\n"
            "        os._exit(bool(traced))\n"
            "    return [os.waitstatus_to_exitcode(os.wait()[1]), libc.ptrace(16, 0, 0, 0)]"
        )
        assert returned(sandbox, source) == [0, -1]
        still_works(sandbox)

    @attack(Property.PROCESSES_HIDDEN)
    def test_a_programs_numbers_are_its_own(self, sandbox: Sandbox) -> None:
        """A program is process 1, has no parent, and sees nobody beside itself."""
        source = (
            "import os\n"
            "def run():\n"
            "    seen = [int(p) for p in os.listdir('/proc') if p.isdigit()]\n"
            "    return [os.getpid(), os.getppid(), seen]"
        )
        assert returned(sandbox, source) == [1, 0, [1]]


class TestPatching:
    @attack(Property.DATA_ONLY)
    def test_the_next_program_finds_clean_modules(self, sandbox: Sandbox) -> None:
        """What a program replaces in modules and builtins is as before for the next."""
        patch = (
            "import builtins, json, os, random, sys, time, numpy\n"
            "def broken(*_, **__): raise SystemError('patched')\n"
            "time.time = time.monotonic = lambda: 0.0\n"
            "json.dumps = lambda *_, **__: '[0.25]'\n"
            "numpy.load = numpy.save = numpy.linalg.norm = broken\n"
            "builtins.len = builtins.sum = builtins.print = broken\n"
            "random.random = os.read = broken\n"
            "sys.modules['math'] = sys.modules['numpy.fft'] = None\n"
            "sys.modules['evil'] = sys\n"
            "sys.path.insert(0, '/evil'); os.environ['EVIL'] = '1'; sys.evil = 1\n"
            "def run(): return [9]"
        )
        look = (
            "import builtins, json, math, os, random, sys, time, numpy, numpy.fft\n"
            "def run():\n"
            "    return [len([1, 2]), sum([1, 2]), json.dumps([1]), time.time() > 1e9,\n"
            "            time.monotonic() > 0, math.floor(1.5), float(numpy.linalg.norm([3, 4])),\n"
            "            random.random() < 1, numpy.save.__module__, 'evil' in sys.modules,\n"
            "            '/evil' in sys.path, 'EVIL' in os.environ, hasattr(sys, 'evil')]"
        )
        before = returned(sandbox, look)
        result = run(sandbox, patch)
        assert (result.status, result.data) in (
            (Status.OK, [0.25]),
            (Status.OK, [9]),
            (Status.ERROR, None),
        )
        assert result.seconds > 0
        assert returned(sandbox, look) == before
        assert before[:8] == [2, 3, "[1]", True, True, 1, 5.0, True]
        assert before[9:] == [False, False, False, False]

    @attack(Property.DATA_ONLY)
    def test_patching_json_changes_the_programs_own_data_only(self, sandbox: Sandbox) -> None:
        """A program that patches what encodes its answer sends other data, as it could anyway."""
        source = "import json\njson.dumps = lambda *_, **__: '[0.25]'\ndef run(): return [9]"
        assert returned(sandbox, source) == [0.25]
        still_works(sandbox)

    @attack(Property.DATA_ONLY)
    def test_hooks_do_not_outlive_a_program(self, sandbox: Sandbox) -> None:
        """Traces, exit hooks, audit hooks and finders of one program are not run in the next."""
        source = (
            "import atexit, os, sys, threading\n"
            "def hook(*_): print('hooked')\n"
            "atexit.register(hook); os.register_at_fork(before=hook, after_in_child=hook)\n"
            "sys.addaudithook(hook); sys.settrace(hook); sys.setprofile(hook)\n"
            "sys.meta_path.insert(0, hook); threading.settrace(hook)\n"
            "def run(): return 1"
        )
        run(sandbox, source)
        result = run(sandbox, "def run(): return 1")
        assert (result.status, result.data, result.output) == (Status.OK, 1, "")


class TestRandomness:
    @attack(Property.DATA_ONLY)
    def test_a_seed_fixes_what_a_program_draws(self, sandbox: Sandbox) -> None:
        """Programs with one seed draw the same from the global generators, with two others not."""
        source = (
            "import random, numpy\n"
            "def run(seed): return [random.random(), numpy.random.rand(), numpy.random.normal()]"
        )
        first, second, other = (returned(sandbox, source, seed=seed) for seed in (7, 7, 8))
        assert first == second
        assert not set(first) & set(other)

    @attack(Property.DATA_ONLY)
    def test_draws_of_one_program_do_not_move_the_next(self, sandbox: Sandbox) -> None:
        """A program that draws, or seeds, leaves the generators of the next where they were."""
        source = "import random, numpy\ndef run(): return [random.random(), numpy.random.rand()]"
        before = returned(sandbox, source)
        returned(sandbox, "import random, numpy\nrandom.seed(1); numpy.random.seed(1)\n" + source)
        assert returned(sandbox, source) == before
