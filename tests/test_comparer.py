"""The comparer with real worker processes."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from tests._helpers import PATIENCE, end_fork_servers, until
from ttrl_cli.equivalence.math_verify import canonical, classes, decided
from ttrl_cli.grading.comparer import STRIKES, Comparer, _prepare
from ttrl_cli.grading.process_pool import Failure, ProcessPool

TOWER = r"\sum_{k=1}^{2} 9^{9^{9}}"
"""Hangs math-verify with whatever it is compared."""
HARD = (r"\sqrt{3-2\sqrt2}", r"\sqrt2-1")
SLOW = (
    r"\sin(x+y+z+w)\cos(x+y+z+w)\cos(2x+2y+2z+2w)\cos(4x+4y)",
    r"\frac{\sin(4x+4y+4z+4w)\cos(4x+4y)}{4}",
)
"""Both have values, which are the same; sympy takes half a minute to find nothing."""
LONG = (r"\sin(x+y+z)\cos(x+y+z)", r"\frac{\sin(2x+2y+2z)}{2}")
"""The same; sympy takes a second or two to see it."""
SECONDS = 1.0

Start = Callable[..., Comparer]


@pytest.fixture(scope="module", autouse=True)
def _preloaded() -> None:
    """A fork server that has what comparisons need."""
    end_fork_servers()


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


def used(process: psutil.Process) -> float:
    """CPU time of a process, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def used_by_dead_workers() -> float:
    """CPU time of all workers so far that have ended, in seconds."""
    times = fork_server().cpu_times()
    return float(times.children_user + times.children_system)


def kill_at_work(worker: psutil.Process) -> None:
    """What the kernel does when memory runs out: kill a worker that is computing."""
    before = used(worker)
    until(lambda: used(worker) - before > 0.2)
    worker.kill()


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
        assert workers_of(psutil.Process()) <= before
        assert compare([HARD]) == [True]
        compare.close()
        now = workers_of(psutil.Process())
        # the same values in other spellings, and the other way round
        assert compare([(r"\sqrt{2} - 1", r"\sqrt{3 - 2\sqrt{2}}")]) == [True]
        assert workers_of(psutil.Process()) <= now

    def test_a_hang_costs_two_limits(self, start: Start) -> None:
        """One answer that hangs math-verify is tried twice, whatever it is compared with."""
        compare = start(workers=2)
        assert compare([HARD]) == [True]  # the workers are up
        before = used_by_dead_workers()
        pairs = [(TOWER, str(number)) for number in range(20)]
        assert compare([*pairs, (r"\gcd(4,6)", "2")]) == [False] * 20 + [True]
        # the last of the two has died, but may not have been waited for
        until(lambda: used_by_dead_workers() - before > 2 * SECONDS - 0.1)
        assert used_by_dead_workers() - before < 10 * SECONDS  # one by one: 40, starts not counted
        assert compare.timeouts == 20
        assert compare.cut_off[0] == (TOWER,)
        compare.close()
        processes = workers_of(psutil.Process())
        assert compare([("999", TOWER)]) == [False]
        assert workers_of(psutil.Process()) <= processes

    def test_a_tower_costs_nothing(self, start: Start) -> None:
        """9^(9^9) is known to be no ordinary number: no worker tries to work it out."""
        compare = start()
        assert compare([("9^{9^{9}}", "5"), ("10^{10^{10}}", r"\sqrt2")]) == [False, False]
        assert compare.timeouts == 0

    def test_hard_pairs_count_against_their_answers(self, start: Start) -> None:
        """An answer with a value is given up after a few comparisons without a result."""
        compare = start(workers=2, seconds=0.5)
        others = [f"{SLOW[1]}+0.0000000{n}" for n in range(1, 9)]
        assert compare([(SLOW[0], other) for other in others]) == [False] * 8
        # as many as if there was one worker: what else was begun in the meantime does not count
        assert compare._strikes[canonical(SLOW[0])] == STRIKES
        assert [pair[1] for pair in compare.cut_off[:STRIKES]] == others[:STRIKES]
        assert compare.timeouts == 8
        timeouts = compare.timeouts
        compare.close()
        processes = workers_of(psutil.Process())
        assert compare([SLOW]) == [False]
        assert compare.timeouts == timeouts + 1
        assert workers_of(psutil.Process()) <= processes

    def test_a_dead_worker_is_replaced(self, start: Start) -> None:
        """What a worker dies of is not the same as anything; the next pair is answered."""
        compare = start(seconds=PATIENCE)
        assert compare([HARD]) == [True]
        (worker,) = fork_server().children()
        with ThreadPoolExecutor(1) as thread:
            killed = thread.submit(kill_at_work, worker)
            assert compare([(TOWER, "5"), (r"\gcd(4,6)", "2")]) == [False, True]
            killed.result()
        assert compare.timeouts == 1

    def test_a_machine_that_is_busy_elsewhere(self, start: Start) -> None:
        """A comparison is not cut off because its process waits for longer than its limit."""
        compare = start(seconds=6.0)
        assert compare([HARD]) == [True]
        (child,) = fork_server().children()
        before = used(child)
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(compare, [LONG])
            until(lambda: used(child) - before > 0.1)
            child.suspend()
            time.sleep(7.0)
            child.resume()
            assert result.result() == [True]
        assert compare.timeouts == 0
        assert fork_server().children() == [child]

    def test_what_was_cut_off_is_known_to_the_next(self, start: Start) -> None:
        """A comparer that recalls what another cut off behaves as that one goes on to."""
        first, second = start(workers=2, seconds=0.5), start(seconds=0.5)
        others = [f"{SLOW[1]}+0.0000000{n}" for n in range(1, 5)]
        assert not any(first([(SLOW[0], other) for other in others]))
        assert first([(TOWER, "5")]) == [False]
        second.recall(first.cut_off)
        assert (second.cut_off, second.timeouts) == (first.cut_off, 5)
        first.close()
        processes = workers_of(psutil.Process())
        pairs = [SLOW, (SLOW[0], others[0]), (TOWER, "5"), ("7", TOWER)]
        assert second(pairs) == first(pairs) == [False] * 4
        assert second.timeouts == first.timeouts == 7  # two of the pairs are new
        assert workers_of(psutil.Process()) <= processes

    def test_processes_start_with_the_run(self) -> None:
        """The processes of a context manager are there before there is a pair to compare."""
        with Comparer(workers=2):
            until(lambda: len(fork_server().children()) == 2)
        until(lambda: not fork_server().children())
        with Comparer(workers=1):
            pass  # a run that ends at once leaves nothing behind either
        until(lambda: not fork_server().children())

    def test_nothing_is_left(self, start: Start) -> None:
        """After close all workers are gone; a closed comparer starts new ones when needed."""
        with start(workers=2, seconds=20.0) as compare:
            compare([HARD])
            assert fork_server().children()
        until(lambda: not fork_server().children())
        assert compare([(r"\gcd(4,6)", "2")]) == [True]

    def test_classes_with_a_comparer(self, start: Start) -> None:
        """A comparer is what `classes` wants."""
        group = ["5", r"\gcd(10,15)", "x=5", TOWER, "4", "fivefold"]
        (found,) = classes([group], start())
        assert [found[answer] for answer in group] == ["5", "5", "5", TOWER, "4", "fivefold"]


def _hang() -> None:
    time.sleep(PATIENCE)


def _die() -> None:
    os._exit(3)


def _compute() -> None:
    _ = 9**9**9  # minutes inside one C function


def _sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def _burn(seconds: float) -> str:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "burnt"


def _compute_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        _compute()
    return "done"


def _fits(size: int) -> bool:
    try:
        return len(bytearray(size)) == size
    except MemoryError:
        return False


def test_memory_is_limited() -> None:
    """A comparison that wants more memory than the limit gets an error, not the memory."""
    workers = ProcessPool(count=1, initializer=_prepare, arguments=(1 << 30,), retry=False)
    try:
        workers.submit("small", _fits, 100 << 20, timeout=PATIENCE)
        workers.submit("large", _fits, 1 << 30, timeout=PATIENCE)
        found = []
        while len(found) < 2:
            found += workers.take(wait=True)
    finally:
        workers.close()
    assert dict(found) == {"small": True, "large": False}


class TestWorkersWithoutRetry:
    @pytest.mark.parametrize(("function", "seconds"), [(_hang, 0.5), (_die, PATIENCE)])
    def test_a_failed_call_is_not_made_again(
        self, function: Callable[[], None], seconds: float
    ) -> None:
        """A call that hangs or dies fails at once, having been made once."""
        workers = ProcessPool(count=1, initializer=int, arguments=(), retry=False)
        try:
            workers.submit("one", function, timeout=seconds)
            ((_, result),) = workers.take(wait=True)
        finally:
            workers.close()
        assert isinstance(result, Failure)
        assert "1 times" in result.reason


def one_result(
    function: Callable[..., object], *arguments: object, seconds: float, cpu_seconds: float
) -> object:
    """The result of one call in a worker that tries twice."""
    workers = ProcessPool(count=1, initializer=int, arguments=(), retry_dead=False)
    try:
        workers.submit("one", function, *arguments, timeout=seconds, cpu_seconds=cpu_seconds)
        ((_, result),) = workers.take(wait=True)
    finally:
        workers.close()
    return result


class TestCpuTime:
    def test_inside_c_code(self) -> None:
        """A call that never returns to the interpreter ends with its CPU time, after two tries."""
        before = used_by_dead_workers()
        result = one_result(_compute, seconds=600.0, cpu_seconds=0.5)
        assert isinstance(result, Failure)
        assert result.reason == "grading took more than 0.5 s of CPU time, 2 times"
        until(lambda: used_by_dead_workers() - before > 2 * 0.5 - 0.1)

    def test_waiting_costs_nothing(self) -> None:
        """A call that takes longer than its CPU time without computing has its result."""
        assert one_result(_sleep, 1.0, seconds=600.0, cpu_seconds=0.3) == "slept"

    def test_sleeping_ends_with_wall_time(self) -> None:
        """A call that sleeps for ever ends with its wall time."""
        result = one_result(_sleep, 600.0, seconds=0.5, cpu_seconds=30.0)
        assert isinstance(result, Failure)
        assert result.reason == "grading took more than 0.5 s, 2 times"

    def test_each_call_has_its_own(self) -> None:
        """What earlier calls of a worker took does not count."""
        workers = ProcessPool(count=1, initializer=int, arguments=(), retry=False)
        try:
            for call in range(8):
                workers.submit(call, _burn, 0.2, timeout=600.0, cpu_seconds=1.0)
            found = []
            while len(found) < 8:
                found += workers.take(wait=True)
        finally:
            workers.close()
        assert found == [(call, "burnt") for call in range(8)]

    def test_the_second_try_counts(self, tmp_path: Path) -> None:
        """A call that was cut off once, and not when tried again, has its result."""
        marker = tmp_path / "tried"
        assert one_result(_compute_once, marker, seconds=600.0, cpu_seconds=0.5) == "done"


def test_the_hard_pair_is_hard() -> None:
    """The pairs above need a worker: keys do not decide them."""
    assert decided(*map(canonical, HARD)) is None
    assert decided(*map(canonical, SLOW)) is None
    assert decided(*map(canonical, LONG)) is None
    assert decided(canonical(TOWER), canonical("5")) is None
