"""Metrics of a vote: shares, accuracies and their intervals, pure.

Names are those of TTRL (arXiv 2504.16084). Its label accuracy, the share of questions whose
pseudo-label equals the label, is maj@n: on the same samples the two are one number.
All intervals are at 95 %.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ttrl_cli.records import FloatArray, Json

Interval = tuple[float, float]

_Z = 1.959963984540054  # the standard normal's 97.5th percentile
_DRAWS_AT_ONCE = 1_000_000  # 8 MB of counts


def wilson(votes: int, n: int) -> Interval:
    """Compute Wilson's score interval of a share, for votes that are independent draws.

    Args:
        votes: How many of the samples.
        n: All samples; the interval is (0, 1) if there are none.

    Raises:
        ValueError: Unless 0 <= votes <= n.
    """
    if not 0 <= votes <= n:
        msg = f"expected 0 <= votes <= n (got {votes} of {n})"
        raise ValueError(msg)
    if n == 0:
        return 0.0, 1.0
    share, scale = votes / n, 1 + _Z**2 / n
    center = (share + _Z**2 / (2 * n)) / scale
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / scale
    # the ends are exact there, but for rounding
    low = 0.0 if votes == 0 else center - half
    high = 1.0 if votes == n else center + half
    return low, high


@lru_cache(maxsize=65_536)
def pass_at_k(n: int, correct: int, k: int) -> float:
    """Estimate, without bias, the chance that one of k samples is right (arXiv 2107.03374).

    It is 1 - C(n - correct, k) / C(n, k), computed in integers up to the one division.

    Args:
        n: Samples that were drawn.
        correct: How many of them are right.
        k: How many may be looked at.

    Raises:
        ValueError: Unless 1 <= k <= n and 0 <= correct <= n.
    """
    if not (1 <= k <= n and 0 <= correct <= n):
        msg = f"expected 1 <= k <= n and 0 <= correct <= n (got n={n}, correct={correct}, k={k})"
        raise ValueError(msg)
    ways = math.comb(n, k)
    return (ways - math.comb(n - correct, k)) / ways


def bootstrap_mean(
    values_Q: FloatArray, rng: np.random.Generator, resamples: int = 10_000
) -> Interval:
    """Compute a percentile interval of a mean over questions, by resampling the questions.

    A resample's mean depends only on how often it holds each distinct value. These counts are
    multinomial, so they are drawn instead of Q indices. Time is proportional to `resamples` times
    the number of distinct values (at most n + 1, for shares of n samples); memory is bounded.

    Args:
        values_Q: `[Q]`, one value per question, Q >= 1.
        rng: Draws the resamples.
        resamples: How many.

    Raises:
        ValueError: If there is no value, or one is not finite.
    """
    if values_Q.size == 0 or not np.isfinite(values_Q).all():
        msg = "expected at least one value, all of them finite"
        raise ValueError(msg)
    distinct_V, count_V = np.unique(values_Q, return_counts=True)
    means_R = np.empty(resamples)
    chunk = max(1, _DRAWS_AT_ONCE // distinct_V.size)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        counts_RV = rng.multinomial(values_Q.size, count_V / values_Q.size, size)
        means_R[start : start + size] = counts_RV @ distinct_V / values_Q.size
    # rounding can carry a mean past the values it is of
    low, high = np.quantile(means_R.clip(distinct_V[0], distinct_V[-1]), [0.025, 0.975])
    return float(low), float(high)


def entropy(counts: Sequence[int]) -> float:
    """Compute the entropy of the votes over the classes, in nats; 0 if there are no votes."""
    total = sum(counts)
    return math.fsum(count / total * math.log(total / count) for count in counts if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One question's vote, as the metrics need it.

    Attributes:
        n: All samples, at least 1; those without an answer included.
        parsed: Samples with an answer: the sum of `votes`.
        votes: Votes of each class, the winner first.
        right: Per class, whether it is equivalent to the label; None without a label.
        tokens: Tokens of all samples.
    """

    n: int
    parsed: int
    votes: tuple[int, ...]
    right: tuple[bool, ...] | None
    tokens: int

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other; otherwise they would be averaged unnoticed."""
        classes = len(self.votes) if self.right is None else len(self.right)
        if self.n < 1 or sum(self.votes) != self.parsed or self.parsed > self.n:
            msg = f"expected n >= 1 and sum(votes) == parsed <= n (got {self})"
            raise ValueError(msg)
        if classes != len(self.votes):
            msg = f"expected right to have one flag per class (got {self})"
            raise ValueError(msg)

    @property
    def winner(self) -> int:
        """The winner's votes; 0 where nothing was parsed."""
        return self.votes[0] if self.votes else 0

    @property
    def correct(self) -> int:
        """Samples in a right class; 0 without a label."""
        return sum(v for v, right in zip(self.votes, self.right or (), strict=False) if right)

    @property
    def winner_right(self) -> bool:
        """True where the winner is right; False without a winner or a label."""
        return self.right is not None and self.right[:1] == (True,)

    @property
    def tie(self) -> bool:
        """True where another class has as many votes as the winner."""
        return len(self.votes) > 1 and max(self.votes[1:]) == self.votes[0]

    @property
    def agreeing(self) -> int:
        """Samples whose pseudo-reward (in the winning class) equals the true one (in a right one).

        A sample without an answer has neither reward, and so agrees.
        """
        pairs = enumerate(zip(self.votes, self.right or (), strict=False))
        matching = sum(votes for index, (votes, right) in pairs if right == (index == 0))
        return matching + self.n - self.parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteMetrics:
    """The metrics of a vote on a file. Shares are in [0, 1].

    The second half is over the questions with a label; it is None, or empty, where none has one.

    Attributes:
        questions: Questions voted on.
        labelled: Those with a label.
        samples: Samples in all.
        tokens: Tokens in all.
        majority_ratio: Mean over questions of the winner's votes among n; 0 for a question
            without an answer, and without questions.
        parsed: Share of the samples that have an answer.
        entropy: Mean over questions of the entropy of their votes, in nats.
        ties: Questions whose winner shares its votes with another class.
        pass_at: k -> mean of `pass_at_k`, for k = 1, 2, 4, ... and the smallest n of a question.
        pass_at_1_interval: Bootstrap over questions.
        maj_at_n: Share of questions whose winner is right; TTRL's label accuracy.
        maj_at_n_interval: Bootstrap over questions.
        reward_accuracy: Share of the samples whose pseudo-reward is the true one.
    """

    questions: int
    labelled: int
    samples: int
    tokens: int
    majority_ratio: float
    parsed: float
    entropy: float
    ties: int
    pass_at: dict[int, float]
    pass_at_1_interval: Interval | None
    maj_at_n: float | None
    maj_at_n_interval: Interval | None
    reward_accuracy: float | None


def vote_metrics(tallies: Iterable[Tally], rng: np.random.Generator) -> VoteMetrics:
    """Compute the metrics of a file's votes.

    Args:
        tallies: One per question.
        rng: Draws the bootstrap's resamples.
    """
    every = list(tallies)
    labelled = [tally for tally in every if tally.right is not None]
    samples = sum(tally.n for tally in every)
    single_Q = np.array([pass_at_k(t.n, t.correct, 1) for t in labelled])
    winner_right_Q = np.array([float(t.winner_right) for t in labelled])
    return VoteMetrics(
        questions=len(every),
        labelled=len(labelled),
        samples=samples,
        tokens=sum(t.tokens for t in every),
        majority_ratio=_ratio(math.fsum(t.winner / t.n for t in every), len(every)),
        parsed=_ratio(sum(t.parsed for t in every), samples),
        entropy=_ratio(math.fsum(entropy(t.votes) for t in every), len(every)),
        ties=sum(t.tie for t in every),
        pass_at=_pass_at(labelled),
        pass_at_1_interval=bootstrap_mean(single_Q, rng) if labelled else None,
        maj_at_n=float(winner_right_Q.mean()) if labelled else None,
        maj_at_n_interval=bootstrap_mean(winner_right_Q, rng) if labelled else None,
        reward_accuracy=sum(t.agreeing for t in labelled) / sum(t.n for t in labelled)
        if labelled
        else None,
    )


def as_json(metrics: VoteMetrics) -> dict[str, Json]:
    """Return the metrics as summary.json holds them; without labels, their half is null."""
    at_1 = metrics.pass_at.get(1)
    return {
        "questions": metrics.questions,
        "labelled": metrics.labelled,
        "samples": metrics.samples,
        "tokens": metrics.tokens,
        "majority_ratio": metrics.majority_ratio,
        "parsed": metrics.parsed,
        "entropy": metrics.entropy,
        "ties": metrics.ties,
        "pass@1": at_1,
        "pass@1_interval": _listed(metrics.pass_at_1_interval),
        "pass@k": {str(k): value for k, value in metrics.pass_at.items()} or None,
        "maj@n": metrics.maj_at_n,
        "maj@n_interval": _listed(metrics.maj_at_n_interval),
        "label_accuracy": metrics.maj_at_n,
        "reward_accuracy": metrics.reward_accuracy,
    }


def _pass_at(labelled: Sequence[Tally]) -> dict[int, float]:
    """Map k to the mean pass@k, for the powers of two up to the smallest n, and for that n."""
    if not labelled:
        return {}
    most = min(tally.n for tally in labelled)
    powers = [2**i for i in range(most.bit_length())]
    return {
        k: math.fsum(pass_at_k(t.n, t.correct, k) for t in labelled) / len(labelled)
        for k in dict.fromkeys([*powers, most])
    }


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
