"""Figures of a vote, against values by hand, by enumeration and by their properties."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttrl_cli import seeding
from ttrl_cli.voting.statistics import (
    Tally,
    as_json,
    bootstrap_mean,
    entropy,
    pass_at_k,
    vote_metrics,
    wilson,
)

COUNTS = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def rng() -> np.random.Generator:
    """A generator that gives every test the same numbers."""
    return seeding.generator(1)


# -- intervals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "n", "low", "high"),
    [
        # z^2 = 3.841459, s = 1 + z^2 / n = 1.3841459; centre (0.8 + 0.1920729) / s = 0.7167402;
        # half width z sqrt(0.8 * 0.2 / 10 + z^2 / 400) / s = 0.2265777
        (8, 10, 0.4901625, 0.9433178),
        (0, 10, 0.0, 0.2775328),  # z^2 / (n + z^2)
        (10, 10, 0.7224672, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(votes: int, n: int, low: float, high: float):
    """Wilson's interval as computed by hand; its ends are exact where all or none voted so."""
    assert wilson(votes, n) == pytest.approx((low, high), abs=1e-6)
    if votes in (0, n):
        assert low in wilson(votes, n) or high in wilson(votes, n)


@given(counts=COUNTS)
def test_wilson_holds_the_share(counts: tuple[int, int]):
    """The interval lies in [0, 1], holds the share, and mirrors with it."""
    n, votes = counts
    low, high = wilson(votes, n)
    assert 0.0 <= low <= votes / n <= high <= 1.0
    assert wilson(n - votes, n) == pytest.approx((1 - high, 1 - low))
    narrow_low, narrow_high = wilson(10 * votes, 10 * n)
    assert narrow_high - narrow_low < high - low


@pytest.mark.parametrize(("votes", "n"), [(3, 2), (-1, 2), (0, -1)])
def test_wilson_of_impossible_counts(votes: int, n: int):
    """More votes than samples, or fewer than none, are refused."""
    with pytest.raises(ValueError, match="expected 0 <= votes <= n"):
        wilson(votes, n)


@given(value=st.floats(-1e6, 1e6), count=st.integers(1, 50))
def test_bootstrap_of_a_constant(value: float, count: int):
    """Where all questions have one value, the interval is that value."""
    assert bootstrap_mean(np.full(count, value), rng(), resamples=20) == (value, value)


def test_bootstrap_is_the_binomial_of_flags():
    """The mean of 14 flags in 20 has the percentiles of Binomial(20, 0.7) / 20."""
    # P(X <= 9) = 0.0171 < 0.025 <= P(X <= 10) = 0.0480; P(X <= 17) = 0.9645 < 0.975 <= P(X <= 18)
    values_Q = np.array([1.0] * 14 + [0.0] * 6)
    assert bootstrap_mean(values_Q, rng()) == (10 / 20, 18 / 20)


def test_bootstrap_of_many_values():
    """With many distinct values the interval is the normal one: mean -+ 1.96 sd / sqrt(Q)."""
    values_Q = np.arange(1000.0)
    half = 1.96 * values_Q.std() / math.sqrt(1000)
    low, high = bootstrap_mean(values_Q, rng())
    assert (low, high) == pytest.approx((499.5 - half, 499.5 + half), abs=0.03 * half)
    assert (low, high) == bootstrap_mean(values_Q, rng())


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_bootstrap_refuses(values: list[float]):
    """No values, or one that is not finite, have no interval."""
    with pytest.raises(ValueError, match="at least one value, all of them finite"):
        bootstrap_mean(np.array(values), rng())


# -- pass@k and entropy ----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "correct"), [(n, c) for n in range(1, 7) for c in range(n + 1)])
def test_pass_at_k_by_enumeration(n: int, correct: int):
    """pass@k is the share of all k-subsets of the samples that hold a right one."""
    for k in range(1, n + 1):
        subsets = list(itertools.combinations(range(n), k))
        hits = sum(min(subset) < correct for subset in subsets)  # the first `correct` are right
        assert pass_at_k(n, correct, k) == float(Fraction(hits, len(subsets)))


@given(counts=COUNTS)
def test_pass_at_k_rises(counts: tuple[int, int]):
    """pass@1 is the share; pass@k rises with k, and is 1 where fewer than k samples are wrong."""
    n, correct = counts
    values = [pass_at_k(n, correct, k) for k in range(1, n + 1)]
    assert values[0] == correct / n
    assert values == sorted(values)
    assert all(value == 1.0 for value in values[n - correct :])
    assert all(value < 1.0 for value in values[: n - correct])


def test_pass_at_k_of_many_samples():
    """One right sample of 10,000 is in a half of them by chance 1/2, without overflow."""
    assert pass_at_k(10_000, 1, 5_000) == 0.5


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1), (4, -1, 1)])
def test_pass_at_k_refuses(n: int, correct: int, k: int):
    """More looked at, or more right, than there are samples is refused."""
    with pytest.raises(ValueError, match="expected 1 <= k <= n"):
        pass_at_k(n, correct, k)


@pytest.mark.parametrize(
    ("counts", "nats"),
    [
        ([], 0.0),
        ([5], 0.0),
        ([3, 3], math.log(2)),
        ([1, 1, 1, 1], math.log(4)),
        ([3, 1], 0.5623351446188083),  # -0.75 ln 0.75 - 0.25 ln 0.25
        ([3, 0, 1], 0.5623351446188083),
    ],
)
def test_entropy(counts: list[int], nats: float):
    """Entropy of the votes in nats; of one class, or of no vote, it is 0 and not -0."""
    assert entropy(counts) == pytest.approx(nats, abs=1e-15)
    assert math.copysign(1, entropy(counts)) == 1


# -- a file ----------------------------------------------------------------------------------

TALLIES = [
    # the winner is right, and so is a class that is written otherwise
    Tally(n=4, parsed=4, votes=(2, 1, 1), right=(True, False, True), tokens=40),
    # the winner is wrong, by a tie; one sample has no answer
    Tally(n=5, parsed=5 - 1, votes=(2, 2), right=(False, True), tokens=50),
    # no answer at all
    Tally(n=4, parsed=0, votes=(), right=(), tokens=4),
    # no label
    Tally(n=4, parsed=3, votes=(3,), right=None, tokens=6),
]


def test_figures():
    """The figures of four questions, each computed by hand."""
    result = vote_metrics(TALLIES, rng())
    assert (result.questions, result.labelled, result.samples, result.tokens) == (4, 3, 17, 100)
    assert result.majority_ratio == pytest.approx((2 / 4 + 2 / 5 + 0 + 3 / 4) / 4)
    assert result.parsed == 11 / 17
    # (2, 1, 1): 1.5 ln 2;  (2, 2): ln 2;  the others 0
    assert result.entropy == pytest.approx(2.5 * math.log(2) / 4)
    assert result.ties == 1
    # right samples: 3 of 4, 2 of 5, 0 of 4
    assert list(result.pass_at) == [1, 2, 4]
    assert result.pass_at[1] == pytest.approx((3 / 4 + 2 / 5) / 3)
    assert result.pass_at[2] == pytest.approx((1 + (1 - 3 / 10) + 0) / 3)
    assert result.pass_at[4] == pytest.approx((1 + 1 + 0) / 3)
    assert result.maj_at_n == 1 / 3
    # agreeing: 2 + 1 of 4;  none of the 4 with an answer, 1 without;  4 without an answer
    assert result.reward_accuracy == (3 + 1 + 4) / 13
    # of three values v, resampled: all three are the least one with probability 1/27 > 0.025
    assert result.pass_at_1_interval == (0.0, 0.75)
    assert result.maj_at_n_interval == (0.0, 1.0)


def test_figures_without_labels():
    """Without labels the second half is None; without questions the shares are 0."""
    for tallies, share in ((TALLIES[3:], 3 / 4), ([], 0.0)):
        result = vote_metrics(tallies, rng())
        assert (result.labelled, result.majority_ratio, result.parsed) == (0, share, share)
        assert result.pass_at == {}
        assert (result.pass_at_1_interval, result.maj_at_n_interval) == (None, None)
        assert (result.maj_at_n, result.reward_accuracy) == (None, None)


def test_smallest_n_bounds_k():
    """pass@k is given for the powers of two up to the smallest labelled n, and for that n."""
    tallies = [
        Tally(n=n, parsed=1, votes=(1,), right=right, tokens=0)
        for n, right in [(7, (True,)), (12, (False,)), (3, None)]
    ]
    assert list(vote_metrics(tallies, rng()).pass_at) == [1, 2, 4, 7]


@st.composite
def labelled_tallies(draw: st.DrawFn) -> Tally:
    """A vote with a label, of any shape."""
    votes = sorted(draw(st.lists(st.integers(1, 9), max_size=4)), reverse=True)
    n = max(1, sum(votes) + draw(st.integers(0, 3)))
    right = draw(st.lists(st.booleans(), min_size=len(votes), max_size=len(votes)))
    return Tally(n=n, parsed=sum(votes), votes=tuple(votes), right=tuple(right), tokens=0)


@given(tallies=st.lists(labelled_tallies(), min_size=1, max_size=8))
def test_relations(tallies: list[Tally]):
    """pass@k rises, intervals hold the mean, and pseudo-rewards are right sample by sample."""
    result = vote_metrics(tallies, rng())
    values = list(result.pass_at.values())
    assert values == sorted(values)
    for mean, interval in (
        (result.pass_at[1], result.pass_at_1_interval),
        (result.maj_at_n, result.maj_at_n_interval),
    ):
        assert interval is not None
        assert mean is not None
        assert interval[0] - 1e-12 <= mean <= interval[1] + 1e-12
    agreeing = 0
    for tally in tallies:
        pseudo = [place == 0 for place, votes in enumerate(tally.votes) for _ in range(votes)]
        true = [tally.right[place] for place, votes in enumerate(tally.votes) for _ in range(votes)]
        silent = [False] * (tally.n - len(pseudo))
        agreeing += sum(a == b for a, b in zip(pseudo + silent, true + silent, strict=True))
    assert result.reward_accuracy == agreeing / sum(tally.n for tally in tallies)


@pytest.mark.parametrize(
    ("tally", "why"),
    [
        ({"n": 0, "parsed": 0, "votes": (), "right": None}, "expected n >= 1"),
        ({"n": 4, "parsed": 3, "votes": (2,), "right": None}, r"sum\(votes\) == parsed"),
        ({"n": 2, "parsed": 3, "votes": (3,), "right": None}, "parsed <= n"),
        ({"n": 4, "parsed": 3, "votes": (2, 1), "right": (True,)}, "one flag per class"),
    ],
)
def test_tallies_that_contradict_themselves(tally: dict[str, object], why: str):
    """A tally whose figures contradict each other is refused before it is averaged."""
    with pytest.raises(ValueError, match=why):
        Tally(**tally, tokens=0)


def test_json():
    """summary.json has flat keys, lists for intervals, and null where there is no label."""
    result = as_json(vote_metrics(TALLIES[1:2], rng()))
    assert json.loads(json.dumps(result)) == result
    assert result == {
        "questions": 1,
        "labelled": 1,
        "samples": 5,
        "tokens": 50,
        "majority_ratio": 0.4,
        "parsed": 0.8,
        "entropy": math.log(2),
        "ties": 1,
        "pass@1": 0.4,
        "pass@1_interval": [0.4, 0.4],
        "pass@k": {"1": 0.4, "2": 0.7, "4": 1.0, "5": 1.0},
        "maj@n": 0.0,
        "maj@n_interval": [0.0, 0.0],
        "label_accuracy": 0.0,
        "reward_accuracy": 0.2,
    }
    unlabelled = as_json(vote_metrics(TALLIES[3:], rng()))
    assert set(unlabelled) == set(result)
    nulls = {key for key, value in unlabelled.items() if value is None}
    assert nulls == {key for key in result if "@" in key or key.endswith("_accuracy")}


def test_100_000_questions():
    """100,000 votes are summed up within bounded memory."""
    tallies = (
        Tally(n=64, parsed=60, votes=(60 - i % 30, i % 30), right=(i % 3 > 0, False), tokens=9)
        for i in range(100_000)
    )
    result = vote_metrics(tallies, rng())
    assert (result.questions, result.samples, result.tokens) == (100_000, 6_400_000, 900_000)
    assert result.maj_at_n == pytest.approx(2 / 3, abs=1e-5)
