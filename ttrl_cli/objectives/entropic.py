"""Entropic advantages, and constant beta (TTT-Discover, arXiv 2601.16175).

The entropic objectives maximise J_beta = log E[exp(beta R)]. Samples carry the weight
w_n = exp(beta (r_n - r_max)), invalid ones exactly 0, and the leave-one-out advantage is
A_n = w_n / Z_n - 1 with Z_n the mean of w_m over the G - 1 others. Hence -1 <= A_n <= G - 1,
invalid samples get exactly -1, and the mean over the group is never negative. Departures from the
paper, each where it is silent or its weights run away:

- w_n / Z_n is at most G, the value of a sample that outweighs all others G to one. With two valid
  samples, or one far ahead, Z_n would underflow and the advantage pass 1e10. In groups of up to 13
  a single sample ahead of equals meets this bound too: uncapped its w_n / Z_n is 11 to 14.
- beta * (max - min of the valid rewards) is at most `SPREAD_CAP`. With m ties at the maximum of N
  samples KL cannot exceed ln(N / m), so the target is out of reach where m >= N / 2: beta is at
  its cap, and the ties share the weight. A cap on the product, not on beta, leaves the advantages
  unchanged under r -> w r + b, w > 0.
- Invalid samples alone put KL at ln(G / valid). Where that is ln 2 or more (half the group or
  more is invalid), or where the valid rewards are equal, beta is 0 and valid samples count alike.

Rewards with errors s_n: under normal noise E exp(beta (r + noise)) is exp(beta r + (beta s)^2 / 2),
so the noisiest samples would weigh most.

- beta is at most 1 / the median of the valid samples' errors: differences below the noise must not
  decide.
- Each exponent is less by (b s_n)^2 / 2, the excess of that mean. b is beta, or if that is larger
  the beta of the group with each noisy reward shrunk towards the mean of the others, by the share
  of its variance that is noise: a reward far off by its noise lowers beta, and beta itself for b
  would leave too small a correction just where one is needed. Equal errors cancel.
"""

import math

import numpy as np

from ttrl_cli.objectives.base import (
    Advantages,
    Objective,
    dropped,
    errors_of,
    has_signal,
    valid_rewards,
)
from ttrl_cli.records import BoolArray, FloatArray

SPREAD_CAP = 1e6
"""Most beta * (max - min of the valid rewards); pure number."""

_BISECTIONS = 100


def entropic(
    rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
) -> Advantages:
    """Compute entropic advantages; beta >= 0 such that KL(q_beta || uniform over all G) = ln 2.

    Invalid samples are part of the group with weight 0, so they use up part of the KL: with many
    of them, beta is set by the split into valid and invalid, not by the ranking of the valid ones.
    `entropic_valid` is the alternative. The module's docstring has the rules where ln 2 is out of
    reach.

    Args:
        rewards_G: `[G]`, any units, higher is better; ignored where invalid.
        valid_G: `[G]`.
        errors_G: Standard errors of the rewards, `[G]`; None for none.

    Raises:
        ValueError: If shapes differ, a valid reward is not finite or an error is negative.
    """
    rewards_V = valid_rewards(rewards_G, valid_G)
    return _entropic(rewards_V, errors_of(errors_G, valid_G), valid_G, valid_G.size)


def entropic_valid(
    rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
) -> Advantages:
    """Compute entropic advantages, with beta from the valid samples alone.

    beta >= 0 is such that KL(q_beta || uniform over the valid) = ln 2. Advantages are still taken
    over all G. With fewer than three valid samples KL cannot pass ln 2 among them; beta is then
    chosen as in `entropic`.

    Args:
        rewards_G: `[G]`, any units, higher is better; ignored where invalid.
        valid_G: `[G]`.
        errors_G: Standard errors of the rewards, `[G]`; None for none.

    Raises:
        ValueError: If shapes differ, a valid reward is not finite or an error is negative.
    """
    rewards_V = valid_rewards(rewards_G, valid_G)
    size = rewards_V.size if rewards_V.size >= 3 else valid_G.size
    return _entropic(rewards_V, errors_of(errors_G, valid_G), valid_G, size)


def constant_beta(beta: float) -> Objective:
    """Return the objective of entropic advantages with one beta for all groups.

    It is an ablation of the paper. Weights are capped at G as for `entropic`; the advantages depend
    on the scale of the rewards.

    Args:
        beta: In 1 / units of reward, finite, >= 0.

    Raises:
        ValueError: If beta is negative or not finite.
    """
    if not (math.isfinite(beta) and beta >= 0):
        msg = f"beta must be a number >= 0, got {beta!r}"
        raise ValueError(msg)

    def objective(
        rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
    ) -> Advantages:
        rewards_V = valid_rewards(rewards_G, valid_G)
        errors_V = errors_of(errors_G, valid_G)
        if not has_signal(rewards_V, valid_G):
            return dropped(valid_G)
        capped = min(beta, _most_beta(errors_V))
        return _leave_one_out(_weights(rewards_V, errors_V, capped, capped), valid_G, capped)

    return objective


def _entropic(
    rewards_V: FloatArray, errors_V: FloatArray, valid_G: BoolArray, size: int
) -> Advantages:
    """Compute entropic advantages, with KL against the uniform distribution over `size`."""
    if not has_signal(rewards_V, valid_G):
        return dropped(valid_G)
    most = _most_beta(errors_V)
    beta = min(_solve_beta(rewards_V, size), most)
    shrunk_V = _shrunk(rewards_V, errors_V)
    correcting = max(beta, min(_solve_beta(shrunk_V, size), most)) if errors_V.any() else beta
    return _leave_one_out(_weights(rewards_V, errors_V, beta, correcting), valid_G, beta)


def _most_beta(errors_V: FloatArray) -> float:
    """Return the bound on beta that the errors set, in 1 / units of reward; infinite without."""
    median = float(np.median(errors_V))
    return 1 / median if median > 0 else math.inf


def _weights(
    rewards_V: FloatArray, errors_V: FloatArray, beta: float, correcting: float
) -> FloatArray:
    """Return exp(beta r - (b s)^2 / 2), `[V]`, scaled so that the largest is 1.

    Args:
        rewards_V: r, `[V]`.
        errors_V: s, `[V]`.
        beta: In 1 / units of reward.
        correcting: b, in the same.
    """
    exponent_V: FloatArray = beta * (rewards_V - rewards_V.max()) - (correcting * errors_V) ** 2 / 2
    weight_V: FloatArray = np.exp(exponent_V - exponent_V.max())
    return weight_V


def _shrunk(rewards_V: FloatArray, errors_V: FloatArray) -> FloatArray:
    """Return each noisy reward drawn towards the mean of the others, `[V]`.

    With m and v the others' mean and variance it becomes m + (r - m) v / (v + s^2).

    Args:
        rewards_V: r, `[V]`, V >= 1.
        errors_V: s, `[V]`.
    """
    count = rewards_V.size - 1
    if count == 0:
        return rewards_V
    centred_V = rewards_V - rewards_V.mean()  # sums of squares lose digits far from 0
    mean_V = (centred_V.sum() - centred_V) / count
    square_V = ((centred_V**2).sum() - centred_V**2) / count
    variance_V = np.maximum(square_V - mean_V**2, 0.0)
    kept_V = np.ones_like(variance_V)
    np.divide(variance_V, variance_V + errors_V**2, out=kept_V, where=errors_V > 0)
    shrunk_V: FloatArray = mean_V + (centred_V - mean_V) * kept_V
    return shrunk_V


def _solve_beta(rewards_V: FloatArray, size: int) -> float:
    """Find beta >= 0 such that KL(q || uniform over `size`) = ln 2, or as near as it can be.

    Args:
        rewards_V: `[V]`, V >= 1.
        size: Samples of the uniform distribution, >= V.
    """
    gap_V = rewards_V - rewards_V.max()
    spread = -float(gap_V.min())
    return _solve_tilt(gap_V / spread, size) / spread if spread > 0 else 0.0


def _solve_tilt(unit_V: FloatArray, size: int) -> float:
    """Find beta * spread in [0, SPREAD_CAP] such that KL(q || uniform over `size`) = ln 2.

    KL grows with beta: its derivative is beta times the variance of the rewards under q. The result
    is 0 where KL is at least ln 2 from the start, and the cap where it does not reach ln 2.

    Args:
        unit_V: (r - r_max) / spread of the valid samples, `[V]`, in [-1, 0], both ends present.
        size: Samples of the uniform distribution, >= V.
    """
    if 2 * unit_V.size <= size:
        return 0.0
    if 2 * np.count_nonzero(unit_V == 0) >= size:
        return SPREAD_CAP
    low, high = 0.0, SPREAD_CAP
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _kl(unit_V, middle, size) < math.log(2):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _kl(unit_V: FloatArray, tilt: float, size: int) -> float:
    """Return KL(q || uniform over `size`) in nats, with q_n proportional to exp(tilt * unit_n)."""
    weight_V = np.exp(tilt * unit_V)
    mass = float(weight_V.sum())
    return math.log(size / mass) + tilt * float(weight_V @ unit_V) / mass


def _leave_one_out(weight_V: FloatArray, valid_G: BoolArray, beta: float) -> Advantages:
    """Compute A_n = w_n / Z_n - 1 over all G, with w_n / Z_n at most G.

    Args:
        weight_V: Weights of the valid samples, `[V]`, in [0, 1], the largest 1.
        valid_G: `[G]`, G >= 2.
        beta: Recorded in the result as it is.
    """
    size = valid_G.size
    weight_G = np.zeros(size)
    weight_G[valid_G] = weight_V
    others_G = (weight_G.sum() - weight_G) / (size - 1)
    ratio_G = np.full(size, float(size))
    np.divide(weight_G, others_G, out=ratio_G, where=weight_G < size * others_G)
    return Advantages(values_G=ratio_G - 1, beta=beta, dropped=False)
