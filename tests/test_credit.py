"""From rewards to rows, optimiser steps and learning rates."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ttrl_cli.learner.batch import merge_identical
from ttrl_cli.loop.credit import combined, minibatches, normalizer
from ttrl_cli.records import Row, UpdateReport
from ttrl_cli.schedule import lr_scale


def row(tokens: list[int], *, advantage: float = 1.0, prompt: int = 7, logprob: float = -1.0):
    """A row whose tokens all have one log-probability."""
    return Row(
        prompt_ids_S=np.array([prompt]),
        token_ids_T=np.array(tokens),
        logprobs_T=np.full(len(tokens), logprob),
        advantages_T=np.full(len(tokens), advantage),
    )


@pytest.mark.parametrize(
    ("size", "cut"),
    [(None, [[1, 2, 3]]), (1, [[1], [2], [3]]), (2, [[1, 2], [3]]), (9, [[1, 2, 3]])],
)
def test_minibatches(size: int | None, cut: list[list[int]]):
    """Groups are cut in order, M to an optimiser step; the last one has what is left."""
    groups = [(row([1]),), (row([2]),), (row([3]),)]
    found = [[int(r.token_ids_T[0]) for r in rows] for rows in minibatches(groups, size)]
    assert found == cut


def test_without_groups_there_is_one_empty_step():
    """A step in which no group has a signal still counts as an update."""
    assert minibatches([], 1) == [()]
    assert minibatches([], None) == [()]


def test_the_loss_is_divided_by_the_tokens_it_is_taken_on():
    """Forced tokens and rows do not count; a step without any divides by 1."""
    forced = replace(row([1, 2, 3]), sampled_T=np.array([True, False, True]))
    assert normalizer([forced, row([4, 5])]) == 4.0
    assert normalizer([]) == 1.0


def test_combined_metrics():
    """Counts and times add up, the largest ratio counts, the rest is averaged."""
    reports = [
        UpdateReport(metrics={"train/rows": 3, "train/ratio_max": 2.0, "train/loss": 1.0}),
        UpdateReport(metrics={"train/rows": 1, "train/ratio_max": 1.5, "train/loss": 2.0}),
    ]
    expected = {"train/rows": 4, "train/ratio_max": 2.0, "train/loss": 1.5}
    assert combined(reports) == expected


def test_identical_rows_become_one():
    """Prompt, tokens and advantage must all be equal; weights add up, log-probabilities average."""
    rows = [
        row([1, 2], logprob=-1.0),
        row([1, 3]),
        row([1, 2], logprob=-2.0),
        row([1, 2], advantage=-1.0),
        row([1, 2], prompt=8),
    ]
    merged = merge_identical(rows)
    assert [(r.prompt_ids_S[0], list(r.token_ids_T), r.weight) for r in merged] == [
        (7, [1, 2], 2.0),
        (7, [1, 3], 1.0),
        (7, [1, 2], 1.0),
        (8, [1, 2], 1.0),
    ]
    assert merged[0].logprobs_T.tolist() == [-1.5, -1.5]


def test_learning_rate():
    """Up a line over the warm-up, then constant or down a half cosine."""
    assert lr_scale("constant", 0.0, 0.0) == 1.0
    assert lr_scale("constant", 0.2, 0.1) == 0.5
    assert lr_scale("constant", 0.2, 0.9) == 1.0
    assert lr_scale("cosine", 0.0, 0.0) == 1.0
    assert lr_scale("cosine", 0.2, 0.05) == pytest.approx(0.25)
    assert lr_scale("cosine", 0.2, 0.2) == pytest.approx(1.0)
    assert lr_scale("cosine", 0.2, 0.6) == pytest.approx(0.5)  # half of the way down
    assert lr_scale("cosine", 0.0, 0.25) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert lr_scale("cosine", 0.2, 1.0) == pytest.approx(0.0)
    assert lr_scale("cosine", 0.2, 1.5) == pytest.approx(0.0)
