"""A program must not use up what the kernel shares among a user's programs, nor lock their files.

A candidate of an ordinary user is that user for the kernel: what is counted per user, it could use
up for every program outside.
"""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests._sandboxes import attack
from tests.attacks._programs import Hostile, attempt, inside, outside
from tests.attacks.programs import shared
from tests.attacks.test_system_calls import NEEDS_X86
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import ProgramResult, Property
from ttrl_cli.sandbox.session import Sandbox

ORDINARY_LIMIT = 1024
"""Open files of most programs outside, and so the descriptors that they can have on their way."""


@contextmanager
def meanwhile(sandbox: Sandbox, program: Hostile) -> Iterator[None]:
    """Run the block while a program holds what it could get, once it has had time to get it."""
    results: list[ProgramResult] = []
    thread = threading.Thread(target=lambda: results.append(attempt(sandbox, program)))
    thread.start()
    time.sleep(1)
    yield
    thread.join()
    assert results[0].status is Status.OK, results[0].reason


@attack(Property.SYSTEM_CALLS)
def test_no_file_can_be_watched(sandbox: Sandbox) -> None:
    """A program gets no inotify, fanotify or epoll instance, of which a user has few."""
    errors = inside(sandbox, shared.watch_files)
    assert errors == dict.fromkeys(("inotify", "fanotify", "epoll"), errno.EPERM)


@NEEDS_X86
@attack(Property.SYSTEM_CALLS)
def test_old_calls_that_watch_are_refused(sandbox: Sandbox) -> None:
    """The first forms of inotify_init and epoll_create do nothing either."""
    assert inside(sandbox, shared.watch_files_by_old_calls) == [errno.EPERM] * 2


@attack(Property.SYSTEM_CALLS)
def test_programs_outside_can_watch_files(sandbox: Sandbox) -> None:
    """While a program makes all inotify instances it can, one of the same user gets some."""
    with meanwhile(sandbox, shared.take_all_watches):
        assert outside(shared.watch_one_file)


@attack(Property.SYSTEM_CALLS)
def test_programs_outside_can_send_descriptors(sandbox: Sandbox) -> None:
    """While a program has all descriptors it can on their way, others of its user send some."""
    with meanwhile(sandbox, shared.send_all_descriptors):
        assert outside(shared.send_three_descriptors, limit=ORDINARY_LIMIT) == 3


@attack(Property.SYSTEM_CALLS)
def test_timers_and_signals_run_out_for_the_program_alone(sandbox: Sandbox) -> None:
    """A program gets a few hundred timers and queued signals, of which a user has thousands."""
    made, limit = inside(sandbox, shared.take_all_timers)
    assert made <= 256
    assert limit == [256, 256]


@attack(Property.SYSTEM_CALLS)
def test_no_memory_can_be_locked(sandbox: Sandbox) -> None:
    """A program cannot keep its pages in memory, whatever the machine needs."""
    errors = set(inside(sandbox, shared.lock_memory))
    assert errors <= {errno.EPERM, errno.ENOMEM}
    assert errors


@attack(Property.SYSTEM_CALLS)
def test_pipes_cannot_be_enlarged(sandbox: Sandbox) -> None:
    """A pipe stays as it is made: larger ones use up the pages that a user's pipes may have."""
    refused, size = inside(sandbox, shared.enlarge_a_pipe)
    assert refused == errno.EPERM
    assert size <= 65536


@attack(Property.SYSTEM_CALLS)
def test_priorities_of_a_users_other_programs_stay(sandbox: Sandbox) -> None:
    """A program may be nice itself; it cannot name all processes of its user."""
    assert inside(sandbox, shared.change_priorities) == [errno.EPERM, 3, errno.EPERM, 0]


@attack(Property.SYSTEM_CALLS)
def test_files_that_others_use_cannot_be_locked(sandbox: Sandbox) -> None:
    """Locks and leases on files of the interpreter, which others wait for, are refused."""
    assert inside(sandbox, shared.lock_files) == {
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
def test_descriptors_still_serve_their_program(sandbox: Sandbox) -> None:
    """What a program asks of its own descriptors is answered as ever."""
    assert inside(sandbox, shared.use_descriptors) == [100, False, 7, True, False]


@attack(Property.SYSTEM_CALLS)
def test_file_systems_take_no_requests(sandbox: Sandbox) -> None:
    """Requests to file systems, to add keys or flush them, reach none; copying a file may."""
    errors, cloned, one, all_of_them = inside(sandbox, shared.ask_file_systems)
    assert errors == [errno.ENOTTY] * 6
    assert cloned in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL)
    assert (one, all_of_them) == (errno.EPERM, errno.EPERM)
