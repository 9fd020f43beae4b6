"""Programs that use up, or lock, what the kernel shares among all programs of a user."""

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import socket
import struct
import time
from collections.abc import Callable

from tests.attacks.programs.tools import c_call, call, error_of, libc

SHARED_FILE = os.__file__


def watch_files() -> dict[str, int]:
    """Make instances that watch files; return the error numbers."""
    new = {"inotify": (294, 26), "fanotify": (300, 262), "epoll": (291, 20)}
    return {name: error_of(call, number, 0, 0) for name, number in new.items()}


def watch_files_by_old_calls() -> list[int]:
    """Do the same by the first forms of these calls, on x86_64."""
    return [error_of(call, number, 8) for number in (253, 213)]


def take_all_watches() -> int:
    """Make all inotify instances that can be had, and hold them."""
    kept = [libc.inotify_init1(os.O_CLOEXEC) for _ in range(700)]
    time.sleep(2)
    return max(kept)


def send_all_descriptors() -> int:
    """Have all descriptors on their way that can be, and leave them there."""
    pairs = [socket.socketpair() for _ in range(20)]
    sent = 0
    try:
        for pair in pairs * 20:
            socket.send_fds(pair[0], [b"x"], [0] * 253)
            sent += 253
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
    time.sleep(2)
    return sent


def take_all_timers() -> list[object]:
    """Make timers; return how many there were, and the limit on queued signals."""
    timer, made = ctypes.c_long(), 0
    while made < 5000 and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
        made += 1
    return [made, resource.getrlimit(resource.RLIMIT_SIGPENDING)]


def lock_memory() -> list[int]:
    """Lock pages in memory; return the error numbers."""
    page = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    size = ctypes.c_size_t(1 << 20)
    return [error_of(c_call, "mlock", address, size), error_of(c_call, "mlockall", 3)]


def enlarge_a_pipe() -> list[int]:
    """Enlarge a pipe; return the error number, and its size then."""
    reader, _ = os.pipe()
    return [error_of(fcntl.fcntl, reader, 1031, 1 << 20), fcntl.fcntl(reader, 1032)]


def change_priorities() -> list[int]:
    """Change the priority of all programs of the user, and its own; return the error numbers."""
    return [
        error_of(os.setpriority, os.PRIO_USER, 0, 19),
        os.nice(3),
        error_of(call, (251, 30), 3, 0, 3 << 13),
        error_of(call, (251, 30), 1, 0, 3 << 13),
    ]


def lock_files() -> dict[str, int]:
    """Lock and lease a file that others use; return the error numbers."""
    with open(SHARED_FILE, "rb") as file:
        folder = os.open(os.path.dirname(SHARED_FILE), os.O_RDONLY)
        tries: dict[str, Callable[[], object]] = {
            "flock": lambda: fcntl.flock(file, fcntl.LOCK_EX),
            "flock shared": lambda: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            "record": lambda: fcntl.lockf(file, fcntl.LOCK_SH),
            "record now": lambda: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            "open file": lambda: fcntl.fcntl(file, 37, bytes(32)),
            "lease": lambda: fcntl.fcntl(file, 1024, fcntl.F_RDLCK),
            "hint": lambda: fcntl.fcntl(file, 1036, struct.pack("Q", 2)),
            "hint of the file": lambda: fcntl.fcntl(file, 1038, struct.pack("Q", 2)),
            "newer": lambda: fcntl.fcntl(file, 1040, bytes(32)),
            "notify": lambda: fcntl.fcntl(folder, 1026, 1),
        }
        return {name: error_of(function) for name, function in tries.items()}


def use_descriptors() -> list[object]:
    """Ask of its own descriptors what any program may."""
    reader, writer = os.pipe()
    copy = fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, 100)
    os.set_blocking(reader, False)
    os.write(writer, b"seven  ")
    waiting = fcntl.ioctl(reader, 0x541B, bytes(4))
    os.set_inheritable(copy, True)
    seven = struct.unpack("i", waiting)[0]
    return [copy, os.get_blocking(copy), seven, os.get_inheritable(copy), os.isatty(writer)]


def ask_file_systems() -> list[object]:
    """Send requests to file systems; return the error numbers."""
    with open(SHARED_FILE, "rb") as file, open("/tmp/copy", "wb") as copy:
        requests = [0xC0506617, 0x80086601, 0xC020660B, 0x9408, 0x5877, 0x1268]
        errors = [error_of(call, (16, 29), file.fileno(), request, 0) for request in requests]
        cloned = error_of(call, (16, 29), copy.fileno(), 0x40049409, file.fileno())
    return [errors, cloned, error_of(call, (306, 267), 0), error_of(call, (162, 81))]


def watch_one_file() -> bool:
    """Make one instance that watches files, as any program outside may."""
    return bool(libc.inotify_init1(0) >= 0)


def send_three_descriptors(limit: int) -> int:
    """Send descriptors to itself, as any program outside may; return how many arrive.

    Args:
        limit: The open files that it may have.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [0, 1, 2])
    return len(socket.recv_fds(other, 1, 3)[1])
