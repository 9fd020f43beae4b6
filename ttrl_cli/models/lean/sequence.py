"""A lean differentiable forward over whole sequences, for learning.

The counterpart of `decoder`, over the same fused weights: one matrix product for projections of one
input, little kept for the backward pass (`fused_ops`), and prompts whose KV is shared by the rows
that go on from them. An adapter's factors are laid side by side once per update, as leaves in
float32; `Sequences.collect` hands their gradients back to the adapter's own parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from ttrl_cli.models.cache import KV
from ttrl_cli.models.lean.fused_ops import GatedProjected, NormedProjected, Projected
from ttrl_cli.models.lean.rows import Rows, Tokens
from ttrl_cli.models.lean.weights import (
    FUSED,
    Projection,
    adapter_factors,
    apply_rope,
    norm,
    projection,
    rope,
)


@dataclass(frozen=True, slots=True)
class _Adapted:
    """Linear layers with one input, and the masters of their adapters' factors.

    The masters are leaves in float32, which take gradients.
    """

    linears: list[Any]
    plain: Projection
    master_IR: torch.Tensor | None
    master_RO: torch.Tensor | None

    @property
    def operands(self) -> tuple[torch.Tensor | None, ...]:
        """What the functions of `fused_ops` take behind their input."""
        plain = self.plain
        factors = (plain.down_IR, plain.up_RO)
        return plain.weight_IO, plain.bias_O, *factors, self.master_IR, self.master_RO

    def collect(self) -> None:
        """Add the masters' gradients to those of the adapters' parameters."""
        if self.master_IR is None or self.master_RO is None or self.master_IR.grad is None:
            return
        assert self.master_RO.grad is not None
        rank = output = 0
        for linear in self.linears:
            a, b = linear.lora_A["default"].weight, linear.lora_B["default"].weight
            ranks, outputs = slice(rank, rank + len(a)), slice(output, output + len(b))
            _add_gradient(a, self.master_IR.grad[:, ranks].t())
            up = self.master_RO.grad[ranks, outputs].t()
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
        rows: Rows,
        angles: tuple[torch.Tensor, torch.Tensor],
        last: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute output [S, H], keys and values [1, H_kv, S, D] of a prompt.

        The last layer's output is not needed: it returns its input instead.
        """
        q_NKW, *own = self.qkv(x_NH, angles)
        if not last:
            x_NH = self.attend(x_NH, rows, q_NKW, own[0], own[1], None)
        # as they are now they are views, which would keep all that they are views of
        keys, values = (part.transpose(0, 1).contiguous()[None] for part in own)
        return x_NH, keys, values

    def over_rows(
        self,
        x_NH: torch.Tensor,
        rows: Rows,
        angles: tuple[torch.Tensor, torch.Tensor],
        before: KV | None,
    ) -> torch.Tensor:
        """Compute output [N, H] of rows that continue a prompt, given its keys and values."""
        return self.attend(x_NH, rows, *self.qkv(x_NH, angles), before)

    def qkv(
        self, x_NH: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute queries [N, H, D], keys and values [N, H_kv, D]."""
        attention, width = self._layer.self_attn, self._layer.self_attn.head_dim
        qkv_NO = _normed(self._layer.input_layernorm, self.blocks[0], x_NH)
        qkv_NKW = qkv_NO.view(len(x_NH), -1, width)
        rotated_NKW = self._with_rope(attention, qkv_NKW, angles)
        q_NKW, k_NKW = rotated_NKW.split_with_sizes([self._heads, self._kv_heads], 1)
        return q_NKW, k_NKW, qkv_NKW[:, -self._kv_heads :]

    def attend(
        self,
        x_NH: torch.Tensor,
        rows: Rows,
        q_NKW: torch.Tensor,
        k_NKW: torch.Tensor,
        v_NKW: torch.Tensor,
        before: KV | None,
    ) -> torch.Tensor:
        """Compute the layer's output [N, H]."""
        _, out, gated, down = self.blocks
        seen_NH = rows.attend(q_NKW, k_NKW, v_NKW, before, self._layer.self_attn.scaling)
        x_NH = x_NH + _apply(Projected, seen_NH, *out.operands)
        gated_NM = _normed(self._layer.post_attention_layernorm, gated, x_NH)
        return x_NH + _apply(GatedProjected, gated_NM, *down.operands)

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

    def prompt(self, tokens: Tokens) -> list[KV]:
        """Compute keys and values [1, H_kv, S, D] of a prompt, per layer."""
        x_NH, angles = self._begin(tokens)
        kept: list[KV] = []
        for layer in self._layers:
            last = layer is self._layers[-1]
            x_NH, *own = self._run(layer.over_prompt, x_NH, tokens.rows, angles, last)
            kept.append((own[0], own[1]))
        return kept

    def hidden(self, tokens: Tokens, prompt: Sequence[KV]) -> torch.Tensor:
        """Compute normed hidden states [N, H] of rows that continue a prompt.

        An empty `prompt` means that there is none.
        """
        x_NH, angles = self._begin(tokens)
        for index, layer in enumerate(self._layers):
            before = prompt[index] if prompt else None
            x_NH = self._run(layer.over_rows, x_NH, tokens.rows, angles, before)
        return norm(self._model.norm, x_NH)

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

    def _begin(self, tokens: Tokens) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Return the embedded tokens [N, H], and the cosines and sines of their positions."""
        x_NH = self._model.embed_tokens(tokens.id_N)
        return x_NH, rope(self._model, x_NH, tokens.position_N)


def _normed(module: Any, block: _Adapted, x_NH: torch.Tensor) -> torch.Tensor:
    """Apply a norm and the linear layers after it."""
    scale, epsilon = module.weight, module.variance_epsilon
    return _apply(NormedProjected, x_NH, scale, epsilon, *block.operands)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> torch.Tensor:
    y: torch.Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return y


def _adapted(layer: Any, block: str, names: tuple[str, ...], adapter: bool, grad: bool) -> _Adapted:
    linears = [getattr(getattr(layer, block), name) for name in names]
    if not adapter:
        return _Adapted(linears, projection(linears, factors=None), None, None)
    factors = adapter_factors(linears)
    plain = projection(linears, factors=factors)
    return _Adapted(linears, plain, *(factor.requires_grad_(grad) for factor in factors))
