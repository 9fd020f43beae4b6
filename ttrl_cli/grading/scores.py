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

from ttrl_cli.escapes import encodable
from ttrl_cli.grading.functions import BrokenProblemError
from ttrl_cli.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """The result of verifying and scoring, not yet checked against the problem's reward.

    Attributes:
        data: Verified data, as plain JSON values.
        value: The score as it was returned.
        metrics: Further metrics.
        feedback: Words for the next attempt.
        shown: The rendered solution; empty for the solution itself.
    """

    data: Json
    value: object
    metrics: Mapping[str, float]
    feedback: str
    shown: str


def exact_bound(found: object) -> Fraction:
    """Convert a bound that certify returned, a number or its text, into a fraction."""
    if isinstance(found, int | float | str | Rational) and not isinstance(found, bool):
        with contextlib.suppress(ValueError, OverflowError, ZeroDivisionError):
            return Fraction(found)
    msg = f"certify must return a Certificate or a finite number (got {found!r:.80})"
    raise BrokenProblemError(msg)


def as_mapping(scored: object) -> Mapping[str, object]:
    """Return what score returned as a mapping; a bare number becomes {"value": number}."""
    if not isinstance(scored, Mapping):
        return {"value": scored}
    unknown = sorted(str(key) for key in set(scored) - {"value", "metrics", "feedback"})
    if unknown or "value" not in scored:
        what = f"the unknown key {unknown[0]!r}" if unknown else "no key 'value'"
        msg = f"score returned {what}; expected value, and perhaps metrics and feedback"
        raise BrokenProblemError(msg)
    return scored


def checked_score(data: Json, answer: Mapping[str, object], shown: str) -> ScoreResult:
    """Check the types of what a score function or a verifier command returned."""
    value = answer["value"]
    if not _is_number(value) or isinstance(value, bool | np.bool_):
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
        data=data, value=value, metrics=figures, feedback=encodable(feedback), shown=shown
    )


def _metric(key: str, metric: object) -> float:
    value = finite(metric) if _is_number(metric) else None
    if value is None:
        msg = f"score's metric {key!r} must be a finite number (got {metric!r:.80})"
        raise BrokenProblemError(msg)
    return value


def _is_number(value: object) -> bool:
    """Decide whether a value is a real number of Python's or numpy's, truth values included."""
    return isinstance(value, Real | Decimal | np.bool_)


def finite(value: Any) -> float | None:
    """Convert a value into a float; return None if it is infinite, not a number or too large."""
    try:
        number = float(value)
    except (OverflowError, ValueError):  # a Decimal may be a NaN that signals
        return None
    return number if math.isfinite(number) else None
