"""From the rewards of a group to advantages: pure functions of arrays.

Sources: the entropic objective, constant beta and the KL shaping from TTT-Discover (arXiv
2601.16175); group-normalised advantages (GRPO) from TTRL (arXiv 2504.16084).

An objective is a function `(rewards_G, valid_G) -> Advantages`. `valid_G` is a flag, not a number:
the rewards of invalid samples are ignored and may be nan. All objectives drop a group without
signal, that is where no sample is valid, or where all are valid with equal rewards. Equal valid
rewards beside invalid samples are a signal: the group learns to be valid.

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
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ttrl_cli import plugins
from ttrl_cli.config import OBJECTIVES, ObjectiveName
from ttrl_cli.errors import SetupError
from ttrl_cli.plugins import Plugin
from ttrl_cli.records import BoolArray, FloatArray

SPREAD_CAP = 1e6
"""Most beta * (max - min of the valid rewards); pure number."""

GRPO_EPSILON = 1e-6
"""Added to the standard deviation of a group's rewards."""

_BISECTIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantages:
    """The advantages of one group.

    Attributes:
        values_G: Advantage of each sample, `[G]`; zeros where the group is dropped.
        beta: Inverse temperature, in 1 / units of reward; None where the objective has none or the
            group is dropped.
        dropped: True where the group has no signal and must stay out of the update.
    """

    values_G: FloatArray
    beta: float | None
    dropped: bool


Objective: TypeAlias = Callable[[FloatArray, BoolArray], Advantages]
"""Rewards `[G]` and validity `[G]` to advantages; raises ValueError for rewards it cannot use."""


def entropic(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
    """Compute entropic advantages; beta >= 0 such that KL(q_beta || uniform over all G) = ln 2.

    Invalid samples are part of the group with weight 0, so they use up part of the KL: with many
    of them, beta is set by the split into valid and invalid, not by the ranking of the valid ones.
    `entropic_valid` is the alternative. The module's docstring has the rules where ln 2 is out of
    reach.

    Args:
        rewards_G: `[G]`, any units, higher is better; ignored where invalid.
        valid_G: `[G]`.

    Raises:
        ValueError: If shapes differ or a valid reward is not finite.
    """
    return _entropic(_valid_rewards(rewards_G, valid_G), valid_G, valid_G.size)


def entropic_valid(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
    """Compute entropic advantages, with beta from the valid samples alone.

    beta >= 0 is such that KL(q_beta || uniform over the valid) = ln 2. Advantages are still taken
    over all G. With fewer than three valid samples KL cannot pass ln 2 among them; beta is then
    chosen as in `entropic`.

    Args:
        rewards_G: `[G]`, any units, higher is better; ignored where invalid.
        valid_G: `[G]`.

    Raises:
        ValueError: If shapes differ or a valid reward is not finite.
    """
    rewards_V = _valid_rewards(rewards_G, valid_G)
    size = rewards_V.size if rewards_V.size >= 3 else valid_G.size
    return _entropic(rewards_V, valid_G, size)


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

    def objective(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
        rewards_V = _valid_rewards(rewards_G, valid_G)
        if not _has_signal(rewards_V, valid_G):
            return _dropped(valid_G)
        return _leave_one_out(np.exp(beta * (rewards_V - rewards_V.max())), valid_G, beta)

    return objective


def mean_baseline(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
    """Compute A_n = r_n - mean(r) over all G; invalid samples count as 0.

    This is the expected reward with a baseline.

    Args:
        rewards_G: `[G]`, above 0 where valid, so that being valid always beats being invalid.
        valid_G: `[G]`.

    Raises:
        ValueError: If shapes differ or a valid reward is not a finite number above 0; the message
            names the sample.
    """
    numbers_G = _numbers(rewards_G, valid_G)
    if not _has_signal(numbers_G[valid_G], valid_G):
        return _dropped(valid_G)
    values_G = numbers_G - numbers_G.mean()
    return Advantages(values_G=values_G, beta=None, dropped=False)


def grpo(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
    """Compute group-normalised advantages: A_n = (r_n - mean) / (std + 1e-6) over all G.

    The standard deviation has ddof 1.

    Args:
        rewards_G: `[G]`, above 0 where valid; invalid samples count as 0.
        valid_G: `[G]`.

    Raises:
        ValueError: As for `mean_baseline`.
    """
    centred = mean_baseline(rewards_G, valid_G)
    if centred.dropped:
        return centred
    spread = float(centred.values_G.std(ddof=1))
    values_G = centred.values_G / (spread + GRPO_EPSILON)
    return Advantages(values_G=values_G, beta=None, dropped=False)


def by_name(name: ObjectiveName, beta: float) -> Objective:
    """Return the objective that a configuration names; a plug-in is imported and tried.

    Args:
        name: One of the configuration's objectives, or a plug-in's.
        beta: The constant of `constant-beta`; the others ignore it.

    Raises:
        ValueError: If the objective is `constant-beta` and beta is negative or not finite.
        UsageError: If there is no objective of this name.
        SetupError: If the plug-in is broken.
    """
    plugin = plugins.find("objective", name, OBJECTIVES, where="--objective")
    if plugin is not None:
        return _from_plugin(plugin)
    if name == "constant-beta":
        return constant_beta(beta)
    objectives: dict[str, Objective] = {
        "entropic": entropic,
        "entropic-valid": entropic_valid,
        "mean-baseline": mean_baseline,
        "grpo": grpo,
    }
    return objectives[name]


def _from_plugin(plugin: Plugin) -> Objective:
    """Return a plug-in's objective, with what it returns checked each time.

    Raises:
        SetupError: If it cannot be imported, or does not do with four rewards what it must.
    """
    function = plugins.load(plugin)
    plugins.require_call(plugin, plugin.value, function, "rewards_G", "valid_G")

    def objective(rewards_G: FloatArray, valid_G: BoolArray) -> Advantages:
        with plugins.blamed(plugin, "computing advantages", passing=(ValueError,)):
            found = function(rewards_G.copy(), valid_G.copy())
        why = _no_advantages(found, valid_G.size)
        if why:
            msg = f"{plugin}: it returned {why}"
            raise SetupError(msg)
        checked: Advantages = found
        return checked

    with contextlib.suppress(ValueError):  # rewards that it cannot use
        objective(np.array([1.0, 2.0, 4.0, np.nan]), np.array([True, True, True, False]))
    return objective


def _no_advantages(found: object, size: int) -> str:
    """Say what is wrong with what an objective returned for so many samples; empty if nothing."""
    if not isinstance(found, Advantages):
        return f"a {type(found).__name__}, and no Advantages"
    values_G = found.values_G
    if not isinstance(values_G, np.ndarray) or values_G.dtype.kind != "f":
        return "advantages that are no array of floats"
    if values_G.shape != (size,):
        return f"advantages of the shape {values_G.shape}, and not ({size},)"
    return "" if np.isfinite(values_G).all() else "advantages that are not finite"


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


def _entropic(rewards_V: FloatArray, valid_G: BoolArray, size: int) -> Advantages:
    """Compute entropic advantages, with KL against the uniform distribution over `size`."""
    if not _has_signal(rewards_V, valid_G):
        return _dropped(valid_G)
    gap_V = rewards_V - rewards_V.max()
    spread = -float(gap_V.min())
    if spread == 0:
        return _leave_one_out(np.ones_like(gap_V), valid_G, 0.0)
    unit_V = gap_V / spread
    tilt = _solve_tilt(unit_V, size)
    return _leave_one_out(np.exp(tilt * unit_V), valid_G, tilt / spread)


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


def _has_signal(rewards_V: FloatArray, valid_G: BoolArray) -> bool:
    """Decide whether a group has a signal.

    It has none if no sample is valid, or if all are valid with equal rewards.
    """
    if rewards_V.size == 0:
        return False
    return rewards_V.size < valid_G.size or bool(rewards_V.max() > rewards_V.min())


def _dropped(valid_G: BoolArray) -> Advantages:
    return Advantages(values_G=np.zeros(valid_G.size), beta=None, dropped=True)


def _valid_rewards(rewards_G: FloatArray, valid_G: BoolArray) -> FloatArray:
    """Check the rewards; return the rewards of the valid samples, `[V]`.

    Raises:
        ValueError: If shapes differ, or a valid reward or the span of these is not finite.
    """
    if rewards_G.ndim != 1 or rewards_G.shape != valid_G.shape:
        msg = f"rewards {rewards_G.shape} and validity {valid_G.shape} must both be [G]"
        raise ValueError(msg)
    rewards_V = rewards_G[valid_G]
    for index in np.flatnonzero(valid_G & ~np.isfinite(rewards_G)):
        msg = f"sample {index} is valid, and its reward {float(rewards_G[index])!r} is not finite"
        raise ValueError(msg)
    if rewards_V.size and not math.isfinite(float(rewards_V.max()) - float(rewards_V.min())):
        msg = f"rewards from {rewards_V.min()} to {rewards_V.max()}: the span is not finite"
        raise ValueError(msg)
    return rewards_V


def _numbers(rewards_G: FloatArray, valid_G: BoolArray) -> FloatArray:
    """Return rewards `[G]` with 0 for invalid samples.

    Raises:
        ValueError: If shapes differ or a valid reward is not a finite number above 0.
    """
    _valid_rewards(rewards_G, valid_G)
    for index in np.flatnonzero(valid_G & ~(rewards_G > 0)):
        msg = (
            f"sample {index} is valid, and its reward {float(rewards_G[index])!r} is not above 0, "
            "the value of an invalid sample: choose another reward transform, or an entropic "
            "objective"
        )
        raise ValueError(msg)
    return np.where(valid_G, rewards_G, 0.0)
