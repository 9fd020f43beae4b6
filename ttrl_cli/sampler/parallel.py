"""Sampling by several processes, each with a share of every prompt's samples."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.records import Adapter, Completion, FloatArray, Json, Probe, Prompt
from ttrl_cli.sampler.base import Sampler, SeparateSampler, WarningSampler

_LOOK = 0.1
"""Seconds between two looks at whether to stop."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Order: draw your share of a step."""

    prompts_P: tuple[Prompt, ...]
    step: int


@dataclass(frozen=True, slots=True)
class Load:
    """Order: load these weights."""

    adapter: Adapter


@dataclass(frozen=True, slots=True)
class Score:
    """Order: the process of this rank scores probes with its engine."""

    probes: tuple[Probe, ...]
    rank: int
    replica: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Order: sleep, so that the learner has the memory; wake up where `on` is false."""

    on: bool


class ParallelSampler:
    """Process 0's view of all processes' samplers. See `Sampler`.

    Args:
        own: Its own sampler.
        group: The processes.
    """

    def __init__(self, own: Sampler, group: ProcessGroup) -> None:
        self._own = own
        self._group = group

    def load(self, adapter: Adapter) -> None:
        """Make every process load the adapter."""
        self._group.broadcast(Load(adapter))
        self._own.load(adapter)

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield the completions of all processes as they arrive. See `Sampler.sample`."""
        self._group.broadcast(Sample(tuple(prompts_P), step))
        told = threading.Event()
        arriving: queue.SimpleQueue[Completion | Future[None]] = queue.SimpleQueue()
        mine = self._own.sample(share(prompts_P, self._group), step=step, stop=told.is_set)
        sources: list[Iterator[Completion]] = [mine]
        sources += [self._from(other) for other in range(1, self._group.size)]
        threads = ThreadPoolExecutor(len(sources))
        for source in sources:
            threads.submit(_pass_on, source, arriving).add_done_callback(arriving.put)
        running = len(sources)
        try:
            while running:
                # what is finished by the time that it is to end is handed out all the same
                if stop():
                    self._end(told, step)
                try:
                    found = arriving.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                if isinstance(found, Completion):
                    yield found
                else:
                    found.result()  # one has ended; raises what ended it
                    running -= 1
        finally:
            self._end(told, step)
            threads.shutdown()

    def cursor(self) -> Json:
        """Return the state of the own sampler; all are of one kind and in the same state."""
        return self._own.cursor()

    def seek(self, cursor: Json) -> None:
        """Continue from a state; only samplers without one are run in several processes."""
        self._own.seek(cursor)

    def take_warning(self) -> str:
        """Return the own sampler's; the other processes have devices like this one."""
        return self._own.take_warning() if isinstance(self._own, WarningSampler) else ""

    def close(self) -> None:
        """Close the own sampler; the other processes close theirs when they are told to stop."""
        self._own.close()

    def _end(self, told: threading.Event, step: int) -> None:
        """Make all processes stop sampling."""
        if not told.is_set():
            told.set()
            self._group.raise_flag(stop_flag(step))

    def _from(self, other: int) -> Iterator[Completion]:
        """Yield the completions of another process until it reports its end."""
        while (found := self._group.receive(other)) is not None:
            yield found


def _pass_on(
    source: Iterator[Completion], to: "queue.SimpleQueue[Completion | Future[None]]"
) -> None:
    """Put what a source yields into a queue."""
    for completion in source:
        to.put(completion)


class ParallelSeparateSampler(ParallelSampler):
    """The same for samplers with weights of their own. See `SeparateSampler`.

    Each process's engine has to prove that it has the learner's weights.
    """

    _own: SeparateSampler

    def __init__(self, own: SeparateSampler, group: ProcessGroup) -> None:
        super().__init__(own, group)
        ranks, names = range(group.size), own.replicas
        self._ranks = {f"{name} of process {r}": (r, name) for r in ranks for name in names}

    @property
    def replicas(self) -> tuple[str, ...]:
        """The engines of all processes."""
        return tuple(self._ranks)

    def logprobs(self, probes: Sequence[Probe], replica: str) -> list[FloatArray] | None:
        """See `SeparateSampler.logprobs`."""
        rank, name = self._ranks[replica]
        order = Score(tuple(probes), rank, name)
        self._group.broadcast(order)
        return scores(self._own, order, self._group)

    def sleep(self) -> None:
        """Make every engine sleep."""
        self._group.broadcast(Sleep(on=True))
        self._own.sleep()

    def wake_up(self) -> None:
        """Wake up every engine."""
        self._group.broadcast(Sleep(on=False))
        self._own.wake_up()


def share(prompts_P: Sequence[Prompt], group: ProcessGroup) -> list[Prompt]:
    """Return this process's part of each prompt's samples."""
    cut = []
    for prompt in prompts_P:
        first, end = (prompt.n * (group.rank + k) // group.size for k in (0, 1))
        if end > first:
            cut.append(replace(prompt, first=prompt.first + first, n=end - first))
    return cut


def stop_flag(step: int) -> str:
    """Return the name of the flag that ends a step's sampling."""
    return f"stop-{step}"


def scores(sampler: SeparateSampler, order: Score, group: ProcessGroup) -> list[FloatArray] | None:
    """Have one process score the probes; return its scores in all processes."""
    mine = sampler.logprobs(order.probes, order.replica) if group.rank == order.rank else None
    return group.all_gather(mine)[order.rank]
