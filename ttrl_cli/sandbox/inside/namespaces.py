"""Enter new namespaces, build the file system that candidates see, and start a program there.

Run as `python -m inside.enter CONFIGURATION`, JSON with the keys

    command     what to execute at last
    folder      where to execute it, if there is a view
    parent      the process that must be alive: this one dies with it
    view        null, where the command enters the other namespaces by itself (bubblewrap does);
                else how to build what it will see, a list of [ACTION, PATH, ...]; the actions are
                the functions at the end of this file

Root maps `nobody` into the namespace beside itself, and candidates run as that: without
capabilities root would still own root's files. Other users have one id only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable

from . import kernel

NOBODY = 65534
OTHER_NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
_READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
_BASE = "/tmp"


def main() -> None:
    """Enter the namespaces that the configuration asks for, and execute its command there."""
    os.umask(0o022)  # candidates, which may run as another user, must be able to enter what we make
    configuration = json.loads(sys.argv[1])
    die_with(configuration["parent"])
    enter_user_namespace()
    if configuration["view"] is not None:
        enter_other_namespaces()
        build_root(configuration["view"])
        os.chdir(configuration["folder"])
    command = configuration["command"]
    os.execv(command[0], command)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it ended before


def enter_user_namespace() -> None:
    """Become root of a new user namespace.

    Raises:
        OSError: If the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    told, tell = os.pipe()
    # only a process outside can map more than one id, and it serves for one as well
    helper = os.fork()
    if helper == 0:
        os.close(tell)
        status = 1
        try:
            if os.read(told, 1):
                write_maps(os.getppid(), uid, gid)
                status = 0
        finally:
            os._exit(status)
    os.close(told)
    try:
        kernel.unshare(kernel.CLONE_NEWUSER)
        os.write(tell, b"1")
    finally:
        os.close(tell)
        mapped = os.waitpid(helper, 0)[1] == 0
    if not mapped:
        msg = "the kernel refused the user map of a new user namespace"
        raise PermissionError(msg)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def write_maps(pid: int, uid: int, gid: int) -> None:
    """Map the caller's ids to root of the new namespace; for root, also map `nobody` to itself."""
    if uid != 0:
        write(f"/proc/{pid}/setgroups", "deny")
    for name, outer in (("uid_map", uid), ("gid_map", gid)):
        more = f"\n{NOBODY} {NOBODY} 1" if uid == 0 and is_mapped(f"/proc/self/{name}") else ""
        write(f"/proc/{pid}/{name}", f"0 {outer} 1{more}\n")


def is_mapped(path: str) -> bool:
    """Decide whether the namespace that a map describes contains `nobody`."""
    with open(path, encoding="ascii") as file:
        ranges = [[int(word) for word in line.split()] for line in file]
    return any(inner <= NOBODY < inner + count for inner, _, count in ranges)


def write(path: str, text: str) -> None:
    """Write to one of the kernel's files."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def enter_other_namespaces() -> None:
    """Fork into new namespaces, and go on there as process 1.

    The process outside waits for that process, and ends with its exit status.
    """
    kernel.unshare(OTHER_NAMESPACES)
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def build_root(view: list[list[str]]) -> None:
    """Build a read-only root that has the view's files, and leave the old root."""
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", _BASE, "tmpfs", data="mode=755")
    for name in ("old", "new"):
        os.mkdir(f"{_BASE}/{name}")
    kernel.pivot_root(_BASE, f"{_BASE}/old")
    os.chdir("/")
    kernel.mount("tmpfs", "/new", "tmpfs", data="mode=755")
    for action, *paths in view:
        _ACTIONS[action](*paths)
    for action, *paths in view:
        if action == "hide":  # only now: something shown may lie inside
            kernel.restrict_mount(f"/new{paths[0]}", _READ_ONLY | kernel.MOUNT_ATTR_NODEV)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", "/new/proc", "proc", flags)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_RDONLY
    kernel.mount("", "/new", flags=kernel.MS_REMOUNT | kernel.MS_BIND | flags)
    os.chdir("/new")
    kernel.pivot_root(".", ".")
    kernel.unmount(".")
    os.chdir("/")


def show(source: str, target: str) -> None:
    """Bind a file or folder of the old root, and what is mounted below it, read-only."""
    bind(source, target, _READ_ONLY | kernel.MOUNT_ATTR_NODEV)


def device(path: str) -> None:
    """Bind a device of the old root."""
    bind(path, path, _READ_ONLY | kernel.MOUNT_ATTR_NOEXEC)


def bind(source: str, target: str, attributes: int) -> None:
    """Bind a file or folder of the old root with MOUNT_ATTR attributes."""
    old, new = f"/old{source}", f"/new{target}"
    if os.path.isdir(old):
        os.makedirs(new, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(new), exist_ok=True)
        with open(new, "ab"):
            pass
    kernel.mount(old, new, flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.restrict_mount(new, attributes)


def link(source: str, target: str) -> None:
    """Make a symbolic link."""
    os.makedirs(os.path.dirname(f"/new{target}"), exist_ok=True)
    os.symlink(source, f"/new{target}")


def folder(path: str) -> None:
    """Make an empty folder."""
    os.makedirs(f"/new{path}", exist_ok=True)


def hide(path: str) -> None:
    """Cover a shown folder with an empty one."""
    kernel.mount("tmpfs", f"/new{path}", "tmpfs", data="mode=755")


_ACTIONS: dict[str, Callable[..., None]] = {
    "show": show,
    "device": device,
    "link": link,
    "folder": folder,
    "hide": hide,
}


if __name__ == "__main__":
    main()
