"""vLLM in this process, on the CPU: beside the contract that test_sampler.py checks.

Needs vLLM: make test-vllm.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests._helpers import DISTINCT, command, flags, read_lines, ttrl, write_problem
from tests._vllm import VLLM, vllm_config, vllm_engine, vllm_of
from tests.conftest import make_tiny_model, random_adapter
from ttrl_cli.errors import SetupError, StaleSamplerError
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.loop.staleness import SlopeCheck
from ttrl_cli.models.load import load_model
from ttrl_cli.models.tokenizer import Codec
from ttrl_cli.records import Adapter, Completion, Message, Probe, Prompt, Round, Row
from ttrl_cli.sampler.layout import BudgetForcing
from ttrl_cli.sampler.vllm import VllmSampler
from ttrl_cli.sampler.vllm_engine import allowed_rank

__all__ = ["vllm_engine"]

pytestmark = VLLM


@pytest.fixture(scope="module")
def parts(
    vllm_engine: tuple[Any, Codec], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[VllmSampler, LoraLearner]]:
    """A sampler on the engine, and a learner of the same model with a random adapter."""
    engine, codec = vllm_engine
    config = vllm_config(codec.tokenizer.name_or_path, lr=1e-2)
    files = AdapterFiles(tmp_path_factory.mktemp("adapters"))
    model = load_model(config)
    random_adapter(model, seed=1)
    yield vllm_of(engine, codec), LoraLearner(model, config, files)
    files.close()


def prompts(n: int = 8, texts: tuple[str, ...] = ("hello", "why?")) -> list[Prompt]:
    """Two prompts."""
    return [
        Prompt(key=f"q{g}", group=g, messages=(Message(role="user", content=text),), n=n)
        for g, text in enumerate(texts)
    ]


def draw(sampler: VllmSampler, asked: list[Prompt], step: int = 1) -> list[Completion]:
    """All completions of a step, in order."""
    found = sampler.sample(asked, step=step, stop=lambda: False)
    return sorted(found, key=lambda completion: (completion.group, completion.index))


def rows_of(completions: list[Completion]) -> tuple[Row, ...]:
    """Rows that prefer the first half of their completions."""
    return tuple(
        Row(
            prompt_ids_S=c.prompt_ids_S,
            token_ids_T=c.token_ids_T,
            logprobs_T=c.logprobs_T,
            advantages_T=np.full(len(c.token_ids_T), 1.0 if c.index % 2 else -1.0),
        )
        for c in completions
    )


def test_logprobs_are_those_of_the_adapter(parts: tuple[VllmSampler, LoraLearner]) -> None:
    """What is noted beside each token is the learner's log-probability, to float32."""
    sampler, learner = parts
    sampler.load(learner.adapter)
    found = draw(sampler, prompts())
    probes = [Probe(prompt_ids_S=c.prompt_ids_S, token_ids_T=c.token_ids_T) for c in found]
    for completion, expected in zip(found, learner.logprobs(probes), strict=True):
        np.testing.assert_allclose(completion.logprobs_T, expected, atol=1e-4)
    for expected, scored in zip(learner.logprobs(probes), sampler.logprobs(probes), strict=True):
        np.testing.assert_allclose(scored, expected, atol=1e-4)


def test_logprobs_are_at_the_temperature_of_sampling(
    vllm_engine: tuple[Any, Codec], parts: tuple[VllmSampler, LoraLearner]
) -> None:
    """At temperature 0.5 each is log_softmax(2 * logits)."""
    engine, codec = vllm_engine
    model = parts[1]._model
    sampler = vllm_of(engine, codec, temperature=0.5)
    sampler.load(parts[1].adapter)
    for c in draw(sampler, prompts(n=2)):
        ids = torch.tensor(np.concatenate([c.prompt_ids_S, c.token_ids_T]))[None]
        with torch.no_grad():
            logits = model.network(input_ids=ids).logits[0, len(c.prompt_ids_S) - 1 : -1]
        logp = (logits / 0.5).log_softmax(-1)
        expected = logp[range(len(c.token_ids_T)), c.token_ids_T].numpy()
        np.testing.assert_allclose(c.logprobs_T, expected, atol=2e-4)


def test_completions_are_streamed(vllm_engine: tuple[Any, Codec]) -> None:
    """A completion that ends early is handed out while others are being written."""
    engine, codec = vllm_engine
    ending = replace(codec, stop_ids=frozenset(range(0, 258, 10)))
    sampler = vllm_of(engine, ending, max_tokens=64)
    stream = sampler.sample(prompts(), step=3, stop=lambda: False)
    next(stream)
    assert engine.has_unfinished_requests()
    stream.close()
    assert not engine.has_unfinished_requests()


def test_seeds_repeat_and_are_apart(vllm_engine: tuple[Any, Codec]) -> None:
    """The same step draws the same alone; seeds of a group count up and no two are alike."""
    engine, codec = vllm_engine
    one, two = (draw(vllm_of(engine, codec), prompts()) for _ in range(2))
    assert [c.text for c in one] == [c.text for c in two]
    seeds = [c.seed for c in one]
    assert len(set(seeds)) == 16
    assert seeds[0] is not None
    assert [seed - seeds[0] for seed in seeds[:8] if seed is not None] == list(range(8))
    assert [c.text for c in draw(vllm_of(engine, codec), prompts(), step=2)] != [
        c.text for c in one
    ]


def test_the_second_phase(vllm_engine: tuple[Any, Codec]) -> None:
    """Cut completions get the sentence and an answer, with log-probabilities of both phases."""
    engine, codec = vllm_engine
    ending = replace(codec, stop_ids=frozenset(range(0, 258, 50)))
    answer = BudgetForcing(tokens=6, sentence="So:")
    sampler = vllm_of(engine, ending, max_tokens=20, answer=answer)
    found = draw(sampler, prompts(n=16))
    assert [(c.group, c.index) for c in found] == [(g, i) for g in range(2) for i in range(16)]
    cut = [c for c in found if c.sampled_T is not None]
    assert 0 < len(cut) < len(found)
    for completion in cut:
        assert codec.raw(completion.token_ids_T[20:27]) == "\n\nSo:\n\n"
        np.testing.assert_array_equal(np.flatnonzero(~completion.sampled_T), range(20, 27))
        assert 1 <= len(completion.token_ids_T) - 27 <= 6
        assert (completion.logprobs_T[completion.sampled_T] < 0).all()
        assert (completion.logprobs_T[20:27] == 0).all()


def test_updates_reach_the_engine(parts: tuple[VllmSampler, LoraLearner]) -> None:
    """Over three updates the sampler's log-probabilities change as the learner's do."""
    sampler, learner = parts
    watch = SlopeCheck(sampler, learner)
    sampler.load(learner.adapter)
    for step in (1, 2, 3):
        rows = rows_of(draw(sampler, prompts(), step))
        round_ = Round(step=step, rows=rows, normalizer=100.0)
        watch.before([round_], learner.adapter)
        learner.update(round_)
        sampler.load(learner.adapter)
        metrics = watch.after(learner.adapter)
        assert metrics["policy/sync"] == pytest.approx(1.0, abs=1e-2)
        assert metrics["policy/logprob_gap"] < 1e-4


class SameName(VllmSampler):
    """Loads each adapter under the name and number of the first: vLLM keeps the first."""

    def load(self, adapter: Adapter) -> None:
        self._count = 0
        super().load(adapter)


def test_an_adapter_that_vllm_does_not_take_up_stops_the_run(
    vllm_engine: tuple[Any, Codec], parts: tuple[VllmSampler, LoraLearner]
) -> None:
    """A number used twice makes vLLM go on with the older weights; that is found at once."""
    engine, codec = vllm_engine
    learner = parts[1]
    sampler = SameName(engine, codec, max_tokens=24, temperature=1.0, seed=0)
    engine.remove_lora(1)
    sampler.load(learner.adapter)
    watch = SlopeCheck(sampler, learner)
    round_ = Round(step=1, rows=rows_of(draw(sampler, prompts())), normalizer=100.0)
    watch.before([round_], learner.adapter)
    learner.update(round_)
    sampler.load(learner.adapter)
    with pytest.raises(StaleSamplerError, match="does not have the learner's weights"):
        watch.after(learner.adapter)


@pytest.mark.parametrize(("rank", "allowed"), [(1, 8), (8, 8), (9, 16), (33, 64), (512, 512)])
def test_ranks_are_rounded_up(rank: int, allowed: int) -> None:
    """To the next one that vLLM has kernels for."""
    assert allowed_rank(rank) == allowed


def test_a_rank_above_all_is_refused() -> None:
    """With the name of the option."""
    with pytest.raises(SetupError, match="--lora-rank 513"):
        allowed_rank(513)


def run_options(folder: Path, **changed: Any) -> list[Any]:
    """Options of a run with an engine for a tiny model, whose context the plan has no room for."""
    model = make_tiny_model(folder / "model", head_dim=32, context=65_536)
    options = {"model": model, "device": "cpu", "dtype": "float32", "lora-rank": 4, "lr": 1e-2}
    options |= {"max-tokens": 12, "objective": "mean-baseline", "kl": 0, "sampler": "vllm"}
    return flags(options | changed)


@pytest.mark.parametrize("more", [[], ["--fsdp"]], ids=["copies", "fsdp"])
def test_an_engine_for_each_of_two_processes(tmp_path: Path, more: list[str]) -> None:
    """`--gpus 2` starts two engines, both proven in step, and leaves nothing behind."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    given = [*more, *run_options(tmp_path, gpus=2, threads=1)]
    done = command("solve", problem, "--out", run, *given)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    lines = read_lines(run / "metrics.jsonl")
    assert [line["policy/sync"] for line in lines] == [pytest.approx(1.0, abs=0.01)] * 2


def test_a_whole_run(tmp_path: Path) -> None:
    """`ttrl solve --sampler vllm` takes its steps, in step, and `ttrl resume` goes on."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    given = run_options(tmp_path)
    done = ttrl("solve", problem, "--out", run, "--json", *given)
    assert done.code == 0, done.err
    assert ttrl("resume", run, "--steps", 3).code == 0
    lines = read_lines(run / "metrics.jsonl")
    assert [line["policy/sync"] for line in lines] == [pytest.approx(1.0, abs=0.01)] * 3


def test_a_run_in_bfloat16(tmp_path: Path) -> None:
    """As on a GPU: the engine has weights, adapter and KV in bfloat16, and no update is lost."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    done = ttrl("solve", problem, "--out", run, *run_options(tmp_path, dtype="bfloat16"))
    assert done.code == 0, done.err
    lines = read_lines(run / "metrics.jsonl")
    assert len(lines) == 2
    assert all(line["policy/sync"] > 0.5 for line in lines)
    assert json.loads((run / "config.json").read_text())["dtype"] == "bfloat16"
