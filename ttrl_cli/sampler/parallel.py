"""Sampling by several processes, each with a share of every prompt's samples."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ttrl_cli.errors import SetupError
from ttrl_cli.peers import Peers
from ttrl_cli.records import Adapter, Completion, FloatArray, Json, Probe, Prompt
from ttrl_cli.sampler.base import Sampler, SeparateSampler


@dataclass(frozen=True, slots=True)
class Sample:
    """Draw your share of a step."""

    prompts_P: tuple[Prompt, ...]
    step: int


@dataclass(frozen=True, slots=True)
class Load:
    """Sample from these weights."""

    adapter: Adapter


@dataclass(frozen=True, slots=True)
class Score:
    """Score probes with your engine, if you are the one who is asked."""

    probes: tuple[Probe, ...]
    rank: int
    copy: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Give memory to the learner, or take it back."""

    wake: bool


Order: TypeAlias = Sample | Load | Score | Rest


class ParallelSampler:
    """Process 0's view of all processes' samplers. See `Sampler`.

    Args:
        own: Its own sampler.
        peers: The processes.
    """

    def __init__(self, own: Sampler, peers: Peers) -> None:
        self._own = own
        self._peers = peers

    def load(self, adapter: Adapter) -> None:
        """Every process loads it."""
        self._peers.tell(Load(adapter))
        self._own.load(adapter)

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """See `Sampler.sample`: its own completions and those of the others, as they come."""
        self._peers.tell(Sample(tuple(prompts_P), step))
        arriving: queue.SimpleQueue[Completion | SetupError | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._receive, args=(other, arriving), daemon=True)
            for other in range(1, self._peers.size)
        ]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            for completion in self._own.sample(share(prompts_P, self._peers), step=step, stop=stop):
                yield completion
                while not arriving.empty():
                    found = arriving.get()
                    running -= found is None
                    if found is not None:
                        yield _raised(found)
            while running:
                if stop():
                    return
                try:
                    found = arriving.get(timeout=0.1)
                except queue.Empty:
                    continue
                running -= found is None
                if found is not None:
                    yield _raised(found)
        finally:
            self._peers.raise_flag(stop_flag(step))
            for thread in threads:
                thread.join()

    def cursor(self) -> Json:
        """All samplers are of one kind, and at the same place."""
        return self._own.cursor()

    def seek(self, cursor: Json) -> None:
        """Only samplers without a place are run in several processes."""
        self._own.seek(cursor)

    def close(self) -> None:
        """Its own; the others close theirs when they are told to stop."""
        self._own.close()

    def _receive(
        self, other: int, arriving: "queue.SimpleQueue[Completion | SetupError | None]"
    ) -> None:
        """Take what another process draws until it says that it is done."""
        try:
            while (found := self._peers.receive(other)) is not None:
                arriving.put(found)
        except SetupError as error:  # raised where completions are waited for
            arriving.put(error)
        arriving.put(None)


class ParallelSeparateSampler(ParallelSampler):
    """The same for samplers with weights of their own. See `SeparateSampler`.

    Each process's engine has to prove that it is in step.
    """

    _own: SeparateSampler

    @property
    def copies(self) -> tuple[str, ...]:
        """The engines of all processes."""
        names = self._own.copies
        return tuple(f"{name} of process {r}" for r in range(self._peers.size) for name in names)

    def logprobs(self, probes: Sequence[Probe], copy: str) -> list[FloatArray] | None:
        """See `SeparateSampler.logprobs`."""
        name, _, number = copy.rpartition(" of process ")
        order = Score(tuple(probes), int(number), name)
        self._peers.tell(order)
        return scores(self._own, order, self._peers)

    def rest(self) -> None:
        """Every engine."""
        self._peers.tell(Rest(wake=False))
        self._own.rest()

    def wake(self) -> None:
        """Every engine."""
        self._peers.tell(Rest(wake=True))
        self._own.wake()


def share(prompts_P: Sequence[Prompt], peers: Peers) -> list[Prompt]:
    """This process's part of each prompt's samples."""
    cut = []
    for prompt in prompts_P:
        first, end = (prompt.n * (peers.rank + k) // peers.size for k in (0, 1))
        if end > first:
            cut.append(replace(prompt, first=prompt.first + first, n=end - first))
    return cut


def stop_flag(step: int) -> str:
    """The flag that ends a step's sampling."""
    return f"stop-{step}"


def scores(sampler: SeparateSampler, order: Score, peers: Peers) -> list[FloatArray] | None:
    """What the process that is asked scores, in all processes."""
    mine = sampler.logprobs(order.probes, order.copy) if peers.rank == order.rank else None
    return peers.gather(mine)[order.rank]


def _raised(found: Completion | SetupError) -> Completion:
    if isinstance(found, SetupError):
        raise found
    return found
