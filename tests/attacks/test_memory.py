"""A program's processes must hold no more memory together than the limit."""

import pytest

from tests._sandboxes import LIMITS, attack
from tests.attacks._programs import Hostile, attempt, inside, still_works
from tests.attacks.programs import memory
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

TINY = LIMITS.model_copy(update={"memory_mb": 64})
SMALL = LIMITS.model_copy(update={"memory_mb": 128})


@attack(Property.MEMORY)
@pytest.mark.parametrize(
    "bomb", [memory.hold_heap, memory.hold_step_by_step, memory.hold_an_array, memory.hold_text]
)
def test_a_heap_bomb_ends_as_memory(sandbox: Sandbox, bomb: Hostile) -> None:
    """A gigabyte is not to be had where 128 MiB are the limit, and the status says so."""
    result = attempt(sandbox, bomb, limits=SMALL)
    assert result.status is Status.MEMORY
    assert "more memory than its limit" in result.reason or "128 MiB" in result.reason
    still_works(sandbox)


@attack(Property.MEMORY)
@pytest.mark.parametrize("flags", ["MAP_PRIVATE", "MAP_SHARED"])
def test_mapped_memory_is_bounded(sandbox: Sandbox, flags: str) -> None:
    """Anonymous memory mapped past the heap is refused beyond the limit."""
    result = attempt(sandbox, memory.map_memory, limits=SMALL, flags=flags)
    assert result.status is Status.MEMORY or result.data <= SMALL.memory_mb
    still_works(sandbox)


@attack(Property.MEMORY)
def test_memory_of_all_processes_counts(sandbox: Sandbox) -> None:
    """Processes that each stay below the limit are ended for what they hold together."""
    assert_ended_together(sandbox, flags="MAP_PRIVATE")


@attack(Property.MEMORY, lacking=Property.SYSTEM_CALLS)
def test_shared_memory_of_all_processes_counts(sandbox: Sandbox) -> None:
    """So are they for shared memory, where a program can have any."""
    assert_ended_together(sandbox, flags="MAP_SHARED")


def assert_ended_together(sandbox: Sandbox, *, flags: str) -> None:
    """Fail unless processes that hold memory of a kind are ended for the sum."""
    result = attempt(sandbox, memory.hold_in_all_processes, limits=SMALL, flags=flags)
    assert result.status is Status.MEMORY
    assert result.reason == "its processes used more than 128 MiB together"
    still_works(sandbox)


@attack(Property.MEMORY, Property.SYSTEM_CALLS)
def test_memory_shared_without_a_file_is_refused(sandbox: Sandbox) -> None:
    """A program cannot share memory that would stay when all but a page is unmapped."""
    assert inside(sandbox, memory.share_without_a_file) == [[], 4096]


@attack(Property.MEMORY, lacking=Property.SYSTEM_CALLS)
def test_memory_that_no_process_shows_counts(sandbox: Sandbox) -> None:
    """Shared memory that was filled, and then dropped from every page table, still counts."""
    assert attempt(sandbox, memory.hold_what_no_process_shows, limits=SMALL).status is Status.MEMORY
    still_works(sandbox)


@attack(Property.MEMORY)
def test_memory_behind_a_dead_first_thread_counts(sandbox: Sandbox) -> None:
    """Processes whose first thread has ended, of which /proc shows no memory, still count."""
    result = attempt(sandbox, memory.hold_behind_dead_first_threads, limits=SMALL)
    assert result.status is Status.MEMORY
    still_works(sandbox)


@attack(Property.MEMORY)
def test_signals_do_not_keep_us_from_looking(sandbox: Sandbox) -> None:
    """A program that is stopped and continued without pause is looked at all the same."""
    result = attempt(sandbox, memory.hold_while_stopped_and_continued, limits=SMALL)
    assert result.status is Status.MEMORY
    still_works(sandbox)


@attack(Property.MEMORY)
def test_memory_between_vfork_and_exec_counts_once(sandbox: Sandbox) -> None:
    """A child that shares its parent's memory, and lingers before exec, adds nothing to it."""
    # the program holds 40 of 64 MiB, twice of which would be too much
    held = inside(sandbox, memory.linger_between_vfork_and_exec, limits=TINY)
    assert held == float(40 << 17)
    still_works(sandbox)


@attack(Property.MEMORY)
def test_short_programs_do_not_count_as_their_parent(sandbox: Sandbox) -> None:
    """Two threads that start small programs all the time do not make a program larger."""
    limits = LIMITS.model_copy(update={"memory_mb": 256, "seconds": 30})
    assert inside(sandbox, memory.start_short_programs, limits=limits) == float(130 << 17)
    still_works(sandbox)


@attack(Property.MEMORY)
def test_sharing_memory_hides_none(sandbox: Sandbox) -> None:
    """A program whose processes share memory in pairs is held to what all pairs hold."""
    result = attempt(sandbox, memory.share_in_pairs, limits=SMALL)
    assert result.status is Status.MEMORY
    assert result.reason == "its processes used more than 128 MiB together"
    still_works(sandbox)


@attack(Property.MEMORY)
def test_page_tables_count(sandbox: Sandbox) -> None:
    """Pages so far apart that each needs tables of its own are held to the limit, too."""
    assert attempt(sandbox, memory.need_page_tables, limits=SMALL).status is Status.MEMORY
    still_works(sandbox)


@attack(Property.MEMORY)
def test_memory_in_socket_buffers_is_bounded(sandbox: Sandbox) -> None:
    """What a program leaves unread in its own sockets cannot take more than the limit."""
    result = attempt(sandbox, memory.fill_socket_buffers, limits=TINY)
    assert result.status is Status.MEMORY or result.data <= TINY.memory_mb
    still_works(sandbox)
