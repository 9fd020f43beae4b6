"""Base weights in 4 bits: what is sampled and learned is what the quantised model says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests._gradients import gradients_of
from tests._helpers import DISTINCT, flags, read_lines, ttrl, write_problem
from tests.conftest import random_adapter
from ttrl_cli.config import RunConfig
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import LoadedModel, load_model
from ttrl_cli.records import Message, Probe, Prompt, Round, Row
from ttrl_cli.sampler.transformers import TransformersSampler

# bitsandbytes warns of its own calls into torch
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def config(tiny_model: Path) -> RunConfig:
    """The tiny model in 4 bits."""
    return RunConfig(
        model=str(tiny_model),
        dtype="float32",
        device="cpu",
        lora_rank=4,
        kl=0.0,
        load_in_4bit=True,
    )


def loaded(config: RunConfig) -> LoadedModel:
    """The model, with a random adapter."""
    model = load_model(config)
    random_adapter(model, seed=1)
    return model


def test_weights_are_packed(config: RunConfig) -> None:
    """Two weights a byte, which take no gradient; the adapter is in float32 and does."""
    network = load_model(config).network
    layer = network.get_base_model().model.layers[0].mlp.up_proj
    assert layer.base_layer.weight.dtype == torch.uint8
    assert layer.base_layer.weight.numel() == 32 * 64 // 2
    trained = {n: p.dtype for n, p in network.named_parameters() if p.requires_grad}
    assert trained
    assert set(trained.values()) == {torch.float32}
    assert all("lora_" in name for name in trained)


def test_samples_are_of_the_packed_weights(config: RunConfig) -> None:
    """Log-probabilities of draws are those of a plain pass of the same model."""
    model = loaded(config)
    sampler = TransformersSampler(model, max_tokens=12, temperature=1.0, seed=0)
    prompt = Prompt(key="q", group=0, messages=(Message(role="user", content="hello"),), n=6)
    for c in sampler.sample([prompt], step=1, stop=lambda: False):
        probe = Probe(prompt_ids_S=c.prompt_ids_S, token_ids_T=c.token_ids_T)
        np.testing.assert_allclose(c.logprobs_T, model.logprobs(probe), atol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_those_of_autograd(config: RunConfig, checkpointing: bool) -> None:
    """Through the packed weights, to the adapter; also where activations are computed again."""
    model = loaded(config.model_copy(update={"checkpointing": checkpointing}))
    rng = np.random.default_rng(2)
    row = Row(
        prompt_ids_S=rng.integers(2, 258, 9),
        token_ids_T=rng.integers(2, 258, 7),
        logprobs_T=np.full(7, -5.5),
        advantages_T=rng.normal(size=7),
    )
    ids = torch.tensor(np.concatenate([row.prompt_ids_S, row.token_ids_T]))[None]
    logp_TV = model.network(input_ids=ids).logits[0, 8:-1].log_softmax(-1)
    logp_T = logp_TV.gather(1, torch.tensor(row.token_ids_T)[:, None])[:, 0]
    loss = -((logp_T + 5.5).exp() * torch.tensor(row.advantages_T)).sum()
    named = [(n, p) for n, p in model.network.named_parameters() if p.requires_grad]
    expected = torch.autograd.grad(loss, [p for _, p in named])
    found = gradients_of(
        model, LoraLearner(model, config), Round(step=1, rows=(row,), normalizer=1.0)
    )
    for (name, _), gradient in zip(named, expected, strict=True):
        scale = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(found[name], gradient, atol=1e-5 * scale, rtol=0.0)


def options(model: Path, **changed: Any) -> list[Any]:
    """Options of a run."""
    given = {"model": model, "device": "cpu", "dtype": "float32", "lora-rank": 4, "lr": 1e-2}
    given |= {"max-tokens": 12, "threads": 1, "objective": "mean-baseline", "kl": 0.1}
    return flags(given | changed)


def test_a_whole_run(tmp_path: Path, tiny_model: Path) -> None:
    """It learns on policy, computing activations twice, and resumes."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    given = ["--load-in-4bit", "--checkpointing", *options(tiny_model)]
    done = ttrl("solve", problem, "--out", run, *given)
    assert done.code == 0, done.err
    assert ttrl("resume", run, "--steps", 3).code == 0
    lines = read_lines(run / "metrics.jsonl")
    assert [line["train/ratio_mean"] for line in lines] == [pytest.approx(1.0, abs=1e-3)] * 3


def test_other_samplers_would_have_other_weights(tmp_path: Path, tiny_model: Path) -> None:
    """A mistake that is found before anything is loaded."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    given = [*options(tiny_model, sampler="vllm"), "--load-in-4bit"]
    done = ttrl("solve", problem, "--out", tmp_path / "run", *given)
    assert done.code == 2
    assert "--load-in-4bit" in done.err
