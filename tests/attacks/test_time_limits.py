"""A program must be ended when its time is up, whatever it does, and use no more CPU time."""

import os
import time

import pytest

from tests._sandboxes import LIMITS, attack
from tests.attacks._programs import Hostile, attempt, still_works
from tests.attacks.programs import time_limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

SHORT = LIMITS.model_copy(update={"seconds": 0.1})
CORES = len(os.sched_getaffinity(0))


@attack(Property.WALL_TIME)
@pytest.mark.parametrize(
    "forever",
    [
        time_limits.loop_with_patched_clocks,
        time_limits.sleep_and_ignore_signals,
        time_limits.answer_and_hang_up,
    ],
)
def test_time_is_up_whatever_a_program_does(sandbox: Sandbox, forever: Hostile) -> None:
    """A program that does not end is ended when its time is up, and told so."""
    result = attempt(sandbox, forever, limits=SHORT)
    assert result.status is Status.TIMEOUT
    assert result.reason == "still running after 1.1 s"
    assert result.seconds < time_limits.LONG
    still_works(sandbox)


@attack(Property.WALL_TIME)
def test_a_chain_of_orphans_is_ended(sandbox: Sandbox) -> None:
    """Processes that fork and end, so that none lives long, die with their program."""
    started = time.monotonic()
    result = attempt(sandbox, time_limits.fork_a_chain_of_orphans)
    assert result.status in (Status.OK, Status.ERROR)
    assert time.monotonic() - started < time_limits.LONG
    still_works(sandbox)


@attack(Property.WALL_TIME, Property.PROCESSES)
def test_a_program_that_is_slow_to_look_at_is_ended_in_time(sandbox: Sandbox) -> None:
    """Tens of thousands of mappings in many processes do not put off the end by much."""
    limits = LIMITS.model_copy(update={"seconds": 1, "processes": 40, "memory_mb": 1024})
    result = attempt(sandbox, time_limits.be_slow_to_look_at, limits=limits)
    assert result.status is Status.TIMEOUT
    assert result.seconds < time_limits.LONG
    still_works(sandbox)


@attack(Property.CPU_TIME)
def test_burning_in_parallel_is_ended(sandbox: Sandbox) -> None:
    """Processes that burn CPU time side by side are ended; more cores give no more of it."""
    result = attempt(sandbox, time_limits.burn_in_parallel, limits=SHORT)
    assert result.status is Status.TIMEOUT
    assert result.reason in ("still running after 1.1 s", "used more than 3 s of CPU time")
    still_works(sandbox)


@pytest.mark.skipif(CORES < 2, reason="one core has no more CPU time than wall time")
@attack(Property.CPU_TIME)
@pytest.mark.parametrize("ignored", [False, True], ids=["SIG_DFL", "SIG_IGN"])
def test_time_of_ended_children_counts(sandbox: Sandbox, ignored: bool) -> None:
    """Short-lived processes use up the CPU time of all, also where nobody waits for them."""
    limits = LIMITS.model_copy(update={"seconds": 1})  # 2 s of wall time, 3 s of CPU time
    result = attempt(sandbox, time_limits.burn_in_children, limits=limits, ignored=ignored)
    assert result.status is Status.TIMEOUT
    still_works(sandbox)


@attack(Property.CPU_TIME)
def test_work_of_children_that_are_left_counts(sandbox: Sandbox) -> None:
    """CPU time of processes that nobody waited for is charged, but for what no look has seen."""
    result = attempt(sandbox, time_limits.leave_work_to_children)
    assert result.status is Status.OK
    assert isinstance(result.data, float)
    assert result.data >= 0.8
    # by the kernel's clock ticks of 10 ms, and 20 ms between two looks
    assert result.cpu_seconds > result.data / 2
