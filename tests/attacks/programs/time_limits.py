"""Programs that take more time than they may. They stop by themselves, should nothing stop them."""

import os
import signal
import time

from tests.attacks.programs.answers import write_answer

LONG = 60.0
_monotonic = time.monotonic


def loop_with_patched_clocks() -> None:
    """Loop, where no clock of Python's goes on and no alarm is set."""
    end = _monotonic() + LONG
    for clock in ("time", "monotonic", "perf_counter"):
        setattr(time, clock, lambda: 0.0)
    for alarm in ("alarm", "setitimer"):
        setattr(signal, alarm, lambda *_: None)
    while _monotonic() < end:
        pass


def sleep_and_ignore_signals() -> None:
    """Sleep, with all signals ignored and blocked that can be."""
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    time.sleep(LONG)


def answer_and_hang_up() -> None:
    """Answer, close all descriptors, and stop; sleep if continued."""
    write_answer(b"json 1\n7")
    os.closerange(0, 64)
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(LONG)


def fork_a_chain_of_orphans() -> int:
    """Leave processes that fork and end, so that none lives long."""
    end = time.monotonic() + LONG
    if os.fork() == 0:
        os.setsid()
        while time.monotonic() < end:
            if os.fork():
                os._exit(0)
        os._exit(0)
    time.sleep(0.05)
    return 1


def burn_in_parallel() -> None:
    """Use CPU time in eight processes side by side."""
    end = time.monotonic() + LONG
    for _ in range(3):
        os.fork()
    while time.monotonic() < end:
        pass


def burn_in_children(ignored: bool) -> list[float]:
    """Have children, six at a time, use 0.1 s of CPU time each, 3.4 s in all.

    Args:
        ignored: Whether the children are gone as they end, and nobody waits for them.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignored else signal.SIG_DFL)
    start, spent = time.monotonic(), 0.0
    while spent < 3.4:
        pids = []
        for _ in range(6):
            pids.append(os.fork())
            if pids[-1] == 0:
                while time.process_time() < 0.1:
                    pass
                os._exit(0)
        for pid in pids:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue
        spent += 0.6
    return [spent, time.monotonic() - start]


def be_slow_to_look_at() -> None:
    """Make tens of thousands of mappings in each of many processes."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    pages = 40000
    size = ctypes.c_size_t(pages * 4096)
    start = libc.mmap(None, size, 0, 0x4022, -1, ctypes.c_long(0))
    for page in range(0, pages, 2):
        libc.mprotect(start + page * 4096, 4096, 1)
    for _ in range(30):
        if os.fork() == 0:
            time.sleep(60)
    time.sleep(60)


def leave_work_to_children() -> float:
    """Let two children use 0.4 s of CPU time each, and end without waiting for either."""
    ends = []
    for _ in range(2):
        reader, writer = os.pipe()
        if os.fork() == 0:
            while time.process_time() < 0.4:
                pass
            os.write(writer, b"%f" % time.process_time())
            time.sleep(LONG)
        ends.append(reader)
    used = sum(float(os.read(end, 50)) for end in ends)
    time.sleep(0.2)
    return used
