"""A lean differentiable forward over whole sequences, for learning.

The counterpart of `decoder`, over the same fused weights: one matrix product for projections of one
input, little kept for the backward pass (`fused_ops`), and prompts whose KV is shared by the rows
that go on from them. An adapter's factors are laid side by side once per update, as leaves;
`Sequences.collect` hands their gradients back to the adapter's own parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from ttrl_cli.models.cache import KV
from ttrl_cli.models.lean.fused_ops import GatedProjected, NormedProjected, Projected
from ttrl_cli.models.lean.weights import (
    FUSED,
    Projection,
    apply_rope,
    norm,
    projection,
    rope,
)

_QUERIES = 512
"""Queries of a row that attend at a time."""


@dataclass(frozen=True, slots=True)
class _Adapted:
    """Linear layers with one input, their adapters' factors being leaves that take gradients."""

    linears: list[Any]
    plain: Projection
    down_IR: torch.Tensor | None
    up_RO: torch.Tensor | None

    @property
    def constants(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.plain.weight_IO, self.plain.bias_O

    @property
    def factors(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        return self.down_IR, self.up_RO

    def collect(self) -> None:
        """Add the factors' gradients to those of the adapters' parameters."""
        if self.down_IR is None or self.up_RO is None or self.down_IR.grad is None:
            return
        assert self.up_RO.grad is not None
        rank = output = 0
        for linear in self.linears:
            a, b = linear.lora_A["default"].weight, linear.lora_B["default"].weight
            ranks, outputs = slice(rank, rank + len(a)), slice(output, output + len(b))
            _add_gradient(a, self.down_IR.grad[:, ranks].t())
            up = self.up_RO.grad[ranks, outputs].t()
            _add_gradient(b, up * linear.scaling["default"])
            rank, output = ranks.stop, outputs.stop


def _add_gradient(parameter: Any, gradient: torch.Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = gradient.contiguous()
    else:
        parameter.grad += gradient


class _Layer:
    """One decoder layer over rows of tokens, in two halves: `qkv` and `attend`.

    `qkv` has the norm, the projection and RoPE; `attend` attention, output projection and MLP.
    """

    def __init__(self, layer: Any, config: Any, *, adapter: bool, grad: bool) -> None:
        self._layer = layer
        self._heads: int = config.num_attention_heads
        self._kv_heads: int = config.num_key_value_heads
        self.blocks = [_adapted(layer, block, names, adapter, grad) for block, names in FUSED]

    def over_prompt(
        self,
        x_NH: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        masks: "_Masks",
        last: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute output [S, H], keys and values [1, H_kv, S, D] of a prompt.

        The last layer's output is not needed: it returns its input instead.
        """
        query, own = self.qkv(x_NH, 1, angles)
        if not last:
            x_NH = self.attend(x_NH, query, own, None, masks)
        # as they are now they are views, which would keep all that they are views of
        return x_NH, own[0].contiguous(), own[1].contiguous()

    def over_rows(
        self,
        x_NH: torch.Tensor,
        rows: int,
        angles: tuple[torch.Tensor, torch.Tensor],
        before: KV | None,
        masks: "_Masks",
    ) -> torch.Tensor:
        """Compute output [B * T, H] of rows that continue a prompt, given its keys and values."""
        query, own = self.qkv(x_NH, rows, angles)
        return self.attend(x_NH, query, own, before, masks)

    def qkv(
        self, x_NH: torch.Tensor, rows: int, angles: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, KV]:
        """Compute queries [B, H_kv, R, T, D], and the layer's own keys and values."""
        attention, width = self._layer.self_attn, self._layer.self_attn.head_dim
        qkv_NO = _normed(self._layer.input_layernorm, self.blocks[0], x_NH)
        qkv_NKW = qkv_NO.view(len(x_NH), -1, width)
        rotated_NKW = self._with_rope(attention, qkv_NKW, angles)
        q_NKW, k_NKW = rotated_NKW.split_with_sizes([self._heads, self._kv_heads], 1)
        keys, values = (
            part.view(rows, -1, self._kv_heads, width).transpose(1, 2)
            for part in (k_NKW, qkv_NKW[:, -self._kv_heads :])
        )
        q = q_NKW.view(rows, -1, self._kv_heads, self._heads // self._kv_heads, width)
        return q.permute(0, 2, 3, 1, 4), (keys, values)

    def attend(
        self,
        x_NH: torch.Tensor,
        query: torch.Tensor,
        own: KV,
        before: KV | None,
        masks: "_Masks",
    ) -> torch.Tensor:
        """Compute the layer's output [B * T, H]."""
        _, out, gated, down = self.blocks
        seen_NH = _attend(query, own, before, self._layer.self_attn.scaling, masks)
        x_NH = x_NH + _apply(Projected, seen_NH, *out.constants, *out.factors)
        gated_NM = _normed(self._layer.post_attention_layernorm, gated, x_NH)
        return x_NH + _apply(GatedProjected, gated_NM, *down.constants, *down.factors)

    def _with_rope(
        self, attention: Any, qkv_NKW: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Apply RoPE to queries and keys; return both [N, H + H_kv, D]."""
        both_NKW = qkv_NKW[:, : self._heads + self._kv_heads]
        if hasattr(attention, "q_norm"):
            parts = both_NKW.split_with_sizes([self._heads, self._kv_heads], 1)
            norms = (attention.q_norm, attention.k_norm)
            normed = [norm(module, part) for module, part in zip(norms, parts, strict=True)]
            both_NKW = torch.cat(normed, 1)
        return apply_rope(both_NKW, *angles)


class Sequences:
    """The lean forward of a supported model, for its adapter as it is when this is made.

    Args:
        network: The peft model; its base model's weights were laid out by `weights.fuse`.
        adapter: False for the base model, without the adapter.
        grad: Whether the adapter's factors take gradients.
        checkpointing: Keep the input of each layer alone, and compute the rest again for the
            backward pass.
    """

    def __init__(
        self,
        network: Any,
        *,
        adapter: bool = True,
        grad: bool = True,
        checkpointing: bool = False,
    ) -> None:
        self._checkpointing = checkpointing and grad
        self._causal = network.get_base_model()
        self._model = self._causal.model
        self._layers = [
            _Layer(layer, self._causal.config, adapter=adapter, grad=grad)
            for layer in self._model.layers
        ]

    @property
    def head_VH(self) -> torch.Tensor:
        """The output embedding [V, H]."""
        return self._causal.lm_head.weight.detach()  # type: ignore[no-any-return]

    def prompt(self, ids_S: torch.Tensor) -> list[KV]:
        """Compute keys and values [1, H_kv, S, D] of a prompt, per layer."""
        x_NH, angles = self._begin(ids_S[None], 0)
        masks = _Masks()
        kept: list[KV] = []
        for layer in self._layers:
            last = layer is self._layers[-1]
            x_NH, *own = self._run(layer.over_prompt, x_NH, angles, masks, last)
            kept.append((own[0], own[1]))
        return kept

    def hidden(self, ids_BT: torch.Tensor, prompt: Sequence[KV]) -> torch.Tensor:
        """Compute normed hidden states [B, T, H] of rows that continue a prompt.

        An empty `prompt` means that there is none.
        """
        x_NH, angles = self._begin(ids_BT, prompt[0][0].shape[2] if prompt else 0)
        masks = _Masks()
        for index, layer in enumerate(self._layers):
            before = prompt[index] if prompt else None
            x_NH = self._run(layer.over_rows, x_NH, len(ids_BT), angles, before, masks)
        return norm(self._model.norm, x_NH).view(*ids_BT.shape, -1)

    def collect(self) -> None:
        """Add the gradients of all factors to the adapter's parameters; call it once per update."""
        for layer in self._layers:
            for block in layer.blocks:
                block.collect()

    def _run(self, part: Callable[..., Any], *arguments: Any) -> Any:
        """Run a part of a layer, with activation checkpointing if it is on."""
        if not self._checkpointing:
            return part(*arguments)
        return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)

    def _begin(
        self, ids_BT: torch.Tensor, start: int
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Return the embedded tokens [B * T, H], and the cosines and sines of their positions."""
        rows, tokens = ids_BT.shape
        x_NH = self._model.embed_tokens(ids_BT.reshape(-1))
        position_T = torch.arange(start, start + tokens, device=ids_BT.device)
        return x_NH, rope(self._model, x_NH, position_T.repeat(rows))


def _normed(module: Any, block: _Adapted, x_NH: torch.Tensor) -> torch.Tensor:
    """Apply a norm and the linear layers after it."""
    scale, epsilon = module.weight, module.variance_epsilon
    return _apply(NormedProjected, x_NH, scale, epsilon, *block.constants, *block.factors)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> torch.Tensor:
    y: torch.Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return y


def _adapted(layer: Any, block: str, names: tuple[str, ...], adapter: bool, grad: bool) -> _Adapted:
    linears = [getattr(getattr(layer, block), name) for name in names]
    plain = projection(linears, adapter="kept" if adapter else "left out")
    factors = [
        None if factor is None else factor.requires_grad_(grad)
        for factor in (plain.down_IR, plain.up_RO)
    ]
    return _Adapted(linears, plain, *factors)


def _attend(
    query: torch.Tensor,
    own: KV,
    before: KV | None,
    scale: float,
    masks: "_Masks",
) -> torch.Tensor:
    """Compute attention [B * T, H * D] of rows over their prompt and what they have written.

    The query heads of a kv head are placed one after another as if they were tokens, so that keys
    and values need not be repeated for them. Queries are processed in blocks, each only with the
    keys that it may see, so that masks stay small however long the rows are.
    """
    rows, kv_heads, per_head, tokens, width = query.shape
    keys, values = own
    if before is not None:
        keys, values = (
            torch.cat([prompt.expand(rows, -1, -1, -1), mine], 2)
            for prompt, mine in zip(before, own, strict=True)
        )
    start = keys.shape[2] - tokens
    seen = []
    for first in range(0, tokens, _QUERIES):
        some = query[:, :, :, first : first + _QUERIES]
        count, end = some.shape[3], start + first + some.shape[3]
        part = scaled_dot_product_attention(
            some.reshape(rows, kv_heads, per_head * count, width),
            keys[:, :, :end],
            values[:, :, :end],
            attn_mask=masks.mask(end - count, count, per_head, query),
            scale=scale,
        )
        seen.append(part.view(rows, kv_heads, per_head, count, width))
    together = seen[0] if len(seen) == 1 else torch.cat(seen, 3)
    return together.permute(0, 3, 1, 2, 4).reshape(rows * tokens, -1)


class _Masks:
    """The masks of one pass through the model, each made once for all layers."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], torch.Tensor] = {}

    def mask(self, start: int, tokens: int, per_head: int, like: torch.Tensor) -> torch.Tensor:
        """Return the mask to add to the scores [R * T, S + T]: no token may see later ones."""
        if (start, tokens) not in self._made:
            mask = like.new_zeros(per_head, tokens, start + tokens)
            later = torch.ones(tokens, tokens, device=like.device, dtype=torch.bool).triu(1)
            mask[:, :, start:].masked_fill_(later, -torch.inf)
            self._made[start, tokens] = mask.view(per_head * tokens, -1)
        return self._made[start, tokens]
