"""Updates from some of the invalid rows: the gradient is unbiased, and the valid ones all count."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests._gradients import gradients_of
from tests.conftest import make_tiny_model
from ttrl_cli.config import RunConfig
from ttrl_cli.learner.batch import merge_identical
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.loop.advantages import assign_advantages
from ttrl_cli.loop.minibatches import minibatches
from ttrl_cli.loop.subsample import subsampled
from ttrl_cli.models.load import load_model
from ttrl_cli.objectives import by_name
from ttrl_cli.records import Attempt, Completion, Round, Row, Status, Verdict
from ttrl_cli.seeding import generator, subsample_rng


def rows_of(*lengths: int, weight: float = 1.0) -> tuple[Row, ...]:
    """Rows of one prompt and of these lengths, no two alike."""
    return tuple(
        Row(
            prompt_ids_S=np.array([5, 6, 7]),
            token_ids_T=np.arange(10 + index, 10 + index + length),
            logprobs_T=np.full(length, -1.5),
            advantages_T=np.full(length, -1.0),
            weight=weight,
        )
        for index, length in enumerate(lengths)
    )


def weights(rows: tuple[Row, ...]) -> list[float]:
    """The rows' weights."""
    return [row.weight for row in rows]


@pytest.mark.parametrize(
    ("valid", "ratio", "kept", "weight"),
    [
        ("V.....", 1.0, 1, 5.0),  # one valid, one of five invalid stands for all
        ("V.....", 2.0, 2, 2.5),
        ("VV.....", 1.5, 3, 5 / 3),
        ("VVV..", 0.5, 2, 1.0),  # ceil(1.5) of two: both
        ("VVVV....", 0.1, 1, 4.0),  # at least one
        ("V.", 1.0, 1, 1.0),
        ("VVV", 1.0, 0, 0.0),
    ],
)
def test_so_many_invalid_rows_have_weight(valid: str, ratio: float, kept: int, weight: float):
    """Of m invalid rows k = ceil(ratio x valid) weigh m / k each, the others 0, the valid 1."""
    flags = [letter == "V" for letter in valid]
    some = subsampled(rows_of(*[2] * len(flags)), flags, ratio, generator(3))
    assert [w for w, ok in zip(weights(some), flags, strict=True) if ok] == [1.0] * sum(flags)
    others = [w for w, ok in zip(weights(some), flags, strict=True) if not ok]
    assert sorted(w for w in others if w) == pytest.approx([weight] * kept)


def test_a_weight_of_a_row_is_kept():
    """Rows that stand for three samples each stand for three times as many as the factor says."""
    some = subsampled(rows_of(1, 1, 1, weight=3.0), [True, False, False], 1.0, generator(0))
    assert weights(some)[0] == 3.0
    assert sorted(weights(some)[1:]) == [0.0, 6.0]


def test_every_subset_is_drawn_as_often():
    """All ten pairs of five invalid rows come up, each in a tenth of 2,000 draws (+- 4 sigma)."""
    rows = rows_of(*[1] * 7)
    flags = [True, False, False, True, False, False, False]
    drawn = Counter(
        tuple(np.flatnonzero(weights(subsampled(rows, flags, 1.0, subsample_rng(9, step, 0)))))
        for step in range(2000)
    )
    assert len(drawn) == 10
    sigma = (2000 * 0.1 * 0.9) ** 0.5
    assert all(abs(count - 200) < 4 * sigma for count in drawn.values())


def test_the_mean_gradient_over_all_subsets_is_the_whole_one(tmp_path: Path):
    """With one of three invalid rows kept, the three gradients' mean is that of all rows."""
    config = RunConfig(
        model=str(make_tiny_model(tmp_path)), device="cpu", dtype="float32", lora_rank=4, kl=0.0
    )
    model = load_model(config)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if "lora_" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    learner = LoraLearner(model, config)
    rows = rows_of(4, 6, 3, 5)
    rows = (replace(rows[0], advantages_T=np.full(4, 3.0)), *rows[1:])

    def gradients(some: tuple[Row, ...]) -> torch.Tensor:
        found = gradients_of(model, learner, Round(step=1, rows=some, normalizer=18.0))
        return torch.cat([found[name].flatten() for name in sorted(found)])

    subsets: dict[int, torch.Tensor] = {}
    for seed in range(40):
        some = subsampled(rows, [True, False, False, False], 1.0, generator(seed))
        kept = int(np.flatnonzero(weights(some))[1])
        if kept not in subsets:
            assert len(merge_identical(some)) == 2
            subsets[kept] = gradients(some)
    assert sorted(subsets) == [1, 2, 3]
    mean = torch.stack(list(subsets.values())).mean(0)
    whole = gradients(rows)
    assert whole.norm() > 0
    torch.testing.assert_close(mean, whole, rtol=1e-4, atol=1e-6 * float(whole.norm()))
    assert (subsets[1] - whole).norm() > 0.01 * whole.norm()  # a single one is not


def attempt(index: int, reward: float | None) -> Attempt:
    """An attempt of two tokens with this reward; invalid without one."""
    completion = Completion(
        group=0,
        index=index,
        text="",
        prompt_ids_S=np.array([1]),
        token_ids_T=np.array([index, index]),
        logprobs_T=np.full(2, -1.0),
        finished=True,
        seed=0,
        logprob=None,
    )
    status = Status.INVALID if reward is None else Status.OK
    verdict = Verdict(status=status, reward=reward)
    return Attempt(
        id=f"4.0.{index}", step=4, group=0, index=index, parent="p", policy=0,
        completion=completion, verdict=verdict, advantage=None,
    )  # fmt: skip


def test_a_step_draws_by_its_seed_and_its_normaliser_counts_all():
    """The same rows are kept again; other seeds keep others; 6 x 2 tokens are divided by."""
    attempts = [attempt(0, 1.0), *(attempt(index, None) for index in range(1, 6))]
    kept = {}
    for seed in (0, 0, 1, 2, 3, 4):
        config = RunConfig(invalid_ratio=1.0, seed=seed)
        assigned = assign_advantages(attempts, by_name("entropic", 1.0), config)
        assert assigned.groups is not None
        found = weights(assigned.groups[0])
        assert kept.setdefault(seed, found) == found
        [round_] = minibatches(assigned.groups, config, step=4, progress=(3, 10))
        assert round_.normalizer == 12.0
    assert len({tuple(found) for found in kept.values()}) > 1
    # G = 6 with one valid: 5 for it, since w / Z is capped at 6, and -1 for each of the others
    assert [a.advantage for a in assigned.attempts] == [5.0, -1.0, -1.0, -1.0, -1.0, -1.0]


def test_without_the_option_all_rows_count():
    """No row of a group has another weight than 1."""
    attempts = [attempt(0, 1.0), *(attempt(index, None) for index in range(1, 6))]
    assigned = assign_advantages(attempts, by_name("entropic", 1.0), RunConfig())
    assert assigned.groups is not None
    assert weights(assigned.groups[0]) == [1.0] * 6
