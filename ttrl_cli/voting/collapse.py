"""The collapse watch: signs, without labels, that training has gone wrong. Pure.

Run on too long, TTRL collapses (arXiv 2504.16084): all answers become alike, or stop being
answers. Two signs are looked for in each training step. The share of samples with an answer falls
well under what the untrained model had on the same questions; or the votes hold no disagreement any
more, so that there is nothing left to learn. One such step is noise; `patience` in a row are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The vote of one training step.

    Attributes:
        step: The step of the run.
        parsed: Share of samples with an answer.
        parsed_before: The same of the untrained model on the same questions.
        entropy: Mean entropy of the votes, in nats.
        share: Mean share of the winning answers.
    """

    step: int
    parsed: float
    parsed_before: float
    entropy: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseLimits:
    """Limits whose crossing is a sign of collapse, and how many steps in a row make a collapse.

    Attributes:
        patience: Steps in a row.
        parsed_floor: Least share of `parsed_before`.
        entropy_floor: Least entropy, in nats.
    """

    patience: int
    parsed_floor: float
    entropy_floor: float


def sign(health: Health, limits: CollapseLimits) -> str:
    """Describe in words what is wrong with a step; return "" if nothing is."""
    if health.parsed < limits.parsed_floor * health.parsed_before:
        return (
            f"{health.parsed:.0%} of the samples had an answer, "
            f"{health.parsed_before:.0%} before training"
        )
    if health.entropy < limits.entropy_floor:
        return f"the votes are all but unanimous (entropy {health.entropy:.3f} nats)"
    return ""


def bad_streak(history: Sequence[Health], limits: CollapseLimits) -> int:
    """Count how many of the last steps in a row show a sign of collapse."""
    count = 0
    for health in reversed(history):
        if not sign(health, limits):
            break
        count += 1
    return count


def last_good_policy(history: Sequence[Health], limits: CollapseLimits) -> int:
    """Return the step whose update made the last weights that were seen healthy.

    A step samples before its own update: the samples of the last healthy step h come from the
    weights of step h - 1. If the first step is unhealthy already, these are the weights that
    training began with.
    """
    healthy = history[: len(history) - bad_streak(history, limits)]
    return (healthy[-1] if healthy else history[0]).step - 1


def collapse(history: Sequence[Health], limits: CollapseLimits) -> str:
    """Say why training should stop; return "" while it may go on."""
    streak = bad_streak(history, limits)
    if streak < limits.patience:
        return ""
    return f"{streak} steps in a row: {sign(history[-1], limits)}"
