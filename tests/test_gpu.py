"""What concerns GPUs alone, as far as it can be known without one: docs/gpu.md lists all of it."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_plan import planned
from ttrl_cli.config import RunConfig, SolveConfig
from ttrl_cli.models.load import load_model
from ttrl_cli.models.memory_plan import ENGINE_TOKENS
from ttrl_cli.sampler.vllm_engine import engine_options


def tiny(model: Path, **options: Any) -> RunConfig:
    """A configuration for the tiny model on the CPU."""
    return RunConfig(model=str(model), device="cpu", dtype="float32", lora_rank=4, **options)


def test_attention_does_not_go_to_cudnn(tiny_model: Path) -> None:
    """It builds a plan for each shape, and no two rows have the same; the others stay allowed."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    load_model(tiny(tiny_model))
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()


def test_loading_asks_no_gpu_for_its_random_state(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two GPUs in the machine, a model for the CPU neither starts CUDA nor warns of them."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(tiny(tiny_model))


@pytest.mark.parametrize("max_tokens", [512, 2048, 26_000])
def test_an_engine_on_a_gpu_computes_what_the_plan_reckons_with(
    monkeypatch: pytest.MonkeyPatch, max_tokens: int
) -> None:
    """8,192 tokens at a time, where vLLM by itself would take 2,048; rows fit among them."""
    monkeypatch.setattr("os.environ", {})
    found = planned(141, max_tokens=max_tokens)
    options = engine_options("folder", SolveConfig(lora_rank=32), found)
    assert options["max_num_batched_tokens"] == ENGINE_TOKENS == 8192
    assert options["max_num_seqs"] <= ENGINE_TOKENS
