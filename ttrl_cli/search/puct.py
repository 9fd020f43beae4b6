"""PUCT over the states of an archive, as pure functions of arrays.

    score(s) = Q(s) + c * scale * prior(s) * sqrt(1 + T) / (1 + n(s))

Source: TTT-Discover (arXiv 2601.16175). R, Q and m are signed scores (higher is better), not the
transformed rewards that learning sees. Arrays are `[N]`, one entry per state, in the order the
states entered the archive. Arguments are trusted: the archive admits finite rewards alone.
"""

import math

import numpy as np

from ttrl_cli.records import BoolArray, FloatArray, IntArray

SCALE_FLOOR = 1e-6
"""Least scale, so that exploration never stops where all rewards are equal."""


def best_first(reward_N: FloatArray) -> IntArray:
    """Return indices from the best reward to the worst, `[N]`; the earlier of equals is first."""
    return np.argsort(-reward_N, kind="stable")


def prior_by_rank(size: int) -> FloatArray:
    """Return the prior of rank 0, rank 1, and so on, `[size]`."""
    prior_L = np.arange(size, 0, -1, dtype=np.float64)
    prior_L /= size * (size + 1) / 2
    return prior_L


def reward_scale(reward_N: FloatArray, seed_N: BoolArray) -> float:
    """Return max R - min R over the states that are not seeds, over all if only seeds exist.

    Args:
        reward_N: R, `[N]`, N >= 1.
        seed_N: True where the state is a seed, `[N]`.

    Returns:
        The scale in the units of R, at least `SCALE_FLOOR`.
    """
    counted = reward_N if seed_N.all() else reward_N[~seed_N]
    return max(float(counted.max() - counted.min()), SCALE_FLOOR)


def ranked_scale(reward_N: FloatArray, seed_N: BoolArray, order_L: IntArray) -> float:
    """Return the `reward_scale` of the states in `order_L`, computed from its two ends.

    Args:
        reward_N: R, `[N]`.
        seed_N: True where the state is a seed, `[N]`.
        order_L: `best_first` of the states that count, all seeds among them, `[L]`, L >= 1.
    """
    most = int(np.count_nonzero(seed_N)) + 1  # among so many there is one that is no seed
    ends_E = np.concatenate([order_L[:most], order_L[-most:]])
    return reward_scale(reward_N[ends_E], seed_N[ends_E])


def ranked_scores(
    q_N: FloatArray,
    visits_N: IntArray,
    order_L: IntArray,
    *,
    scale: float,
    total: int,
    c: float,
) -> FloatArray:
    """Return the PUCT score of each state, from known Q, ranks and scale.

    Args:
        q_N: Q, `[N]`.
        visits_N: n, `[N]`, expansions of the state and of its descendants.
        order_L: `best_first` of the states that count, `[L]`; L < N where some were evicted.
        scale: See `reward_scale`.
        total: T, expansions of the whole run.
        c: Exploration constant, >= 0; 1 in the paper.

    Returns:
        Scores `[N]` in the units of R; -inf for states that are not in `order_L`.
    """
    bonus_L = prior_by_rank(order_L.size)
    bonus_L *= c * scale
    bonus_L *= math.sqrt(1 + total)
    score_N = np.full(q_N.size, -np.inf)
    score_N[order_L] = bonus_L
    score_N /= 1 + visits_N
    score_N += q_N
    return score_N
