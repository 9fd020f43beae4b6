"""Two vLLM servers on the CPU: beside the contract that test_sampler.py checks.

Needs vLLM: make test-vllm.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from tests._helpers import DISTINCT, read_lines, ttrl, write_problem
from tests._vllm import VLLM, Served, kill, vllm_config, vllm_servers
from tests.conftest import random_adapter
from tests.test_vllm import draw, prompts, rows_of
from ttrl_cli.errors import SetupError, StaleSamplerError
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.loop.staleness import SlopeCheck
from ttrl_cli.models.load import load_model
from ttrl_cli.records import Probe, Round
from ttrl_cli.sampler.layout import BudgetForcing
from ttrl_cli.sampler.vllm_server import VllmServerSampler

__all__ = ["vllm_servers"]

pytestmark = VLLM


@pytest.fixture
def learner(vllm_servers: Served, tmp_path: Path) -> Iterator[LoraLearner]:
    """A learner of the served model with a random adapter, which it publishes."""
    config = vllm_config(vllm_servers.folder, lr=1e-2)
    files = AdapterFiles(tmp_path)
    model = load_model(config)
    random_adapter(model, seed=1)
    yield LoraLearner(model, config, files)
    files.close()


@pytest.fixture
def sampler(vllm_servers: Served) -> Iterator[VllmServerSampler]:
    """A sampler on both servers."""
    made = sampler_of(vllm_servers)
    yield made
    made.close()


def sampler_of(served: Served, *urls: str, **options: Any) -> VllmServerSampler:
    """A sampler on some of the servers."""
    given = {"codec": served.codec, "max_tokens": 24, "temperature": 1.0, "seed": 0, **options}
    return VllmServerSampler(urls or served.urls, **given)


def test_both_servers_have_the_adapter(
    sampler: VllmServerSampler, learner: LoraLearner, vllm_servers: Served
) -> None:
    """What is noted beside each token, and what each server scores, is the learner's."""
    sampler.load(learner.adapter)
    found = draw(sampler, prompts())
    probes = [Probe(prompt_ids_S=c.prompt_ids_S, token_ids_T=c.token_ids_T) for c in found[:4]]
    expected = learner.logprobs(probes)
    assert sampler.replicas == vllm_servers.urls
    for url in sampler.replicas:
        scored = sampler.logprobs(probes, url)
        assert scored is not None
        for one, other in zip(scored, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    for completion, logp_T in zip(found, expected, strict=False):
        np.testing.assert_allclose(completion.logprobs_T, logp_T, atol=1e-4)


def test_the_second_phase(vllm_servers: Served) -> None:
    """Cut completions get the sentence and an answer."""
    ending = replace(vllm_servers.codec, stop_ids=frozenset(range(0, 258, 50)))
    answer = BudgetForcing(tokens=6, sentence="So:")
    sampler = sampler_of(vllm_servers, codec=ending, max_tokens=20, answer=answer)
    found = draw(sampler, prompts(n=16))
    sampler.close()
    cut = [c for c in found if c.sampled_T is not None]
    assert 0 < len(cut) < len(found) == 32
    for completion in cut:
        assert vllm_servers.codec.raw(completion.token_ids_T[20:27]) == "\n\nSo:\n\n"
        np.testing.assert_array_equal(np.flatnonzero(~completion.sampled_T), range(20, 27))


class HalfStale(VllmServerSampler):
    """Forgets to tell its last server of every adapter but the first."""

    def load(self, adapter: Any) -> None:
        if self._count:
            behind, name = self._servers.pop(), self._adapter_name
            super().load(adapter)
            self._servers.append(behind)
            behind.base = name  # what requests to it are then answered with
        else:
            super().load(adapter)

    def _model(self, server: Any) -> str:
        named = super()._model(server)
        return named if named in server.adapters else server.adapters[-1]


def test_one_stale_server_of_two_is_found(vllm_servers: Served, learner: LoraLearner) -> None:
    """Each server is proven on its own; the message has the address."""
    sampler = HalfStale(
        vllm_servers.urls, vllm_servers.codec, max_tokens=24, temperature=1.0, seed=0
    )
    sampler.load(learner.adapter)
    watch = SlopeCheck(sampler, learner)
    round_ = Round(step=1, rows=rows_of(draw(sampler, prompts())), normalizer=100.0)
    watch.before([round_], learner.adapter)
    learner.update(round_)
    sampler.load(learner.adapter)
    with pytest.raises(StaleSamplerError, match=vllm_servers.urls[1]):
        watch.after(learner.adapter)
    sampler.close()


def test_a_server_that_notes_other_logprobs_is_refused(vllm_servers: Served) -> None:
    """At a temperature other than 1 they would not be those of the draws; the option is named."""
    with pytest.raises(SetupError, match=r"--logprobs-mode processed_logprobs"):
        sampler_of(vllm_servers, vllm_servers.urls[1], temperature=0.7)
    sampler_of(vllm_servers, vllm_servers.urls[0], temperature=0.7).close()


def test_nobody_there(vllm_servers: Served) -> None:
    """With no server at all, each address and what became of it."""
    with pytest.raises(SetupError, match=r"no server answers\nhttp://127.0.0.1:9: "):
        sampler_of(vllm_servers, "http://127.0.0.1:9")


def test_a_folder_the_server_cannot_read_is_said(
    sampler: VllmServerSampler, learner: LoraLearner, tmp_path: Path
) -> None:
    """What the server says of it, and the option that mends it."""
    adapter = replace(learner.adapter, path=tmp_path / "nowhere")
    with pytest.raises(SetupError, match="--adapter-folder"):
        sampler.load(adapter)


def test_a_whole_run(tmp_path: Path, vllm_servers: Served) -> None:
    """`ttrl solve --sampler vllm-server:URL,URL` takes its steps, in step, and resumes."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    urls = ",".join(vllm_servers.urls)
    options = {"model": vllm_servers.folder, "device": "cpu", "dtype": "float32", "lora-rank": 4}
    options |= {"lr": 1e-2, "max-tokens": 12, "objective": "mean-baseline", "kl": 0}
    options |= {"sampler": f"vllm-server:{urls}", "adapter-folder": tmp_path / "adapters"}
    given = [part for key, value in options.items() for part in (f"--{key}", value)]
    done = ttrl("solve", problem, "--out", run, "--json", *given)
    assert done.code == 0, done.err
    assert ttrl("resume", run, "--steps", 3).code == 0
    lines = read_lines(run / "metrics.jsonl")
    assert [line["policy/sync"] for line in lines] == [pytest.approx(1.0, abs=0.01)] * 3
    assert list((tmp_path / "adapters").iterdir()) == []


def test_a_server_is_taken_back(vllm_servers: Served, learner: LoraLearner) -> None:
    """One that was thought lost has the adapter still, or gets it again if it does not."""
    sampler = sampler_of(vllm_servers)
    sampler.load(learner.adapter)
    lost = sampler._servers[1]
    for forgotten in (False, True):
        lost.lost = "it did not answer once"
        if forgotten:
            name = {"lora_name": sampler._adapter_name}
            httpx2.post(f"{lost.url}/v1/unload_lora_adapter", json=name).raise_for_status()
        assert len(draw(sampler, prompts(n=4))) == 8
        assert sampler.replicas == vllm_servers.urls
        assert lost.adapters == [sampler._adapter_name]
    sampler.close()


def test_a_server_that_was_started_anew_does_not_end_the_run(
    vllm_servers: Served, learner: LoraLearner
) -> None:
    """It does not know the adapter: the others draw its samples, and next time it has it."""
    sampler = sampler_of(vllm_servers)
    sampler.load(learner.adapter)
    name = {"lora_name": sampler._adapter_name}
    url = f"{vllm_servers.urls[1]}/v1/unload_lora_adapter"
    httpx2.post(url, json=name).raise_for_status()
    assert len(draw(sampler, prompts(n=8))) == 16
    assert sampler.replicas == vllm_servers.urls[:1]
    assert len(draw(sampler, prompts(n=8), step=2)) == 16
    assert sampler.replicas == vllm_servers.urls
    sampler.close()


def test_a_server_that_dies_is_made_up_for(vllm_servers: Served, learner: LoraLearner) -> None:
    """Its samples go to the other; the step is complete and the sampler goes on without it.

    The last test of this file: the server stays dead.
    """
    sampler = sampler_of(vllm_servers, max_tokens=400)
    sampler.load(learner.adapter)
    stream = sampler.sample(prompts(n=48), step=1, stop=lambda: False)
    first = next(stream)
    kill(vllm_servers.processes[1])
    found = sorted([first, *stream], key=lambda c: (c.group, c.index))
    assert [(c.group, c.index) for c in found] == [(g, i) for g in range(2) for i in range(48)]
    found = draw(sampler, prompts(n=2), step=2)
    assert len(found) == 4
    assert sampler.replicas == vllm_servers.urls[:1]
    sampler.load(replace(learner.adapter, policy=1, path=learner._files.publish(learner._write, 1)))
    assert sampler.replicas == vllm_servers.urls[:1]
    sampler.close()
