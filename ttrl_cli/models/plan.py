"""What a run needs in memory, computed before anything is loaded.

Counted exactly: weights, adapter, its gradient and moments. Bounded from above: what a micro-batch
keeps for the backward pass, and its logits. What is then left is the sampler's: with an engine of
its own, a second copy of the weights and keys and values for as many tokens as there is room.
Where that is too few, the engine sleeps while the learner works, and the two take turns.
"""

from dataclasses import dataclass
from typing import Any

import psutil
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError

_BYTES = {"bfloat16": 2, "float32": 4}
_SLACK = 0.06
"""Share of a device's memory that is left alone: contexts, kernels' workspaces, fragmentation."""
_HEAD_TOKENS = 1024
_ENGINE_TOKENS = 8192
"""Tokens that vLLM computes at once, whose activations are kept free for it."""
_FEWEST_SEQUENCES = 8
"""Whole sequences that an engine must have room for, or it sleeps during updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a model.

    Attributes:
        parameters: Of the base model.
        adapter_per_rank: Parameters of an adapter of rank 1.
        layers, hidden, inner, heads, kv_heads, width, vocabulary: As they are usually called.
        context: Longest sequence, in tokens.
    """

    parameters: int
    adapter_per_rank: int
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    width: int
    vocabulary: int
    context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a plan: who needs how many bytes for what."""

    owner: str
    what: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where memory goes.

    Attributes:
        shape: The model's sizes.
        device: cpu or cuda.
        total: Memory of the device, in bytes; None if it is not known.
        items: What is needed, in bytes.
        kv_bytes: Room for an engine's keys and values; 0 where the sampler has no engine.
        kv_token: Bytes of a token's keys and values.
        sleeps: Whether an engine sleeps during updates.
        why_not: What does not fit, in words; empty if everything does.
    """

    shape: Shape
    device: str
    total: int | None
    items: tuple[Item, ...]
    kv_bytes: int
    kv_token: int
    sleeps: bool
    why_not: str

    @property
    def kv_tokens(self) -> int:
        """Tokens whose keys and values an engine has room for."""
        return self.kv_bytes // self.kv_token


def read_shape(folder: str) -> Shape:
    """The sizes of the model in a folder; its weights are not read.

    Raises:
        SetupError: If it has no configuration of a causal model that transformers knows.
    """
    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError) as error:
        msg = f"model {folder!r} could not be read: {str(error).strip().splitlines()[0]}"
        raise SetupError(msg) from error
    head = model.get_output_embeddings()
    linears = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    heads = config.num_attention_heads
    return Shape(
        parameters=sum(p.numel() for p in model.parameters()),
        adapter_per_rank=sum(linear.in_features + linear.out_features for linear in linears),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        inner=getattr(config, "intermediate_size", 4 * config.hidden_size),
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        vocabulary=config.vocab_size,
        context=int(getattr(config, "max_position_embeddings", 1 << 30)),
    )


def memory(device: str) -> int:
    """Bytes of a device's memory: all of a GPU's; of the machine's, what is free now."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    return psutil.virtual_memory().available


def plan(
    shape: Shape,
    config: RunConfig,
    *,
    dtype: str,
    device: str,
    total: int | None,
    checkpointing: bool,
    engine: bool,
) -> Plan:
    """Plan a run.

    Args:
        shape: The model's sizes.
        config: The run's configuration.
        dtype: Type of the base weights.
        device: cpu or cuda.
        total: Memory of the device, in bytes; None if it is not known.
        checkpointing: Whether the learner computes activations again for its backward pass.
        engine: Whether the sampler has an engine with weights of its own on this device.
    """
    learner = (
        _learner_items(shape, config, dtype, checkpointing) if config.train or not engine else ()
    )
    resting = sum(item.size for item in learner if item.what in _RESTING)
    busy = sum(item.size for item in learner) - resting
    kv_token = 2 * shape.layers * shape.kv_heads * shape.width * _BYTES[dtype]
    if not engine:
        needed = resting + busy
        return Plan(
            shape=shape,
            device=device,
            total=total,
            items=learner,
            kv_bytes=0,
            kv_token=kv_token,
            sleeps=False,
            why_not=_missing(needed, total),
        )
    sampler = _engine_items(shape, config, dtype)
    fixed = sum(item.size for item in sampler)
    sequence = min(config.max_tokens + (config.answer_tokens or 0) + 2048, shape.context)
    rows = config.groups * config.group_size
    wanted = rows * sequence * kv_token
    fewest = min(rows, _FEWEST_SEQUENCES) * sequence * kv_token
    sleeps, kv_bytes, why_not = False, wanted, ""
    if total is not None:
        room = int(total * (1 - _SLACK)) - resting - fixed
        sleeps = config.train and device == "cuda" and room - busy < fewest
        kv_bytes = min(wanted, room if sleeps else room - busy)
        least = sequence * kv_token
        why_not = _missing(resting + fixed + least, total)
        if sleeps and resting + busy > total * (1 - _SLACK):
            why_not = _missing(resting + busy, total)
    items = (*learner, *sampler, Item(owner="sampler", what="keys and values", size=kv_bytes))
    return Plan(
        shape=shape,
        device=device,
        total=total,
        items=items,
        kv_bytes=max(kv_bytes, 0),
        kv_token=kv_token,
        sleeps=sleeps,
        why_not=why_not,
    )


_RESTING = frozenset({"weights", "adapter", "moments"})
"""What a learner keeps while it does nothing."""


def _learner_items(
    shape: Shape, config: RunConfig, dtype: str, checkpointing: bool
) -> tuple[Item, ...]:
    """What the learner needs, weights of a sampler that shares them included."""
    size = _BYTES[dtype]
    weights = shape.parameters * size
    adapter = shape.adapter_per_rank * config.lora_rank * _BYTES["float32"]
    amounts = [("weights", weights), ("adapter", adapter)]
    if config.train:
        amounts += [
            ("moments", 2 * adapter),
            ("gradient", adapter),
            ("activations of a micro-batch", _activations(shape, config, size, checkpointing)),
            ("logits of a micro-batch", 3 * _HEAD_TOKENS * shape.vocabulary * _BYTES["float32"]),
        ]
    return tuple(Item(owner="learner", what=what, size=amount) for what, amount in amounts)


def _activations(shape: Shape, config: RunConfig, size: int, checkpointing: bool) -> int:
    """What a micro-batch keeps for its backward pass, at most."""
    kv = shape.kv_heads * shape.width
    attention = 2 * shape.heads * shape.width + 2 * kv  # queries before and after they are turned
    # inputs of the four products, what attention reads and writes, gate and up
    layer = 4 * shape.hidden + 2 * attention + 2 * shape.inner
    ranks = 4 * config.lora_rank * _BYTES["float32"]
    per_layer = layer * size + ranks
    if checkpointing:
        kept = shape.layers * (shape.hidden + 2 * kv) * size
        # a layer that is computed again, and the gradients that pass through it
        return config.micro_batch_tokens * (kept + 2 * per_layer)
    return config.micro_batch_tokens * (shape.layers + 1) * per_layer


def _engine_items(shape: Shape, config: RunConfig, dtype: str) -> tuple[Item, ...]:
    size = _BYTES[dtype]
    adapter = shape.adapter_per_rank * config.lora_rank * size
    widest = max(2 * shape.inner, shape.hidden)
    rows = min(config.groups * config.group_size, 1024)
    amounts = [
        ("weights", shape.parameters * size),
        ("adapter", adapter),
        ("activations", 3 * _ENGINE_TOKENS * (widest + shape.hidden) * size),
        ("logits", 3 * rows * shape.vocabulary * _BYTES["float32"]),
    ]
    return tuple(Item(owner="sampler", what=what, size=amount) for what, amount in amounts)


def _missing(needed: int, total: int | None) -> str:
    """What is to be said where memory does not suffice."""
    if total is None or needed <= total * (1 - _SLACK):
        return ""
    return f"{needed / 2**30:.1f} GiB are needed at least, {total / 2**30:.1f} GiB are there"
