"""A vLLM engine on the CPU for tests, where vLLM is installed: make test-vllm."""

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.conftest import make_tiny_model
from ttrl_cli.config import SolveConfig
from ttrl_cli.models.codec import Codec, load_codec
from ttrl_cli.models.plan import plan_here
from ttrl_cli.sampler.vllm import VllmSampler
from ttrl_cli.sampler.vllm_engine import start_engine

VLLM = [
    pytest.mark.skipif(not find_spec("vllm"), reason="vLLM is not installed: make test-vllm"),
    # what vLLM and its dependencies warn of is not ours to mend
    pytest.mark.filterwarnings("ignore"),
]
"""Marks of tests that need vLLM."""


def vllm_config(model: str, **options: Any) -> SolveConfig:
    """A configuration for an engine of the tiny model."""
    given = {"dtype": "float32", "device": "cpu", "lora_rank": 4, "groups": 2, "group_size": 8}
    given |= {"max_tokens": 512, "sampler": "vllm", "threads": 1, "kl": 0.0}
    return SolveConfig(model=model, **(given | options))


@pytest.fixture(scope="session")
def vllm_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Codec]]:
    """An engine for a tiny model with heads of a size that vLLM has kernels for, and its words."""
    folder = str(make_tiny_model(tmp_path_factory.mktemp("vllm-model"), head_dim=32))
    config = vllm_config(folder)
    planned = plan_here(config, folder, engine=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = start_engine(folder, config, planned)
        yield engine, load_codec(folder)
        engine.engine_core.shutdown()


def vllm_of(engine: Any, codec: Codec, **options: Any) -> VllmSampler:
    """A sampler on the engine."""
    given = {"max_tokens": 24, "temperature": 1.0, "seed": 0, **options}
    return VllmSampler(engine, codec, **given)
