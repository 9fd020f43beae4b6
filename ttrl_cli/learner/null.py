"""The learner that learns nothing: the equal-budget search baseline, and voting alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from ttrl_cli.records import Adapter, Round, UpdateReport

if TYPE_CHECKING:
    from ttrl_cli.models.load import LoadedModel


class NullLearner:
    """Leaves the model as it is. See `Learner`.

    Args:
        model: The model that is sampled from, for a warm start from a trained adapter; None where
            nothing is sampled in process.
    """

    def __init__(self, model: "LoadedModel | None" = None) -> None:
        self._model = model
        self._warm = False

    @property
    def adapter(self) -> Adapter:
        """Always what the run started with."""
        return Adapter(policy=0)

    def update(self, round_: Round) -> UpdateReport:
        """Nothing to do."""
        del round_
        return UpdateReport(metrics={})

    def save(self, folder: Path) -> None:
        """Write the adapter of a warm start; without one there is nothing to write."""
        if self._warm and self._model is not None:
            from ttrl_cli.learner.lora import save_adapter

            save_adapter(self._model, folder)

    def load(self, folder: Path, *, policy: int) -> None:
        """Take up the adapter of a warm start, if there was one."""
        del policy
        if (folder / "adapter_config.json").exists():
            self.warm_start(folder)

    def warm_start(self, folder: Path) -> None:
        """Sample from another run's weights, which stay as they are."""
        if self._model is not None:
            from ttrl_cli.learner.lora import load_adapter

            load_adapter(self._model, folder)
            self._warm = True
