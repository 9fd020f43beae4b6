"""The comparer with real worker processes."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver

import psutil
import pytest

from ttrl_cli.grading.comparer import STRIKES, Comparer, _prepare
from ttrl_cli.grading.workers import Failure, Workers
from ttrl_cli.voting.equivalence import canonical, classes, decided

TOWER = r"\sum_{k=1}^{2} 9^{9^{9}}"
"""Hangs math-verify with whatever it is compared."""
HARD = (r"\sqrt{3-2\sqrt2}", r"\sqrt2-1")
SLOW = (
    r"\sin(x+y+z+w)\cos(x+y+z+w)\cos(2x+2y+2z+2w)\cos(4x+4y)",
    r"\frac{\sin(4x+4y+4z+4w)\cos(4x+4y)}{4}",
)
"""Both have values, which are the same; sympy takes half a minute to find nothing."""
SECONDS = 3.0

Start = Callable[..., Comparer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Make comparers, and close them after the test."""
    comparers: list[Comparer] = []

    def begin(workers: int = 1, seconds: float = SECONDS, memory_mb: int = 2048) -> Comparer:
        comparers.append(Comparer(workers=workers, seconds=seconds, memory_mb=memory_mb))
        return comparers[-1]

    yield begin
    for comparer in comparers:
        comparer.close()


def workers_of(parent: psutil.Process) -> set[int]:
    """All processes below a process."""
    return {child.pid for child in parent.children(recursive=True)}


def fork_server() -> psutil.Process:
    """The process whose children are the workers."""
    return psutil.Process(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]


def kill_workers() -> None:
    """What the kernel does when memory runs out."""
    for child in fork_server().children():
        child.kill()


class TestComparer:
    def test_math_verify_is_asked(self, start: Start) -> None:
        """What keys cannot tell is told by math-verify, in the order of the pairs."""
        compare = start(seconds=20.0)
        pairs = [HARD, (HARD[0], r"\sqrt{3}-1.317837"), ("1", "2"), HARD[::-1], ("1/2", "0.5")]
        assert compare(pairs) == [True, False, False, True, True]
        assert compare.timeouts == 0

    def test_no_worker_for_what_keys_decide(self, start: Start) -> None:
        """No process is started while keys decide, and none again for a pair that was asked."""
        compare = start(seconds=20.0)
        before = workers_of(psutil.Process())
        assert compare([("1/2", "0.5"), ("x=5", "5"), ("50%", "50"), ("yes", "no")]) == [
            True, True, True, False,
        ]  # fmt: skip
        assert workers_of(psutil.Process()) == before
        assert compare([HARD]) == [True]
        compare.close()
        now = workers_of(psutil.Process())
        # the same values in other spellings, and the other way round
        assert compare([(r"\sqrt{2} - 1", r"\sqrt{3 - 2\sqrt{2}}")]) == [True]
        assert workers_of(psutil.Process()) == now

    def test_a_hang_costs_one_limit(self, start: Start) -> None:
        """One answer that hangs math-verify costs the limit once, whatever it is compared with."""
        compare = start(workers=2, seconds=20.0)
        assert compare([HARD]) == [True]  # the workers are up
        compare._seconds = SECONDS
        started = time.monotonic()
        pairs = [(TOWER, str(number)) for number in range(20)]
        assert compare([*pairs, (r"\gcd(4,6)", "2")]) == [False] * 20 + [True]
        assert SECONDS < time.monotonic() - started < 5 * SECONDS  # one by one: 10
        assert compare.timeouts == 20
        compare.close()
        processes = workers_of(psutil.Process())
        assert compare([("999", TOWER)]) == [False]
        assert workers_of(psutil.Process()) == processes

    def test_a_tower_costs_nothing(self, start: Start) -> None:
        """9^(9^9) is known to be no ordinary number: no worker tries to work it out."""
        compare = start()
        assert compare([("9^{9^{9}}", "5"), ("10^{10^{10}}", r"\sqrt2")]) == [False, False]
        assert compare.timeouts == 0

    def test_hard_pairs_count_against_their_answers(self, start: Start) -> None:
        """An answer with a value is given up after a few comparisons without a result."""
        compare = start(seconds=0.5)
        others = [f"{SLOW[1]}+0.0000000{n}" for n in range(1, 9)]
        assert compare([(SLOW[0], other) for other in others]) == [False] * 8
        assert STRIKES <= compare._strikes[canonical(SLOW[0])] < 8
        assert compare.timeouts == 8
        timeouts = compare.timeouts
        compare.close()
        processes = workers_of(psutil.Process())
        assert compare([SLOW]) == [False]
        assert compare.timeouts == timeouts + 1
        assert workers_of(psutil.Process()) == processes

    def test_a_dead_worker_is_replaced(self, start: Start) -> None:
        """What a worker dies of is not the same as anything; the next pair is answered."""
        compare = start(seconds=60.0)
        assert compare([HARD]) == [True]
        killer = threading.Timer(1.0, kill_workers)
        killer.start()
        started = time.monotonic()
        assert compare([(TOWER, "5"), (r"\gcd(4,6)", "2")]) == [False, True]
        assert time.monotonic() - started < 40.0
        assert compare.timeouts == 1
        killer.join()

    def test_nothing_is_left(self, start: Start) -> None:
        """After close all workers are gone; a closed comparer starts new ones when needed."""
        with start(workers=2, seconds=20.0) as compare:
            compare([HARD])
            assert fork_server().children()
        deadline = time.monotonic() + 10
        while fork_server().children() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not fork_server().children()
        assert compare([(r"\gcd(4,6)", "2")]) == [True]

    def test_classes_with_a_comparer(self, start: Start) -> None:
        """A comparer is what `classes` wants."""
        group = ["5", r"\gcd(10,15)", "x=5", TOWER, "4", "five"]
        (found,) = classes([group], start())
        assert [found[answer] for answer in group] == ["5", "5", "5", TOWER, "4", "five"]


def _hang() -> None:
    time.sleep(60)


def _die() -> None:
    os._exit(3)


def _fits(size: int) -> bool:
    try:
        return len(bytearray(size)) == size
    except MemoryError:
        return False


def test_memory_is_limited() -> None:
    """A comparison that wants more memory than the limit gets an error, not the memory."""
    workers = Workers(count=1, initializer=_prepare, arguments=(1 << 30,), retry=False)
    try:
        workers.submit("small", _fits, 100 << 20, timeout=30.0)
        workers.submit("large", _fits, 1 << 30, timeout=30.0)
        found = []
        while len(found) < 2:
            found += workers.take(wait=True)
    finally:
        workers.close()
    assert dict(found) == {"small": True, "large": False}


class TestWorkersWithoutRetry:
    @pytest.mark.parametrize(("function", "seconds"), [(_hang, 1.0), (_die, 30.0)])
    def test_a_failed_call_is_not_made_again(
        self, function: Callable[[], None], seconds: float
    ) -> None:
        """A call that hangs or dies fails at once, having been made once."""
        workers = Workers(count=1, initializer=int, arguments=(), retry=False)
        started = time.monotonic()
        try:
            workers.submit("one", function, timeout=seconds)
            ((_, result),) = workers.take(wait=True)
        finally:
            workers.close()
        assert isinstance(result, Failure)
        assert "1 times" in result.reason
        assert time.monotonic() - started < 25.0


def test_the_hard_pair_is_hard() -> None:
    """The pairs above need a worker: keys do not decide them."""
    assert decided(*map(canonical, HARD)) is None
    assert decided(*map(canonical, SLOW)) is None
    assert decided(canonical(TOWER), canonical("5")) is None
