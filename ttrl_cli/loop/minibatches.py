"""From rows to updates: what each optimiser step learns from, and at which rate."""

import math
from collections.abc import Sequence

from ttrl_cli.config import RunConfig, ScheduleName
from ttrl_cli.records import Round, Row


def minibatches(
    groups: Sequence[tuple[Row, ...]], config: RunConfig, *, step: int, progress: tuple[int, int]
) -> list[Round]:
    """Divide a step's groups among optimiser steps; there is at least one, even without rows.

    Args:
        groups: The rows of each group.
        config: Groups per optimiser step (None for all), and the learning rate's schedule.
        step: The step, from 1.
        progress: Training steps taken so far, and how many are planned.
    """
    size = config.minibatch or max(len(groups), 1)
    cut = [groups[start : start + size] for start in range(0, len(groups), size)] or [()]
    taken, planned = progress
    rounds = []
    for index, some in enumerate(cut):
        rows = tuple(row for group in some for row in group)
        # the rate is that of the middle of each update, so that none is made at a rate of 0
        done = (taken + (index + 0.5) / len(cut)) / max(planned, 1)
        scale = lr_scale(config.schedule, config.warmup, done)
        rounds.append(Round(step=step, rows=rows, normalizer=normalizer(rows), lr_scale=scale))
    return rounds


def normalizer(rows: Sequence[Row]) -> float:
    """Return the number of tokens that the loss is taken on, at least 1.

    The summed loss of an optimiser step is divided by it, so that the size of the step does not
    depend on the number of tokens.
    """
    return max(float(sum(row.counted_T.sum() for row in rows)), 1.0)


def lr_scale(name: ScheduleName, warmup: float, progress: float) -> float:
    """Return the learning rate at some point of a run, as a factor of its peak.

    It is a pure function, so that nothing of a schedule needs to be saved. TTRL (arXiv 2504.16084)
    warms up over 3% of the steps and then comes down a half cosine.

    Args:
        name: `constant` stays at 1 after the warm-up; `cosine` comes down to 0.
        warmup: Share of the run in which the factor rises linearly from 0 to 1.
        progress: Share of the run that is done, from 0 on; more than 1 counts as 1.

    Returns:
        The factor, in [0, 1].
    """
    done = min(progress, 1.0)
    if done < warmup:
        return done / warmup
    if name == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (done - warmup) / (1.0 - warmup)))
