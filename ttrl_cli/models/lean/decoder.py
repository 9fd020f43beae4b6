"""A lean forward pass for decoding: one token a row, through the weights that the learner trains.

transformers and peft call PyTorch some 200 times a layer and token; here it is some 90. Projections
of one input are one matrix product, the factors of their adapters likewise (`weights`), and each
prompt is attended to once for all of its rows.
"""

from typing import Any

import torch
from torch.nn.functional import silu

from ttrl_cli.models.attention import PrefixCache, attend
from ttrl_cli.models.cache import SuffixKV
from ttrl_cli.models.lean.weights import (
    FUSED,
    apply_rope,
    effective_factors,
    norm,
    projection,
    rope,
)
from ttrl_cli.models.products import product_in_float32


class _Layer:
    """One decoder layer."""

    def __init__(self, layer: Any, config: Any) -> None:
        self._layer = layer
        self._heads: int = config.num_attention_heads
        self._kv_heads: int = config.num_key_value_heads
        self._width: int = layer.self_attn.head_dim
        self._scale: float = layer.self_attn.scaling
        self._qkv, self._out, self._gated, self._down = (
            projection(linears, factors=effective_factors(linears))
            for linears in (
                [getattr(getattr(layer, block), name) for name in names] for block, names in FUSED
            )
        )

    def __call__(
        self,
        x_BH: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        own: SuffixKV,
        prompts: list[tuple[torch.Tensor, torch.Tensor]],
        rows_P: list[int],
    ) -> torch.Tensor:
        """Compute the layer's output [B, hidden]."""
        layer, heads, kv_heads = self._layer, self._heads, self._kv_heads
        qkv_BNW = self._qkv(norm(layer.input_layernorm, x_BH)).view(len(x_BH), -1, self._width)
        q_BNW, k_BNW, v_BNW = qkv_BNW.split_with_sizes([heads, kv_heads, kv_heads], 1)
        if hasattr(layer.self_attn, "q_norm"):
            q_BNW = norm(layer.self_attn.q_norm, q_BNW)
            k_BNW = norm(layer.self_attn.k_norm, k_BNW)
            rotated_BNW = apply_rope(torch.cat([q_BNW, k_BNW], 1), *angles)
        else:
            rotated_BNW = apply_rope(qkv_BNW[:, : heads + kv_heads], *angles)
        q_BNW, k_BNW = rotated_BNW.split_with_sizes([heads, kv_heads], 1)
        keys, values = own.append(k_BNW, v_BNW)
        grouped = q_BNW.view(len(x_BH), kv_heads, -1, self._width) * self._scale
        seen_BNW = attend(grouped, keys, values, prompts, rows_P)
        x_BH = x_BH + self._out(seen_BNW.view(len(x_BH), -1))
        gate_BM, up_BM = self._gated(norm(layer.post_attention_layernorm, x_BH)).chunk(2, 1)
        return x_BH + self._down(silu(gate_BM).mul_(up_BM))


class Decoder:
    """The lean forward of a supported model, for the adapter as it is when this is made.

    Args:
        network: The peft model; its base model's weights were laid out by `fuse`.
    """

    def __init__(self, network: Any) -> None:
        self._causal = network.get_base_model()
        self._model = self._causal.model
        self._layers = [_Layer(layer, self._causal.config) for layer in self._model.layers]

    def own(self, most: int) -> list[SuffixKV]:
        """Make an empty KV cache for rows that write at most so many tokens, per layer."""
        return [SuffixKV(most) for _ in self._layers]

    def __call__(
        self,
        token_B: torch.Tensor,
        position_B: torch.Tensor,
        own: list[SuffixKV],
        prefix: PrefixCache,
    ) -> torch.Tensor:
        """Compute logits [B, V] in float32 after one more token a row.

        Args:
            token_B: The tokens, int64.
            position_B: Their positions, int64.
            own: What the rows wrote before, per layer; the tokens' KV is appended.
            prefix: The rows' prompts.
        """
        x_BH = self._model.embed_tokens(token_B)
        angles = rope(self._model, x_BH, position_B)
        for layer, mine, prompts in zip(self._layers, own, prefix.layers, strict=True):
            x_BH = layer(x_BH, angles, mine, prompts, prefix.rows_P)
        head_VH = self._causal.lm_head.weight
        return product_in_float32(norm(self._model.norm, x_BH), head_VH.t())
