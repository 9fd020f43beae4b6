"""From rewards to advantages, from attempts to the rows that are learned from.

An attempt that failed on our side is left out of its group before advantages are computed: it is
never a reward of 0. Completions that never were tokens (replayed ones) have no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError
from ttrl_cli.loop.metrics import advantage_metrics
from ttrl_cli.loop.subsample import subsampled
from ttrl_cli.objectives import Advantages, Objective
from ttrl_cli.records import Attempt, Completion, FloatArray, Row, Status
from ttrl_cli.seeding import subsample_rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The result of `assign_advantages` for a step.

    Attributes:
        attempts: All attempts, those that are learned from with their advantages.
        groups: The rows of each group that has a signal; None where nothing is learned from.
        metrics: How many groups had none, and the inverse temperature of the others.
    """

    attempts: Sequence[Attempt]
    groups: Sequence[tuple[Row, ...]] | None
    metrics: dict[str, float]


def assign_advantages(
    attempts: Sequence[Attempt], objective: Objective, config: RunConfig
) -> Assigned:
    """Turn rewards into advantages, group by group, and attempts into rows.

    Args:
        attempts: A step's attempts, with their rewards.
        objective: Turns the rewards [G] of a group's attempts into advantages [G].
        config: How many invalid rows a group has per valid one, and the seed that draws them.

    Raises:
        SetupError: If the objective cannot use a reward; the message names the group's attempts.
    """
    learned = [attempt for attempt in attempts if attempt.learned]
    if not learned:
        return Assigned(attempts=attempts, groups=None, metrics={})
    values: dict[str, float] = {}
    rows: list[tuple[Row, ...]] = []
    betas: list[float] = []
    groups = sorted({attempt.group for attempt in learned})
    for group in groups:
        counted = [a for a in learned if a.group == group and a.verdict.status is not Status.FAILED]
        result = _advantages(objective, counted, group)
        betas += [] if result.beta is None else [result.beta]
        values |= {a.id: float(v) for a, v in zip(counted, result.values_G, strict=True)}
        if not result.dropped:
            rows.append(_rows(counted, values, config))
    return Assigned(
        attempts=[replace(a, advantage=values.get(a.id)) for a in attempts],
        groups=rows,
        metrics=advantage_metrics(len(groups), len(groups) - len(rows), betas),
    )


def _advantages(objective: Objective, counted: Sequence[Attempt], group: int) -> Advantages:
    rewards_G = _rewards(counted)
    try:
        return objective(rewards_G, np.isfinite(rewards_G), _errors(counted))
    except ValueError as error:
        ids = ", ".join(a.id for a in counted)
        msg = f"the objective cannot use the rewards of group {group} ({ids}): {error}"
        raise SetupError(msg) from error


def _rewards(attempts: Sequence[Attempt]) -> FloatArray:
    """Return the attempts' rewards [G]; NaN for those that have none."""
    rewards = [a.verdict.reward for a in attempts]
    return np.array([np.nan if r is None else r for r in rewards], dtype=np.float64)


def _errors(attempts: Sequence[Attempt]) -> FloatArray | None:
    """Return the standard errors of the attempts' rewards [G]; None if there are none."""
    errors_G = np.array([a.verdict.reward_error for a in attempts], dtype=np.float64)
    return errors_G if errors_G.any() else None


def _rows(
    counted: Sequence[Attempt], values: Mapping[str, float], config: RunConfig
) -> tuple[Row, ...]:
    """Return the rows of a group's attempts; those that a subsample leaves out have no weight."""
    written = [a for a in counted if _has_tokens(a)]
    rows = tuple(_row(a.completion, values[a.id]) for a in written)
    if config.invalid_ratio is None or not written:
        return rows
    rng = subsample_rng(config.seed, written[0].step, written[0].group)
    return subsampled(
        rows, [a.verdict.reward is not None for a in written], config.invalid_ratio, rng
    )


def _has_tokens(attempt: Attempt) -> bool:
    return len(attempt.completion.token_ids_T) > 0


def _row(completion: Completion, advantage: float) -> Row:
    return Row(
        prompt_ids_S=completion.prompt_ids_S,
        token_ids_T=completion.token_ids_T,
        logprobs_T=completion.logprobs_T,
        advantages_T=np.full(len(completion.token_ids_T), advantage),
        sampled_T=completion.sampled_T,
    )
