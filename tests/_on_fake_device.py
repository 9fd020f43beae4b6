"""What learner and sampler ask of a device, as JSON; run by test_fake_device.py as a process.

    python -m tests._on_fake_device FOLDER

FOLDER has the configuration and the tokenizer of a tiny model; its weights are not read.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from tests import _fake_device
from tests._fake_device import Watch
from ttrl_cli.config import RunConfig
from ttrl_cli.learner import lora
from ttrl_cli.learner.lora import OPTIMISER_FILE, LoraLearner
from ttrl_cli.learner.runner import RowRunner
from ttrl_cli.models import adapter
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.models.tokenizer import load_codec
from ttrl_cli.records import Message, Probe, Prompt, Round, Row
from ttrl_cli.sampler.transformers import TransformersSampler

LENGTHS = (2000, 2600, 3300, 9000, 26000)
CONFIG = RunConfig(device="cpu", lora_rank=4, checkpointing=True, kl=0.0)


def main() -> None:
    """Do all of it, and print what was counted."""
    folder, device = Path(sys.argv[1]), _fake_device.begin()
    sizes = AutoConfig.from_pretrained(folder, max_position_embeddings=32768)
    codec = load_codec(str(folder))
    with _fake_device.fake() as watch:
        model = replace(_fake_device.make_model(sizes, CONFIG, device), codec=codec)
        learner = LoraLearner(model, CONFIG)
        found = {
            "update": counted(watch, lambda: learner.update(make_round())),
            "devices": sorted({str(device) for device in state_devices(learner)}),
            "scoring": counted(watch, lambda: scores(model)),
            "files": counted(watch, lambda: loaded_again(learner, model, folder)),
            "loaded": sorted({str(device) for device in state_devices(learner)}),
            "probe": counted(watch, lambda: model.logprobs(probe())),
        }
        found |= sampling(watch, model)
    print(json.dumps(found))  # noqa: T201


def counted(watch: Watch, work: Callable[[], object]) -> dict[str, int]:
    """Return what a piece of work asked of the device."""
    watch.clear()
    before = watch.waits
    work()
    return {**watch.calls, "planned": len(watch.planned), "waits": watch.waits - before}


def make_round() -> Round:
    """Rows of two prompts, from 2k to 26k tokens, of which the last eight of each are counted."""
    rows = tuple(row(np.arange(100 + p) % 250, length) for p in range(2) for length in LENGTHS)
    return Round(step=1, rows=rows, normalizer=1000.0)


def row(prompt_ids_S: Any, length: int) -> Row:
    """A row of one advantage."""
    return Row(
        prompt_ids_S=prompt_ids_S,
        token_ids_T=np.arange(length) % 250,
        logprobs_T=np.zeros(length),
        advantages_T=np.ones(length),
        sampled_T=np.arange(length) >= length - 8,
    )


def probe() -> Probe:
    """A few tokens to score."""
    return Probe(prompt_ids_S=np.arange(20), token_ids_T=np.arange(30))


def scores(model: LoadedModel) -> None:
    """Score rows under the base model."""
    RowRunner(model, CONFIG, None).reference_logprobs(make_round().rows)


def state_devices(learner: LoraLearner) -> list[str]:
    """Where the moments of an optimiser and the weights that it moves are."""
    state = learner._optimiser.state
    moments = [f"{k} on {v.device}" for kept in state.values() for k, v in kept.items()]
    return moments + [f"{p.dtype} weights on {p.device}" for _, p in learner._named]


def loaded_again(learner: LoraLearner, model: LoadedModel, folder: Path) -> None:
    """Load a checkpoint as a run that is resumed does; files need values, so these are zeros."""
    tensors = get_peft_model_state_dict(model.network, save_embedding_layers=False)
    write(tensors, folder / "adapter_model.safetensors")
    moments = {
        f"{name}.{key}": value
        for name, p in learner._named
        for key, value in learner._optimiser.state[p].items()
    }
    write(moments, folder / OPTIMISER_FILE)
    lora.load_file = adapter.load_file = read  # type: ignore[attr-defined]
    learner.load(folder, policy=1)


def write(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write zeros of the tensors' shapes and types."""
    with _fake_device.real():
        save_file({k: torch.zeros(tuple(t.shape), dtype=t.dtype) for k, t in tensors.items()}, path)


def read(path: Path) -> dict[str, torch.Tensor]:
    """Read the shapes and types of a file's tensors, as fake ones on the CPU."""
    with _fake_device.real():
        found = load_file(path)
    return {name: torch.empty(t.shape, dtype=t.dtype) for name, t in found.items()}


def sampling(watch: Watch, model: LoadedModel) -> dict[str, Any]:
    """Count a step of sampling: two prompts, twelve rows, of which some end before the others."""
    sampler = TransformersSampler(model, max_tokens=16, temperature=1.0, seed=0)
    prompts = [
        Prompt(key=f"{g}", group=g, messages=(Message(role="user", content="a" * (g + 5)),), n=6)
        for g in range(2)
    ]
    written: list[int] = []

    def sample() -> None:
        found = sampler.sample(prompts, step=1, stop=lambda: False)
        written.extend(len(completion.token_ids_T) for completion in found)

    return {"sampling": counted(watch, sample), "written": sorted(written)}


if __name__ == "__main__":
    main()
