"""A lean differentiable forward over whole sequences, for learning.

The counterpart of `decoder`, over the same fused weights: one matrix product for projections of one
input, little kept for the backward pass (`fused_ops`), and prompts whose keys and values are shared
by the rows that go on from them. An adapter's factors are laid side by side once per update, as
leaves; `Sequences.collect` hands their gradients back to the adapter's own parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from ttrl_cli.models.fused_ops import GatedProjected, NormedProjected, Projected
from ttrl_cli.models.weights import FUSED, Projection, norm, projection, rotary, rotate

KeysValues = tuple[torch.Tensor, torch.Tensor]
"""Keys and values [B, H_kv, S, D]."""


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


class Sequences:
    """The lean forward of a supported model, for its adapter as it is when this is made.

    Args:
        network: The peft model; its base model's weights were laid out by `decoder.fuse`.
        adapter: False for the base model, without the adapter.
        grad: Whether the adapter's factors take gradients.
    """

    def __init__(self, network: Any, *, adapter: bool = True, grad: bool = True) -> None:
        self._causal = network.get_base_model()
        self._model = self._causal.model
        self._heads: int = self._causal.config.num_attention_heads
        self._kv_heads: int = self._causal.config.num_key_value_heads
        self._layers = [
            (layer, [_adapted(layer, block, names, adapter, grad) for block, names in FUSED])
            for layer in self._model.layers
        ]

    @property
    def head_VH(self) -> torch.Tensor:
        """The output embedding [V, H]."""
        return self._causal.lm_head.weight.detach()  # type: ignore[no-any-return]

    def prompt(self, ids_S: torch.Tensor) -> list[KeysValues]:
        """Keys and values [1, H_kv, S, D] of a prompt, per layer."""
        return [kept for _, kept in self._run(ids_S[None], 0, [])]

    def hidden(self, ids_BT: torch.Tensor, prompt: Sequence[KeysValues]) -> torch.Tensor:
        """Normed states [B, T, H] of rows that go on from a prompt; an empty one is none."""
        start = prompt[0][0].shape[2] if prompt else 0
        *_, (x_NH, _) = self._run(ids_BT, start, prompt)
        return norm(self._model.norm, x_NH).view(*ids_BT.shape, -1)

    def collect(self) -> None:
        """Hand the gradients of all factors to the adapter's parameters, once per update."""
        for _, blocks in self._layers:
            for block in blocks:
                block.collect()

    def _run(
        self, ids_BT: torch.Tensor, start: int, prompt: Sequence[KeysValues]
    ) -> Iterator[tuple[torch.Tensor, KeysValues]]:
        """The state [B * T, H] behind each layer, and the layer's own keys and values."""
        rows, tokens = ids_BT.shape
        x_NH = self._model.embed_tokens(ids_BT.reshape(-1))
        position_T = torch.arange(start, start + tokens, device=ids_BT.device)
        turn = rotary(self._model, x_NH, position_T.repeat(rows))
        mask = _mask(start, tokens, self._heads // self._kv_heads, x_NH)
        for place, (layer, blocks) in enumerate(self._layers):
            before = prompt[place] if prompt else None
            x_NH, kept = self._layer(layer, blocks, x_NH, rows, turn, before, mask)
            yield x_NH, kept

    def _layer(
        self,
        layer: Any,
        blocks: list[_Adapted],
        x_NH: torch.Tensor,
        rows: int,
        turn: tuple[torch.Tensor, torch.Tensor],
        before: KeysValues | None,
        mask: torch.Tensor,
    ) -> tuple[torch.Tensor, KeysValues]:
        """One layer's output [B * T, H] and its own keys and values."""
        qkv, out, gated, down = blocks
        attention, width = layer.self_attn, layer.self_attn.head_dim
        qkv_NO = _normed(layer.input_layernorm, qkv, x_NH)
        qkv_NKW = qkv_NO.view(len(x_NH), -1, width)
        turned_NKW = self._turned(attention, qkv_NKW, turn)
        q_NKW, k_NKW = turned_NKW.split_with_sizes([self._heads, self._kv_heads], 1)
        kept = tuple(
            part.view(rows, -1, self._kv_heads, width).transpose(1, 2)
            for part in (k_NKW, qkv_NKW[:, -self._kv_heads :])
        )
        seen_NH = _attend(q_NKW, (kept[0], kept[1]), before, mask, attention.scaling)
        x_NH = x_NH + _apply(Projected, seen_NH, *out.constants, *out.factors)
        gated_NM = _normed(layer.post_attention_layernorm, gated, x_NH)
        x_NH = x_NH + _apply(GatedProjected, gated_NM, *down.constants, *down.factors)
        return x_NH, (kept[0], kept[1])

    def _turned(
        self, attention: Any, qkv_NKW: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Queries and keys [N, H + H_kv, D] at their positions."""
        both_NKW = qkv_NKW[:, : self._heads + self._kv_heads]
        if hasattr(attention, "q_norm"):
            parts = both_NKW.split_with_sizes([self._heads, self._kv_heads], 1)
            norms = (attention.q_norm, attention.k_norm)
            normed = [norm(module, part) for module, part in zip(norms, parts, strict=True)]
            both_NKW = torch.cat(normed, 1)
        return rotate(both_NKW, *turn)


def _normed(module: Any, block: _Adapted, x_NH: torch.Tensor) -> torch.Tensor:
    """Linear layers behind a norm."""
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
    q_NKW: torch.Tensor,
    own: KeysValues,
    before: KeysValues | None,
    mask: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    """Attention [N, H * D] of rows over their prompt and what they have written.

    The query heads of a kv head stand one behind the other as if they were tokens, so that keys and
    values need not be repeated for them.
    """
    keys, values = own
    rows, kv_heads, tokens, width = keys.shape
    q = q_NKW.view(rows, tokens, kv_heads, -1, width).permute(0, 2, 3, 1, 4)
    per_head = q.shape[2]
    if before is not None:
        keys, values = (
            torch.cat([prompt.expand(rows, -1, -1, -1), mine], 2)
            for prompt, mine in zip(before, own, strict=True)
        )
    seen = scaled_dot_product_attention(
        q.reshape(rows, kv_heads, per_head * tokens, width),
        keys,
        values,
        attn_mask=mask,
        scale=scale,
    )
    seen = seen.view(rows, kv_heads, per_head, tokens, width).permute(0, 3, 1, 2, 4)
    return seen.reshape(rows * tokens, -1)


def _mask(start: int, tokens: int, per_head: int, like: torch.Tensor) -> torch.Tensor:
    """What each token may see, as additions to the scores [R * T, S + T]."""
    full = torch.full((tokens, tokens), -torch.inf, device=like.device, dtype=like.dtype)
    own = full.triu(1)
    seen = torch.cat([own.new_zeros(tokens, start), own], 1)
    return seen.repeat(per_head, 1)
