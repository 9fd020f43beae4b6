"""The learner that learns nothing: the equal-budget search baseline, and voting alone."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.records import Adapter, Round, UpdateReport

if TYPE_CHECKING:
    from ttrl_cli.models.load import LoadedModel

_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


class NullLearner:
    """Leaves the model as it is. See `Learner`.

    A warm start from a trained adapter goes into the model, or, where the sampler has weights of
    its own, to it as files; where there is neither, nothing can use it.

    Args:
        model: The model that is sampled from; None where nothing is sampled in process.
        files: Where adapters go for a sampler with weights of its own.
    """

    def __init__(
        self, model: "LoadedModel | None" = None, files: AdapterFiles | None = None
    ) -> None:
        self._model = model
        self._files = files
        self._warm = False
        self._path: Path | None = None

    @property
    def adapter(self) -> Adapter:
        """Always what the run started with."""
        return Adapter(policy=0, path=self._path)

    def update(self, round_: Round) -> UpdateReport:
        """Do nothing; return no metrics."""
        del round_
        return UpdateReport(metrics={})

    def save(self, folder: Path) -> None:
        """Write the adapter of a warm start; without one, write nothing."""
        if self._path is not None:
            _copy(self._path, folder)
        elif self._warm and self._model is not None:
            from ttrl_cli.models.adapter import save_adapter

            save_adapter(self._model, folder)

    def load(self, folder: Path, *, policy: int) -> None:
        """Load the adapter of a warm start, if there was one."""
        del policy
        if (folder / _ADAPTER[0]).exists():
            self.warm_start(folder)

    def warm_start(self, folder: Path) -> None:
        """Load another run's weights, which are sampled from and never change."""
        if self._files is not None:
            size = sum((folder / name).stat().st_size for name in _ADAPTER)
            self._path = self._files.publish(lambda to: _copy(folder, to), size)
        elif self._model is not None:
            from ttrl_cli.models.adapter import load_adapter

            load_adapter(self._model, folder)
            self._warm = True


def _copy(source: Path, target: Path) -> None:
    for name in _ADAPTER:
        shutil.copyfile(source / name, target / name)
