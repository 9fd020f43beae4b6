"""Means of repeated measurements and paired differences; expected values by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttrl_cli.report.repeated import Score, difference, mean_of


def scores(*values: float) -> list[Score]:
    """Scores without errors."""
    return [Score(score=value) for value in values]


def test_the_mean_of_several() -> None:
    """Its error is that of the spread, whatever each states: of 1, 2, 6 it is sqrt(7 / 3)."""
    found = mean_of([Score(score=1, error=9.0), *scores(2, 6)])
    assert found.value == 3.0
    assert found.error == pytest.approx(math.sqrt(7 / 3), rel=1e-14)


@pytest.mark.parametrize("error", [None, 0.0, 2.5])
def test_one_alone(error: float | None) -> None:
    """Of one measurement the error is what it states, if it does."""
    found = mean_of([Score(score=4.0, error=error)])
    assert (found.value, found.error) == (4.0, error)


def test_a_difference_is_paired() -> None:
    """Trials that are easy for both cancel: differences of 1, 2, 3 have the error 1 / sqrt(3)."""
    found = difference(scores(101, 52, 13), scores(100, 50, 10))
    assert found is not None
    assert found.value == 2.0
    assert found.error == pytest.approx(1 / math.sqrt(3), rel=1e-14)


def test_a_difference_by_figures_of_trials() -> None:
    """As many figures on both sides are the pairs: 1 and 3 on one trial, 5 and 7 on the next."""
    one = [Score(score=0, per_trial=(11, 23)), Score(score=0, per_trial=(35, 47))]
    other = [Score(score=9, per_trial=(10, 20)), Score(score=9, per_trial=(30, 40))]
    found = difference(one, other)
    assert found is not None
    assert found.value == 4.0
    assert found.error == pytest.approx(math.sqrt(20 / 3 / 4), rel=1e-14)


def test_figures_of_unequal_number_are_no_pairs() -> None:
    """Where a measurement stopped early, the scores are compared."""
    one = [Score(score=5, per_trial=(5,)), Score(score=7, per_trial=(7, 7))]
    other = [Score(score=1, per_trial=(1, 1)), Score(score=1, per_trial=(1, 1))]
    found = difference(one, other)
    assert found is not None
    assert (found.value, found.error) == (5.0, 1.0)  # of 4 and 6


def test_trials_that_both_have() -> None:
    """A trial on which one was not measured does not count; of one pair no error is known."""
    found = difference([None, *scores(4, 9)], [*scores(1, 1), None])
    assert found is not None
    assert (found.value, found.error) == (3.0, None)
    assert difference([None, *scores(1)], [*scores(1), None]) is None


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6),
    st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6),
)
def test_what_a_trial_does_to_both_cancels(values: list[float], hard: list[float]) -> None:
    """However hard the trials are, two solutions a constant apart differ by that, without error."""
    harder = [value + more for value, more in zip(values, hard, strict=False)]
    found = difference(scores(*[v + 64.0 for v in harder]), scores(*harder))
    assert found is not None
    assert found.value == pytest.approx(64.0, abs=1e-6)
    assert found.error == pytest.approx(0.0, abs=1e-6)
