"""The learner's interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ttrl_cli.records import Adapter, FloatArray, Probe, Round, UpdateReport


class Learner(Protocol):
    """Updates the adapter, one round at a time."""

    @property
    def adapter(self) -> Adapter:
        """The current weights, for a sampler to load."""

    def update(self, round_: Round) -> UpdateReport:
        """Take one gradient step on a round.

        An empty round changes no weights, and still counts as the update of its step.
        """

    def save(self, folder: Path) -> None:
        """Write adapter and optimiser into a folder, from which `load` continues exactly."""

    def load(self, folder: Path, *, policy: int) -> None:
        """Continue from a saved folder; the update of step `policy` made its weights."""

    def warm_start(self, folder: Path) -> None:
        """Start from another run's weights, with a fresh optimiser."""


class ScoringLearner(Learner, Protocol):
    """A learner whose weights change, and that can score probes with them."""

    def logprobs(self, probes: Sequence[Probe]) -> list[FloatArray]:
        """Return log-probabilities [T] of each probe's tokens, in nats.

        They are taken under the current weights, at temperature 1, by a plain forward pass.
        """
