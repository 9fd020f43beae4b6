"""The metrics of a step, and a run's totals. docs/metrics.md explains each key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ttrl_cli.records import Attempt, Status, UpdateReport
from ttrl_cli.rundir import Totals

_SUMMED = frozenset(
    {"train/rows", "train/distinct_rows", "train/tokens", "train/updates", "train/seconds"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long sampling took, and waiting for the last grades after it, in seconds."""

    sampling: float
    waiting: float


def totals_after(before: Totals, attempts: Sequence[Attempt], seconds: float) -> Totals:
    """Return a run's totals after one more step.

    Args:
        before: The totals of the last commit.
        attempts: The step's attempts.
        seconds: Wall time of the run so far.
    """
    too_long = {a.group for a in attempts if a.completion.overflow is not None}
    return Totals(
        steps=before.steps + 1,
        samples=before.samples + len(attempts),
        valid=before.valid + sum(attempt.verdict.valid for attempt in attempts),
        tokens=before.tokens + _tokens(attempts),
        seconds=seconds,
        too_long=before.too_long + len(too_long),
    )


def run_metrics(totals: Totals, step_seconds: float) -> dict[str, float]:
    """Return a run's totals and the seconds of its last step as metrics."""
    return {
        "step": totals.steps,
        "total/samples": totals.samples,
        "total/tokens": totals.tokens,
        "total/seconds": totals.seconds,
        "time/step": step_seconds,
    }


def sampling_metrics(attempts: Sequence[Attempt], timing: Timing) -> dict[str, float]:
    """Return the metrics of a step's sampling and grading."""
    count = max(len(attempts), 1)
    tokens = _tokens(attempts)
    shares = {
        f"grade/{status.value}": sum(a.verdict.status is status for a in attempts) / count
        for status in Status
    }
    return {
        **shares,
        "grade/wait_seconds": timing.waiting,
        "sample/completions": len(attempts),
        "sample/tokens": tokens,
        "sample/tokens_per_second": tokens / timing.sampling if timing.sampling > 0 else 0.0,
        "sample/finished": sum(a.completion.finished for a in attempts) / count,
        "sample/seconds": timing.sampling,
    }


def advantage_metrics(groups: int, dropped: int, betas: Sequence[float]) -> dict[str, float]:
    """Return the metrics of the groups that were learned from.

    Args:
        groups: How many groups there are.
        dropped: How many of them have no signal.
        betas: The inverse temperature of each group that has one.
    """
    return {
        "credit/groups_dropped": dropped / max(groups, 1),
        "credit/beta": float(np.mean(betas)) if betas else 0.0,
    }


def update_metrics(reports: Sequence[UpdateReport]) -> Mapping[str, float]:
    """Combine the reports of a step's updates into one set of metrics.

    Counts and times are summed, `train/ratio_max` is the largest, and the others are means.
    """
    metrics: dict[str, float] = {}
    for key in {key: None for report in reports for key in report.metrics}:
        values = [report.metrics[key] for report in reports if key in report.metrics]
        if key in _SUMMED:
            metrics[key] = sum(values)
        elif key == "train/ratio_max":
            metrics[key] = max(values)
        else:
            metrics[key] = sum(values) / len(values)
    return metrics


def _tokens(attempts: Sequence[Attempt]) -> int:
    return sum(len(a.completion.token_ids_T) for a in attempts)
