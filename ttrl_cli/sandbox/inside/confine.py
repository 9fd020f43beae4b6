"""What a candidate's process gives up before the candidate takes over; all of it for good."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

from . import filter as call_filter
from . import kernel
from .enter import NOBODY, is_mapped

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


def drop_privileges() -> None:
    """No capability, for good; and another user's id where there is one to be had."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_bounding_capabilities()
    if is_mapped("/proc/self/uid_map") and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # its own /proc/self is its own again


def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 where it offers none."""
    try:
        return kernel.system_call(
            _SYS_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION)
        )
    except OSError:
        return 0


def restrict_files(writable: Sequence[str]) -> None:
    """Allow reading and executing what is visible, and writing below some folders.

    TCP, abstract Unix sockets and signals to processes outside are refused along with it, by
    kernels that know how.
    """
    version = landlock_version()
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
        for folder in writable:
            _allow(rules, folder, known & ~_MAKE_DEVICES)
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


def refuse_system_calls() -> None:
    """Install the filter of `filter.py`, where it knows the machine."""
    if not call_filter.supported():
        return
    program = ctypes.create_string_buffer(call_filter.program())
    count = (len(program) - 1) // 8
    # struct sock_fprog: a count, padding up to the pointer, the pointer
    header = struct.pack("@HP", count, ctypes.addressof(program))
    address = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, kernel.SECCOMP_MODE_FILTER, ctypes.addressof(address))


def protections() -> list[str]:
    """What of the above this kernel has, in words for a report."""
    version = landlock_version()
    words = [f"Landlock {version}"] if version else []
    return words + (["seccomp"] if call_filter.supported() else [])
