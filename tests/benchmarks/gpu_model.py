"""What would an update ask of a GPU? Counted on fake tensors, without one: a model, no measurement.

    python tests/benchmarks/gpu_model.py [--layers 2] [--rows 2]

An update of Qwen3-8B's shape on rows of 8,192 tokens behind prompts of 2,048, adapter of rank 32,
with activation checkpointing, is run by the learner itself on a device that has shapes and no data
(tests/_fake_device.py). Operations, launches and bytes are counted with a few layers, and what
a further layer adds is taken as often as there are layers. Seconds are reckoned for an H200 from
rates that are assumed, and said: they are no measurement. `--shapes` counts instead the distinct
shapes of attention that a backend plans by shape, in an update of 8 x 64 rows of 2k to 26k tokens.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import _fake_device

LAYERS = 36
PRODUCTS, ATTENTION, MEMORY = 650e12, 500e12, 3.8e12
"""Assumed of an H200: operations a second of products and of flash attention; bytes a second."""
PROMPT, TOKENS = 2048, 8192
MICRO_BATCH = PROMPT + TOKENS
SIZES = {
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 512,
    "max_position_embeddings": 40960,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an update asks of a device.

    Attributes:
        products: Operations of matrix products.
        attention: Operations of attention.
        launches: Calls that start something.
        moved: Bytes read and written.
        planned: Distinct shapes of attention that a backend plans by shape.
    """

    products: float
    attention: float
    launches: float
    moved: float
    planned: int

    def with_layers(self, further: "Cost", layers: int) -> "Cost":
        """Add what a layer adds, so many times; `further` has one layer more."""
        return Cost(
            **{
                name: getattr(self, name) + layers * (getattr(further, name) - getattr(self, name))
                for name in ("products", "attention", "launches", "moved")
            },
            planned=further.planned,
        )


def cost(sizes: dict[str, int], rows: list[list[int]], prompt: int) -> Cost:
    """Count an update on rows of some lengths, by prompt."""
    import numpy as np
    import torch
    from transformers import Qwen3Config

    from ttrl_cli.config import RunConfig
    from ttrl_cli.learner.lora import LoraLearner
    from ttrl_cli.records import Round, Row

    config = RunConfig(
        device="cpu", kl=0.0, checkpointing=True, micro_batch_tokens=MICRO_BATCH, lora_rank=32
    )
    made = [
        Row(
            prompt_ids_S=np.full(prompt, number),
            token_ids_T=np.arange(length) % 500,
            logprobs_T=np.zeros(length),
            advantages_T=np.full(length, 1.0 + place),
        )
        for number, lengths in enumerate(rows)
        for place, length in enumerate(lengths)
    ]
    with _fake_device.fake() as watch:
        device = torch.device(_fake_device.NAME, 0)
        model = _fake_device.make_model(Qwen3Config(**sizes), config, device)
        learner = LoraLearner(model, config)
        watch.clear()
        learner.update(Round(step=1, rows=tuple(made), normalizer=1.0))
        return Cost(
            products=watch.flops["products"],
            attention=watch.flops["attention"],
            launches=watch.calls["launches"],
            moved=watch.moved,
            planned=len(watch.planned),
        )


def of_8b(layers: int, rows: int) -> dict[str, Any]:
    """The update of Qwen3-8B, a token of a completion."""
    lengths = [[TOKENS] * rows]
    few = cost(SIZES | {"num_hidden_layers": layers}, lengths, PROMPT)
    more = cost(SIZES | {"num_hidden_layers": layers + 1}, lengths, PROMPT)
    whole = few.with_layers(more, LAYERS - layers)
    tokens = TOKENS * rows
    # PyTorch counts all pairs; flash attention leaves out those of a token and a later one
    attention = whole.attention * (PROMPT + (TOKENS + 1) / 2) / (PROMPT + TOKENS)
    seconds = {
        "products": whole.products / PRODUCTS,
        "attention": attention / ATTENTION,
        "memory": whole.moved / MEMORY,
    }
    return {
        "what": f"a model: Qwen3-8B, {rows} rows of 8,192 tokens behind 2,048, per token",
        "products, GFLOP": whole.products / tokens / 1e9,
        "attention, GFLOP": attention / tokens / 1e9,
        "bytes, MB": whole.moved / tokens / 1e6,
        "launches per micro-batch and layer": (more.launches - few.launches) / rows,
        **{f"{name}, us": 1e6 * value / tokens for name, value in seconds.items()},
    }


def shapes(groups: int, group: int) -> dict[str, Any]:
    """Distinct shapes that are planned by shape, in rows of 2k to 26k tokens."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = [rng.integers(2000, 26001, group).tolist() for _ in range(groups)]
    found = cost(SMALL | {"num_hidden_layers": 2}, rows, 512)
    return {"what": f"{groups} x {group} rows of 2k to 26k tokens", "planned": found.planned}


def main() -> None:
    """Print what was counted as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--shapes", action="store_true")
    given = parser.parse_args()
    _fake_device.begin()
    found = shapes(8, 64) if given.shapes else of_8b(given.layers, given.rows)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
