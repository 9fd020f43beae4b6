"""What the loop asks of a learner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ttrl_cli.records import Adapter, FloatArray, Probe, Round, UpdateReport


class Learner(Protocol):
    """Turns rounds into better weights."""

    @property
    def adapter(self) -> Adapter:
        """The current weights, for a sampler to load."""

    def update(self, round_: Round) -> UpdateReport:
        """Take one gradient step on a round; an empty round takes none and still counts."""

    def save(self, folder: Path) -> None:
        """Write adapter and optimiser into a folder, for `load` to go on from exactly."""

    def load(self, folder: Path, *, policy: int) -> None:
        """Go on from a saved folder, made by the update of step `policy`."""

    def warm_start(self, folder: Path) -> None:
        """Begin from another run's weights, with a fresh optimiser."""


class ScoringLearner(Learner, Protocol):
    """A learner whose weights change, and that says what they have come to."""

    def logprobs(self, probes: Sequence[Probe]) -> list[FloatArray]:
        """Log-probabilities [T] of each probe's tokens under the current weights, in nats.

        At temperature 1, by a plain forward pass of the model.
        """
