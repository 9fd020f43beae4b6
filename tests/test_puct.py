"""PUCT over arrays, against numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests._puct import puct_scores, q_values, rank_prior
from ttrl_cli.records import FloatArray
from ttrl_cli.search.puct import (
    ranked_scale,
    ranked_scores,
    reward_scale,
)

NONE = -math.inf
rewards = arrays(np.float64, st.integers(1, 20), elements=st.floats(-100, 100), unique=True)


def test_q_is_the_best_child_even_where_the_child_is_worse():
    """Q is m where a child was found, better or worse than its parent, and R elsewhere."""
    q_N = q_values(np.array([2.0, 2.0, 2.0]), np.array([NONE, 1.0, 3.0]))
    assert q_N.tolist() == [2.0, 1.0, 3.0]


def test_prior_is_linear_in_the_rank():
    """The prior of rank k among N states is (N - k) over 1 + 2 + ... + N."""
    # ranks of 5, 9, 7 are 2, 0, 1; N = 3, so 3 - rank is 1, 3, 2, and the sum is 6
    assert rank_prior(np.array([5.0, 9.0, 7.0])).tolist() == [1 / 6, 3 / 6, 2 / 6]


def test_prior_ranks_equals_in_insertion_order():
    """Of equal rewards the state that entered first has the larger prior."""
    # ranks 1, 0, 2
    assert rank_prior(np.array([1.0, 4.0, 1.0])).tolist() == [2 / 6, 3 / 6, 1 / 6]


@settings(deadline=None, max_examples=50)
@given(rewards)
def test_prior_is_a_distribution_ordered_like_the_rewards(reward_N: FloatArray):
    """The prior sums to 1, and a better state has a larger share."""
    prior_N = rank_prior(reward_N)
    assert math.isclose(prior_N.sum(), 1.0)
    assert np.argsort(prior_N).tolist() == np.argsort(reward_N).tolist()


def test_scale_leaves_seeds_out():
    """The scale spans the states that are not seeds, however far the seeds are."""
    reward_N = np.array([-50.0, 1.0, 4.0])
    assert reward_scale(reward_N, np.array([True, False, False])) == 3.0


def test_scale_spans_the_seeds_where_only_seeds_exist():
    """The scale spans all states while every state is a seed."""
    assert reward_scale(np.array([1.0, 4.0]), np.array([True, True])) == 3.0


def test_scale_has_a_floor():
    """The scale is 1e-6 where a single child, or equal seeds, leave no span."""
    assert reward_scale(np.array([0.0, 5.0]), np.array([True, False])) == 1e-6
    assert reward_scale(np.array([5.0, 5.0]), np.array([True, True])) == 1e-6


def test_score_adds_q_and_the_exploration_bonus():
    """A score is Q + c * scale * prior * sqrt(1 + T) / (1 + n)."""
    scores_N = puct_scores(
        np.array([1.0, 2.0, 6.0]),
        np.array([6.0, NONE, NONE]),
        np.array([3, 1, 0]),
        np.array([True, False, False]),
        total=8,
        c=0.5,
    )
    # prior 1/6, 2/6, 3/6; scale 6 - 2 = 4; sqrt(1 + 8) = 3; c * scale * sqrt = 6
    # 6 + 6 * 1/6 / 4 = 6.25;  2 + 6 * 2/6 / 2 = 3;  6 + 6 * 3/6 / 1 = 9
    np.testing.assert_allclose(scores_N, [6.25, 3.0, 9.0], rtol=1e-15)


def test_c_zero_is_greedy():
    """With c = 0 the score is Q."""
    reward_N = np.array([1.0, 2.0])
    scores_N = puct_scores(
        reward_N,
        np.array([NONE, 7.0]),
        np.array([0, 4]),
        np.array([True, True]),
        total=4,
        c=0.0,
    )
    assert scores_N.tolist() == [1.0, 7.0]


def test_states_outside_the_order_score_minus_infinity_and_take_no_rank():
    """An evicted state between two others has no score and no part in their priors."""
    scores_N = ranked_scores(
        np.array([1.0, 5.0, 2.0]),
        np.array([0, 7, 1]),
        np.array([2, 0]),
        scale=3.0,
        total=3,
        c=1.0,
    )
    # prior 2/3 of state 2, 1/3 of state 0; scale * sqrt(1 + 3) = 6: 1 + 6/3 / 1, 2 + 12/3 / 2
    assert scores_N.tolist() == [3.0, NONE, 4.0]


@pytest.mark.parametrize("seeds_at", [9.0, 0.0])
def test_the_ends_of_the_order_give_the_scale_past_all_seeds(seeds_at: float):
    """With all seeds at the top of the order, or at its bottom, the scale is that of the rest."""
    reward_N = np.array([seeds_at, seeds_at, 4.0, 2.0, 5.0, 7.0])
    seed_N = np.array([True, True, False, False, False, False])
    order_L = np.argsort(-reward_N, kind="stable")
    assert ranked_scale(reward_N, seed_N, order_L) == 7.0 - 2.0


@pytest.mark.parametrize("seed", range(100))
def test_what_is_kept_up_gives_the_very_scores_of_the_formula(seed: int):
    """Q, order and scale give the formula's scores to the last bit, on which ties depend."""
    rng = np.random.default_rng(seed)
    size, seeds = int(rng.integers(4, 60)), int(rng.integers(1, 4))
    reward_N = rng.integers(0, 8, size) / 3  # many ties
    best_child_N = np.where(rng.random(size) < 0.5, NONE, rng.normal(size=size))
    visits_N, seed_N = rng.integers(0, 5, size), np.arange(size) < seeds
    live_L = np.flatnonzero(seed_N | (rng.random(size) < 0.7))
    order_L = np.array(sorted(live_L, key=lambda node: (-reward_N[node], node)))
    scores_N = ranked_scores(
        q_values(reward_N, best_child_N),
        visits_N,
        order_L,
        scale=ranked_scale(reward_N, seed_N, order_L),
        total=17,
        c=0.7,
    )
    found = [
        reward for reward, seed in zip(reward_N[live_L], seed_N[live_L], strict=True) if not seed
    ]
    scale = max(np.ptp(found or reward_N[live_L]), 1e-6)
    for rank, node in enumerate(order_L):
        m, count = best_child_N[node], live_L.size
        prior = (count - rank) / (count * (count + 1) / 2)
        bonus = 0.7 * scale * prior * math.sqrt(1 + 17) / (1 + visits_N[node])
        assert scores_N[node] == (reward_N[node] if m == NONE else m) + bonus
    assert np.isneginf(np.delete(scores_N, live_L)).all()
