"""Advantages as distances from the group's mean: the expected reward, and GRPO (arXiv 2504.16084).

Invalid samples count as a reward of 0.
"""

import numpy as np

from ttrl_cli.objectives.base import Advantages, dropped, errors_of, has_signal, valid_rewards
from ttrl_cli.records import BoolArray, FloatArray

GRPO_EPSILON = 1e-6
"""Added to the standard deviation of a group's rewards."""


def mean_baseline(
    rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
) -> Advantages:
    """Compute A_n = r_n - mean(r) over all G; invalid samples count as 0.

    This is the expected reward with a baseline. It is linear in each reward, so that noise does not
    change its expectation, and errors have no part in it.

    Args:
        rewards_G: `[G]`, above 0 where valid, so that being valid always beats being invalid.
        valid_G: `[G]`.
        errors_G: Standard errors of the rewards, `[G]`; None for none.

    Raises:
        ValueError: If shapes differ or a valid reward is not a finite number above 0; the message
            names the sample.
    """
    errors_of(errors_G, valid_G)
    numbers_G = _numbers(rewards_G, valid_G)
    if not has_signal(numbers_G[valid_G], valid_G):
        return dropped(valid_G)
    values_G = numbers_G - numbers_G.mean()
    return Advantages(values_G=values_G, beta=None, dropped=False)


def grpo(
    rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
) -> Advantages:
    """Compute group-normalised advantages: A_n = (r_n - mean) / (std + 1e-6) over all G.

    The standard deviation has ddof 1; where the rewards have errors, it is at least the median
    error of the valid. Noise in a reward also widens the deviation it is divided by, which flatters
    the samples below the mean: a noisy sample gets the lesser of two advantages, over the deviation
    of all and over that of the others.

    Args:
        rewards_G: `[G]`, above 0 where valid; invalid samples count as 0.
        valid_G: `[G]`.
        errors_G: Standard errors of the rewards, `[G]`; None for none.

    Raises:
        ValueError: As for `mean_baseline`.
    """
    centred = mean_baseline(rewards_G, valid_G, errors_G)
    if centred.dropped:
        return centred
    errors_V = errors_of(errors_G, valid_G)
    least = float(np.median(errors_V))
    spread = max(float(centred.values_G.std(ddof=1)), least)
    values_G = centred.values_G / (spread + GRPO_EPSILON)
    if errors_V.any() and valid_G.size > 2:  # of two there is one other, which has no deviation
        noisy_G = np.zeros(valid_G.size, dtype=bool)
        noisy_G[valid_G] = errors_V > 0
        others_G = np.maximum(_deviation_of_others(centred.values_G), least)
        other_G = centred.values_G / (others_G + GRPO_EPSILON)
        values_G = np.where(noisy_G, np.minimum(values_G, other_G), values_G)
    return Advantages(values_G=values_G, beta=None, dropped=False)


def _deviation_of_others(centred_G: FloatArray) -> FloatArray:
    """Return for each sample the standard deviation (ddof 1) of the others, `[G]`.

    Args:
        centred_G: `[G]`, G >= 3, with mean 0.
    """
    count = centred_G.size - 1
    mean_G = -centred_G / count
    square_G = (centred_G**2).sum() - centred_G**2
    variance_G: FloatArray = np.maximum(square_G - count * mean_G**2, 0.0) / (count - 1)
    return np.sqrt(variance_G)


def _numbers(rewards_G: FloatArray, valid_G: BoolArray) -> FloatArray:
    """Return rewards `[G]` with 0 for invalid samples.

    Raises:
        ValueError: If shapes differ or a valid reward is not a finite number above 0.
    """
    valid_rewards(rewards_G, valid_G)
    for index in np.flatnonzero(valid_G & ~(rewards_G > 0)):
        msg = (
            f"sample {index} is valid, and its reward {float(rewards_G[index])!r} is not above 0, "
            "the value of an invalid sample: choose another reward transform, or an entropic "
            "objective"
        )
        raise ValueError(msg)
    return np.where(valid_G, rewards_G, 0.0)
