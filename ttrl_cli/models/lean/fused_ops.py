"""Differentiable pieces of a decoder layer that keep little and call little.

Each runs what autograd would as one function with its own backward: what is cheap to compute again
(a norm's output, a gate's) is not kept, an adapter adds to its base's output in place, and frozen
weights get no gradient: `weight_IO` and biases are taken for constants.

An adapter is computed in the base's type, from factors that are rounded once per update, and what
it adds is summed in float32 within the product. Its masters stay in float32, and so do the
gradients of its factors, so that no update is too small to count. The functions take both: the
rounded factors, to compute with, and behind them the masters, to which the gradients go.
"""

from typing import Any

import torch
from torch.nn.functional import silu

Factors = tuple[torch.Tensor, torch.Tensor]
"""The factors of an adapter: [inputs, ranks] and [ranks, outputs]."""


def project(
    x_NI: torch.Tensor,
    weight_IO: torch.Tensor,
    bias_O: torch.Tensor | None,
    down_IR: torch.Tensor | None,
    up_RO: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Apply a linear layer with an adapter.

    Returns:
        Outputs [N, O], and the values between the adapter's factors [N, R], if it has one.
    """
    y_NO = torch.mm(x_NI, weight_IO) if bias_O is None else torch.addmm(bias_O, x_NI, weight_IO)
    if down_IR is None or up_RO is None:
        return y_NO, None
    inner_NR = torch.mm(x_NI, down_IR)
    return y_NO.addmm_(inner_NR, up_RO), inner_NR


def _project_backward(
    grad_NO: torch.Tensor,
    x_NI: torch.Tensor,
    weight_IO: torch.Tensor,
    factors: Factors | None,
    inner_NR: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Compute the gradients of `project` with respect to its input and the adapter's factors.

    The gradient of the input is a new tensor, which the caller may overwrite; those of the factors
    are in float32.
    """
    grad_NI = torch.mm(grad_NO, weight_IO.t())
    if factors is None or inner_NR is None:
        return grad_NI, None, None
    down_IR, up_RO = factors
    grad_inner_NR = torch.mm(grad_NO, up_RO.t())
    grad_down_IR = _wide_product(x_NI.t(), grad_inner_NR)
    grad_up_RO = _wide_product(inner_NR.t(), grad_NO)
    return grad_NI.addmm_(grad_inner_NR, down_IR.t()), grad_down_IR, grad_up_RO


def _wide_product(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Multiply two matrices; return the product in float32, whatever their type."""
    if one.dtype == torch.float32:
        return torch.mm(one, other)
    if one.device.type == "cpu":  # whose products have no other type than their factors
        return torch.mm(one.float(), other.float())
    return torch.mm(one, other, out_dtype=torch.float32)


def _factors(down: torch.Tensor | None, up: torch.Tensor | None) -> Factors | None:
    return None if down is None or up is None else (down, up)


class Projected(torch.autograd.Function):
    """A linear layer with an adapter."""

    @staticmethod
    def forward(
        ctx: Any,
        x_NI: torch.Tensor,
        weight_IO: torch.Tensor,
        bias_O: torch.Tensor | None,
        down_IR: torch.Tensor | None,
        up_RO: torch.Tensor | None,
        *_masters: torch.Tensor | None,
    ) -> torch.Tensor:
        """Compute outputs [N, O]."""
        y_NO, inner_NR = project(x_NI, weight_IO, bias_O, down_IR, up_RO)
        ctx.save_for_backward(x_NI, weight_IO, down_IR, up_RO, inner_NR)
        return y_NO

    @staticmethod
    def backward(ctx: Any, grad_NO: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Compute the gradients of the input and of the adapter."""
        x_NI, weight_IO, down_IR, up_RO, inner_NR = ctx.saved_tensors
        grad_NI, grad_down, grad_up = _project_backward(
            grad_NO, x_NI, weight_IO, _factors(down_IR, up_RO), inner_NR
        )
        return grad_NI, *(None,) * 4, grad_down, grad_up


class NormedProjected(torch.autograd.Function):
    """An RMS norm and the linear layers behind it; the norm's output is not kept."""

    @staticmethod
    def forward(
        ctx: Any,
        x_NI: torch.Tensor,
        scale_I: torch.Tensor,
        epsilon: float,
        weight_IO: torch.Tensor,
        bias_O: torch.Tensor | None,
        down_IR: torch.Tensor | None,
        up_RO: torch.Tensor | None,
        *_masters: torch.Tensor | None,
    ) -> torch.Tensor:
        """Compute outputs [N, O]."""
        wide_NI = x_NI.float()
        rate_N1 = wide_NI.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        normed_NI = _normed(x_NI, rate_N1, scale_I)
        y_NO, inner_NR = project(normed_NI, weight_IO, bias_O, down_IR, up_RO)
        ctx.save_for_backward(x_NI, rate_N1, scale_I, weight_IO, down_IR, up_RO, inner_NR)
        return y_NO

    @staticmethod
    def backward(ctx: Any, grad_NO: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Compute the gradients of the input and of the adapter."""
        x_NI, rate_N1, scale_I, weight_IO, down_IR, up_RO, inner_NR = ctx.saved_tensors
        normed_NI = _normed(x_NI, rate_N1, scale_I)
        grad_NI, grad_down, grad_up = _project_backward(
            grad_NO, normed_NI, weight_IO, _factors(down_IR, up_RO), inner_NR
        )
        # y = x * rate * scale with rate = (mean x^2 + eps)^(-1/2)
        grad = grad_NI.float().mul_(scale_I.float()).mul_(rate_N1)
        wide_NI = x_NI.float()
        along_N1 = (grad * wide_NI).mean(-1, keepdim=True).mul_(rate_N1.square())
        grad.addcmul_(wide_NI, along_N1, value=-1)
        return grad.to(x_NI.dtype), *(None,) * 6, grad_down, grad_up


def _normed(x_NI: torch.Tensor, rate_N1: torch.Tensor, scale_I: torch.Tensor) -> torch.Tensor:
    return (x_NI.float() * rate_N1).to(x_NI.dtype).mul_(scale_I)


class GatedProjected(torch.autograd.Function):
    """The end of a gated MLP: silu(gate) * up through a linear layer; the product is not kept."""

    @staticmethod
    def forward(
        ctx: Any,
        gated_NM: torch.Tensor,
        weight_IO: torch.Tensor,
        bias_O: torch.Tensor | None,
        down_IR: torch.Tensor | None,
        up_RO: torch.Tensor | None,
        *_masters: torch.Tensor | None,
    ) -> torch.Tensor:
        """Compute outputs [N, O] from gate and up side by side [N, 2 * I]."""
        gate_NI, through_NI = gated_NM.chunk(2, -1)
        x_NI = silu(gate_NI).mul_(through_NI)
        y_NO, inner_NR = project(x_NI, weight_IO, bias_O, down_IR, up_RO)
        ctx.save_for_backward(gated_NM, weight_IO, down_IR, up_RO, inner_NR)
        return y_NO

    @staticmethod
    def backward(ctx: Any, grad_NO: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Compute the gradients of gate and up, and of the adapter."""
        gated_NM, weight_IO, down_IR, up_RO, inner_NR = ctx.saved_tensors
        gate_NI, through_NI = gated_NM.chunk(2, -1)
        passed_NI = silu(gate_NI)
        grad_NI, grad_down, grad_up = _project_backward(
            grad_NO, passed_NI * through_NI, weight_IO, _factors(down_IR, up_RO), inner_NR
        )
        grad_NM = torch.empty_like(gated_NM)
        grad_gate_NI, grad_through_NI = grad_NM.chunk(2, -1)
        torch.mul(grad_NI, passed_NI, out=grad_through_NI)
        grad_passed_NI = grad_NI.mul_(through_NI)
        grad_gate_NI.copy_(torch.ops.aten.silu_backward(grad_passed_NI, gate_NI))
        return grad_NM, *(None,) * 4, grad_down, grad_up
