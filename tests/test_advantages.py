"""From rewards to advantages, rows, optimiser steps and learning rates."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError
from ttrl_cli.learner.batch import merge_identical
from ttrl_cli.loop.advantages import assign_advantages
from ttrl_cli.loop.metrics import update_metrics
from ttrl_cli.loop.minibatches import lr_scale, minibatches, normalizer
from ttrl_cli.objectives import by_name
from ttrl_cli.records import Attempt, Completion, Round, Row, Status, UpdateReport, Verdict

CONFIG = RunConfig()


def row(
    tokens: list[int], *, advantage: float = 1.0, prompt: int = 7, logprob: float = -1.0
) -> Row:
    """A row whose tokens all have one log-probability."""
    return Row(
        prompt_ids_S=np.array([prompt]),
        token_ids_T=np.array(tokens),
        logprobs_T=np.full(len(tokens), logprob),
        advantages_T=np.full(len(tokens), advantage),
    )


def cut_into(groups: list[tuple[Row, ...]], **options: object) -> list[Round]:
    """The rounds of the second of four steps."""
    return minibatches(groups, RunConfig(**options), step=2, progress=(1, 4))


def attempt(
    group: int, index: int, reward: float | None, *, tokens: int = 2, **keys: object
) -> Attempt:
    """An attempt with this reward; without one it is invalid."""
    completion = Completion(
        group=group,
        index=index,
        text="",
        prompt_ids_S=np.array([1]),
        token_ids_T=np.full(tokens, index),
        logprobs_T=np.full(tokens, -1.0),
        finished=True,
        seed=0,
        logprob=None,
    )
    status = Status.OK if reward is not None else Status.INVALID
    verdict = Verdict(status=keys.pop("status", status), reward=reward)
    return Attempt(
        id=f"1.{group}.{index}", step=1, group=group, index=index, parent="p", policy=0,
        completion=completion, verdict=verdict, advantage=None, **keys,
    )  # fmt: skip


def advantages(attempts: list[Attempt]) -> dict[str, float | None]:
    """The advantages less the group's mean that attempts have got, by id."""
    assigned = assign_advantages(attempts, by_name("mean-baseline", 1.0), CONFIG)
    return {a.id: a.advantage for a in assigned.attempts}


def test_advantages_are_the_groups_own():
    """Rewards 1 and 3 are -1 and 1 about their mean; 10 and 20, in another group, -5 and 5."""
    attempts = [attempt(0, 0, 1.0), attempt(0, 1, 3.0), attempt(1, 0, 10.0), attempt(1, 1, 20.0)]
    assert advantages(attempts) == {"1.0.0": -1.0, "1.0.1": 1.0, "1.1.0": -5.0, "1.1.1": 5.0}


def test_what_failed_on_our_side_is_left_out():
    """It has no advantage, makes no row, and is no reward of 0 in the others' mean."""
    failed = attempt(0, 2, None, status=Status.FAILED)
    attempts = [attempt(0, 0, 1.0), attempt(0, 1, 3.0), failed]
    assert advantages(attempts) == {"1.0.0": -1.0, "1.0.1": 1.0, "1.0.2": None}
    assigned = assign_advantages(attempts, by_name("mean-baseline", 1.0), CONFIG)
    assert [[int(r.token_ids_T[0]) for r in rows] for rows in assigned.groups] == [[0, 1]]


def test_an_invalid_attempt_counts_as_nothing():
    """For an objective that needs a number it is 0: 3 and 0 are 1.5 and -1.5 about their mean."""
    assert advantages([attempt(0, 0, 3.0), attempt(0, 1, None)]) == {"1.0.0": 1.5, "1.0.1": -1.5}


def test_a_group_without_a_signal_is_dropped():
    """Equal rewards teach nothing: no rows, a share of one half of the groups."""
    attempts = [attempt(0, 0, 2.0), attempt(0, 1, 2.0), attempt(1, 0, 1.0), attempt(1, 1, 3.0)]
    assigned = assign_advantages(attempts, by_name("mean-baseline", 1.0), CONFIG)
    assert len(assigned.groups) == 1
    assert assigned.metrics["credit/groups_dropped"] == 0.5


def test_what_is_not_learned_from_has_no_advantage():
    """Only what the task has chosen counts, in the mean as well."""
    attempts = [attempt(0, 0, 1.0), attempt(0, 1, 3.0), attempt(0, 2, 90.0, learned=False)]
    assert advantages(attempts) == {"1.0.0": -1.0, "1.0.1": 1.0, "1.0.2": None}
    nothing = assign_advantages([attempts[2]], by_name("mean-baseline", 1.0), CONFIG)
    assert (nothing.groups, nothing.metrics, nothing.attempts) == (None, {}, [attempts[2]])


def test_entropic_advantages_of_a_group():
    """By hand, with beta ln 2: rewards 0, 1 and 2 weigh 1/4, 1/2 and 1, and an invalid one 0.

    Each is divided by the mean of the three others, which gives 1/2, 6/5, 4 and 0; less 1. A group
    without a signal has no beta to count.
    """
    rewards = [0.0, 1.0, 2.0, None]
    group = [attempt(0, index, reward) for index, reward in enumerate(rewards)]
    equal = [attempt(1, 0, 5.0), attempt(1, 1, 5.0)]
    assigned = assign_advantages([*group, *equal], by_name("constant-beta", math.log(2)), CONFIG)
    values = [a.advantage for a in assigned.attempts]
    assert values == pytest.approx([-0.5, 0.2, 3.0, -1.0, 0.0, 0.0])
    assert assigned.metrics == pytest.approx(
        {"credit/groups_dropped": 0.5, "credit/beta": math.log(2)}
    )


def test_each_group_has_a_temperature_of_its_own():
    """Beta is 0 where half of a group is invalid, and at its cap, 1e6 / 2, where one of two leads.

    The metric is their mean.
    """
    half = [attempt(0, 0, 1.0), attempt(0, 1, 9.0), attempt(0, 2, None), attempt(0, 3, None)]
    leads = [attempt(1, 0, 1.0), attempt(1, 1, 3.0)]
    assigned = assign_advantages([*half, *leads], by_name("entropic", 0.0), CONFIG)
    assert [a.advantage for a in assigned.attempts] == [2.0, 2.0, -1.0, -1.0, -1.0, 1.0]
    assert assigned.metrics["credit/beta"] == 250_000


def test_attempts_stay_in_order_and_groups_come_in_theirs():
    """Attempts come in the order in which they ended; rows go by group, whatever that order was."""
    attempts = [attempt(1, 1, 4.0), attempt(0, 1, 1.0), attempt(1, 0, 2.0), attempt(0, 0, 3.0)]
    assigned = assign_advantages(attempts, by_name("mean-baseline", 1.0), CONFIG)
    assert [a.id for a in assigned.attempts] == ["1.1.1", "1.0.1", "1.1.0", "1.0.0"]
    assert [a.advantage for a in assigned.attempts] == [1.0, -1.0, -1.0, 1.0]
    rows = [[r.advantages_T.tolist() for r in rows] for rows in assigned.groups]
    assert rows == [[[-1.0, -1.0], [1.0, 1.0]], [[1.0, 1.0], [-1.0, -1.0]]]


def test_a_row_is_its_completion_with_an_advantage_per_token():
    """Prompt, tokens, log-probabilities and which tokens were sampled are the completion's."""
    first, second = attempt(0, 0, 1.0), attempt(0, 1, 3.0)
    completion = replace(
        first.completion,
        prompt_ids_S=np.array([4, 5, 6]),
        token_ids_T=np.array([7, 8]),
        logprobs_T=np.array([-0.5, -0.25]),
        sampled_T=np.array([True, False]),
    )
    assigned = assign_advantages(
        [replace(first, completion=completion), second], by_name("mean-baseline", 1.0), CONFIG
    )
    row_of_first = assigned.groups[0][0]
    assert row_of_first.prompt_ids_S.tolist() == [4, 5, 6]
    assert row_of_first.token_ids_T.tolist() == [7, 8]
    assert row_of_first.logprobs_T.tolist() == [-0.5, -0.25]
    assert row_of_first.advantages_T.tolist() == [-1.0, -1.0]
    assert row_of_first.sampled_T.tolist() == [True, False]
    assert row_of_first.weight == 1.0


def test_a_group_of_failures_alone_teaches_nothing():
    """Where all of a group failed on our side it has no advantages and no rows; others have."""
    failed = [attempt(0, index, None, status=Status.FAILED) for index in (0, 1)]
    assigned = assign_advantages(
        [*failed, attempt(1, 0, 1.0), attempt(1, 1, 3.0)], by_name("mean-baseline", 1.0), CONFIG
    )
    assert [a.advantage for a in assigned.attempts] == [None, None, -1.0, 1.0]
    assert len(assigned.groups) == 1
    assert assigned.metrics["credit/groups_dropped"] == 0.5


def test_replayed_completions_have_no_rows():
    """They never were tokens: an advantage, and nothing to learn from."""
    attempts = [attempt(0, 0, 1.0, tokens=0), attempt(0, 1, 3.0)]
    assigned = assign_advantages(attempts, by_name("mean-baseline", 1.0), CONFIG)
    assert assigned.attempts[0].advantage == -1.0
    assert [[int(r.token_ids_T[0]) for r in rows] for rows in assigned.groups] == [[1]]


def test_a_reward_that_an_objective_cannot_use_is_named():
    """GRPO counts invalid attempts as 0, which is no worse than a reward below 0."""
    with pytest.raises(SetupError, match=r"rewards of group 0 \(1\.0\.0, 1\.0\.1\)"):
        assign_advantages([attempt(0, 0, -1.0), attempt(0, 1, None)], by_name("grpo", 1.0), CONFIG)


@pytest.mark.parametrize(
    ("size", "cut"),
    [(None, [[1, 2, 3]]), (1, [[1], [2], [3]]), (2, [[1, 2], [3]]), (9, [[1, 2, 3]])],
)
def test_minibatches(size: int | None, cut: list[list[int]]):
    """Groups are cut in order, M to an optimiser step; the last one has what is left."""
    groups = [(row([1]),), (row([2]),), (row([3]),)]
    rounds = cut_into(groups, minibatch=size)
    assert [[int(r.token_ids_T[0]) for r in round_.rows] for round_ in rounds] == cut


def test_without_groups_there_is_one_empty_step():
    """A step in which no group has a signal still counts as an update."""
    for size in (1, None):
        (round_,) = cut_into([], minibatch=size)
        assert (round_.rows, round_.normalizer) == ((), 1.0)


def test_the_rate_is_that_of_the_middle_of_an_update():
    """Two updates in the second of four steps: at 5 and 7 eighths of the first half of a cosine."""
    groups = [(row([1]),), (row([2]),)]
    first, second = cut_into(groups, minibatch=1, schedule="cosine", warmup=0.0)
    assert first.lr_scale == pytest.approx((1 + math.cos(math.pi * 5 / 16)) / 2)
    assert second.lr_scale == pytest.approx((1 + math.cos(math.pi * 7 / 16)) / 2)


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
    assert update_metrics(reports) == expected


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
