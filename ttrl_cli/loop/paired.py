"""Two solutions on the same trials, compared trial by trial.

What is easy or hard about a trial is in both figures and cancels in their difference.
"""

import math
from collections.abc import Sequence

import numpy as np

from ttrl_cli.figures import number, with_error

WORST_SHOWN = 3
"""How many trials the words name."""


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of first - second, and its standard error (ddof 1); None of one trial.

    Args:
        first: Figures, one per trial, `[K]`, K >= 1.
        second: Those of the other on the same trials, `[K]`.

    Raises:
        ValueError: If there are none, or their numbers differ.
    """
    if len(first) != len(second) or not first:
        msg = f"figures of {len(first)} and of {len(second)} trials cannot be compared"
        raise ValueError(msg)
    difference_K = np.asarray(first) - np.asarray(second)
    error = None
    if difference_K.size > 1:
        error = float(difference_K.std(ddof=1)) / math.sqrt(difference_K.size)
    return float(difference_K.mean()), error


def note(figures: Sequence[float], before: Sequence[float], direction: str) -> str:
    """Say how a solution compares with the one it was made from; "" if it cannot be said.

    Args:
        figures: One per trial, numbered from 0.
        before: Those of its parent, on the same trials.
        direction: minimize or maximize.
    """
    if len(figures) != len(before) or len(figures) < 2:
        return ""
    sign = -1 if direction == "minimize" else 1
    gain_K = sign * (np.asarray(figures) - np.asarray(before))
    better, worse = int((gain_K > 0).sum()), int((gain_K < 0).sum())
    mean, error = difference(figures, before)
    said = (
        f"On the {len(figures)} trials of the solution it was made from, it is better in {better} "
        f"and worse in {worse}; the mean difference is {with_error(mean, error)}."
    )
    worst = [int(k) for k in np.argsort(gain_K, kind="stable")[:WORST_SHOWN] if gain_K[k] < 0]
    if worst:
        told = ", ".join(
            f"trial {k} (from {number(before[k])} to {number(figures[k])})" for k in worst
        )
        said += f" Worst against it: {told}."
    return said
