"""The system calls that Python has no function for. Linux only, without any privilege of its own.

Constants carry the kernel's own names. Every function raises OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
MOUNT_ATTR_NOEXEC = 8
SYS_MOUNT_SETATTR = 442  # the same on every architecture, as all numbers from 424 on
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2

SYS_KCMP = {"x86_64": 312, "aarch64": 272}
KCMP_VM = 1

_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """Return the result of a call of the C library; raise its error if the result is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def prctl(option: int, *arguments: int) -> int:
    """Set or read a property of this process."""
    longs = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return checked(_libc.prctl(option, *longs), f"prctl {option}")


def unshare(flags: int) -> None:
    """Move this process (its children, for CLONE_NEWPID) into new namespaces."""
    checked(_libc.unshare(flags), f"unshare {flags:#x}")


def setns(descriptor: int, kind: int) -> None:
    """Move this process (its children, for CLONE_NEWPID) into a namespace."""
    checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount `source` on `target`; empty text stands for a null pointer."""
    words = [text.encode() or None for text in (source, target, kind, data)]
    flag_word = ctypes.c_ulong(flags)
    checked(_libc.mount(words[0], words[1], words[2], flag_word, words[3]), f"mount on {target}")


def unmount(target: str) -> None:
    """Detach a mount; it disappears when its last user has ended."""
    checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root, and put the old one at `old`."""
    checked(_libc.pivot_root(new.encode(), old.encode()), f"pivot_root {new}")


def drop_bounding_capabilities() -> None:
    """Make sure that nothing this process executes can gain a capability."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # the kernel knows no such capability, nor any beyond
                return
            raise


def drop_capabilities() -> None:
    """Give up every capability this process holds."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    checked(_libc.capset(header, bytes(24)), "capset")


def restrict_mount(path: str, flags: int) -> None:
    """Add MOUNT_ATTR flags to a mount and all mounts below it (Linux 5.12)."""
    attributes = struct.pack("=QQQQ", flags, 0, 0, 0)
    system_call(
        SYS_MOUNT_SETATTR,
        ctypes.c_int(AT_FDCWD),
        path.encode(),
        ctypes.c_uint(AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )


def compare_memory(first: int, second: int) -> int:
    """Compare the memory of two processes: 0 if they share it, else their order, 1 or 2."""
    number = SYS_KCMP.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), "kcmp")
    pids = ctypes.c_int(first), ctypes.c_int(second)
    rest = (ctypes.c_int(KCMP_VM), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return system_call(number, *pids, *rest)


def system_call(number: int, *arguments: Any) -> int:
    """Make any system call, by its number."""
    return checked(_libc.syscall(ctypes.c_long(number), *arguments), f"system call {number}")
