"""Figures of solutions that were measured more than once: means, errors, paired differences. Pure.

A standard error is that of the spread over measurements: sqrt(var / n), with n - 1 in the variance.
Of few measurements it is rough, and it says nothing of what all of them have in common.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ttrl_cli.records import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its standard error; None where nothing says how large that is."""

    value: float
    error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A valid measurement of a solution.

    Attributes:
        score: In the problem's own units.
        error: One standard error of it; None where the problem states none.
        per_trial: The figures that it is the mean of; empty where they are not given.
    """

    score: float
    error: float | None = None
    per_trial: tuple[float, ...] = ()

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Return the score that a valid verdict gives."""
        assert verdict.score is not None
        return cls(score=verdict.score, error=verdict.error, per_trial=verdict.per_trial)


def mean_of(scores: Sequence[Score]) -> Estimate:
    """Return the mean of measurements, one at least; of one alone, with the error that it states.

    Args:
        scores: One per trial.
    """
    if len(scores) == 1:
        return Estimate(value=scores[0].score, error=scores[0].error)
    return _mean([one.score for one in scores])


def difference(one: Sequence[Score | None], other: Sequence[Score | None]) -> Estimate | None:
    """Return by how much one solution's scores are above another's, on the trials that both have.

    The pairs are those of `per_trial` where all these measurements have as many of them, else the
    scores. What a trial does to both cancels in a pair, so that the error is often much smaller
    than that of either mean.

    Args:
        one: The solution's measurements, by trial; None where it has none.
        other: The other's.

    Returns:
        None where no trial is common to both; without an error where there is only one pair.
    """
    both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if not both:
        return None
    figures = [(a.per_trial, b.per_trial) for a, b in both]
    if all(len(a) == len(b) > 0 for a, b in figures):
        pairs = [pair for a, b in figures for pair in zip(a, b, strict=True)]
    else:
        pairs = [(a.score, b.score) for a, b in both]
    return _mean([a - b for a, b in pairs])


def _mean(values: Sequence[float]) -> Estimate:
    found = float(np.mean(values))
    if len(values) == 1:
        return Estimate(value=found, error=None)
    return Estimate(value=found, error=float(np.std(values, ddof=1)) / math.sqrt(len(values)))
