"""Whether learning was healthy: signs read from a run's metrics, pure.

A sign compares the first fifth of the steps that have a value with the last fifth. The bounds are
rules of thumb; a page shows the curves beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Series = Sequence[float | None]

LOW_VALID = 0.1
HALVED = 0.5
NARROWED = 0.3
"""An entropy below this part of what it was is a policy that says one thing."""
FAR = 0.5
"""Nats a token from the base model."""
OUT_OF_STEP = 0.5
SILENT = 0.8
"""More groups than this without a signal: there is little to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One sign of health.

    Attributes:
        name: What is looked at.
        good: Whether it is as it should be.
        text: What was seen, in words.
    """

    name: str
    good: bool
    text: str


def signs(metrics: Mapping[str, Series]) -> list[Sign]:
    """Return the signs that a run's metrics allow, those of concern first.

    Args:
        metrics: The columns of metrics.jsonl.
    """
    found = [
        _valid(metrics, "solve/valid", "valid attempts"),
        _valid(metrics, "vote/parsed", "samples with an answer"),
        _kept_up(metrics, "solve/distinct", "valid and new attempts"),
        _entropy(metrics),
        _distance(metrics),
        _sync(metrics),
        _signal(metrics),
        _failures(metrics),
    ]
    return sorted((sign for sign in found if sign is not None), key=lambda sign: sign.good)


def ends(values: Series) -> tuple[float, float] | None:
    """Return the means of the first and the last fifth of the values; None without values."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    fifth = max(1, len(known) // 5)
    return sum(known[:fifth]) / fifth, sum(known[-fifth:]) / fifth


def _valid(metrics: Mapping[str, Series], key: str, what: str) -> Sign | None:
    found = ends(metrics.get(key, ()))
    if found is None:
        return None
    first, last = found
    good = last >= LOW_VALID and last >= HALVED * first
    return Sign(name=what, good=good, text=f"{what}: {_percent(first)} -> {_percent(last)}")


def _kept_up(metrics: Mapping[str, Series], key: str, what: str) -> Sign | None:
    found = ends(metrics.get(key, ()))
    if found is None:
        return None
    first, last = found
    good = last >= HALVED * first
    said = f"{what}: {_percent(first)} -> {_percent(last)}"
    return Sign(name=what, good=good, text=said if good else f"{said}: it repeats itself")


def _entropy(metrics: Mapping[str, Series]) -> Sign | None:
    found = ends(metrics.get("train/entropy", ()))
    if found is None:
        return None
    first, last = found
    said = f"entropy: {first:.2f} -> {last:.2f} nats a token"
    good = last >= NARROWED * first
    return Sign(name="entropy", good=good, text=said if good else f"{said}: it narrows to one text")


def _distance(metrics: Mapping[str, Series]) -> Sign | None:
    found = ends(metrics.get("train/kl_base", ()))
    if found is None:
        return None
    said = f"KL from the base model: {found[1]:.3f} nats a token at the end"
    return Sign(name="KL", good=found[1] <= FAR, text=said)


def _sync(metrics: Mapping[str, Series]) -> Sign | None:
    found = ends(metrics.get("policy/sync", ()))
    if found is None:
        return None
    said = f"the sampler follows the learner: {found[1]:.2f} (1 is in step)"
    return Sign(name="sync", good=found[1] >= OUT_OF_STEP, text=said)


def _signal(metrics: Mapping[str, Series]) -> Sign | None:
    found = ends(metrics.get("credit/groups_dropped", ()))
    if found is None:
        return None
    said = f"groups whose rewards are all equal: {_percent(found[0])} -> {_percent(found[1])}"
    return Sign(name="signal", good=found[1] <= SILENT, text=said)


def _failures(metrics: Mapping[str, Series]) -> Sign | None:
    """Return a sign only where something failed on our side."""
    shares = [value for value in metrics.get("grade/failed", ()) if value]
    if not shares:
        return None
    said = f"attempts failed on our side in {len(shares)} steps, and were left out"
    return Sign(name="failures", good=False, text=said)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
