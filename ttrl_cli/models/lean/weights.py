"""A model's weights laid out so that few large products do the work of many small ones.

`fuse` puts the weights of projections that share an input side by side in memory and leaves views
of them in their places: nothing is copied for good, and nothing is ever merged into the base
weights, where rounding to bfloat16 would lose a small update. `decoder` and `sequence` compute with
them.

Supported are models built like Llama: RMS norms, RoPE, grouped queries, a gated MLP.
Others run through their own forward.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import rms_norm

from ttrl_cli.models.lean.fused_ops import Factors, project

_SUPPORTED = frozenset({"llama", "mistral", "qwen2", "qwen3"})
FUSED = (
    ("self_attn", ("q_proj", "k_proj", "v_proj")),
    ("self_attn", ("o_proj",)),
    ("mlp", ("gate_proj", "up_proj")),
    ("mlp", ("down_proj",)),
)
"""The projections of a layer: block and names of those that share an input."""


def supported(base: Any) -> bool:
    """Decide whether the lean forwards can run a causal model of transformers."""
    config = base.config
    return (
        config.model_type in _SUPPORTED
        and config.hidden_act == "silu"
        and getattr(config, "quantization_config", None) is None
        and base.get_output_embeddings().bias is None
    )


def fuse(base: Any) -> None:
    """Lay the weights of projections that share an input side by side, in place.

    In float32 on a CPU they are stored as [inputs, outputs]: a product with few rows then runs up
    to eight times as fast as with PyTorch's [outputs, inputs], and one with many rows as fast.

    Args:
        base: A supported model without an adapter, on its device.
    """
    for layer in base.model.layers:
        for block, names in FUSED:
            linears = [getattr(getattr(layer, block), name) for name in names]
            weights = [linear.weight for linear in linears]
            sizes = [weight.shape[0] for weight in weights]
            for weight, part in zip(weights, _room(weights[0], sizes), strict=True):
                weight.data = part.copy_(weight.data)


def _room(like: torch.Tensor, sizes: list[int]) -> tuple[torch.Tensor, ...]:
    """Make one tensor and return views of it [outputs, inputs], one for each number of outputs."""
    inputs, outputs = like.shape[1], sum(sizes)
    if like.dtype == torch.float32 and like.device.type == "cpu":
        return like.new_empty(inputs, outputs).t().split_with_sizes(sizes)
    return like.new_empty(outputs, inputs).split_with_sizes(sizes)


@dataclass(frozen=True, slots=True)
class Projection:
    """Linear layers with one input, as one.

    Attributes:
        weight_IO: Their weights [inputs, outputs].
        bias_O: Their biases, if any.
        down_IR: The adapter's A matrices side by side [inputs, ranks], in the base's type; None
            where it adds nothing.
        up_RO: Its B matrices, scaled, on the diagonal of blocks [ranks, outputs].
    """

    weight_IO: torch.Tensor
    bias_O: torch.Tensor | None
    down_IR: torch.Tensor | None
    up_RO: torch.Tensor | None

    def __call__(self, x_BI: torch.Tensor) -> torch.Tensor:
        """Compute outputs [B, O], without a gradient."""
        return project(x_BI, self.weight_IO, self.bias_O, self.down_IR, self.up_RO)[0]


def norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    """Apply a model's RMS norm over the last axis."""
    return rms_norm(x, x.shape[-1:], module.weight, module.variance_epsilon)


def rope(
    model: Any, x_BH: torch.Tensor, position_B: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute cosines and sines [B, 1, D] of some positions, as `apply_rope` takes them."""
    cos_BSW, sin_BSW = model.rotary_emb(x_BH, position_B[:, None])
    half = sin_BSW.shape[-1] // 2
    # rotated halves: (-b, a) times sin is (b, a) times (-sin, sin)
    return cos_BSW, torch.cat([-sin_BSW[..., :half], sin_BSW[..., half:]], -1)


def apply_rope(x_BNW: torch.Tensor, cos_BSW: torch.Tensor, sin_BSW: torch.Tensor) -> torch.Tensor:
    """Apply RoPE; `sin_BSW` already has the signs of the rotated halves."""
    return torch.addcmul(x_BNW * cos_BSW, x_BNW.roll(x_BNW.shape[-1] // 2, -1), sin_BSW)


def projection(linears: list[Any], *, factors: Factors | None) -> Projection:
    """Combine several linear layers into one.

    Args:
        linears: Layers that share an input and have adapters of peft.
        factors: Those of their adapters, in float32; None gives the base model.
    """
    bases = [getattr(linear, "base_layer", linear) for linear in linears]
    weights = [base.weight.detach() for base in bases]
    biases = [base.bias for base in bases if base.bias is not None]
    rounded = [factor.detach().to(weights[0].dtype) for factor in factors or ()]
    down_IR, up_RO = rounded or (None, None)
    return Projection(
        weight_IO=_joined(weights).t(),
        bias_O=torch.cat([bias.detach() for bias in biases]) if biases else None,
        down_IR=down_IR,
        up_RO=up_RO,
    )


def adapter_factors(linears: list[Any]) -> Factors:
    """Return the factors of the adapters on some linear layers, side by side, in float32."""
    downs = [linear.lora_A["default"].weight.detach() for linear in linears]
    ups = [
        linear.lora_B["default"].weight.detach() * linear.scaling["default"] for linear in linears
    ]
    return torch.cat(downs).t().contiguous(), _diagonal(ups)


def effective_factors(linears: list[Any]) -> Factors | None:
    """Return the factors as `adapter_factors` does; None if they add nothing, B being zero."""
    factors = adapter_factors(linears)
    return factors if factors[1].any() else None


def _joined(weights: list[torch.Tensor]) -> torch.Tensor:
    """Return the one tensor that these weights are views of, as laid out by `fuse`."""
    first = weights[0]
    step = first.stride(0) * first.element_size()
    starts = [weight.data_ptr() - first.data_ptr() for weight in weights]
    sizes = [weight.shape[0] * step for weight in weights]
    assert starts == [sum(sizes[:i]) for i in range(len(sizes))], "fuse() was not called"
    rows = sum(weight.shape[0] for weight in weights)
    return first.as_strided((rows, first.shape[1]), first.stride(), first.storage_offset())


def _diagonal(ups: list[torch.Tensor]) -> torch.Tensor:
    """Put B matrices [outputs, rank] as blocks on the diagonal of one matrix [ranks, outputs]."""
    blocks: torch.Tensor = torch.block_diag(*ups)  # type: ignore[no-untyped-call]
    return blocks.t().contiguous()
