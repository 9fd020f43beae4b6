"""The sizes of a model, read without its weights."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ttrl_cli.errors import SetupError, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a model.

    Attributes:
        parameters: Of the base model.
        linear: Those of them in linear layers but the output, which 4 bits may hold.
        adapter_per_rank: Parameters of an adapter of rank 1 on all linear layers.
        layers: Decoder layers.
        hidden: Width of the residual stream.
        inner: Width of the MLPs.
        heads: Query heads.
        kv_heads: Key and value heads.
        width: Width of a head.
        vocabulary: Tokens that there are.
        context: Longest sequence, in tokens.
    """

    parameters: int
    linear: int
    adapter_per_rank: int
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    width: int
    vocabulary: int
    context: int


def read_shape(folder: str) -> Shape:
    """Read the sizes of the model in a folder, without its weights.

    Raises:
        SetupError: If it has no configuration of a causal model that transformers knows.
    """
    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError) as error:
        msg = f"model {folder!r} could not be read: {first_line(error)}"
        raise SetupError(msg) from error
    head = model.get_output_embeddings()
    linears = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    heads = config.num_attention_heads
    return Shape(
        parameters=sum(p.numel() for p in model.parameters()),
        linear=sum(linear.weight.numel() for linear in linears),
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
