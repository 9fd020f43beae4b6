"""KL shaping of advantages, token by token (TTT-Discover, arXiv 2601.16175)."""

from collections.abc import Sequence

import numpy as np

from ttrl_cli.records import FloatArray


def kl_shaping(
    advantages: Sequence[FloatArray],
    logp_sampler: Sequence[FloatArray],
    logp_base: Sequence[FloatArray],
    coefficient: float,
    weights: Sequence[float] | None = None,
) -> tuple[FloatArray, ...]:
    """Add lambda * (mean(d) - d_t) to each token's advantage, d_t = log pi_sampler - log pi_base.

    The mean is over all tokens of the given rows, so call this once per batch, after groups without
    signal were removed. Tokens that drifted from the reference model more than the average are
    discouraged; the shaping sums to 0 over the batch (weighted).

    Args:
        advantages: One `[T]` array per row.
        logp_sampler: Per row `[T]`, nats, under the policy that sampled the tokens.
        logp_base: Per row `[T]`, nats, under the model without adapter.
        coefficient: lambda, in advantage per nat; 0.1 in the paper.
        weights: How many samples each row stands for; 1 each by default.

    Returns:
        New arrays, `[T]` per row.

    Raises:
        ValueError: If the arguments do not have one entry per row, or shapes within a row differ.
    """
    weight_R = np.ones(len(advantages)) if weights is None else np.asarray(weights, dtype=float)
    drift = [
        _row_drift(row, advantage_T, sampler_T, base_T)
        for row, (advantage_T, sampler_T, base_T) in enumerate(
            zip(advantages, logp_sampler, logp_base, strict=True)
        )
    ]
    if weight_R.shape != (len(drift),):
        msg = f"{weight_R.size} weights for {len(drift)} rows"
        raise ValueError(msg)
    tokens = sum(w * d_T.size for w, d_T in zip(weight_R, drift, strict=True))
    if coefficient == 0 or tokens == 0:
        return tuple(advantage_T.copy() for advantage_T in advantages)
    mean = sum(w * d_T.sum() for w, d_T in zip(weight_R, drift, strict=True)) / tokens
    return tuple(
        advantage_T + coefficient * (mean - d_T)
        for advantage_T, d_T in zip(advantages, drift, strict=True)
    )


def _row_drift(
    row: int, advantage_T: FloatArray, sampler_T: FloatArray, base_T: FloatArray
) -> FloatArray:
    """Return d_T = log pi_sampler - log pi_base of one row, in nats.

    Raises:
        ValueError: If the shapes differ.
    """
    if not advantage_T.shape == sampler_T.shape == base_T.shape:
        shapes = f"{advantage_T.shape}, {sampler_T.shape}, {base_T.shape}"
        msg = f"row {row}: advantages, sampler and base differ in shape: {shapes}"
        raise ValueError(msg)
    return sampler_T - base_T
