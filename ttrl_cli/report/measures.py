"""Measures of a run, one number each, so that runs can be compared. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ttrl_cli.report.experiment import Experiment, Record
from ttrl_cli.report.few_runs import area, last_third

SAME_DIGITS, MOST_DIGITS = 7, 10
"""Significant digits of values that are all equal, and of those that differ least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number of a run.

    Attributes:
        title: In words.
        of: Computes it.
        share: True for a share, of which more is better; else a score, in the problem's direction.
    """

    title: str
    of: Callable[[Record], float]
    share: bool

    def sign(self, experiment: Experiment) -> int:
        """Return 1 where more is better, -1 where less is."""
        return -1 if not self.share and experiment.direction == "minimize" else 1

    def values(self, experiment: Experiment, arm: str) -> list[float]:
        """Return one value per run of an arm."""
        return [self.of(record) for record in experiment.of(arm)]

    def signed(self, experiment: Experiment, arm: str) -> list[float]:
        """Return the values with their sign turned so that more is better."""
        return [self.sign(experiment) * value for value in self.values(experiment, arm)]

    def say(self, value: float, digits: int = 4) -> str:
        """Write a value as a table has it, with so many significant digits."""
        return f"{value:.1%}" if self.share else f"{value:.{digits}g}"

    def say_difference(self, value: float) -> str:
        """Write a difference of two values."""
        return f"{100 * value:+.1f} points" if self.share else f"{value:+.3g}"


def digits_for(values: Sequence[float]) -> int:
    """Return how many significant digits tell values apart: two more than those they share."""
    largest = max((abs(value) for value in values), default=0.0)
    span = max(values, default=0.0) - min(values, default=0.0)
    if not span:
        return SAME_DIGITS
    return min(MOST_DIGITS, max(4, math.ceil(math.log10(largest / span)) + 2))


def best(record: Record) -> float:
    """Return the best score of the run, the seeds' included."""
    return record.column("solve/best_score")[-1]


def curve(record: Record) -> list[float]:
    """Return the best score so far: of the seeds, then after each step."""
    assert record.seed_score is not None
    return [record.seed_score, *record.column("solve/best_score")]


def mean_best(record: Record) -> float:
    """Return the area under the best-so-far curve, in the score's units."""
    start, *best_T = curve(record)
    return area(best_T, record.column("sample/completions"), start)


def distinct(record: Record) -> float:
    """Return the share of samples that were valid and distinct, over all steps."""
    return float(np.mean(record.column("solve/distinct")))


def distinct_at_last(record: Record) -> float:
    """Return the same share over the last third of the steps."""
    return float(np.mean(last_third(record.column("solve/distinct"))))


MEASURES = (
    Measure(title="Best score", of=best, share=False),
    Measure(title="Area under the best-so-far curve", of=mean_best, share=False),
    Measure(title="Valid and distinct, all steps", of=distinct, share=True),
    Measure(title="Valid and distinct, last third of the steps", of=distinct_at_last, share=True),
)


def held_out(record: Record) -> float:
    """Return the score on held-out trials of the solution that the search calls its best."""
    assert record.held_out is not None
    return record.held_out


HELD_OUT = Measure(title="Held-out score of that solution", of=held_out, share=False)
"""Of runs that were measured on held-out trials, alone; it ranks nothing."""


def final(record: Record, key: str) -> float:
    """Return a figure of a vote's final pass, or of its only one."""
    figures = record.figures.get("after") or record.figures["before"]
    return float(figures[key])


def gain(record: Record, key: str) -> float:
    """Return how far a share of a vote rose from before to after; 0 where nothing was learned."""
    return final(record, key) - float(record.figures["before"][key])


VOTE_MEASURES = (
    Measure(title="pass@1, final pass", of=lambda r: final(r, "pass@1"), share=True),
    Measure(title="maj@n, final pass", of=lambda r: final(r, "maj@n"), share=True),
    Measure(title="pass@1 gained", of=lambda r: gain(r, "pass@1"), share=True),
    Measure(title="maj@n gained", of=lambda r: gain(r, "maj@n"), share=True),
    Measure(
        title="Majority ratio, final pass", of=lambda r: final(r, "majority_ratio"), share=True
    ),
)
LABELLED = VOTE_MEASURES[:4]
"""Those that need labels."""
GAINS = VOTE_MEASURES[2:4]
"""Those of runs that learned, alone."""
