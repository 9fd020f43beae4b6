"""Objectives, against advantages worked by hand.

Groups with an exact beta are built backwards: with weights that are powers of 1/2, KL is a multiple
of ln 2, so the beta that gives ln 2 is known.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ttrl_cli.objectives import (
    SPREAD_CAP,
    Advantages,
    Objective,
    by_name,
    constant_beta,
    entropic,
    entropic_valid,
    grpo,
    kl_shaping,
    mean_baseline,
)
from ttrl_cli.records import FloatArray

LN2 = math.log(2)
NAN = math.nan
ALL = (entropic, entropic_valid, constant_beta(2.0), mean_baseline, grpo)
ENTROPIC = (entropic, entropic_valid, constant_beta(2.0))


def advantages_of(objective: Objective, rewards: Sequence[float]) -> Advantages:
    """Advantages of a group; nan stands for an invalid sample."""
    rewards_G = np.array(rewards, dtype=float)
    return objective(rewards_G, ~np.isnan(rewards_G))


def assert_values(advantages: Advantages, expected: list[float], rel: float = 1e-9) -> None:
    """Advantages are the expected ones."""
    assert advantages.values_G.tolist() == pytest.approx(expected, rel=rel, abs=1e-9)


groups = st.lists(st.one_of(st.just(NAN), st.integers(1, 40).map(float)), min_size=2, max_size=16)


# entropic

# r = 5 4 3 2 0 0 0 0 with beta = ln 2: q = 32 16 8 4 1 1 1 1 over 64, so -log2 q is
# 1 2 3 4 6 6 6 6. H = 1/2 + 2/4 + 3/8 + 4/16 + 4 * 6/64 = 2 bits. KL = 3 - 2 = 1 bit = ln 2.
RANKED = [5.0, 4.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0]
# w = q / q_max = 1, 1/2, 1/4, 1/8, 1/32 (4 times), sum 2. A = 7 w / (2 - w) - 1:
# 7-1=6; 3.5/1.5-1=4/3; 1.75/1.75-1=0; .875/1.875-1=-8/15; (7/32)/(63/32)-1=-8/9
RANKED_A = [6, 4 / 3, 0, -8 / 15, -8 / 9, -8 / 9, -8 / 9, -8 / 9]


def test_entropic_finds_the_beta_of_a_ranked_group():
    """Eight rewards built for beta = ln 2 give that beta and the advantages worked by hand."""
    advantages = advantages_of(entropic, RANKED)
    assert advantages.beta == pytest.approx(LN2, rel=1e-12)
    assert not advantages.dropped
    assert_values(advantages, RANKED_A)


def test_entropic_counts_invalid_samples_into_the_kl():
    """One top reward, four low, three invalid: beta = ln 4 per gap, invalid weight 0."""
    # q = 1/2 and 4 times 1/8: H = 1/2 + 4 * 3/8 = 2 bits, KL against uniform over 8 = 1 bit; the
    # ratio 1/2 : 1/8 is exp(beta * gap) = 4 with gap 10.
    # w = 1, 1/4 (4 times), sum 2. A: 7 * 1/1 - 1 = 6; 7 * .25/1.75 - 1 = 0; invalid -1.
    advantages = advantages_of(entropic, [NAN, 7.0, 17.0, 7.0, NAN, 7.0, 7.0, NAN])
    assert advantages.beta == pytest.approx(math.log(4) / 10, rel=1e-12)
    assert_values(advantages, [-1, 0, 6, 0, -1, 0, 0, -1])
    assert advantages.values_G[[0, 4, 7]].tolist() == [-1.0, -1.0, -1.0]


@pytest.mark.parametrize("size", [4, 5, 8, 64])
def test_entropic_satisfies_the_two_level_equation(size: int):
    """One top among N equals: the share q of the top solves ln N - H = ln 2."""
    advantages = advantages_of(entropic, [1.0] + [0.0] * (size - 1))
    q = 1 / (1 + (size - 1) * math.exp(-advantages.beta))
    entropy = -q * math.log(q) - (1 - q) * math.log((1 - q) / (size - 1))
    assert math.log(size) - entropy == pytest.approx(LN2, rel=1e-9)
    # Z of the top = w_low, its weight at most N; Z of a low one = (1 + (N - 2) w_low) / (N - 1)
    low = math.exp(-advantages.beta)
    assert_values(
        advantages,
        [min(1 / low, size) - 1] + [low * (size - 1) / (1 + (size - 2) * low) - 1] * (size - 1),
    )


@settings(deadline=None, max_examples=100)
@given(groups)
def test_entropic_reaches_kl_ln_2_or_a_bound(rewards: list[float]):
    """KL of the weights is ln 2, unless beta is 0 with KL above it, or capped with KL below."""
    advantages = advantages_of(entropic, rewards)
    assume(not advantages.dropped)
    valid = np.array([r for r in rewards if not math.isnan(r)])
    q = np.exp(advantages.beta * (valid - valid.max()))
    q /= q.sum()
    kl = float(sum(x * math.log(x * len(rewards)) for x in q if x > 0))
    spread = valid.max() - valid.min()
    if advantages.beta == 0:
        assert kl >= LN2 - 1e-9 or spread == 0
    elif advantages.beta * spread == pytest.approx(SPREAD_CAP):
        assert kl <= LN2 + 1e-9
    else:
        assert kl == pytest.approx(LN2, rel=1e-6)


def test_mostly_invalid_groups_have_beta_zero():
    """With half the group invalid KL is ln 2 at beta 0: the valid ones count alike."""
    # G=6, 3 valid with w=1: A = 5 * 1/2 - 1 = 1.5
    advantages = advantages_of(entropic, [1.0, 2.0, 9.0, NAN, NAN, NAN])
    assert advantages.beta == 0
    assert_values(advantages, [1.5, 1.5, 1.5, -1, -1, -1])


def test_two_valid_samples_do_not_explode():
    """Two valid samples of four share the weight at beta 0: A = 3 * 1/1 - 1 = 2."""
    assert_values(advantages_of(entropic, [0.1, 5.0, NAN, NAN]), [2, 2, -1, -1])


def test_a_single_valid_sample_has_the_largest_advantage():
    """One valid sample has Z = 0, so its weight is capped at G and its advantage is G - 1."""
    assert_values(advantages_of(entropic, [NAN, 3.0, NAN, NAN, NAN]), [-1, 4, -1, -1, -1])


def test_a_group_of_two_is_capped():
    """KL of two stays below ln 2: beta is at its cap, and the weight is G = 2, not 1e10."""
    advantages = advantages_of(entropic, [1.0, 3.0])
    assert advantages.beta == SPREAD_CAP / 2
    assert_values(advantages, [-1, 1])


def test_ties_that_put_ln_2_out_of_reach_share_the_weight():
    """With m = 3 ties of N = 5 the limit of KL is ln(5/3) < ln 2: beta is capped."""
    # w = 1, 1, 1, 0, 0: A = 4 * 1/2 - 1 = 1
    advantages = advantages_of(entropic, [2.0, 2.0, 2.0, 1.0, 0.0])
    assert advantages.beta == SPREAD_CAP / 2
    assert_values(advantages, [1, 1, 1, -1, -1])


def test_ties_of_half_the_group_share_the_weight():
    """With m = N/2 ties KL only approaches ln 2: beta is capped. A = 3 * 1/1 - 1 = 2."""
    advantages = advantages_of(entropic, [2.0, 2.0, 1.0, 0.0])
    assert advantages.beta == SPREAD_CAP / 2
    assert_values(advantages, [2, 2, -1, -1])


def test_near_ties_beyond_the_resolution_are_ties():
    """Rewards apart by less than the cap resolves leave beta at the cap, and nothing overflows."""
    # three within 1e-9 of the span 1: at the cap they differ by exp(-1e-3)
    advantages = advantages_of(entropic, [1.0, 1 - 1e-9, 1 - 2e-9, 0.5, 0.0])
    assert advantages.beta == pytest.approx(SPREAD_CAP)
    assert_values(advantages, [1, 1, 1, -1, -1], rel=5e-3)


def test_equal_valid_rewards_beside_an_invalid_one_are_a_signal():
    """Three equal and one invalid: A = 3 * 1/2 - 1 = 0.5 for the valid, and the group counts."""
    for objective in ENTROPIC:
        advantages = advantages_of(objective, [4.0, 4.0, NAN, 4.0])
        assert not advantages.dropped
        assert_values(advantages, [0.5, 0.5, -1, 0.5])
    assert advantages_of(entropic, [4.0, 4.0, NAN, 4.0]).beta == 0


@pytest.mark.parametrize("objective", ALL)
@pytest.mark.parametrize("rewards", [[NAN] * 4, [3.0] * 4, [3.0], [NAN]])
def test_groups_without_signal_are_dropped(objective: Objective, rewards: list[float]):
    """All invalid, or all valid and equal: zeros, and marked as dropped."""
    advantages = advantages_of(objective, rewards)
    assert advantages.dropped
    assert advantages.values_G.tolist() == [0.0] * len(rewards)
    assert advantages.beta is None


@settings(deadline=None, max_examples=150)
@given(
    groups,
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
    st.sampled_from([entropic, entropic_valid]),
)
def test_entropic_advantages_do_not_change_with_units(
    rewards: list[float], w: float, b: float, objective: Objective
):
    """Rescaling r -> w r + b with w > 0 changes no advantage, and divides beta by w."""
    plain = advantages_of(objective, rewards)
    # equal rewards stay equal under w r + b, and unequal ones stay apart by w >= 1e-3
    moved = advantages_of(objective, [w * r + b for r in rewards])
    assert moved.dropped == plain.dropped
    assert_values(moved, plain.values_G.tolist(), rel=1e-5)
    if not plain.dropped:
        assert moved.beta * w == pytest.approx(plain.beta, rel=1e-5)


@settings(deadline=None, max_examples=100)
@given(groups, st.sampled_from(ENTROPIC))
def test_entropic_advantages_are_bounded_and_ordered(rewards: list[float], objective: Objective):
    """Advantages lie in [-1, G - 1], rise with the reward, and have a mean of at least 0."""
    advantages = advantages_of(objective, rewards)
    assume(not advantages.dropped)
    values_G = advantages.values_G
    assert values_G.min() >= -1
    assert values_G.max() <= len(rewards) - 1
    assert values_G.mean() >= -1e-9
    ranked = sorted(
        (-math.inf if math.isnan(r) else r, a) for r, a in zip(rewards, values_G, strict=True)
    )
    assert all(low[1] <= high[1] + 1e-9 for low, high in pairwise(ranked))


def test_rewards_of_invalid_samples_are_ignored():
    """Whatever stands at an invalid position, the advantages are the same."""
    valid_G = np.array([True, True, False, True])
    for objective in ALL:
        one = objective(np.array([1.0, 2.0, NAN, 3.0]), valid_G)
        two = objective(np.array([1.0, 2.0, 1e9, 3.0]), valid_G)
        assert one.values_G.tolist() == two.values_G.tolist()


# entropic-valid


def test_entropic_valid_takes_beta_from_the_valid_ones():
    """Two invalid samples do not move beta = ln 2 of the ranked eight, and get -1."""
    # w as for the ranked group, sum 2, G = 10. A = 9 w / (2 - w) - 1:
    # 9-1=8; 4.5/1.5-1=2; 2.25/1.75-1=2/7; 1.125/1.875-1=-.4; (9/32)/(63/32)-1=-6/7
    advantages = advantages_of(entropic_valid, [NAN, *RANKED, NAN])
    assert advantages.beta == pytest.approx(LN2, rel=1e-12)
    assert_values(advantages, [-1, 8, 2, 2 / 7, -0.4, -6 / 7, -6 / 7, -6 / 7, -6 / 7, -1])


def test_entropic_valid_ranks_where_entropic_cannot():
    """With 8 of 16 valid entropic has beta 0, and entropic-valid still ranks."""
    rewards = [*RANKED, *[NAN] * 8]
    assert advantages_of(entropic, rewards).beta == 0
    # G = 16: A of the top = 15 * 1/1 - 1 = 14, of the second 15 * .5/1.5 - 1 = 4
    assert advantages_of(entropic_valid, rewards).values_G[:2].tolist() == pytest.approx([14, 4])


def test_entropic_valid_ties_are_counted_among_the_valid():
    """Two ties of three valid put ln 2 out of reach: the cap, A = 5 * 1/1 - 1 = 4."""
    advantages = advantages_of(entropic_valid, [2.0, 2.0, 1.0, NAN, NAN, NAN])
    assert advantages.beta == SPREAD_CAP
    assert_values(advantages, [4, 4, -1, -1, -1, -1])


@pytest.mark.parametrize(
    "rewards", [[1.0, 2.0, NAN], [1.0, NAN, NAN], [1.0, 2.0, NAN, NAN], [1, 2]]
)
def test_entropic_valid_needs_three_valid_samples(rewards: list[float]):
    """With one or two valid samples it is entropic, to the bit."""
    one, two = advantages_of(entropic_valid, rewards), advantages_of(entropic, rewards)
    assert one.values_G.tolist() == two.values_G.tolist()
    assert one.beta == two.beta


def test_without_invalid_samples_both_entropic_objectives_agree():
    """Where all are valid there is one beta."""
    assert advantages_of(entropic_valid, RANKED).beta == advantages_of(entropic, RANKED).beta


# constant beta


def test_constant_beta_by_hand():
    """Rewards 0, ln(2)/2, ln 2 under beta 2 have weights 1/4, 1/2, 1."""
    # sum 1.75; A = 2 w / (1.75 - w) - 1: .5/1.5-1=-2/3; 1/1.25-1=-.2; 2/.75-1=5/3
    advantages = advantages_of(constant_beta(2.0), [0.0, LN2 / 2, LN2])
    assert_values(advantages, [-2 / 3, -0.2, 5 / 3])
    assert advantages.beta == 2.0


def test_constant_beta_caps_its_weights_at_the_group_size():
    """A reward far ahead has w / Z = G and advantage G - 1, where it would be 1e86."""
    assert_values(advantages_of(constant_beta(2.0), [0.0, 0.0, 100.0]), [-1, -1, 2])


@pytest.mark.parametrize("beta", [-1.0, NAN, math.inf])
def test_constant_beta_refuses_what_is_no_inverse_temperature(beta: float):
    """A negative or infinite beta is an error when the objective is made."""
    with pytest.raises(ValueError, match="beta must be a number >= 0"):
        constant_beta(beta)


# mean baseline and GRPO


def test_mean_baseline_counts_invalid_as_zero():
    """Rewards 1, 2, 3 and an invalid one: the mean is 6/4 = 1.5."""
    assert_values(advantages_of(mean_baseline, [1.0, 2.0, 3.0, NAN]), [-0.5, 0.5, 1.5, -1.5])


def test_grpo_divides_by_the_sample_deviation():
    """GRPO divides by the deviation with ddof 1, plus 1e-6."""
    # squares .25 + .25 + 2.25 + 2.25 = 5, over 3; sqrt(5/3) = 1.2909944
    advantages = advantages_of(grpo, [1.0, 2.0, 3.0, NAN])
    assert_values(advantages, [x / 1.2909954487358056 for x in (-0.5, 0.5, 1.5, -1.5)])


def test_grpo_of_a_vote():
    """Three of four in the majority: mean .75, deviation .5, so 0.5 and -1.5 over 0.500001."""
    assert_values(
        advantages_of(grpo, [1.0, 1.0, NAN, 1.0]),
        [0.25 / 0.500001] * 2 + [-0.75 / 0.500001, 0.25 / 0.500001],
    )


@pytest.mark.parametrize("objective", [mean_baseline, grpo])
@pytest.mark.parametrize(("bad", "shown"), [(0.0, "0.0"), (-2.5, "-2.5")])
def test_objectives_that_need_a_number_name_the_sample_that_broke_them(
    objective: Objective, bad: float, shown: str
):
    """A valid reward at or below 0 is an error with its index and value."""
    with pytest.raises(ValueError, match=rf"sample 2 .* {shown} is not above 0"):
        advantages_of(objective, [1.0, NAN, bad, -7.0])


@pytest.mark.parametrize("objective", ALL)
@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_valid_reward_must_be_finite(objective: Objective, bad: float):
    """A valid reward that is not finite is an error with its index."""
    with pytest.raises(ValueError, match=r"sample 1 .* not finite"):
        objective(np.array([1.0, bad, 2.0]), np.array([True, True, True]))


@pytest.mark.parametrize("objective", ALL)
def test_shapes_must_agree(objective: Objective):
    """Two rewards with three flags are an error."""
    with pytest.raises(ValueError, match=r"must both be \[G\]"):
        objective(np.array([1.0, 2.0]), np.array([True, True, True]))


def test_a_span_beyond_floats_is_refused():
    """Rewards whose difference overflows raise instead of giving nan."""
    with pytest.raises(ValueError, match="span is not finite"):
        advantages_of(entropic, [-1e308, 1e308, 0.0])


def test_by_name_knows_every_objective_of_the_configuration():
    """Each configured name gives its objective, and constant-beta its constant."""
    assert by_name("entropic", 2.0) is entropic
    assert by_name("entropic-valid", 2.0) is entropic_valid
    assert by_name("mean-baseline", 2.0) is mean_baseline
    assert by_name("grpo", 2.0) is grpo
    assert advantages_of(by_name("constant-beta", 3.0), [1.0, 2.0]).beta == 3.0


# KL shaping


def arrays(*rows: Sequence[float]) -> list[FloatArray]:
    """One float array per row."""
    return [np.array(row, dtype=float) for row in rows]


def test_kl_shaping_by_hand():
    """Rows of two and one tokens: the mean of d is over tokens, not over rows."""
    # d = (-1) - (-2) = 1, (-1) - (-1) = 0 and (-2) - (-7) = 5: mean 6/3 = 2
    # lambda .1: .1 * (2 - 1) = .1, .1 * (2 - 0) = .2, .1 * (2 - 5) = -.3
    shaped = kl_shaping(arrays([1, 1], [-1]), arrays([-1, -1], [-2]), arrays([-2, -1], [-7]), 0.1)
    assert [row.tolist() for row in shaped] == [pytest.approx([1.1, 1.2]), pytest.approx([-1.3])]


def test_kl_shaping_weights_rows_by_the_samples_they_stand_for():
    """A row of weight 3 counts as three equal rows."""
    one = kl_shaping(
        arrays([0, 0], [0]), arrays([1, 0], [5]), arrays([0, 0], [0]), 1.0, weights=[3, 1]
    )
    four = kl_shaping(
        arrays([0, 0], [0, 0], [0, 0], [0]),
        arrays([1, 0], [1, 0], [1, 0], [5]),
        arrays([0, 0], [0, 0], [0, 0], [0]),
        1.0,
    )
    # mean d = (3 * 1 + 5) / 7 = 8/7
    assert one[0].tolist() == pytest.approx([1 / 7, 8 / 7])
    assert one[1].tolist() == pytest.approx([8 / 7 - 5])
    assert one[0].tolist() == pytest.approx(four[0].tolist())
    assert one[1].tolist() == pytest.approx(four[3].tolist())


def test_kl_shaping_leaves_its_arguments_alone():
    """New arrays are returned, with coefficient 0 too."""
    given_rows = arrays([1.0, 2.0])
    for coefficient in (0.0, 0.5):
        shaped = kl_shaping(given_rows, arrays([-1, -2]), arrays([-3, -1]), coefficient)
        shaped[0][:] = 99
        assert given_rows[0].tolist() == [1.0, 2.0]


def test_kl_shaping_without_coefficient_ignores_the_base_model():
    """With coefficient 0 a token the base model rules out does not turn advantages into nan."""
    shaped = kl_shaping(arrays([1, 2]), arrays([-1, -1]), arrays([-1, -math.inf]), 0.0)
    assert shaped[0].tolist() == [1.0, 2.0]


def test_kl_shaping_of_nothing_is_nothing():
    """No rows, and rows without tokens, are returned as they are."""
    assert kl_shaping([], [], [], 0.1) == ()
    assert [row.size for row in kl_shaping(arrays([]), arrays([]), arrays([]), 0.1)] == [0]


def test_kl_shaping_refuses_rows_that_do_not_match():
    """Differing tokens, rows or weights are errors."""
    with pytest.raises(ValueError, match=r"row 1: .* differ in shape"):
        kl_shaping(arrays([1], [1]), arrays([1], [1]), arrays([1], [1, 2]), 0.1)
    with pytest.raises(ValueError, match="shorter"):
        kl_shaping(arrays([1], [1]), arrays([1]), arrays([1]), 0.1)
    with pytest.raises(ValueError, match="1 weights for 2 rows"):
        kl_shaping(arrays([1], [1]), arrays([1], [1]), arrays([1], [1]), 0.1, weights=[1])


log_probabilities = st.floats(-20, 0)
tokens = st.tuples(log_probabilities, log_probabilities)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.lists(tokens, max_size=5), st.integers(1, 4)), max_size=5))
def test_kl_shaping_sums_to_zero_over_the_batch(rows: list[tuple[list[tuple[float, float]], int]]):
    """The weighted sum of what is added over all tokens is 0."""
    sampler = [np.array([s for s, _ in row], dtype=float) for row, _ in rows]
    base = [np.array([b for _, b in row], dtype=float) for row, _ in rows]
    zeros = [np.zeros(len(row)) for row, _ in rows]
    weights = [weight for _, weight in rows]
    shaped = kl_shaping(zeros, sampler, base, 0.3, weights)
    added = sum(w * row.sum() for w, row in zip(weights, shaped, strict=True))
    assert added == pytest.approx(0, abs=1e-9)
