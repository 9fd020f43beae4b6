"""Statistics of few runs: spread, area under a curve, permutation tests. Pure.

A run is one number: runs are independent, the steps of a run are not. With four runs an arm every
way of sorting them into two arms can be counted out, and so nothing is assumed of their
distribution. What cannot be had from four runs is a small p: `smallest` says where it ends.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from ttrl_cli.records import FloatArray, IntArray
from ttrl_cli.voting.statistics import Interval, bootstrap_mean

MOST_SPLITS = 20_000
RANDOM_SPLITS = 10_000
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Some runs' values.

    Attributes:
        n: How many.
        median: The middle one, or the mean of the two middle ones.
        low: The smallest.
        high: The largest.
        mean: Their mean.
        interval: 95% bootstrap interval of the mean, over runs. Of four runs it is too narrow:
            it cannot reach beyond the smallest and the largest.
    """

    n: int
    median: float
    low: float
    high: float
    mean: float
    interval: Interval


def spread(values_N: Sequence[float]) -> Spread:
    """Compute the spread of at least one value."""
    array_N = np.array(values_N, dtype=np.float64)
    return Spread(
        n=array_N.size,
        median=float(np.median(array_N)),
        low=float(array_N.min()),
        high=float(array_N.max()),
        mean=float(array_N.mean()),
        interval=bootstrap_mean(array_N, np.random.default_rng(_SEED)),
    )


def area(best_T: Sequence[float], samples_T: Sequence[float], start: float) -> float:
    """Compute the area under the best-so-far curve over its length: a score, in its units.

    The curve starts at 0 samples with the best seed's score, has a point after each step, and is
    straight in between, because the samples of a step are drawn side by side:

        sum_t samples_t * (best_(t-1) + best_t) / 2  /  sum_t samples_t,    best_0 = start

    Args:
        best_T: `[T]`, the best score so far after each step, in the problem's own direction.
        samples_T: `[T]`, samples of each step.
        start: The best seed's score.

    Raises:
        ValueError: If there is no step, or the lengths differ.
    """
    if not best_T or len(best_T) != len(samples_T):
        msg = f"expected as many samples as scores, and some (got {len(samples_T)}, {len(best_T)})"
        raise ValueError(msg)
    before_T = np.array([start, *best_T[:-1]])
    middle_T = (before_T + np.array(best_T)) / 2
    return float(np.average(middle_T, weights=samples_T))


def last_third(values_T: Sequence[float]) -> Sequence[float]:
    """Return the values of the last third of the steps, rounded up."""
    return values_T[-math.ceil(len(values_T) / 3) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a test of two arms found.

    Attributes:
        effect: How far the first arm is above the other; each test says in which units.
        p: Two-sided.
        smallest: The smallest p that so many runs can have.
        exact: True where every way to sort the runs was counted.
    """

    effect: float
    p: float
    smallest: float
    exact: bool


def permutation_test(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    most: int = MOST_SPLITS,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """Test the difference of the means by permutation, two-sided.

    All C(N + M, N) ways to call N of the runs ours are counted where there are no more than `most`;
    else 10,000 random ones, and the one that was seen. p is the share of ways whose difference is
    at least as large as the one seen, which is one of them.

    Args:
        ours: one value per run, at least one.
        theirs: those of the other arm, at least one.
        most: The most ways that are counted.
        rng: Draws the random ways; by default always the same ones.

    Returns:
        The effect is mean(ours) - mean(theirs).
    """
    pooled = np.array([*ours, *theirs], dtype=np.float64)
    n, total = len(ours), pooled.size
    exact = math.comb(total, n) <= most
    drawn = np.random.default_rng(_SEED) if rng is None else rng
    split_RN = _all_splits(total, n) if exact else _random_splits(total, n, drawn)
    difference_R = _differences(pooled, split_RN)
    seen = _differences(pooled, np.arange(n)[None])[0]
    # sums in another order differ in their last digits
    extreme = int((np.abs(difference_R) >= abs(seen) - 1e-9 * np.ptp(pooled)).sum())
    p = extreme / len(split_RN) if exact else (extreme + 1) / (len(split_RN) + 1)
    smallest = smallest_p(n, total - n) if exact else 1 / (len(split_RN) + 1)
    return Outcome(effect=float(seen), p=p, smallest=smallest, exact=exact)


def smallest_p(n: int, m: int) -> float:
    """Return the smallest two-sided p of an exact test of n against m runs.

    With n = m each split has a mirror image with the same difference.
    """
    return (2 if n == m else 1) / math.comb(n + m, n)


def _all_splits(total: int, n: int) -> IntArray:
    return np.array(list(combinations(range(total), n)))


def _random_splits(total: int, n: int, rng: np.random.Generator) -> IntArray:
    return rng.random((RANDOM_SPLITS, total)).argsort(axis=1)[:, :n]


def _differences(pooled: FloatArray, split_RN: IntArray) -> FloatArray:
    """Return the difference of means of each split: of those picked, and of the rest."""
    picked_R = pooled[split_RN].sum(axis=1)
    n = split_RN.shape[1]
    difference_R: FloatArray = picked_R / n - (pooled.sum() - picked_R) / (pooled.size - n)
    return difference_R


def holm(p_K: Sequence[float]) -> list[float]:
    """Correct the p of a family of tests by Holm: what each is worth if all are looked at.

    The i-th smallest of K is multiplied by K - i + 1; none is below a smaller one's, or above 1.
    """
    corrected = [1.0] * len(p_K)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_K)), key=p_K.__getitem__)):
        least = max(least, min(1.0, p_K[place] * (len(p_K) - rank)))
        corrected[place] = least
    return corrected


Pair = tuple[Sequence[float], Sequence[float]]
"""The values of two arms on one problem, higher being better."""


def stratified_test(pairs: Sequence[Pair]) -> Outcome:
    """Test over several problems whether an arm is better than another on all of them together.

    The rank sums of the first arm, each less what chance gives, are added up over the problems
    (Wilcoxon's test, stratified: van Elteren's with equal weights). Runs change arms only within
    their problem, so that scores of different problems are never compared. The distribution is
    exact: those of the problems, folded. A sign-flip test with one sign per problem could with
    three problems not go below p = 0.25.

    Args:
        pairs: The values of both arms on each problem.

    Returns:
        The effect is the share of pairs of runs, one of each arm, of which the first is better,
        averaged over the problems; equal ones count half. 0.5 is no effect.
    """
    total, seen, ways = Counter({0: 1}), 0, 1
    shares = []
    for ours, theirs in pairs:
        doubled = _doubled_ranks(ours, theirs)
        own = _excess(doubled[: len(ours)], doubled)
        seen += own
        shares.append(0.5 + own / (2 * len(ours) * len(theirs)))
        total = _folded(total, _excesses(doubled, len(ours)))
        ways *= math.comb(len(doubled), len(ours))
    extreme = sum(count for excess, count in total.items() if abs(excess) >= abs(seen))
    effect = math.fsum(shares) / len(shares)
    return Outcome(effect=effect, p=extreme / ways, smallest=2 / ways, exact=True)


def _doubled_ranks(ours: Sequence[float], theirs: Sequence[float]) -> list[int]:
    """Return twice the rank of each value, 2 for the smallest; equal ones share theirs."""
    return [int(rank) for rank in 2 * rankdata([*ours, *theirs])]


def _excess(picked: Sequence[int], doubled: Sequence[int]) -> int:
    """Return the sum of some doubled ranks, less what it is on average over all splits."""
    return sum(picked) - len(picked) * (len(doubled) + 1)


def _excesses(doubled: Sequence[int], n: int) -> Mapping[int, int]:
    """Count the ways to pick n of the runs by their excess."""
    return Counter(_excess(picked, doubled) for picked in combinations(doubled, n))


def _folded(first: Mapping[int, int], second: Mapping[int, int]) -> "Counter[int]":
    """Count the ways in which the sum of two has each value."""
    folded: Counter[int] = Counter()
    for one, ways in first.items():
        for other, more in second.items():
            folded[one + other] += ways * more
    return folded
