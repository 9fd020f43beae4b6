"""Fewer invalid rows in an update, with weights that keep its gradient unbiased.

A small model writes mostly invalid completions at first. All of a group's invalid attempts have the
same advantage, so that a few of them say what all of them say, at a fraction of the time.

The gradient of a group is g = 1/N sum_i A_i s_i: N is the normaliser and A_i the advantage, both
from all attempts, and s_i the gradient of row i's loss for an advantage of 1. Of the m invalid rows
I, a set S of k is drawn uniformly, without looking at the rows, and weighs m/k. Row i is in S with
probability k/m, hence

    E[sum_{i in S} m/k A_i s_i] = sum_{i in I} k/m m/k A_i s_i = sum_{i in I} A_i s_i,

and valid rows are all kept: E[g] is g, before its norm is clipped. This holds for any advantages
and for the KL loss. The KL shaping compares with the mean drift of a batch, which is then a mean
over the rows that were kept.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ttrl_cli.records import Row


def subsampled(
    rows: Sequence[Row], valid: Sequence[bool], ratio: float, rng: np.random.Generator
) -> tuple[Row, ...]:
    """Give weight to at most `ratio` invalid rows per valid one, and none to the others.

    At least one invalid row is kept. Rows without weight stay in the result, since the normaliser
    counts their tokens; the learner leaves them out.

    Args:
        rows: The rows of a group, R.
        valid: Which of them are valid, R.
        ratio: Invalid rows per valid row, above 0.
        rng: Draws which are kept.
    """
    invalid = [index for index, is_valid in enumerate(valid) if not is_valid]
    keep = max(1, math.ceil(ratio * (len(rows) - len(invalid))))
    if keep >= len(invalid):
        return tuple(rows)
    weights_R = np.array([row.weight for row in rows])
    kept = rng.choice(invalid, size=keep, replace=False)
    factors_R = np.ones(len(rows))
    factors_R[invalid] = 0.0
    factors_R[kept] = len(invalid) / keep
    return tuple(
        replace(row, weight=float(weight))
        for row, weight in zip(rows, weights_R * factors_R, strict=True)
    )
