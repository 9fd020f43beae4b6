"""The system calls that candidates may not make, as a seccomp program.

Refused are the calls that reach past the candidate's own processes and files: mounts and
namespaces, other processes' memory, kernel modules, keys, clocks, performance counters, BPF,
io_uring, sockets but for those of the Unix family; those that use up what the kernel counts per
user, who may be a person with programs outside (inotify and fanotify instances, epoll watches,
pipes larger than usual); those that reach programs outside through files that both can read
(locks, leases, ioctl requests of a file system) or through their disks (sync); and those that hold
memory where no process shows it (System V segments, memory files, memory shared without a file, of
which all but a page can be unmapped and is held all the same). Calls newer than this list do not
exist for candidates. Everything else is allowed: numbers are crunched with a few dozen calls, and a
longer list of what may be done breaks with every new C library.

A program is a list of instructions of the classic Berkeley Packet Filter (Linux:
Documentation/networking/filter.rst), run on each call's number and arguments.
"""

from __future__ import annotations

import errno
import os
import struct

_Line = tuple[int, int, int, int]

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBERS = {  # name: (x86_64, aarch64), from each architecture's unistd.h; -1 where there is none
    "_sysctl": (156, -1),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "cachestat": (451, 451),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, -1),
    "delete_module": (176, 106),
    "epoll_create": (213, -1),
    "epoll_create1": (291, 20),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "uselib": (134, -1),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),  # a pipe that holds a page of its own holds all of a huge page
    # the same everywhere from here on
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443),
    "memfd_secret": (447, 447),
    "statmount": (457, 457),
    "listmount": (458, 458),
}
_LAST = 462  # mseal, Linux 6.10
_X32 = 0x40000000  # x86_64's second set of numbers
_CLONE, _CLONE3 = (56, 220), 435
_SOCKET, _SOCKETPAIR, _IOCTL, _MMAP = (41, 198), (53, 199), (16, 29), (9, 222)
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET, TIME
_CLONE_FILES, _CLONE_THREAD = 0x400, 0x10000
_AF_UNIX = 1
_SHARED, _ANONYMOUS = 0x01, 0x20  # flags of mmap
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX type into a terminal
_IOCTL_FAMILIES = (0x5400, 0x8900)  # terminals and descriptors, sockets
_IOCTL_COPIES = (0x40049409, 0x4020940D)  # FICLONE and FICLONERANGE, with which files are copied
_FLOCK, _FCNTL = (73, 32), (72, 25)
# F_DUPFD to F_GETLK, signals and owners, F_OFD_GETLK, and F_GETLEASE, F_DUPFD_QUERY,
# F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_GET_SEALS and the two that get a hint
_FCNTL_ALLOWED = (*range(6), 8, 9, 10, 11, 15, 16, 17, 36, 1025, 1027, 1030, 1032, 1034, 1035, 1037)
_FCNTL_LOCKS = (6, 7, 37, 38)  # F_SETLK, F_SETLKW and their OFD kind
_SETPRIORITY, _IOPRIO_SET = (141, 140), (251, 30)
_PRIO_USER, _IOPRIO_WHO_USER = 2, 3

_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH = 0, 4
_ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_3 = 16, 24, 40
_REFUSE = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
_UNKNOWN = (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
_NO_LOCKS = (_RETURN, 0, 0, _ERRNO | errno.ENOLCK)
_NO_REQUEST = (_RETURN, 0, 0, _ERRNO | errno.ENOTTY)
_PASS = (_RETURN, 0, 0, _ALLOW)


def supported() -> bool:
    """Decide whether the system calls of this machine's architecture are known here."""
    return os.uname().machine in _AUDIT_ARCH


def program() -> bytes:
    """Return the filter's instructions, each a `struct sock_filter` of 8 bytes.

    Raises:
        KeyError: If the architecture is not supported.
    """
    machine = os.uname().machine
    column = list(_AUDIT_ARCH).index(machine)
    lines = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _AUDIT_ARCH[machine]), _REFUSE]
    lines += [(_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        lines += [(_ABOVE, 0, 1, _X32 - 1), _REFUSE]
    lines += [(_ABOVE, 0, 1, _LAST), _UNKNOWN]
    # glibc tries the old call when this one, whose flags no filter can see, does not exist
    lines += [(_EQUAL, 0, 1, _CLONE3), _UNKNOWN]
    for numbers in _NUMBERS.values():
        if numbers[column] >= 0:
            lines += [(_EQUAL, 0, 1, numbers[column]), _REFUSE]
    clone = [(_LOAD, 0, 0, _ARGUMENT_0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), _REFUSE]
    # a thread with open files of its own could hide them
    clone += [(_ANY_BIT, 0, 2, _CLONE_THREAD), (_ANY_BIT, 1, 0, _CLONE_FILES), _REFUSE]
    socket = [(_LOAD, 0, 0, _ARGUMENT_0), (_EQUAL, 1, 0, _AF_UNIX), _REFUSE]
    mmap: list[_Line] = [(_LOAD, 0, 0, _ARGUMENT_3), (_ANY_BIT, 0, 2, _ANONYMOUS)]
    mmap += [(_ANY_BIT, 0, 1, _SHARED), _REFUSE]
    lines += _on(_MMAP[column], mmap)
    lines += _on(_CLONE[column], clone) + _on(_IOCTL[column], _ioctl())
    lines += _on(_FCNTL[column], _fcntl()) + _on(_FLOCK[column], [_UNKNOWN])
    for call, user in ((_SETPRIORITY, _PRIO_USER), (_IOPRIO_SET, _IOPRIO_WHO_USER)):
        whose = [(_LOAD, 0, 0, _ARGUMENT_0), (_EQUAL, 0, 1, user), _REFUSE]
        lines += _on(call[column], whose)
    lines += _on(_SOCKET[column], socket) + _on(_SOCKETPAIR[column], socket) + [_PASS]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _ioctl() -> list[_Line]:
    """Return lines that allow requests to terminals, descriptors and sockets, and file copies."""
    lines: list[_Line] = [(_LOAD, 0, 0, _ARGUMENT_1)]
    for request in _TERMINAL_INPUT:
        lines += [(_EQUAL, 0, 1, request), _REFUSE]
    for request in _IOCTL_COPIES:
        lines += [(_EQUAL, 0, 1, request), _PASS]
    lines += [(_AND, 0, 0, 0xFF00)]
    for family in _IOCTL_FAMILIES:
        lines += [(_EQUAL, 0, 1, family), _PASS]
    return [*lines, _NO_REQUEST]


def _fcntl() -> list[_Line]:
    """Return lines that allow commands on the candidate's own descriptors; no locks, no leases."""
    lines: list[_Line] = [(_LOAD, 0, 0, _ARGUMENT_1)]
    for command in _FCNTL_ALLOWED:
        lines += [(_EQUAL, 0, 1, command), _PASS]
    for command in _FCNTL_LOCKS:
        lines += [(_EQUAL, 0, 1, command), _NO_LOCKS]
    return [*lines, _REFUSE]


def _on(number: int, lines: list[_Line]) -> list[_Line]:
    """Return lines for one system call, which is allowed where they do not refuse it."""
    return [(_EQUAL, 0, len(lines) + 1, number), *lines, _PASS]
