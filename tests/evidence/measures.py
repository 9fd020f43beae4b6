"""What is measured of a run: one number each, so that runs can be compared. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.evidence.records import Experiment, Record
from tests.evidence.statistics import area, last_third


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
        """1 where more is better, -1 where less is."""
        return -1 if not self.share and experiment.direction == "minimize" else 1

    def values(self, experiment: Experiment, arm: str) -> list[float]:
        """One per run of an arm."""
        return [self.of(record) for record in experiment.of(arm)]

    def signed(self, experiment: Experiment, arm: str) -> list[float]:
        """The same, with the sign turned so that more is better."""
        return [self.sign(experiment) * value for value in self.values(experiment, arm)]

    def say(self, value: float) -> str:
        """The value as a table has it."""
        return f"{value:.1%}" if self.share else f"{value:.4g}"

    def say_difference(self, value: float) -> str:
        """A difference of two values."""
        return f"{100 * value:+.1f} points" if self.share else f"{value:+.3g}"


def best(record: Record) -> float:
    """The best score of the run, the seeds' included."""
    return record.column("solve/best_score")[-1]


def curve(record: Record) -> list[float]:
    """The best score so far: of the seeds, then after each step."""
    assert record.seed_score is not None
    return [record.seed_score, *record.column("solve/best_score")]


def mean_best(record: Record) -> float:
    """The area under the best-so-far curve, in the score's units."""
    start, *best_T = curve(record)
    return area(best_T, record.column("sample/completions"), start)


def distinct(record: Record) -> float:
    """Share of samples that were valid and distinct, over all steps."""
    return float(np.mean(record.column("solve/distinct")))


def distinct_at_last(record: Record) -> float:
    """The same over the last third of the steps."""
    return float(np.mean(last_third(record.column("solve/distinct"))))


MEASURES = (
    Measure(title="Best score", of=best, share=False),
    Measure(title="Area under the best-so-far curve", of=mean_best, share=False),
    Measure(title="Valid and distinct, all steps", of=distinct, share=True),
    Measure(title="Valid and distinct, last third of the steps", of=distinct_at_last, share=True),
)
