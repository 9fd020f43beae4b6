"""Scores and bounds that a problem's own code returned, checked: numbers, metrics, feedback."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np

from ttrl_cli.escapes import brief, encodable
from ttrl_cli.grading.functions import BrokenProblemError
from ttrl_cli.records import Json

OPTIONAL = "error, per_trial, metrics and feedback"
"""What a score may say besides its value, in words."""
_KEYS = frozenset({"value", "error", "per_trial", "metrics", "feedback"})
MOST_TRIALS = 100_000
"""Most figures of `per_trial`: they are kept with each solution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """The result of verifying and scoring, not yet checked against the problem's reward.

    Attributes:
        data: Verified data, as plain JSON values.
        value: The score as it was returned.
        metrics: Further metrics.
        feedback: Words for the next attempt.
        shown: The rendered solution; empty for the solution itself.
        error: One standard error of the value; None where none was stated.
        per_trial: The figures that the value is the mean of; empty if they were not given.
    """

    data: Json
    value: object
    metrics: Mapping[str, float]
    feedback: str
    shown: str
    error: float | None = None
    per_trial: tuple[float, ...] = ()


def exact_bound(found: object) -> Fraction:
    """Convert a bound that certify returned, a number or its text, into a fraction."""
    if isinstance(found, int | float | str | Rational) and not isinstance(found, bool):
        with contextlib.suppress(ValueError, OverflowError, ZeroDivisionError):
            return Fraction(found)
    msg = f"certify must return a Certificate or a finite number (got {brief(found)})"
    raise BrokenProblemError(msg)


def as_mapping(scored: object) -> Mapping[str, object]:
    """Return what score returned as a mapping; a bare number becomes {"value": number}."""
    if not isinstance(scored, Mapping):
        return {"value": scored}
    unknown = sorted(str(key) for key in set(scored) - _KEYS)
    if unknown or "value" not in scored:
        what = f"the unknown key {unknown[0]!r}" if unknown else "no key 'value'"
        msg = f"score returned {what}; expected value, and perhaps {OPTIONAL}"
        raise BrokenProblemError(msg)
    return scored


def checked_score(data: Json, answer: Mapping[str, object], shown: str) -> ScoreResult:
    """Check the types of what a score function or a verifier command returned."""
    value = answer["value"]
    if not _is_number(value) or _is_truth(value):
        msg = f"score must be a number (got {type(value).__name__})"
        raise BrokenProblemError(msg)
    metrics = answer.get("metrics", {})
    if not isinstance(metrics, Mapping) or not all(isinstance(key, str) for key in metrics):
        msg = "score's metrics must be a mapping from names to numbers"
        raise BrokenProblemError(msg)
    feedback = answer.get("feedback", "")
    if not isinstance(feedback, str):
        msg = f"score's feedback must be text (got {type(feedback).__name__})"
        raise BrokenProblemError(msg)
    figures = {encodable(key): _metric(key, metric) for key, metric in metrics.items()}
    return ScoreResult(
        data=data,
        value=value,
        metrics=figures,
        feedback=encodable(feedback),
        shown=shown,
        error=_error(answer.get("error")),
        per_trial=() if answer.get("per_trial") is None else _per_trial(answer["per_trial"]),
    )


def _error(error: object) -> float | None:
    """Check a stated standard error; None stands for none."""
    if error is None:
        return None
    number = finite(error) if _is_number(error) and not _is_truth(error) else None
    if number is None or number < 0:
        msg = f"score's error must be a finite number of at least 0 (got {brief(error)})"
        raise BrokenProblemError(msg)
    return number


def _per_trial(given: object) -> tuple[float, ...]:
    """Check the figures of single trials: a list, a tuple or an array of one dimension."""
    if isinstance(given, np.ndarray):
        given = given.tolist() if given.ndim == 1 else None
    if not isinstance(given, list | tuple) or len(given) > MOST_TRIALS:
        msg = f"score's per_trial must be a list of at most {MOST_TRIALS} numbers, one per trial"
        raise BrokenProblemError(msg)
    for index, figure in enumerate(given):
        if not _is_number(figure) or _is_truth(figure) or finite(figure) is None:
            msg = f"score's per_trial[{index}] must be a finite number (got {brief(figure)})"
            raise BrokenProblemError(msg)
    return tuple(float(figure) for figure in given)


def _metric(key: str, metric: object) -> float:
    value = finite(metric) if _is_number(metric) else None
    if value is None:
        msg = f"score's metric {key!r} must be a finite number (got {brief(metric)})"
        raise BrokenProblemError(msg)
    return value


def _is_number(value: object) -> bool:
    """Decide whether a value is a real number of Python's or numpy's, truth values included."""
    return isinstance(value, Real | Decimal | np.bool_)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


def finite(value: Any) -> float | None:
    """Convert a value into a float; return None if it is infinite, not a number or too large."""
    try:
        number = float(value)
    except (OverflowError, ValueError):  # a Decimal may be a NaN that signals
        return None
    return number if math.isfinite(number) else None
