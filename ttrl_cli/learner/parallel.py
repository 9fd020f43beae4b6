"""Process 0's learner, whose orders the learners of the other processes follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.learner.base import Learner, ScoringLearner
from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.records import Adapter, FloatArray, Probe, Round, UpdateReport


@dataclass(frozen=True, slots=True)
class Update:
    """Order: take part in an update."""

    round: Round


@dataclass(frozen=True, slots=True)
class Probed:
    """Order: score probes, which takes all processes if the model is sharded."""

    probes: tuple[Probe, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Order: continue from a folder; without a policy, start from its weights alone."""

    folder: Path
    policy: int | None


class ParallelLearner:
    """Process 0's learner: sends each order to the other processes first. See `Learner`.

    All processes have the same weights and moments: each adds its rows' gradient, and all take the
    same step with the sum.

    Args:
        own: Its own learner, which works with `group`.
        group: The processes.
    """

    def __init__(self, own: Learner, group: ProcessGroup) -> None:
        self._own = own
        self._group = group

    @property
    def adapter(self) -> Adapter:
        """Its own; the others' are the same."""
        return self._own.adapter

    def update(self, round_: Round) -> UpdateReport:
        """See `Learner.update`."""
        self._group.broadcast(Update(round_))
        return self._own.update(round_)

    def save(self, folder: Path) -> None:
        """See `Learner.save`."""
        self._own.save(folder)

    def load(self, folder: Path, *, policy: int) -> None:
        """See `Learner.load`."""
        self._group.broadcast(Restore(folder.resolve(), policy))
        self._own.load(folder, policy=policy)

    def warm_start(self, folder: Path) -> None:
        """See `Learner.warm_start`."""
        self._group.broadcast(Restore(folder.resolve(), None))
        self._own.warm_start(folder)


class ParallelScoringLearner(ParallelLearner):
    """The same for learners whose weights change. See `ScoringLearner`.

    Args:
        own: Its own learner.
        group: The processes.
        together: Whether it takes all of them to run the model.
    """

    _own: ScoringLearner

    def __init__(self, own: ScoringLearner, group: ProcessGroup, *, together: bool) -> None:
        super().__init__(own, group)
        self._together = together

    def logprobs(self, probes: Sequence[Probe]) -> list[FloatArray]:
        """See `ScoringLearner.logprobs`."""
        if self._together:
            self._group.broadcast(Probed(tuple(probes)))
        return self._own.logprobs(probes)
