"""Attention of many rows over prompts they share.

While G samples of a prompt are decoded, transformers' own path keeps G copies of the prompt's KV
cache and reads them all for every token. Here each prompt is stored once: the rows of a prompt
attend to it as one matrix product, and to what they have written themselves row by row. One softmax
goes over both parts, so the result is that of plain attention.

The function is registered with transformers under `NAME`, for models that decode by their own
forward; `decoder` calls `attend` itself. Without a `shared_prefix` it is the plain
scaled-dot-product attention, for prompts.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ttrl_cli.models.products import product_in_float32

NAME = "ttrl_shared_prefix"
_UNSUPPORTED = ("sliding_window", "softcap", "s_aux", "position_bias")


@dataclass(slots=True)
class PrefixCache:
    """The prefix KV of the prompts that a batch of rows continues.

    Attributes:
        layers: Per layer and prompt, keys and values [H_kv, S_p, D].
        rows_P: How many rows of the batch belong to each prompt, in batch order.
    """

    layers: list[list[tuple[torch.Tensor, torch.Tensor]]]
    rows_P: list[int]


def shared_prefix_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    shared_prefix: PrefixCache | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention of one token a row over its prompt and over what the row has written.

    Args:
        module: The attention module; its `layer_idx` picks the layer of the prefix.
        query: [B, H, 1, D], with a shared prefix.
        key: Keys of what the rows have written, this token included [B, H_kv, T, D].
        value: Values of the same [B, H_kv, T, D].
        attention_mask: Unused with a shared prefix: a row sees all of its own tokens.
        scaling: Factor on the scores; 1 / sqrt(D) by default.
        dropout: Used without a shared prefix only.
        shared_prefix: The prompts; None for plain attention.
        **kwargs: What transformers passes on.

    Returns:
        The output [B, 1, H, D], and no weights.

    Raises:
        NotImplementedError: If the model's attention needs more than this with a shared prefix.
    """
    if shared_prefix is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    special = [name for name in _UNSUPPORTED if kwargs.get(name) is not None]
    if special:
        msg = f"attention with {', '.join(special)} is not supported by the transformers sampler"
        raise NotImplementedError(msg)
    rows, heads, _, width = query.shape
    kv_heads = key.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    grouped = (query * scale).view(rows, kv_heads, heads // kv_heads, width)
    layer = shared_prefix.layers[module.layer_idx]  # type: ignore[index] # an int on every model
    seen = attend(grouped, key, value, layer, shared_prefix.rows_P)
    return seen.view(rows, 1, heads, width), None


def attend(
    query: torch.Tensor,
    own_keys: torch.Tensor,
    own_values: torch.Tensor,
    prompts: list[tuple[torch.Tensor, torch.Tensor]],
    rows_P: list[int],
) -> torch.Tensor:
    """Compute attention of one token a row over its prompt and over what the row has written.

    Args:
        query: Scaled queries [B, H_kv, R, D], R query heads per kv head.
        own_keys: Keys of what the rows have written, this token included [B, H_kv, T, D].
        own_values: Values of the same [B, H_kv, T, D].
        prompts: Keys and values of each prompt [H_kv, S_p, D].
        rows_P: How many rows of the batch belong to each prompt, in batch order.

    Returns:
        [B, H_kv, R, D].
    """
    written, kv_heads, per_head = own_keys.shape[2], query.shape[1], query.shape[2]
    own_keys_T = own_keys.flatten(0, 1).transpose(-1, -2)
    own_scores = product_in_float32(query.flatten(0, 1), own_keys_T)
    own_scores = own_scores.view(*query.shape[:3], written)  # [B, H_kv, R, T]
    output = torch.empty_like(query)
    start = 0
    for (prompt_keys, prompt_values), count in zip(prompts, rows_P, strict=True):
        if not count:
            continue
        here = slice(start, start + count)
        start += count
        # rows and their query heads side by side: one product per kv head [H_kv, n * R, D]
        stacked = query[here].transpose(0, 1).flatten(1, 2)
        scores = product_in_float32(stacked, prompt_keys.transpose(-1, -2))
        own = own_scores[here].transpose(0, 1).flatten(1, 2)
        weights = torch.softmax(torch.cat([scores, own], -1), -1).to(query.dtype)
        on_prompt, on_own = weights[..., :-written], weights[..., -written:]
        shape = (kv_heads, count, per_head, -1)
        from_prompt = (on_prompt @ prompt_values).view(shape).transpose(0, 1)
        from_own = on_own.reshape(shape).transpose(0, 1) @ own_values[here]
        torch.add(from_prompt, from_own, out=output[here])
    return output


def register() -> None:
    """Register the attention function with transformers under its name."""
    AttentionInterface.register(NAME, shared_prefix_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
