"""The learner that learns nothing: the equal-budget search baseline, and voting alone."""

from pathlib import Path

from ttrl_cli.records import Adapter, Round, UpdateReport


class NullLearner:
    """Leaves the model as it is. See `Learner`."""

    @property
    def adapter(self) -> Adapter:
        """Always the untrained model."""
        return Adapter(policy=0)

    def update(self, round_: Round) -> UpdateReport:
        """Nothing to do."""
        del round_
        return UpdateReport(metrics={})

    def save(self, folder: Path) -> None:
        """Nothing to write."""

    def load(self, folder: Path, *, policy: int) -> None:
        """Nothing to read."""

    def warm_start(self, folder: Path) -> None:
        """Nothing to read."""
