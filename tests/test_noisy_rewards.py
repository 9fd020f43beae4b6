"""Objectives and rewards with standard errors: luck must not be taught."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest

from ttrl_cli.objectives import (
    Objective,
    constant_beta,
    entropic,
    entropic_valid,
    grpo,
    mean_baseline,
)
from ttrl_cli.records import BoolArray, FloatArray

OBJECTIVES: dict[str, Objective] = {
    "entropic": entropic,
    "entropic-valid": entropic_valid,
    "constant-beta": constant_beta(1.5),
    "mean-baseline": mean_baseline,
    "grpo": grpo,
}
STANDARD_NORMAL = [NormalDist().inv_cdf((n + 0.5) / 200) for n in range(200)]
"""Two hundred draws, one from each part of equal probability: their means have next to no error."""
FAR = 100.0
"""Added to all rewards, so that mean-baseline and GRPO may take those with noise, too."""


def group(kind: str, size: int, rng: np.random.Generator) -> FloatArray:
    """Draw the true rewards of a group, in rising order."""
    drawn = {
        "normal": rng.normal(size=size),
        "skewed": rng.exponential(size=size),
        "ties": np.round(rng.normal(size=size)),
    }[kind]
    return np.sort(drawn) + FAR


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize(("kind", "size"), [("normal", 8), ("skewed", 8), ("ties", 16)])
def test_noise_does_not_raise_an_advantage(name: str, kind: str, size: int):
    """Noise of stated size in one reward does not raise its expected advantage."""
    objective, rng = OBJECTIVES[name], np.random.default_rng(1)
    true_G = group(kind, size, rng)
    valid_G = np.ones(size, dtype=bool)
    for place in (0, size // 2, size - 1):
        honest = objective(true_G, valid_G, np.zeros(size)).values_G[place]
        for part in (0.5, 2.0):
            error = part * true_G.std()
            drawn = noisy_advantages(objective, true_G, valid_G, place, error)
            assert drawn.mean() <= honest + 1e-9, (place, part)


def noisy_advantages(
    objective: Objective,
    true_G: FloatArray,
    valid_G: BoolArray,
    place: int,
    error: float,
    *,
    stated: bool = True,
    draws: Sequence[float] = STANDARD_NORMAL,
) -> FloatArray:
    """Return the advantages of one sample whose reward has noise, one for each draw."""
    errors_G = np.zeros(true_G.size)
    errors_G[place] = error
    found = []
    for noise in draws:
        rewards_G = true_G.copy()
        rewards_G[place] += error * noise
        found.append(objective(rewards_G, valid_G, errors_G if stated else None).values_G[place])
    return np.array(found)


def test_without_the_correction_noise_is_rewarded():
    """The same draws without a stated error raise the advantage: the test above can fail."""
    rng = np.random.default_rng(1)
    true_G = group("normal", 8, rng)
    valid_G = np.ones(8, dtype=bool)
    error = 2.0 * true_G.std()
    honest = entropic(true_G, valid_G).values_G[4]

    drawn = noisy_advantages(entropic, true_G, valid_G, 4, error, stated=False)
    assert drawn.mean() > honest + 0.5


def test_the_median_error_bounds_beta():
    """Rewards 1 apart with errors of 2 have beta 1/2, and equal corrections cancel."""
    rewards_G, valid_G = np.array([0.0, 1.0, 2.0, 3.0]), np.ones(4, dtype=bool)
    found = entropic(rewards_G, valid_G, np.full(4, 2.0))
    assert found.beta == 0.5
    weight_G = np.exp(0.5 * rewards_G)
    others_G = (weight_G.sum() - weight_G) / 3
    np.testing.assert_allclose(found.values_G, weight_G / others_G - 1)


def test_constant_beta_is_bounded_as_well():
    """Its beta of 8 becomes 1/2, and a sample without error keeps its whole weight."""
    rewards_G, valid_G = np.array([0.0, 1.0, 0.0]), np.ones(3, dtype=bool)
    found = constant_beta(8.0)(rewards_G, valid_G, np.array([2.0, 2.0, 0.0]))
    assert found.beta == 0.5
    weight_G = np.exp([-0.5, 0.0, 0.0])  # less (beta s)^2 / 2 = 1/2; beta r is 1/2 for the second
    weight_G /= weight_G.max()
    others_G = (weight_G.sum() - weight_G) / 2
    np.testing.assert_allclose(found.values_G, weight_G / others_G - 1)


def test_grpo_divides_by_no_less_than_the_median_error():
    """The deviation of 1, 2 and 3 is 1; with errors of 4 the advantages are a quarter."""
    rewards_G, valid_G = np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool)
    found = grpo(rewards_G, valid_G, np.full(3, 4.0))
    np.testing.assert_allclose(found.values_G, [-0.25, 0.0, 0.25], atol=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_errors_of_zero_change_nothing(name: str):
    """With errors of 0 an objective gives what it gives without any."""
    rewards_G = np.array([1.0, 2.5, 2.5, np.nan, 7.0])
    valid_G = np.isfinite(rewards_G)
    plain = OBJECTIVES[name](rewards_G, valid_G)
    found = OBJECTIVES[name](rewards_G, valid_G, np.zeros(5))
    np.testing.assert_array_equal(found.values_G, plain.values_G)


@pytest.mark.parametrize("name", ["entropic", "entropic-valid", "grpo"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_units_do_not_matter(name: str, scale: float):
    """Rewards and errors in other units give the same advantages; the other two are in units."""
    rewards_G, errors_G = np.array([1.0, 2.0, 2.5, 7.0]), np.array([0.1, 0.5, 0.0, 2.0])
    valid_G = np.ones(4, dtype=bool)
    found = OBJECTIVES[name](scale * rewards_G, valid_G, scale * errors_G)
    expected = OBJECTIVES[name](rewards_G, valid_G, errors_G)
    # GRPO's 1e-6 beside the deviation has units
    np.testing.assert_allclose(found.values_G, expected.values_G, rtol=2e-3)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("wrong", [[-1.0, 0.0], [np.nan, 0.0], [np.inf, 0.0], [0.0]])
def test_bad_errors_are_refused(name: str, wrong: list[float]):
    """Errors that are negative, not finite or of another length are refused."""
    with pytest.raises(ValueError, match="errors"):
        OBJECTIVES[name](np.array([1.0, 2.0]), np.ones(2, dtype=bool), np.array(wrong))
