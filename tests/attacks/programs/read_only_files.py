"""Programs that make or change files outside of their own folder."""

import ctypes
import mmap
import os
import socket
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import partial

from tests.attacks.programs.tools import c_call, call, command, error_of, gains, write


def create(folders: list[str]) -> dict[str, str]:
    """Make a file of every kind in these folders."""

    def bound(path: str) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)

    def nameless(folder: str) -> None:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))

    tries: dict[str, Callable[[], object]] = {}
    for folder in folders:
        new = os.path.join(folder, "ttrl-attack-")
        tries["file in " + folder] = partial(write, new + "file")
        tries["folder in " + folder] = partial(os.mkdir, new + "folder")
        tries["link in " + folder] = partial(os.symlink, "/", new + "link")
        tries["fifo in " + folder] = partial(os.mkfifo, new + "fifo")
        tries["socket in " + folder] = partial(bound, new + "socket")
        tries["nameless in " + folder] = partial(nameless, folder)
    return gains(tries)


def change(path: str) -> dict[str, str]:
    """Change a file's contents, name, links, mode, times and owner in every way there is."""
    other, taken = (tempfile.mktemp(dir=os.getcwd()) for _ in range(2))
    write(other)

    def mapped() -> None:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 1, prot=3) as shared:
            shared[0] = 0

    def opened_again() -> None:
        with open(path, "rb") as file:
            write(f"/proc/self/fd/{file.fileno()}", "ab")

    def through_a_link() -> None:
        os.symlink(path, taken + ".link")
        write(taken + ".link", "ab")

    def mode_by_descriptor() -> None:
        with open(path, "rb") as file:
            os.fchmod(file.fileno(), 0o777)

    def time_by_descriptor() -> None:
        with open(path, "rb") as file:
            os.utime(file.fileno())

    return gains(
        {
            "append": lambda: write(path, "ab"),
            "change": lambda: write(path, "r+b"),
            "truncate": lambda: os.truncate(path, 1),
            "reopen": opened_again,
            "symbolic link": through_a_link,
            "mode": lambda: os.chmod(path, 0o777),
            "mode by descriptor": mode_by_descriptor,
            "owner": lambda: os.chown(path, os.getuid(), os.getgid()),
            "time": lambda: os.utime(path),
            "time by descriptor": time_by_descriptor,
            "attribute": lambda: os.setxattr(path, "user.ttrl", b"x"),
            "hard link": lambda: os.link(path, taken + ".hard"),
            "rename": lambda: os.rename(path, path + ".ttrl"),
            "take": lambda: os.rename(path + ".ttrl", taken),
            "take at once": lambda: os.rename(path, taken),
            "map": mapped,
            "replace": lambda: os.replace(other, path),
            "remove": lambda: os.unlink(path),
        }
    )


def change_modules(folder: str) -> list[dict[str, str]]:
    """Change all modules of a folder."""
    names = [name for name in os.listdir(folder) if name.endswith(".py")]
    return [change(os.path.join(folder, name)) for name in names]


def open_settings() -> list[object]:
    """Open every file of /proc and /sys for writing; return how many were tried, and which did."""
    found, seen = [], 0
    for top in ("/proc/self", "/proc/sys", "/proc", "/sys/devices/system/cpu", "/proc/1"):
        for folder, folders, names in os.walk(top):
            if folder == "/proc":
                folders.clear()
            folders[:] = [n for n in folders if n not in ("fd", "fdinfo", "root", "cwd", "task")]
            for path in (os.path.join(folder, name) for name in names):
                if os.path.islink(path):
                    continue
                seen += 1
                try:
                    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                    found.append(path)
                except OSError:
                    continue
    return [seen, found]


def open_the_worst_settings() -> dict[str, str]:
    """Open for writing what a machine is taken over by, or stopped."""
    paths = ["/proc/self/oom_score_adj", "/proc/self/mem", "/proc/self/uid_map", "/proc/self/comm"]
    paths += ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger"]
    paths += ["/proc/sys/kernel/hostname", "/proc/self/attr/current", "/proc/self/loginuid"]
    paths += ["/proc/self/coredump_filter", "/proc/self/timerslack_ns", "/proc/self/setgroups"]
    return gains({path: partial(open_to_write, path) for path in paths})


def open_to_write(path: str) -> None:
    """Open a file for writing, and close it."""
    os.close(os.open(path, os.O_WRONLY))


def leave_files() -> list[str]:
    """Leave files behind; return what is in /dev/shm then."""
    os.makedirs("/tmp/deep/er")
    for path in ("/tmp/candidate.pth", "/tmp/deep/er/x", "/dev/shm/y", "/tmp/sitecustomize.py"):
        write(path)
    return sorted(os.listdir("/dev/shm"))


def list_own_folders() -> list[list[str]]:
    """List the folders that a program may write to."""
    return [sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm"))]


def shared_memory() -> list[str]:
    """List mappings that others can write to."""
    with open("/proc/self/maps") as file:
        return [line for line in file if line.split()[1].endswith("s") and "w" in line.split()[1]]


def mount_everything() -> dict[str, str]:
    """Make, remove, move and change mounts, by the old calls and the new."""
    remount, bind, move = 32, 4096, 8192

    def mount(source: bytes | None, target: bytes, kind: bytes | None, flags: int) -> int:
        return c_call("mount", source, target, kind, ctypes.c_ulong(flags), None)

    tries: dict[str, Callable[[], object]] = {}
    for place in (b"/", b"/usr", sys.prefix.encode(), b"/proc", b"/run/ttrl/inside", b"/tmp"):
        name = place.decode()
        writable = struct.pack("=QQQQ", 0, 1, 0, 0)  # take MOUNT_ATTR_RDONLY away
        tries |= {
            "remount " + name: partial(mount, None, place, None, remount | bind),
            "remount all of " + name: partial(mount, None, place, None, remount),
            "cover " + name: partial(mount, b"tmpfs", place, b"tmpfs", 0),
            "bind " + name: partial(mount, place, b"/tmp", None, bind),
            "move " + name: partial(mount, place, b"/tmp", None, move),
            "unmount " + name: partial(c_call, "umount2", place, 2),
            "attributes of " + name: partial(call, 442, -100, place, 0, writable, 32),
            "copy " + name: partial(call, 428, -100, place, 1),
            "pick " + name: partial(call, 433, -100, place, 0),
        }
    tries["new root"] = lambda: call((155, 41), b"/tmp", b"/tmp")
    tries["new file system"] = lambda: call(430, b"tmpfs", 0)
    tries["chroot"] = lambda: os.chroot("/tmp")
    tries["program"] = lambda: command("mount", "-t", "tmpfs", "none", "/tmp")
    return gains(tries)


def change_the_interpreter() -> list[int]:
    """Add to the interpreter's folders, and change its files; return the error numbers."""
    import numpy as np

    binary = os.path.realpath(sys.executable)
    places = [sys.prefix, sysconfig.get_path("purelib"), os.path.dirname(binary)]
    new = [place + "/planted" for place in places if os.path.isdir(place)]
    found = [error_of(act, path) for act in (os.mkdir, os.mknod) for path in new]
    found += [error_of(os.symlink, binary, path) for path in new]
    files = [binary, os.__file__, np.__file__, sysconfig.get_path("purelib") + "/numpy"]
    files += [path for path in [sys.prefix + "/pyvenv.cfg"] if os.path.exists(path)]
    for act, *more in ((os.chmod, 0o755), (os.utime,), (replaced,)):
        found += [error_of(act, path, *more) for path in files]
    found += [error_of(open, path, "r+b") for path in files if os.path.isfile(path)]
    return found + [error_of(os.unlink, path) for path in files if os.path.isfile(path)]


def replaced(path: str) -> None:
    """Give a file another name, and its own again."""
    os.rename(path, path + ".old")
    os.rename(path + ".old", path)
