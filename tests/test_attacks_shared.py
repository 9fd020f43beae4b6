"""Attacks on what the kernel shares among all programs of a user, and on files that they share.

A candidate of an ordinary user is that user for the kernel: what is counted per user, it could use
up for every program outside; and it can open the interpreter's files, which may be the user's own.
"""

import errno
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests._sandboxes import attack, run
from tests.test_attacks_escape import NEEDS_X86, TOOLS, inside
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

ORDINARY_LIMIT = 1024
"""Open files of most programs outside, and so the descriptors that they can have on their way."""


@contextmanager
def meanwhile(sandbox: Sandbox, source: str) -> Iterator[None]:
    """Run the block while a program holds what it could get, once it has had time to get it."""
    results = []
    thread = threading.Thread(target=lambda: results.append(run(sandbox, TOOLS + source)))
    thread.start()
    time.sleep(1)
    yield
    thread.join()
    assert results[0].status is Status.OK, results[0].reason


class TestCounted:
    @attack(Property.SYSTEM_CALLS)
    def test_no_file_can_be_watched(self, sandbox: Sandbox) -> None:
        """A program gets no inotify, fanotify or epoll instance, of which a user has few."""
        source = """
def run():
    new = {"inotify": (294, 26), "fanotify": (300, 262), "epoll": (291, 20)}
    return {name: error_of(call, number, 0, 0) for name, number in new.items()}
"""
        errors = inside(sandbox, source)
        assert errors == dict.fromkeys(("inotify", "fanotify", "epoll"), errno.EPERM)

    @NEEDS_X86
    @attack(Property.SYSTEM_CALLS)
    def test_old_calls_that_watch_are_refused(self, sandbox: Sandbox) -> None:
        """The first forms of inotify_init and epoll_create do nothing either."""
        source = "def run(): return [error_of(call, number, 8) for number in (253, 213)]"
        assert inside(sandbox, source) == [errno.EPERM] * 2

    @attack(Property.SYSTEM_CALLS)
    def test_programs_outside_can_watch_files(self, sandbox: Sandbox) -> None:
        """While a program makes all inotify instances it can, one of the same user gets some."""
        source = """
def run():
    kept = []
    for _ in range(700):
        kept.append(libc.inotify_init1(os.O_CLOEXEC))
    time.sleep(2)
    return max(kept)
"""
        watch = "import ctypes; print(ctypes.CDLL(None).inotify_init1(0) >= 0)"
        with meanwhile(sandbox, source):
            said = subprocess.run([sys.executable, "-c", watch], capture_output=True, check=True)
        assert said.stdout == b"True\n"

    @attack(Property.SYSTEM_CALLS)
    def test_programs_outside_can_send_descriptors(self, sandbox: Sandbox) -> None:
        """While a program has all descriptors it can on their way, others of its user send some."""
        source = """
def run():
    kept, sent = [], 0
    pairs = [socket.socketpair() for _ in range(20)]
    try:
        for pair in pairs * 20:
            socket.send_fds(pair[0], [b"x"], [0] * 253)
            sent += 253
    except OSError as error:
        assert error.errno == errno.ETOOMANYREFS, error
    time.sleep(2)
    return sent
"""
        send = f"""
import resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, ({ORDINARY_LIMIT}, {ORDINARY_LIMIT}))
one, other = socket.socketpair()
socket.send_fds(one, [b"x"], [0, 1, 2])
print(len(socket.recv_fds(other, 1, 3)[1]))
"""
        with meanwhile(sandbox, source):
            said = subprocess.run([sys.executable, "-c", send], capture_output=True, check=False)
        assert (said.stdout, said.stderr) == (b"3\n", b"")

    @attack(Property.SYSTEM_CALLS)
    def test_timers_and_signals_run_out_for_the_program_alone(self, sandbox: Sandbox) -> None:
        """A program gets a few hundred timers and queued signals, of which a user has thousands."""
        source = """
def run():
    timer, made = ctypes.c_long(), 0
    while made < 5000 and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
        made += 1
    return [made, resource.getrlimit(resource.RLIMIT_SIGPENDING)]
"""
        made, limit = inside(sandbox, source)
        assert made <= 256
        assert limit == [256, 256]

    @attack(Property.SYSTEM_CALLS)
    def test_no_memory_can_be_locked(self, sandbox: Sandbox) -> None:
        """A program cannot keep its pages in memory, whatever the machine needs."""
        source = """
def run():
    page = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return [error_of(c_call, "mlock", address, ctypes.c_size_t(1 << 20)),
            error_of(c_call, "mlockall", 3)]
"""
        assert set(inside(sandbox, source)) <= {errno.EPERM, errno.ENOMEM}
        assert 0 not in inside(sandbox, source)

    @attack(Property.SYSTEM_CALLS)
    def test_pipes_cannot_be_enlarged(self, sandbox: Sandbox) -> None:
        """A pipe stays as it is made: larger ones use up the pages that a user's pipes may have."""
        source = """
def run():
    reader, writer = os.pipe()
    return [error_of(fcntl.fcntl, reader, 1031, 1 << 20), fcntl.fcntl(reader, 1032)]
"""
        refused, size = inside(sandbox, source)
        assert refused == errno.EPERM
        assert size <= 65536

    @attack(Property.SYSTEM_CALLS)
    def test_priorities_of_a_users_other_programs_stay(self, sandbox: Sandbox) -> None:
        """A program may be nice itself; it cannot name all processes of its user."""
        source = """
def run():
    return [error_of(os.setpriority, os.PRIO_USER, 0, 19), os.nice(3),
            error_of(call, (251, 30), 3, 0, 3 << 13), error_of(call, (251, 30), 1, 0, 3 << 13)]
"""
        assert inside(sandbox, source) == [errno.EPERM, 3, errno.EPERM, 0]


SHARED_FILE = "os.__file__"


class TestInterpreter:
    @attack(Property.FILES_READ_ONLY)
    def test_the_interpreter_stays_as_it_is(self, sandbox: Sandbox) -> None:
        """A program can neither add to the interpreter's folders nor change what is there."""
        source = """
import numpy, os, sys, sysconfig

def error_number(act, *arguments):
    try:
        act(*arguments)
    except OSError as error:
        return error.errno
    return 0

def replaced(path):
    os.rename(path, path + ".old")
    os.rename(path + ".old", path)

def run():
    binary = os.path.realpath(sys.executable)
    places = [sys.prefix, sysconfig.get_path("purelib"), os.path.dirname(binary)]
    new = [place + "/planted" for place in places if os.path.isdir(place)]
    found = [error_number(act, path) for act in (os.mkdir, os.mknod) for path in new]
    found += [error_number(os.symlink, binary, path) for path in new]
    files = [binary, os.__file__, numpy.__file__, sysconfig.get_path("purelib") + "/numpy"]
    files += [path for path in [sys.prefix + "/pyvenv.cfg"] if os.path.exists(path)]
    for act, *more in ((os.chmod, 0o755), (os.utime,), (replaced,)):
        found += [error_number(act, path, *more) for path in files]
    found += [error_number(open, path, "r+b") for path in files if os.path.isfile(path)]
    return found + [error_number(os.unlink, path) for path in files if os.path.isfile(path)]
"""
        errors = inside(sandbox, source)
        assert len(errors) >= 27
        # a binary that is being executed is busy, before anything else is looked at
        assert set(errors) <= {errno.EROFS, errno.EACCES, errno.EPERM, errno.ETXTBSY}
        assert errors.count(errno.ETXTBSY) <= 1


class TestSharedFiles:
    @attack(Property.SYSTEM_CALLS)
    def test_files_that_others_use_cannot_be_locked(self, sandbox: Sandbox) -> None:
        """Locks and leases on files of the interpreter, which others wait for, are refused."""
        source = f"""
def run():
    with open({SHARED_FILE}, "rb") as file:
        tries = {{
            "flock": lambda: fcntl.flock(file, fcntl.LOCK_EX),
            "flock shared": lambda: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            "record": lambda: fcntl.lockf(file, fcntl.LOCK_SH),
            "record now": lambda: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            "open file": lambda: fcntl.fcntl(file, 37, bytes(32)),
            "lease": lambda: fcntl.fcntl(file, 1024, fcntl.F_RDLCK),
            "hint": lambda: fcntl.fcntl(file, 1036, struct.pack("Q", 2)),
            "hint of the file": lambda: fcntl.fcntl(file, 1038, struct.pack("Q", 2)),
            "newer": lambda: fcntl.fcntl(file, 1040, bytes(32)),
        }}
        folder = os.open(os.path.dirname({SHARED_FILE}), os.O_RDONLY)
        tries["notify"] = lambda: fcntl.fcntl(folder, 1026, 1)
        return {{name: error_of(function) for name, function in tries.items()}}
"""
        assert inside(sandbox, source) == {
            "flock": errno.ENOSYS,
            "flock shared": errno.ENOSYS,
            "record": errno.ENOLCK,
            "record now": errno.ENOLCK,
            "open file": errno.ENOLCK,
            "lease": errno.EPERM,
            "hint": errno.EPERM,
            "hint of the file": errno.EPERM,
            "newer": errno.EPERM,
            "notify": errno.EPERM,
        }

    @attack(Property.SYSTEM_CALLS)
    def test_descriptors_still_serve_their_program(self, sandbox: Sandbox) -> None:
        """What a program asks of its own descriptors is answered as ever."""
        source = """
def run():
    reader, writer = os.pipe()
    copy = fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, 100)
    os.set_blocking(reader, False)
    os.write(writer, b"seven  ")
    waiting = fcntl.ioctl(reader, 0x541B, bytes(4))
    os.set_inheritable(copy, True)
    return [copy, os.get_blocking(copy), struct.unpack("i", waiting)[0], os.get_inheritable(copy),
            os.isatty(writer)]
"""
        assert inside(sandbox, source) == [100, False, 7, True, False]

    @attack(Property.SYSTEM_CALLS)
    def test_file_systems_take_no_requests(self, sandbox: Sandbox) -> None:
        """Requests to file systems, to add keys or flush them, reach none; copying a file may."""
        source = f"""
def run():
    with open({SHARED_FILE}, "rb") as file, open("/tmp/copy", "wb") as copy:
        requests = [0xC0506617, 0x80086601, 0xC020660B, 0x9408, 0x5877, 0x1268]
        errors = [error_of(call, (16, 29), file.fileno(), request, 0) for request in requests]
        cloned = error_of(call, (16, 29), copy.fileno(), 0x40049409, file.fileno())
    return [errors, cloned, error_of(call, (306, 267), 0), error_of(call, (162, 81))]
"""
        errors, cloned, one, all_of_them = inside(sandbox, source)
        assert errors == [errno.ENOTTY] * 6
        assert cloned in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL)
        assert (one, all_of_them) == (errno.EPERM, errno.EPERM)
