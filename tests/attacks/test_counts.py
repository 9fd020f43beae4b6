"""A program must take no more processes, open files, disk and output than its limits."""

import pytest

from tests._sandboxes import EMPTY, LIMITS, attack, run
from tests.attacks._programs import Hostile, attempt, inside, still_works
from tests.attacks.programs import counts
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import MIB, Property
from ttrl_cli.sandbox.session import Sandbox

TOO_MANY = "started more than 24 processes and threads"


@attack(Property.PROCESSES)
def test_a_fork_bomb_is_ended(sandbox: Sandbox) -> None:
    """Processes that all fork without end are stopped by the limit, which is named."""
    result = attempt(sandbox, counts.fork_bomb)
    assert (result.status, result.reason) == (Status.ERROR, TOO_MANY)
    still_works(sandbox)


@attack(Property.PROCESSES)
def test_a_fork_bomb_between_two_looks_is_refused(sandbox: Sandbox) -> None:
    """A program that forks faster than it is watched has few more processes than allowed."""
    result = attempt(sandbox, counts.fork_between_two_looks)
    assert result.status is Status.ERROR or result.data < 2 * LIMITS.processes
    still_works(sandbox)


@attack(Property.PROCESSES)
def test_a_thread_bomb_is_ended(sandbox: Sandbox) -> None:
    """Threads count as processes do."""
    result = attempt(sandbox, counts.thread_bomb)
    assert (result.status, result.reason) == (Status.ERROR, TOO_MANY)
    still_works(sandbox)


@attack(Property.OPEN_FILES)
@pytest.mark.parametrize("raised", [False, True])
def test_open_files_run_out(sandbox: Sandbox, raised: bool) -> None:
    """A program gets no more than about a thousand descriptors, and no more by asking."""
    assert 500 < inside(sandbox, counts.open_files, raised=raised) < 1100
    still_works(sandbox)


@attack(Property.DISK)
@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_many_large_files_fit_the_limit_only(sandbox: Sandbox, folder: str) -> None:
    """Files below the limit, each, do not exceed it together; deleted open ones count, too."""
    written, error = inside(sandbox, counts.fill_with_files, folder=folder)
    assert error > 0
    assert 8 * MIB <= written <= LIMITS.disk_mb * MIB
    still_works(sandbox)


@attack(Property.DISK)
@pytest.mark.parametrize(
    "grow",
    [
        counts.write_a_large_file,
        counts.truncate_a_large_file,
        counts.write_a_sparse_file,
        counts.allocate_a_large_file,
    ],
)
def test_no_file_of_ten_gigabytes(sandbox: Sandbox, grow: Hostile) -> None:
    """A file beyond the limit is an error in the program, sparse or not."""
    refused, size = inside(sandbox, grow)
    assert refused
    assert size <= LIMITS.disk_mb * MIB
    still_works(sandbox)


@attack(Property.DISK)
@pytest.mark.parametrize(
    "make", [counts.make_files, counts.make_hard_links, counts.make_folders, counts.make_pipes]
)
def test_a_million_entries_are_refused(sandbox: Sandbox, make: Hostile) -> None:
    """Files that take no space take an inode, of which there are few."""
    assert inside(sandbox, make) < 2000
    look = run(sandbox, "import os\ndef run(): return sorted(os.listdir('/tmp'))")
    assert look.data == EMPTY


@attack(Property.DISK)
def test_many_processes_share_one_limit(sandbox: Sandbox) -> None:
    """Files of several processes take no more space than those of one."""
    assert inside(sandbox, counts.fill_from_processes) <= LIMITS.disk_mb * MIB
    still_works(sandbox)


@attack(Property.OUTPUT)
@pytest.mark.parametrize(
    "flood",
    [
        counts.print_lines,
        counts.write_to_stdout,
        counts.write_to_stderr,
        counts.print_one_line,
        counts.write_from_children,
    ],
)
def test_printing_without_end_is_cut_off(sandbox: Sandbox, flood: Hostile) -> None:
    """A program that prints more than it may is ended early, and its output stays short."""
    result = attempt(sandbox, flood)
    if flood is counts.write_from_children and result.status is Status.ERROR:
        # another limit was faster: the program was ended, or could not fork and raised
        assert "processes" in result.reason or "BlockingIOError" in result.reason
    else:
        assert result.status is Status.OUTPUT
        assert result.reason == "printed more than 1 MiB"
    assert len(result.output) <= 2000
    assert result.seconds < LIMITS.seconds
    still_works(sandbox)


@attack(Property.OUTPUT)
def test_output_that_is_no_text_comes_back_as_text(sandbox: Sandbox) -> None:
    """Bytes that are no UTF-8 are replaced."""
    result = attempt(sandbox, counts.print_no_text)
    assert (result.status, result.output) == (Status.OK, "\ufffd\0\ufffd")
