"""A lean forward pass for decoding: one token a row, through the weights that the learner trains.

transformers and peft make some 90 calls a layer and token; with a small model on a CPU much of the
time goes there. Here projections of one input are one matrix product, the factors of their adapters
likewise, and each prompt is attended to once for all of its rows. No weight is copied: `fuse` lays
the model's own parameters side by side in memory and leaves views of them in their places, so the
learner's update is what the next token is drawn from. Nothing is ever merged into the base weights,
where rounding to bfloat16 would lose a small update.

Supported are models built like Llama: RMS norms, rotary positions, grouped queries, a gated MLP.
Others decode through their own forward.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import rms_norm, silu

from ttrl_cli.models.attention import SharedPrefix, attend
from ttrl_cli.models.cache import OwnKeysValues

_SUPPORTED = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_FUSED = (
    ("self_attn", ("q_proj", "k_proj", "v_proj")),
    ("self_attn", ("o_proj",)),
    ("mlp", ("gate_proj", "up_proj")),
    ("mlp", ("down_proj",)),
)


def supported(config: Any) -> bool:
    """Whether a model of this configuration can be decoded here."""
    return (
        config.model_type in _SUPPORTED
        and config.hidden_act == "silu"
        and getattr(config, "quantization_config", None) is None
    )


def fuse(base: Any) -> None:
    """Lay the weights of projections that share an input side by side, in place.

    In float32 on a CPU they are stored input by output: a product with few rows then runs up to
    eight times as fast as with PyTorch's output by input, and one with many rows as fast.

    Args:
        base: A supported model without an adapter, on its device.
    """
    for layer in base.model.layers:
        for block, names in _FUSED:
            linears = [getattr(getattr(layer, block), name) for name in names]
            weights = [linear.weight for linear in linears]
            by_input = weights[0].dtype == torch.float32 and weights[0].device.type == "cpu"
            joined = torch.cat([weight.detach() for weight in weights])
            stored = joined.t().contiguous().t() if by_input else joined
            sizes = [weight.shape[0] for weight in weights]
            for weight, part in zip(weights, stored.split_with_sizes(sizes), strict=True):
                weight.data = part


@dataclass(frozen=True, slots=True)
class Projection:
    """Linear layers with one input, as one.

    Attributes:
        weight_IO: Their weights [inputs, outputs].
        bias_O: Their biases, if any.
        down_IR: The adapter's A matrices side by side [inputs, ranks]; None where it adds nothing.
        up_RO: Its B matrices, scaled, on the diagonal of blocks [ranks, outputs].
    """

    weight_IO: torch.Tensor
    bias_O: torch.Tensor | None
    down_IR: torch.Tensor | None
    up_RO: torch.Tensor | None

    def __call__(self, x_BI: torch.Tensor) -> torch.Tensor:
        """Outputs [B, O]; the adapter's share is added before anything is rounded, as in peft."""
        if self.bias_O is None:
            y_BO = torch.mm(x_BI, self.weight_IO)
        else:
            y_BO = torch.addmm(self.bias_O, x_BI, self.weight_IO)
        if self.down_IR is None or self.up_RO is None:
            return y_BO
        inner_BR = torch.mm(x_BI.to(self.down_IR.dtype), self.down_IR)
        return torch.addmm(y_BO.to(self.up_RO.dtype), inner_BR, self.up_RO).to(y_BO.dtype)


class _Layer:
    """One decoder layer."""

    def __init__(self, layer: Any, config: Any) -> None:
        self._layer = layer
        self._heads: int = config.num_attention_heads
        self._kv_heads: int = config.num_key_value_heads
        self._width: int = layer.self_attn.head_dim
        self._scale: float = layer.self_attn.scaling
        self._qkv, self._out, self._gated, self._down = (
            projection(
                [getattr(getattr(layer, block), name) for name in names],
            )
            for block, names in _FUSED
        )

    def __call__(
        self,
        x_BH: torch.Tensor,
        rotary: tuple[torch.Tensor, torch.Tensor],
        own: OwnKeysValues,
        prompts: list[tuple[torch.Tensor, torch.Tensor]],
        rows_P: list[int],
    ) -> torch.Tensor:
        """The layer's output [B, hidden]."""
        layer, heads, kv_heads = self._layer, self._heads, self._kv_heads
        qkv_BNW = self._qkv(_norm(layer.input_layernorm, x_BH)).view(len(x_BH), -1, self._width)
        q_BNW, k_BNW, v_BNW = qkv_BNW.split_with_sizes([heads, kv_heads, kv_heads], 1)
        if hasattr(layer.self_attn, "q_norm"):
            q_BNW = _norm(layer.self_attn.q_norm, q_BNW)
            k_BNW = _norm(layer.self_attn.k_norm, k_BNW)
            turned_BNW = _rotate(torch.cat([q_BNW, k_BNW], 1), *rotary)
        else:
            turned_BNW = _rotate(qkv_BNW[:, : heads + kv_heads], *rotary)
        q_BNW, k_BNW = turned_BNW.split_with_sizes([heads, kv_heads], 1)
        keys, values = own.append(k_BNW, v_BNW)
        grouped = q_BNW.view(len(x_BH), kv_heads, -1, self._width) * self._scale
        seen_BNW = attend(grouped, keys, values, prompts, rows_P)
        x_BH = x_BH + self._out(seen_BNW.view(len(x_BH), -1))
        gate_BM, up_BM = self._gated(_norm(layer.post_attention_layernorm, x_BH)).chunk(2, 1)
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

    def own(self) -> list[OwnKeysValues]:
        """Empty keys and values for rows to write, per layer."""
        return [OwnKeysValues() for _ in self._layers]

    def __call__(
        self,
        token_B: torch.Tensor,
        position_B: torch.Tensor,
        own: list[OwnKeysValues],
        prefix: SharedPrefix,
    ) -> torch.Tensor:
        """Logits [B, V] behind one more token a row.

        Args:
            token_B: The tokens, int64.
            position_B: Their positions, int64.
            own: What the rows wrote before, per layer; the tokens' keys and values are appended.
            prefix: The rows' prompts.
        """
        x_BH = self._model.embed_tokens(token_B)
        cos_BSW, sin_BSW = self._model.rotary_emb(x_BH, position_B[:, None])
        half = sin_BSW.shape[-1] // 2
        # turned halves: (-b, a) times sin is (b, a) times (-sin, sin)
        sin_BSW = torch.cat([-sin_BSW[..., :half], sin_BSW[..., half:]], -1)
        for layer, mine, prompts in zip(self._layers, own, prefix.layers, strict=True):
            x_BH = layer(x_BH, (cos_BSW, sin_BSW), mine, prompts, prefix.rows_P)
        return self._causal.lm_head(_norm(self._model.norm, x_BH))  # type: ignore[no-any-return]


def _norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    return rms_norm(x, x.shape[-1:], module.weight, module.variance_epsilon)


def _rotate(x_BNW: torch.Tensor, cos_BSW: torch.Tensor, sin_BSW: torch.Tensor) -> torch.Tensor:
    """Rotary positions; `sin_BSW` has the signs of the turned halves."""
    return torch.addcmul(x_BNW * cos_BSW, x_BNW.roll(x_BNW.shape[-1] // 2, -1), sin_BSW)


def projection(linears: list[Any]) -> Projection:
    """Several linear layers, plain or with an adapter, as one."""
    bases = [getattr(linear, "base_layer", linear) for linear in linears]
    weights = [base.weight.detach() for base in bases]
    biases = [base.bias for base in bases if base.bias is not None]
    down_IR, up_RO = _adapter(linears)
    return Projection(
        weight_IO=_joined(weights).t(),
        bias_O=torch.cat([bias.detach() for bias in biases]) if biases else None,
        down_IR=down_IR,
        up_RO=up_RO,
    )


def _joined(weights: list[torch.Tensor]) -> torch.Tensor:
    """Weights that `fuse` laid side by side, as the one tensor they are views of."""
    first = weights[0]
    step = first.stride(0) * first.element_size()
    starts = [weight.data_ptr() - first.data_ptr() for weight in weights]
    sizes = [weight.shape[0] * step for weight in weights]
    assert starts == [sum(sizes[:i]) for i in range(len(sizes))], "fuse() was not called"
    rows = sum(weight.shape[0] for weight in weights)
    return first.as_strided((rows, first.shape[1]), first.stride(), first.storage_offset())


def _adapter(linears: list[Any]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The factors of the adapters on some linear layers; None where they add nothing yet."""
    downs = [linear.lora_A["default"].weight.detach() for linear in linears]
    ups = [
        linear.lora_B["default"].weight.detach() * linear.scaling["default"] for linear in linears
    ]
    if not any(bool(up.any()) for up in ups):
        return None, None
    return torch.cat(downs).t().contiguous(), _diagonal(ups)


def _diagonal(ups: list[torch.Tensor]) -> torch.Tensor:
    """B matrices [outputs, rank] as blocks on the diagonal of one [ranks, outputs]."""
    blocks: torch.Tensor = torch.block_diag(*ups)  # type: ignore[no-untyped-call]
    return blocks.t().contiguous()
