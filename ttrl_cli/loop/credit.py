"""From rewards to advantages, from attempts to the rows of an update."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ttrl_cli.errors import SetupError
from ttrl_cli.objectives import Objective
from ttrl_cli.records import Attempt, Completion, Row, Status, UpdateReport

_SUMMED = frozenset(
    {"train/rows", "train/distinct_rows", "train/tokens", "train/updates", "train/seconds"}
)


def credit(
    attempts: Sequence[Attempt], objective: Objective
) -> tuple[list[Attempt], list[tuple[Row, ...]], dict[str, float]]:
    """Turn rewards into advantages group by group, and attempts into rows.

    Returns:
        The attempts with their advantages; the rows of each group that has a signal; metrics.

    Raises:
        SetupError: If the objective cannot use a reward; the message names the attempt.
    """
    credited: list[Attempt] = []
    rows: list[tuple[Row, ...]] = []
    betas: list[float] = []
    dropped = 0
    groups = sorted({attempt.group for attempt in attempts})
    for group in groups:
        members = [a for a in attempts if a.group == group]
        counted = [a for a in members if a.verdict.status is not Status.FAILED]
        rewards_G = np.array([_reward(a) for a in counted], dtype=np.float64)
        try:
            result = objective(rewards_G, np.isfinite(rewards_G))
        except ValueError as error:
            ids = ", ".join(a.id for a in counted)
            msg = f"the objective cannot use the rewards of group {group} ({ids}): {error}"
            raise SetupError(msg) from error
        dropped += result.dropped
        betas += [] if result.beta is None else [result.beta]
        values = {a.id: float(v) for a, v in zip(counted, result.values_G, strict=True)}
        credited += [replace(a, advantage=values.get(a.id)) for a in members]
        if not result.dropped:
            rows.append(tuple(_row(a.completion, values[a.id]) for a in counted if _learnable(a)))
    metrics = {
        "credit/groups_dropped": dropped / max(len(groups), 1),
        "credit/beta": float(np.mean(betas)) if betas else 0.0,
    }
    return credited, rows, metrics


def minibatches(groups: Sequence[tuple[Row, ...]], size: int | None) -> list[tuple[Row, ...]]:
    """The rows of each optimiser step, at least one step even if it has none.

    Args:
        groups: The rows of each group.
        size: Groups per optimiser step; None for all.
    """
    count = size or max(len(groups), 1)
    cut = [groups[start : start + count] for start in range(0, len(groups), count)]
    return [tuple(row for group in some for row in group) for some in cut] or [()]


def normalizer(rows: Sequence[Row]) -> float:
    """What an optimiser step's summed loss is divided by: the tokens that it is taken on.

    Long and short steps are then of one size.
    """
    return max(float(sum(row.counted_T.sum() for row in rows)), 1.0)


def combined(reports: Sequence[UpdateReport]) -> dict[str, float]:
    """The metrics of a step's updates as one: sums of counts and times, the mean of the rest.

    Of `train/ratio_max` it is the largest.
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


def _reward(attempt: Attempt) -> float:
    reward = attempt.verdict.reward
    return float("nan") if reward is None else reward


def _learnable(attempt: Attempt) -> bool:
    return len(attempt.completion.token_ids_T) > 0


def _row(completion: Completion, advantage: float) -> Row:
    return Row(
        prompt_ids_S=completion.prompt_ids_S,
        token_ids_T=completion.token_ids_T,
        logprobs_T=completion.logprobs_T,
        advantages_T=np.full(len(completion.token_ids_T), advantage),
        sampled_T=completion.sampled_T,
    )
