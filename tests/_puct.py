"""PUCT of a whole archive at once, as the paper writes it: what the search keeps sorted is not."""

import numpy as np

from ttrl_cli.records import BoolArray, FloatArray, IntArray
from ttrl_cli.search.puct import best_first, prior_by_rank, ranked_scores, reward_scale


def q_values(reward_N: FloatArray, best_child_N: FloatArray) -> FloatArray:
    """Q(s): the best reward m(s) among the direct children of s, or R(s) where it has none.

    Args:
        reward_N: R, `[N]`, in the problem's units, higher is better.
        best_child_N: m, `[N]`; -inf where no valid child was ever found.
    """
    return np.where(np.isneginf(best_child_N), reward_N, best_child_N)


def rank_prior(reward_N: FloatArray) -> FloatArray:
    """prior(s) = (N - rank(s)) / sum over the archive, [N]; rank 0 is the best."""
    prior_N = np.empty(reward_N.size)
    prior_N[best_first(reward_N)] = prior_by_rank(reward_N.size)
    return prior_N


def puct_scores(
    reward_N: FloatArray,
    best_child_N: FloatArray,
    visits_N: IntArray,
    seed_N: BoolArray,
    *,
    total: int,
    c: float,
) -> FloatArray:
    """The PUCT score of each state [N]; see `ttrl_cli.search.puct`."""
    return ranked_scores(
        q_values(reward_N, best_child_N),
        visits_N,
        best_first(reward_N),
        scale=reward_scale(reward_N, seed_N),
        total=total,
        c=c,
    )
