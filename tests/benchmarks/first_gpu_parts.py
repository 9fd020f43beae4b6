"""The checks of first_gpu.py that have a process of their own; each writes its figures as JSON.

python tests/benchmarks/first_gpu_parts.py PART --shape SHAPE --device DEVICE --folder FOLDER
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gpu import Load, make_round, run_config, sample, update

LOADS = {
    "small": Load(
        sizes={
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 16,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "vocab_size": 49152,
            "max_position_embeddings": 4096,
        },
        dtype="bfloat16",
        rank=32,
        prompts=4,
        group=32,
        prompt_tokens=256,
        tokens=1024,
        per_pass=8,
        steps=2,
    ),
    "tiny": Load(
        sizes={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "vocab_size": 40960,
            "max_position_embeddings": 1024,
        },
        dtype="float32",
        rank=8,
        prompts=2,
        group=4,
        prompt_tokens=32,
        tokens=16,
        per_pass=4,
        steps=2,
    ),
}
_UPDATES = 4
"""Updates whose rows have lengths that no earlier update had."""
_CHAT = (
    "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}>{% endif %}"
)


def make_model(load: Load, folder: Path) -> dict[str, Any]:
    """Random weights of the shape, and a tokenizer over bytes: nothing is downloaded."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    filler = [f"<{i}>" for i in range(load.sizes["vocab_size"] - len(letters) - 1)]
    vocabulary = {token: i for i, token in enumerate(["<end>", *letters, *filler])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<end>", pad_token="<end>"
    )
    tokenizer.chat_template = _CHAT
    ends = {"eos_token_id": 0, "bos_token_id": None, "pad_token_id": 0}
    model = LlamaForCausalLM(LlamaConfig(**load.sizes, **ends)).to(getattr(torch, load.dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"parameters": sum(p.numel() for p in model.parameters())}


def fresh(load: Load, model: str, device: str) -> dict[str, Any]:
    """Updates on rows of lengths that no update before had, and their peak against the plan."""
    import torch

    from ttrl_cli.learner.lora import LoraLearner
    from ttrl_cli.models.load import load_model
    from ttrl_cli.models.memory_plan import plan_here

    config = run_config(load, model, device).model_copy(update={"checkpointing": True})
    config = config.model_copy(update={"sampler": "transformers"})
    planned = plan_here(config, model, engine=False)
    learner = LoraLearner(load_model(config), config)
    on_gpu = device == "cuda"
    took = []
    for step in range(1, _UPDATES + 1):
        round_ = replace(make_round(load), step=step)
        # each a little shorter than before, by another number of tokens
        rows = tuple(_shortened(row, 1 + 3 * step + i % 5) for i, row in enumerate(round_.rows))
        started = time.perf_counter()
        learner.update(replace(round_, rows=rows))
        if on_gpu:
            torch.cuda.synchronize()
        took.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_reserved() if on_gpu else 0
    peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": took,
        "last by median of the others": took[-1] / statistics.median(took[1:-1]),
        "peak_gb": peak / 1e9,
        "planned_gb": planned.during("update") / 1e9,
    }


def _shortened(row: Any, tokens: int) -> Any:
    kept = max(1, len(row.token_ids_T) - tokens)
    names = ("token_ids_T", "logprobs_T", "advantages_T")
    return replace(row, **{name: getattr(row, name)[:kept] for name in names})


def engine(load: Load, model: str, device: str, *, sleeps: bool) -> dict[str, Any]:
    """Two updates beside an engine that sleeps meanwhile or does not; how it follows the learner.

    `ttrl solve` takes the same steps, and lets the memory plan choose between the two.
    """
    from ttrl_cli.learner.adapter_files import AdapterFiles
    from ttrl_cli.learner.lora import LoraLearner
    from ttrl_cli.loop.staleness import SlopeCheck
    from ttrl_cli.models.load import load_model
    from ttrl_cli.models.memory_plan import plan_here
    from ttrl_cli.models.tokenizer import load_codec
    from ttrl_cli.records import Message, Prompt
    from ttrl_cli.sampler.vllm import VllmSampler
    from ttrl_cli.sampler.vllm_engine import start_engine

    config = run_config(load, model, device).model_copy(update={"lr": 1e-3})
    planned = replace(plan_here(config, model, engine=True), sleeps=sleeps)
    files = AdapterFiles()
    learner = LoraLearner(load_model(config), config, files)
    sampler = VllmSampler(
        start_engine(model, config, planned),
        load_codec(model),
        max_tokens=load.tokens,
        temperature=1.0,
        seed=0,
        sleeps=sleeps,
    )
    sampler.load(learner.adapter)
    check = SlopeCheck(sampler, learner)
    asked = [
        Prompt(key=f"{g}", group=g, messages=(Message(role="user", content=f"{g} one"),), n=4)
        for g in range(load.prompts)
    ]
    found: dict[str, Any] = {"sync": [], "sync_error": [], "tokens": 0}
    for step in (1, 2):
        drawn = list(sampler.sample(asked, step=step, stop=lambda: False))
        found["tokens"] += sum(len(completion.token_ids_T) for completion in drawn)
        round_ = replace(make_round(load), step=step)
        check.before([round_], learner.adapter)
        sampler.sleep()
        learner.update(round_)
        sampler.wake_up()
        sampler.load(learner.adapter)
        said = check.after(learner.adapter)
        found["sync"].append(said["policy/sync"])
        found["sync_error"].append(said["policy/sync_error"])
    sampler.close()
    files.close()
    return found


def part(name: str, load: Load, model: str, device: str) -> Any:
    """One check, in this process."""
    ways: dict[str, Callable[[], Any]] = {
        "model": lambda: make_model(load, Path(model)),
        "fresh": lambda: fresh(load, model, device),
        "awake": lambda: engine(load, model, device, sleeps=False),
        "asleep": lambda: engine(load, model, device, sleeps=True),
        "rate": lambda: [asdict(figure) for figure in sample(load, model, device, 3)],
        "ours": lambda: update("ours", load, model, device, 3),
        "trl": lambda: update("trl", load, model, device, 3),
    }
    return ways[name]()


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part")
    parser.add_argument("--shape", choices=LOADS, required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    found = part(given.part, LOADS[given.shape], str(given.folder / "model"), given.device)
    (given.folder / f"{given.part}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
