"""Compares answers in worker processes: math-verify and sympy may hang or use up memory.

A comparison that takes too long, kills its worker or needs too much memory ends as "not the same".
Its limit is wall time, so one that is near the limit may end differently on another machine.
"""

import importlib
import resource
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeAlias

from ttrl_cli.grading import worker
from ttrl_cli.grading.workers import Failure, Workers
from ttrl_cli.voting.equivalence import Canonical, canonical, decided, equivalent, worked_out

PRELOAD = ("ttrl_cli.voting.warm",)
CACHED = 100_000
STRIKES = 3
"""An answer that took part in so many comparisons without a result is not compared again."""
_AHEAD = 4  # comparisons per worker that are under way or wait for it

_Pair: TypeAlias = frozenset[Canonical]
_Call: TypeAlias = tuple[Any, Callable[..., Any], tuple[str, ...]]


class Comparer:
    """Compares pairs of answers; a `voting.equivalence.Compare`.

    A context manager; to be used by one thread. No process is started before a pair needs one.

    Args:
        workers: How many processes.
        seconds: Most that a comparison may take.
        memory_mb: Address space of a worker, in MiB.

    Attributes:
        timeouts: Comparisons so far that ended without a result: they took too long, killed their
            worker, or had an answer that is known to do so.
    """

    def __init__(self, *, workers: int, seconds: float = 2.0, memory_mb: int = 2048) -> None:
        self.timeouts = 0
        self._count = workers
        self._seconds = seconds
        self._memory = memory_mb << 20
        self._workers: Workers | None = None
        self._cache: dict[_Pair, bool] = {}
        self._strikes: dict[Canonical, int] = {}
        self._worked_out: dict[Canonical, Canonical] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether each pair is equivalent; keys decide where they can.

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

    def close(self) -> None:
        """Kill the workers; what was found out stays."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _compare(self, wanted: dict[_Pair, tuple[str, str]]) -> None:
        """Have the workers compare pairs, and keep the results."""
        self._work_out(answer for answers in wanted.values() for answer in answers)
        calls = (
            (pair, equivalent, answers)
            for pair, answers in wanted.items()
            if not self._known(pair, answers)
        )
        for pair, result in self._run(calls):
            self._cache[pair] = result is True
            if isinstance(result, Failure):
                self.timeouts += 1
                for answer in pair:
                    self._strikes[answer] = self._strikes.get(answer, 0) + 1

    def _known(self, pair: _Pair, answers: tuple[str, str]) -> bool:
        """Note the result of a pair that is decided by now, or whose answers are hopeless."""
        first, second = (self._worked_out.get(known, known) for known in map(canonical, answers))
        hopeless = any(self._strikes.get(answer, 0) >= STRIKES for answer in pair)
        same = False if hopeless else decided(first, second)
        if same is None:
            return False
        self.timeouts += hopeless
        self._cache[pair] = same
        return True

    def _work_out(self, answers: Iterable[str]) -> None:
        """Look at answers alone whose value we do not know, so that none hangs with each other."""
        new = {canonical(answer): answer for answer in answers}
        calls = [
            (known, worked_out, (answer,))
            for known, answer in new.items()
            if _unclear(known) and known not in self._worked_out
        ]
        for known, result in self._run(calls):
            self._worked_out[known] = known
            if isinstance(result, Failure):
                self._strikes[known] = STRIKES
            else:
                self._worked_out[known] = result

    def _run(self, calls: Iterable[_Call]) -> Iterator[tuple[Any, Any]]:
        """Have calls made, of which a few are taken ahead: (key, function, arguments)."""
        waiting = iter(calls)
        running = 0
        while True:
            for key, function, arguments in islice(waiting, _AHEAD * self._count - running):
                self._started().submit(key, function, *arguments, timeout=self._seconds)
                running += 1
            if not running:
                return
            for key, result in self._started().take(wait=True):
                running -= 1
                yield key, result

    def _started(self) -> Workers:
        if self._workers is None:
            self._workers = Workers(
                count=self._count,
                initializer=_prepare,
                arguments=(self._memory,),
                preload=PRELOAD,
                retry=False,
            )
        return self._workers


def _unclear(answer: Canonical) -> bool:
    """Whether we could not work out some value in it, which math-verify may try to."""
    if answer.kind == "number":
        return answer.values is None and answer.exact is None
    return answer.kind == "opaque" or any(map(_unclear, answer.parts))


def _prepare(memory: int) -> None:
    """Prepare a worker: called once in each."""
    worker.prepare()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    importlib.import_module(PRELOAD[0])  # done already, where the fork server has it
