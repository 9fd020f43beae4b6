"""Compares answers in worker processes: math-verify and sympy may hang or use up memory.

A comparison that takes too long, kills its worker or needs too much memory is cut off, and ends as
"not the same". Its limit is CPU time, so that it does not matter how busy the machine is; one that
takes too long is tried once more before it counts. Results are taken up in the order of the pairs,
so that it does not matter either which worker was faster. How fast the machine is does matter, for
a comparison that is near the limit.
"""

import importlib
import resource
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self, TypeAlias

from ttrl_cli.equivalence.math_verify import Canonical, canonical, decided, equivalent, worked_out
from ttrl_cli.grading import worker_process
from ttrl_cli.grading.process_pool import Failure, ProcessPool

PRELOAD = ("ttrl_cli.equivalence.warm",)
CACHED = 100_000
STRIKES = 3
"""An answer that took part in so many comparisons that were cut off is not compared again."""
WALL_FACTOR = 60.0
"""Most wall time of a comparison, as a multiple of its CPU time."""
_AHEAD = 4  # comparisons per worker that are under way or wait for it

_Pair: TypeAlias = frozenset[Canonical]
_Call: TypeAlias = tuple[Any, Callable[..., Any], tuple[str, ...]]


class Comparer:
    """Compares pairs of answers; a `equivalence.classes.Compare`.

    A context manager; to be used by one thread. Inside `with` its processes are started at once, in
    the background; without it when a pair first needs them.

    Args:
        workers: How many processes.
        seconds: Most CPU time that a comparison may take. Most wall time is 60 times that (and of
            a minute at least): only a process that sleeps or is stopped takes so long.
        memory_mb: Address space of a worker, in MiB.

    Attributes:
        timeouts: Pairs so far that ended without a result: their comparison was cut off, or one of
            them has been in too many that were.
        cut_off: Those pairs in order, among answers alone that could not be worked out.
    """

    def __init__(self, *, workers: int, seconds: float = 2.0, memory_mb: int = 2048) -> None:
        self.timeouts = 0
        self.cut_off: list[tuple[str, ...]] = []
        self._count = workers
        self._seconds = seconds
        self._memory = memory_mb << 20
        self._workers: ProcessPool | None = None
        self._cache: dict[_Pair, bool] = {}
        self._strikes: dict[Canonical, int] = {}
        self._worked_out: dict[Canonical, Canonical] = {}

    def __enter__(self) -> Self:
        self._workers = self._start(wait=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Decide for each pair whether its two answers are equivalent.

        Canonical forms decide where they can; worker processes compare the other pairs.

        Raises:
            SetupError: If the worker processes die as soon as they are started.
        """
        known = [(canonical(a), canonical(b)) for a, b in pairs]
        certain = [decided(*pair) for pair in known]
        wanted: dict[_Pair, tuple[str, str]] = {}
        for answers, pair, sure in zip(pairs, known, certain, strict=True):
            if sure is None and frozenset(pair) not in self._cache:
                wanted.setdefault(frozenset(pair), answers)
        if wanted:
            self._compare(wanted)
        results = [
            self._cache[frozenset(pair)] if sure is None else sure
            for pair, sure in zip(known, certain, strict=True)
        ]
        for oldest in list(islice(self._cache, max(len(self._cache) - CACHED, 0))):
            del self._cache[oldest]
        return results

    def recall(self, cut_off: Iterable[Sequence[str]]) -> None:
        """Take over the pairs and answers that an earlier comparer cut off."""
        for answers in cut_off:
            if len(answers) == 1:
                self._give_up_alone(answers[0])
            else:
                self._give_up(answers[0], answers[1])

    def close(self) -> None:
        """Kill the workers; keep the results."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _compare(self, wanted: dict[_Pair, tuple[str, str]]) -> None:
        """Compare pairs by the values of their answers where these decide, else in a worker."""
        self._work_out(answer for answers in wanted.values() for answer in answers)
        left: dict[_Pair, tuple[str, str]] = {}
        for pair, answers in wanted.items():
            a, b = map(canonical, answers)
            same = decided(self._worked_out.get(a, a), self._worked_out.get(b, b))
            if same is None:
                left[pair] = answers
            else:
                self._cache[pair] = same
        calls = (
            (pair, equivalent, answers)
            for pair, answers in left.items()
            if not self._skipped(pair, answers)
        )
        for pair, result in self._run(calls):
            if isinstance(result, Failure) or self._hopeless(pair):
                self._give_up(*left[pair])
            else:
                self._cache[pair] = result is True

    def _skipped(self, pair: _Pair, answers: tuple[str, str]) -> bool:
        """Give up a pair if one of its answers is hopeless; return whether one is."""
        if self._hopeless(pair):
            self._give_up(*answers)
            return True
        return False

    def _hopeless(self, pair: _Pair) -> bool:
        return any(self._strikes.get(answer, 0) >= STRIKES for answer in pair)

    def _give_up(self, a: str, b: str) -> None:
        """Count a pair as different, with a strike against both unless one is hopeless already."""
        pair = frozenset((canonical(a), canonical(b)))
        if not self._hopeless(pair):
            for answer in pair:
                self._strikes[answer] = self._strikes.get(answer, 0) + 1
        self._cache[pair] = False
        self.timeouts += 1
        self.cut_off.append((a, b))

    def _give_up_alone(self, answer: str) -> None:
        """Note that an answer cannot be worked out, so that no pair with it is compared."""
        known = canonical(answer)
        self._worked_out[known] = known
        self._strikes[known] = STRIKES
        self.cut_off.append((answer,))

    def _work_out(self, answers: Iterable[str]) -> None:
        """Work out the answers whose value is not known, each by itself in a worker.

        An answer that hangs is then found once, and not again in each of its pairs.
        """
        new = {canonical(answer): answer for answer in answers}
        calls = [
            (known, worked_out, (answer,))
            for known, answer in new.items()
            if _unclear(known) and known not in self._worked_out
        ]
        for known, result in self._run(calls):
            if isinstance(result, Failure):
                self._give_up_alone(new[known])
            else:
                self._worked_out[known] = result

    def _run(self, calls: Iterable[_Call]) -> Iterator[tuple[Any, Any]]:
        """Make calls (key, function, arguments) in the workers; yield (key, result) in their order.

        Only a few calls are taken from the iterable ahead of their results.
        """
        waiting = iter(calls)
        order: deque[Any] = deque()
        results: dict[Any, Any] = {}
        while True:
            running = len(order) - len(results)
            for key, function, arguments in islice(waiting, _AHEAD * self._count - running):
                self._submit(key, function, arguments)
                order.append(key)
            if not order:
                return
            results.update(self._started().take(wait=True))
            while order and order[0] in results:
                key = order.popleft()
                yield key, results.pop(key)

    def _submit(self, key: Any, function: Callable[..., Any], arguments: tuple[str, ...]) -> None:
        self._started().submit(
            key,
            function,
            *arguments,
            timeout=WALL_FACTOR * max(self._seconds, 1.0),
            cpu_seconds=self._seconds,
        )

    def _started(self) -> ProcessPool:
        if self._workers is None:
            self._workers = self._start(wait=True)
        return self._workers

    def _start(self, *, wait: bool) -> ProcessPool:
        return ProcessPool(
            count=self._count,
            initializer=_prepare,
            arguments=(self._memory,),
            preload=PRELOAD,
            retry_dead=False,  # what used up the machine's memory would do so again
            wait=wait,
        )


def _unclear(answer: Canonical) -> bool:
    """Decide whether some value in an answer is unknown to us; math-verify may work it out."""
    if answer.kind == "number":
        return answer.values is None and answer.exact is None
    return answer.kind == "opaque" or any(map(_unclear, answer.parts))


def _prepare(memory: int) -> None:
    """Prepare a worker process, and limit its address space to `memory` bytes."""
    worker_process.prepare()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    importlib.import_module(PRELOAD[0])  # done already, where the fork server has it
