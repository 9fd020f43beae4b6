"""Programs that take more processes, open files, disk or output than they may."""

import contextlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable

MIB = 1 << 20
LONG = 30.0
"""Seconds for which a program keeps what it has, should nothing end it: time to be looked at."""


def fork_bomb() -> None:
    """Fork in all processes: 4,096 of them, where nothing stops them."""
    for _ in range(12):
        try:
            os.fork()
        except OSError:
            continue
    time.sleep(LONG)


def fork_between_two_looks() -> int:
    """Fork as fast as possible, end the children at once; return how many there were."""
    children = []
    for _ in range(1000):
        try:
            child = os.fork()
        except OSError:
            break
        if child == 0:
            signal.pause()
            os._exit(0)
        children.append(child)
    for child in children:
        os.kill(child, 9)
    return len(children)


def thread_bomb() -> None:
    """Start 3,000 threads."""
    threading.stack_size(65536)
    for _ in range(3000):
        try:
            threading.Thread(target=time.sleep, args=[LONG], daemon=True).start()
        except RuntimeError:
            break
    time.sleep(LONG)


def open_files(raised: bool) -> int:
    """Open files until there are no more; raise the limit first, or not."""
    if raised:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    opened = 0
    for _ in range(5000):
        try:
            os.open("/dev/null", os.O_RDONLY)
        except OSError:
            break
        opened += 1
    os.closerange(100, 5000)
    return opened


def fill_with_files(folder: str) -> list[int]:
    """Write files, every second one unlinked; return the bytes, and the error at the end."""
    written, kept = 0, []
    try:
        for number in range(64):
            path = f"{folder}/{number}"
            kept.append(open(path, "wb", buffering=0))
            if number % 2:
                os.unlink(path)
            for _ in range(4):
                written += kept[-1].write(bytes(MIB))
    except OSError as error:
        return [written, error.errno or -1]
    return [written, 0]


def write_a_large_file() -> list[object]:
    """Write ten gigabytes to a file."""

    def grow(file: int) -> None:
        for _ in range(10 << 10):
            os.write(file, bytes(MIB))

    return grow_a_file(grow)


def truncate_a_large_file() -> list[object]:
    """Truncate a file to ten gigabytes."""
    return grow_a_file(lambda file: os.truncate(file, 10 << 30))


def write_a_sparse_file() -> list[object]:
    """Write a byte at ten gigabytes."""
    return grow_a_file(lambda file: os.pwrite(file, b"x", 10 << 30))


def allocate_a_large_file() -> list[object]:
    """Allocate ten gigabytes for a file."""
    return grow_a_file(lambda file: os.posix_fallocate(file, 0, 10 << 30))


def grow_a_file(grow: Callable[[int], object]) -> list[object]:
    """Return whether that was refused, and the file's size."""
    try:
        with open("big", "wb") as file:
            grow(file.fileno())
    except OSError as error:
        return [(error.errno or 0) > 0, os.stat("big").st_size]
    return [False, os.stat("big").st_size]


def make_files() -> int | None:
    """Make a million empty files."""
    return make_a_million(lambda name: open(name, "x").close())


def make_hard_links() -> int | None:
    """Make a million links to one file."""
    open("first", "x").close()
    return make_a_million(lambda name: os.link("first", name))


def make_folders() -> int | None:
    """Make a million folders."""
    return make_a_million(os.mkdir)


def make_pipes() -> int | None:
    """Make a million named pipes."""
    return make_a_million(os.mkfifo)


def make_a_million(make: Callable[[str], object]) -> int | None:
    """Return which entry was refused."""
    for number in range(10**6):
        try:
            make(str(number))
        except OSError:
            return number
    return None


def fill_from_processes() -> int:
    """Write 8 MiB in each of eight processes; return the bytes that the files take."""
    for number in range(8):
        if os.fork() == 0:
            try:
                with open(f"/tmp/{number}", "wb", buffering=0) as file:
                    file.writelines(bytes(MIB) for _ in range(8))
            finally:
                os._exit(0)
    for _ in range(8):
        os.wait()
    return sum(os.stat(f"/tmp/{n}").st_blocks * 512 for n in range(8))


def print_lines() -> None:
    """Print lines without end."""
    without_end(lambda: print("x" * 1000))


def write_to_stdout() -> None:
    """Write to standard output without end, a mebibyte at a time."""
    without_end(lambda: os.write(1, bytes(MIB)))


def write_to_stderr() -> None:
    """Write to standard error without end, a mebibyte at a time."""
    without_end(lambda: os.write(2, bytes(MIB)))


def print_one_line() -> None:
    """Print one line without end."""
    without_end(lambda: print("x" * 1000, end="", file=sys.stderr, flush=True))


def write_from_children() -> None:
    """Write from children, more and more of them."""
    without_end(lambda: os.fork() or os.write(1, bytes(1 << 16)))


def without_end(act: Callable[[], object]) -> None:
    """Do something ten million times."""
    for _ in range(10**7):
        act()


def print_no_text() -> int:
    """Print bytes that are no UTF-8."""
    os.write(1, b"\xff\x00\xfe")
    return 1
