"""The output layer and the loss behind it in one pass over the vocabulary.

Logits [N, V] never exist: some tokens at a time are projected, and since the loss of a token
depends on its own log-probability alone, its gradient is known and carried back to the hidden state
while the logits are still there. Two matrix products a token, where keeping only log-probabilities
and projecting again in the backward pass takes three.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ttrl_cli.models.products import product_in_float32

_TOKENS = {"cpu": 128, "cuda": 1024}
"""Tokens projected at a time: enough for a fast product, few enough to stay near the cache."""

TokenLoss = Callable[[torch.Tensor, slice], torch.Tensor]
"""The summed loss of some tokens from their log-probabilities; the slice says which tokens."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Loss, log-probabilities and entropies of N tokens.

    Attributes:
        loss: The summed loss, with its gradient; 0 where none was asked for.
        logp_N: Log-probabilities, without gradient, float32.
        entropy_N: Entropy of the next-token distributions in nats, likewise.
    """

    loss: torch.Tensor
    logp_N: torch.Tensor
    entropy_N: torch.Tensor


def score(
    hidden_NH: torch.Tensor,
    head_VH: torch.Tensor,
    token_N: torch.Tensor,
    temperature: float,
    loss: TokenLoss | None = None,
) -> Scored:
    """Score tokens under softmax(hidden @ head^T / temperature).

    Args:
        hidden_NH: Hidden states that predict the tokens [N, H]; the loss has its gradient with
            respect to them.
        head_VH: The output embedding [V, H], a constant.
        token_N: The tokens, int64.
        temperature: Above 0.
        loss: The loss of some tokens; None to score only.
    """
    return Scored(*_Score.apply(hidden_NH, head_VH, token_N, temperature, loss))  # type: ignore[no-untyped-call]


class _Score(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: torch.Tensor,
        head_VH: torch.Tensor,
        token_N: torch.Tensor,
        temperature: float,
        loss: TokenLoss | None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        total = hidden_NH.new_zeros((), dtype=torch.float32)
        logp_N, entropy_N = hidden_NH.new_empty(2, len(hidden_NH), dtype=torch.float32)
        grad_NH = torch.empty_like(hidden_NH) if loss is not None else None
        tokens = _TOKENS[hidden_NH.device.type]
        for start in range(0, len(hidden_NH), tokens):
            here = slice(start, start + tokens)
            z_KV = product_in_float32(hidden_NH[here], head_VH.t()).div_(temperature)
            z_KV -= z_KV.amax(-1, keepdim=True)
            token_K1 = token_N[here, None]
            picked_K = z_KV.gather(-1, token_K1)[:, 0]
            p_KV = z_KV.exp()  # times its sum
            sum_K = p_KV.sum(-1)
            logp_N[here] = picked_K - sum_K.log()
            entropy_N[here] = sum_K.log() - torch.linalg.vecdot(p_KV, z_KV) / sum_K
            if loss is None or grad_NH is None:
                continue
            part, grad_K = _with_gradient(loss, logp_N[here], here)
            total += part
            # d logp / d logits = (1 at the token - p) / temperature
            p_KV *= (-grad_K / sum_K)[:, None]
            p_KV.scatter_add_(-1, token_K1, grad_K[:, None])
            grad_NH[here] = p_KV.div_(temperature).to(head_VH.dtype) @ head_VH
        ctx.save_for_backward(grad_NH)
        ctx.mark_non_differentiable(logp_N, entropy_N)
        return total, logp_N, entropy_N

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, *_: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad_NH,) = ctx.saved_tensors
        return grad_NH * grad, None, None, None, None


def _with_gradient(
    loss: TokenLoss, logp_K: torch.Tensor, here: slice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of some tokens, and its gradient with respect to their log-probabilities."""
    with torch.enable_grad():
        leaf_K = logp_K.detach().clone().requires_grad_()
        part = loss(leaf_K, here)
        (grad_K,) = torch.autograd.grad(part, leaf_K)
    return part.detach(), grad_K
