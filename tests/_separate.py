"""Samplers with weights of their own, on the CPU, for tests of what keeps them in step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ttrl_cli.config import RunConfig
from ttrl_cli.models.adapter import load_adapter
from ttrl_cli.models.load import LoadedModel, load_model
from ttrl_cli.records import Adapter, FloatArray, Probe
from ttrl_cli.sampler.registry import SamplerContext
from ttrl_cli.sampler.transformers import TransformersSampler


class Separate(TransformersSampler):
    """Samples from a second copy of the model, which it loads each adapter into.

    Attributes:
        paths: Of the adapters that were loaded.
        noise: Standard deviation of what its scores are off by, in nats; another draw each time.
        behind: Whether it has stopped taking adapters.
    """

    def __init__(self, model: LoadedModel, **options: Any) -> None:
        super().__init__(model, **options)
        self.model = model
        self.paths: list[Path] = []
        self.noise = 0.0
        self.behind = False
        self._rng = np.random.default_rng(0)

    def load(self, adapter: Adapter) -> None:
        super().load(adapter)
        if adapter.path is None:
            return
        self.paths.append(adapter.path)
        if not self.behind:
            load_adapter(self.model, adapter.path)

    @property
    def replicas(self) -> tuple[str, ...]:
        return ("copy",)

    def logprobs(self, probes: Sequence[Probe], replica: str = "copy") -> list[FloatArray]:
        del replica
        found = [self.model.logprobs(probe) for probe in probes]
        return [logp_T + self.noise * self._rng.normal(size=logp_T.shape) for logp_T in found]

    def sleep(self) -> None:
        """There is memory for both."""

    def wake_up(self) -> None:
        """It never slept."""


class Twice(Separate):
    """Two copies; the second keeps what it had when `second` was last set."""

    def __init__(self, model: LoadedModel, **options: Any) -> None:
        super().__init__(model, **options)
        self.second: Path | None = None

    @property
    def replicas(self) -> tuple[str, ...]:
        return ("first", "second")

    def logprobs(self, probes: Sequence[Probe], replica: str = "first") -> list[FloatArray]:
        newest = self.paths[-1]
        load_adapter(self.model, self.second or newest if replica == "second" else newest)
        return super().logprobs(probes)


class Stale(Separate):
    """Is told of every adapter and takes none but the first."""

    def load(self, adapter: Adapter) -> None:
        super().load(adapter)
        self.behind = True


def own_model(config: RunConfig) -> dict[str, Any]:
    """What a separate sampler is made of."""
    return {
        "model": load_model(config.model_copy(update={"fsdp": False})),
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "seed": config.seed,
    }


def separate(context: SamplerContext, argument: str) -> Separate:
    """A factory for the registry."""
    del argument
    return Separate(**own_model(context.config))


def stale(context: SamplerContext, argument: str) -> Stale:
    """Another one."""
    del argument
    return Stale(**own_model(context.config))
