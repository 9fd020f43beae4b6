"""The policy loss, as pure functions of tensors."""

import torch


def policy_loss(
    logp_BT: torch.Tensor,
    sampled_logp_BT: torch.Tensor,
    advantage_BT: torch.Tensor,
    weight_BT: torch.Tensor,
    clip: float | None,
) -> torch.Tensor:
    """Return minus the weighted sum over tokens of ratio * advantage, not normalised.

    ratio = exp(log pi_theta - log pi_sampler), per token (TTT-Discover, arXiv 2601.16175). With
    `clip`, each term is PPO's pessimistic minimum of the plain and the clipped one.

    Args:
        logp_BT: Log-probabilities under the current weights, with gradient [B, T].
        sampled_logp_BT: Log-probabilities under the sampler [B, T].
        advantage_BT: Advantages [B, T].
        weight_BT: Row weight on the tokens that count, 0 on padding [B, T].
        clip: Half-width of the interval the ratio is clipped to; None for no clipping.

    Returns:
        A scalar.
    """
    ratio_BT = torch.exp(logp_BT - sampled_logp_BT)
    gain_BT = ratio_BT * advantage_BT
    if clip is not None:
        gain_BT = torch.minimum(gain_BT, ratio_BT.clamp(1 - clip, 1 + clip) * advantage_BT)
    return -(gain_BT * weight_BT).sum()


def kl_loss(
    logp_BT: torch.Tensor,
    sampled_logp_BT: torch.Tensor,
    reference_logp_BT: torch.Tensor,
    weight_BT: torch.Tensor,
) -> torch.Tensor:
    """Return the weighted sum over tokens of an estimate of KL(pi_theta || pi_reference), in nats.

    The estimate exp(d) - d - 1 with d = log pi_reference - log pi_theta is never negative (GRPO,
    arXiv 2402.03300, equation 4). Multiplied by the importance ratio, its gradient is the gradient
    of the KL, even if the samples are from an earlier policy (DeepSeek-V3.2, arXiv 2512.02556).

    Args:
        logp_BT: Log-probabilities under the current weights, with gradient [B, T].
        sampled_logp_BT: Log-probabilities under the sampler [B, T].
        reference_logp_BT: Log-probabilities under the reference model [B, T].
        weight_BT: Row weight on the tokens that count, 0 on padding [B, T].

    Returns:
        A scalar.
    """
    ratio_BT = torch.exp(logp_BT - sampled_logp_BT)
    d_BT = reference_logp_BT - logp_BT
    return ((torch.exp(d_BT) - d_BT - 1) * ratio_BT * weight_BT).sum()
