"""What a candidate's process gives up before the candidate takes over; all of it for good."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from typing import NamedTuple

from . import kernel, seccomp
from .namespaces import NOBODY, is_mapped

FILTER = "seccomp"
"""What a report calls the filter of system calls."""
_SYS_CREATE_RULESET, _SYS_ADD_RULE, _SYS_RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

# landlock.h: rights by the version of Landlock that knows them
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_DEVICES = 1 << 6 | 1 << 11
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_KNOWN_RIGHTS = (0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1)
_TCP = 1 << 0 | 1 << 1  # bind and connect, from version 4 on
_SCOPES = 1 << 0 | 1 << 1  # abstract Unix sockets and signals, from version 6 on


class KernelFeatures(NamedTuple):
    """Features of this kernel and namespace, found out once by the fork server.

    Attributes:
        landlock: The version of Landlock; 0 where there is none.
        calls: The filter of system calls; empty where it is not known how to write one.
        nobody: Whether another user's id is mapped.
        counts_processes: Whether the kernel can count a namespace's processes: until Linux 5.14 it
            counted all of the user's.
        inherited: Bytes of address space that a candidate gets from the fork server.
        kept: Folders below /tmp that candidates must see.
    """

    landlock: int
    calls: bytes
    nobody: bool
    counts_processes: bool
    inherited: int
    kept: tuple[str, ...]


def find_features(kept: list[str]) -> KernelFeatures:
    """Ask the kernel what it offers, and give up for good what no candidate needs."""
    # what cannot be gained here cannot be gained by any child either
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_bounding_capabilities()
    _forbid_what_users_share()
    release = [int(digits) for digits in re.findall(r"\d+", os.uname().release)[:2]]
    return KernelFeatures(
        landlock=_landlock_version(),
        calls=seccomp.program() if seccomp.supported() else b"",
        nobody=os.getuid() == 0 and is_mapped("/proc/self/uid_map"),
        counts_processes=release >= [5, 14],
        inherited=address_space(),
        kept=tuple(kept),
    )


def _forbid_what_users_share() -> None:
    """Forbid user namespaces below this one, and watching files, even without the filter."""
    for name in ("user_namespaces", "inotify_instances", "fanotify_groups"):
        try:
            with open(f"/proc/sys/user/max_{name}", "w", encoding="ascii") as file:
                file.write("0")
        except OSError:  # hidden, read-only or unknown: the filter is what there is
            continue


def address_space() -> int:
    """Return the address space of this process in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def drop_privileges(features: KernelFeatures) -> None:
    """Become the user `nobody` where it is mapped, and drop all capabilities."""
    if features.nobody:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # its own /proc/self is its own again


def _landlock_version() -> int:
    try:
        return kernel.system_call(
            _SYS_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION)
        )
    except OSError:
        return 0


def restrict_files(features: KernelFeatures, writable: str) -> None:
    """Allow reading and executing what is visible, and writing to devices and below one folder.

    Kernels that support it also refuse TCP, abstract Unix sockets and signals to processes outside.
    Without Landlock nothing is restricted here.
    """
    version = features.landlock
    if version == 0:
        return
    known = _KNOWN_RIGHTS[min(version, len(_KNOWN_RIGHTS) - 1)]
    words = [known] + [_TCP] * (version >= 4) + [_SCOPES] * (version >= 6)
    attributes = struct.pack(f"={len(words)}Q", *words)
    size = ctypes.c_size_t(len(attributes))
    rules = kernel.system_call(_SYS_CREATE_RULESET, attributes, size, ctypes.c_uint(0))
    try:
        _allow(rules, "/", _EXECUTE | _READ_FILE | _READ_DIR)
        _allow(rules, "/dev", known & (_WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE))
        _allow(rules, writable, known & ~_MAKE_DEVICES)
        kernel.system_call(_SYS_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0))
    finally:
        os.close(rules)


def _allow(rules: int, folder: str, rights: int) -> None:
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        kernel.system_call(
            _SYS_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0)
        )
    finally:
        os.close(descriptor)


def refuse_system_calls(features: KernelFeatures) -> None:
    """Install the filter of `seccomp.py`."""
    if not features.calls:
        return
    program = ctypes.create_string_buffer(features.calls, len(features.calls))
    # struct sock_fprog: a count, padding up to the pointer, the pointer
    header = struct.pack("@HP", len(features.calls) // 8, ctypes.addressof(program))
    buffer = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, kernel.SECCOMP_MODE_FILTER, ctypes.addressof(buffer))


def protections(features: KernelFeatures) -> list[str]:
    """Return the protections beside namespaces, in words for a report."""
    words = [f"Landlock {features.landlock}"] if features.landlock else []
    return words + ([FILTER] if features.calls else [])
