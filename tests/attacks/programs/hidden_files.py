"""Programs that look for files which must not exist for them."""

import os
import struct
import sys
import tempfile
from collections.abc import Callable
from functools import partial

from tests.attacks.programs.tools import c_call, call, command, gains, libc, read


def find(path: str) -> dict[str, str]:
    """Look for a file in every way there is."""
    folder, name = os.path.split(path)

    def listed() -> None:
        if name not in os.listdir(folder):
            raise FileNotFoundError(name)

    def linked() -> str:
        link = tempfile.mktemp(dir="/tmp")
        os.symlink(path, link)
        try:
            return read(link)
        finally:
            os.unlink(link)

    def entered() -> str:
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(folder)
            return read(name)
        finally:
            os.fchdir(here)
            os.close(here)

    def by_descriptor() -> None:
        descriptor = os.open(folder, os.O_PATH)
        try:
            os.close(os.open(name, os.O_RDONLY, dir_fd=descriptor))
        finally:
            os.close(descriptor)

    return gains(
        {
            "read": lambda: read(path),
            "stat": lambda: os.stat(path),
            "path only": lambda: os.close(os.open(path, os.O_PATH)),
            "list": listed,
            "relative": lambda: read(os.path.join(*[".."] * 20, path[1:])),
            "own root": lambda: read("/proc/self/root" + path),
            "root of its thread": lambda: read(f"/proc/thread-self/root{path}"),
            "folder of a process": lambda: read("/proc/self/cwd/" + "../" * 20 + path),
            "symbolic link": linked,
            "enter": entered,
            "descriptor": by_descriptor,
            "another program": lambda: command("cat", path),
            "watch": lambda: watch(path),
        }
    )


def watch(path: str) -> None:
    """Have inotify watch a file."""
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    try:
        c_call("inotify_add_watch", descriptor, path.encode(), 0xFFF)
        os.close(os.dup(descriptor))
    finally:
        os.close(descriptor)


def list_folder(path: str) -> list[str]:
    """List a folder."""
    return os.listdir(path)


def look_into(path: str) -> list[object]:
    """Say whether a folder is there, and list it."""
    return [os.path.isdir(path), os.listdir(path)]


def list_and_write(path: str) -> list[object]:
    """List a folder, and make a file in it."""
    return [os.listdir(path), gains({"write": lambda: open(path + "/mine", "w").close()})]


def prefix() -> str:
    """Tell where the interpreter is."""
    return sys.prefix


def beside_the_way(folders: list[str]) -> list[str]:
    """List what these folders hold beside the way to what is shown."""
    shown = [sys.prefix, sys.base_prefix, "/usr", "/sys/devices/system/cpu"]
    extra = []
    for folder in folders:
        if os.path.isdir(folder):
            paths = [os.path.join(folder, name) for name in os.listdir(folder)]
            extra += [p for p in paths if not any((s + "/").startswith(p + "/") for s in shown)]
    return extra


def of_the_machine() -> list[str]:
    """List settings of the machine, its state, its devices and its logs, as far as there."""
    paths = ["/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/machine-id", "/etc/resolv.conf"]
    paths += ["/var", "/boot", "/home", "/opt", "/srv", "/mnt", "/media", "/sys/class", "/sys/fs"]
    paths += ["/dev/pts", "/dev/tty", "/dev/mqueue", "/dev/fuse", "/dev/kvm", "/dev/net/tun"]
    paths += ["/run/user", "/run/dbus", "/run/docker.sock", "/run/systemd"]
    shown = [sys.prefix, sys.base_prefix]
    return [p for p in paths if os.path.lexists(p) and not any(s.startswith(p) for s in shown)]


def open_by_handle(handle: tuple[int, str] | None) -> dict[str, str]:
    """Open files by their handles, as root leaves a container.

    Args:
        handle: Type and bytes of a canary's handle, if its file system has handles.
    """

    def opened(kind: int, value: bytes, top: str) -> None:
        where = os.open(top, os.O_RDONLY)
        try:
            structure = struct.pack("=Ii", len(value), kind) + value
            os.close(call((304, 265), where, structure, os.O_RDONLY))
        finally:
            os.close(where)

    root = struct.pack("=II", 2, 0)  # the root folder of an ext4 file system
    tries: dict[str, Callable[[], object]] = {}
    for top in ("/", "/usr", "/tmp", sys.prefix):
        tries["root by " + top] = partial(opened, 1, root, top)
        if handle:
            kind, value = handle
            tries["canary by " + top] = partial(opened, kind, bytes.fromhex(value), top)
    tries["make"] = partial(call, (303, 264), -100, b"/usr", bytes(8), bytes(8), 0)
    return gains(tries)


def open_descriptors() -> list[object]:
    """List open descriptors, the standard ones, and the ways out by them."""
    links: dict[str, str] = {}
    ways: dict[str, Callable[[], object]] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            links[name] = os.readlink("/proc/self/fd/" + name).split(":")[0]
        except FileNotFoundError:
            links[name] = "the listing"
            continue
        ways[name + " is a folder"] = partial(os.fchdir, int(name))
        ways[name + " has a parent"] = partial(os.stat, "..", dir_fd=int(name))
    return [sorted(links.values()), [links[n] for n in "012"], gains(ways)]


def inherited() -> list[object]:
    """Tell what argv, the main module and the path of imports say of folders of others."""
    own = [os.getcwd(), sys.prefix, sys.base_prefix]
    words = [*sys.argv, *sys.orig_argv[1:], repr(sys._xoptions), read("/proc/self/cmdline")]
    words += [repr(vars(sys.modules["__main__"])), read("/proc/self/environ")]

    def near(path: str) -> bool:
        # a folder above the interpreter's may be there, with nothing else in it
        return any((o + "/").startswith(path) or path.startswith(o) for o in own)

    there = [path + "/" for path in sys.path if os.path.exists(path)]
    elsewhere = [path for path in there if not near(path)]
    return [sys.argv, os.getcwd(), words, elsewhere, "" in sys.path or "/run/ttrl" in sys.path]


def folders_of_variables() -> list[bool]:
    """Say of each variable that names a folder whether it is the program's own."""
    here = os.getcwd()
    return [os.environ.get(name, here) == here for name in ("HOME", "TMPDIR", "PWD", "OLDPWD")]


def import_of_the_repository() -> None:
    """Import a module that lies beside the tests."""
    __import__("tests._sandboxes")
