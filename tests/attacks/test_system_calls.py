"""The kernel's rarer system calls must not exist for a program."""

import errno
import os

import pytest

from tests._sandboxes import attack
from tests.attacks._programs import attempt, inside
from tests.attacks.programs import system_calls
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

REFUSED = {  # of unistd.h: x86_64, aarch64
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "personality": (135, 92),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
}
REFUSED_ON_X86 = {"iopl": 172, "ioperm": 173, "modify_ldt": 154, "uselib": 134, "_sysctl": 156}
X86 = os.uname().machine == "x86_64"
NEEDS_X86 = pytest.mark.skipif(not X86, reason="machine code of x86_64")


@attack(Property.SYSTEM_CALLS)
def test_no_thread_has_open_files_of_its_own(sandbox: Sandbox) -> None:
    """A thread that does not share its program's descriptors cannot be made."""
    assert inside(sandbox, system_calls.make_a_thread_with_own_files) == [-1, errno.EPERM]


@attack(Property.SYSTEM_CALLS)
def test_rare_calls_are_refused(sandbox: Sandbox) -> None:
    """Every call of the list is refused as such, whatever it is given."""
    numbers = {name: pair[not X86] for name, pair in REFUSED.items()}
    numbers |= REFUSED_ON_X86 if X86 else {}
    errors = inside(sandbox, system_calls.make_calls, numbers=numbers)
    assert {name: error for name, error in errors.items() if error != errno.EPERM} == {}
    assert errors.keys() == numbers.keys()


@attack(Property.SYSTEM_CALLS)
def test_new_calls_do_not_exist(sandbox: Sandbox) -> None:
    """Calls that are newer than the list, and clone3, end as if the kernel had none such."""
    numbers = {str(n): n for n in [435, *range(463, 600), 1000, 65536, 0x3FFFFFFF]}
    errors = inside(sandbox, system_calls.make_calls, numbers=numbers)
    assert set(errors.values()) == {errno.ENOSYS}


@attack(Property.SYSTEM_CALLS)
def test_landlock_stays(sandbox: Sandbox) -> None:
    """A program may restrict itself further: the call is the kernel's to answer."""
    error = inside(sandbox, system_calls.make_call, number=444, arguments=[0, 0, 1])
    assert error in (0, errno.ENOSYS, errno.EOPNOTSUPP)


@attack(Property.SYSTEM_CALLS)
def test_the_second_set_of_numbers_is_refused(sandbox: Sandbox) -> None:
    """The numbers of the x32 ABI, under which filters are often forgotten, do nothing."""
    errors = inside(sandbox, system_calls.make_x32_calls)
    assert set(errors) == {errno.EPERM if X86 else errno.ENOSYS}


@NEEDS_X86
@attack(Property.SYSTEM_CALLS)
@pytest.mark.parametrize("number", [20, 359, 102, 21, 101], ids=str)
def test_calls_of_32_bit_are_refused(sandbox: Sandbox, number: int) -> None:
    """The gate int 0x80 reaches none of the 32-bit calls, not even getpid, or is fatal."""
    result = attempt(sandbox, system_calls.make_32_bit_call, number=number)
    if result.status is Status.OK:
        assert result.data == -1  # EPERM, the kernel's way
    else:
        assert "SIGSEGV" in result.reason


@NEEDS_X86
@attack(Property.SYSTEM_CALLS)
def test_machine_code_meets_the_same_walls(sandbox: Sandbox) -> None:
    """Calls made by instructions of its own are refused like those of the C library."""
    assert inside(sandbox, system_calls.make_sockets_by_machine_code) == [True, [-1, -1]]


@attack(Property.SYSTEM_CALLS)
def test_a_c_library_of_its_own_gains_nothing(sandbox: Sandbox) -> None:
    """A copy of the C library loads from the program's folder, and is refused the same."""
    assert inside(sandbox, system_calls.use_a_c_library_of_its_own) == [1, {}]


@attack(Property.SYSTEM_CALLS)
def test_the_filter_cannot_be_loosened(sandbox: Sandbox) -> None:
    """Neither switching it off nor a filter of its own that allows everything helps."""
    assert inside(sandbox, system_calls.loosen_the_filter) == [True, 0, 1, 1]


@attack(Property.SYSTEM_CALLS)
def test_threads_and_children_have_the_same_walls(sandbox: Sandbox) -> None:
    """A thread, a fork and another program are refused what their parent is."""
    assert inside(sandbox, system_calls.try_from_threads_and_children) == [[1, 1], 1, True]


@attack(Property.SYSTEM_CALLS)
def test_nothing_can_be_typed_into_a_terminal(sandbox: Sandbox) -> None:
    """The requests that type into a terminal are refused, with stray high bits, too."""
    assert inside(sandbox, system_calls.type_into_a_terminal) == [1, 1, 1, 1]
