"""Solutions that were measured again, ranked by their means. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ttrl_cli.problem import Problem
from ttrl_cli.records import Json
from ttrl_cli.report.repeated import Estimate, Score, difference, mean_of
from ttrl_cli.report.solutions import Solution
from ttrl_cli.rundir.shortlist_log import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A solution of a shortlist.

    Attributes:
        rank: Its place, from 1; None unless it is valid on all trials that it was measured on.
        solution: The solution.
        mean: The mean of its scores; None without a rank.
        difference: How far its mean is above that of the first, on the trials that both have; None
            of the first, and without a rank.
        scores: Its score on each trial; None where it was not measured, or is not valid.
        reason: Why it is not valid; empty if it is.
        unverified: Whether its scores are what its own process said.
    """

    rank: int | None
    solution: Solution
    mean: Estimate | None
    difference: Estimate | None
    scores: tuple[float | None, ...]
    reason: str
    unverified: bool = False

    def as_json(self) -> dict[str, Json]:
        """Return the fields of its line of JSON."""
        solution, mean, by = self.solution, self.mean, self.difference
        return {
            "rank": self.rank,
            "id": solution.id,
            "step": solution.step,
            "picked": solution.picked,
            "score": None if mean is None else mean.value,
            "error": None if mean is None else mean.error,
            "difference": None if by is None else {"value": by.value, "error": by.error},
            "scores": list(self.scores),
            "reason": self.reason,
            "search_score": solution.score,
            "solution": solution.text,
            **({"unverified": True} if self.unverified else {}),
        }


def ranked(
    problem: Problem,
    solutions: Sequence[Solution],
    done: Mapping[tuple[str, int], Measurement],
    trials: int,
) -> list[Ranked]:
    """Rank solutions by the mean of their scores, the best first, those that are not valid last.

    Args:
        problem: Whose direction says what is better.
        solutions: The solutions.
        done: What was measured, by (id, trial).
        trials: How many trials there are.
    """
    spec = problem.spec
    # what a command measures instead is its own word, and trusted
    unverified = spec.evaluator is not None and spec.measure is None
    rows = [replace(_row(solution, done, trials), unverified=unverified) for solution in solutions]
    places = sorted(range(len(rows)), key=lambda at: _order(problem, rows[at]))
    found: list[Ranked] = []
    for at in places:
        row = rows[at]
        if row.mean is None:
            found.append(row)
            continue
        first = rows[places[0]]
        by = None if row is first else _difference(row, first, done)
        found.append(replace(row, rank=len(found) + 1, difference=by))
    return found


def _row(solution: Solution, done: Mapping[tuple[str, int], Measurement], trials: int) -> Ranked:
    measured = [done.get((solution.id, trial)) for trial in range(trials)]
    wrong = next((one for one in measured if one is not None and not one.valid), None)
    scores = [None if one is None else _score(one) for one in measured]
    there = [one for one in scores if one is not None]
    if wrong is not None:
        reason = f"on trial {wrong.trial}: {wrong.status}: {wrong.reason}"
    else:
        reason = "" if there else "it was not measured"
    return Ranked(
        rank=None,
        solution=solution,
        mean=None if reason else mean_of(there),
        difference=None,
        scores=tuple(None if one is None else one.score for one in scores),
        reason=reason,
    )


def _score(found: Measurement) -> Score | None:
    if found.score is None:
        return None
    return Score(score=found.score, error=found.error, per_trial=found.per_trial)


def _order(problem: Problem, row: Ranked) -> tuple[bool, float]:
    return (row.mean is None, 0.0 if row.mean is None else -problem.signed(row.mean.value))


def _difference(
    row: Ranked, first: Ranked, done: Mapping[tuple[str, int], Measurement]
) -> Estimate | None:
    pairs: list[list[Score | None]] = []
    for one in (row, first):
        keys = [(one.solution.id, trial) for trial in range(len(one.scores))]
        pairs.append([None if key not in done else _score(done[key]) for key in keys])
    return difference(*pairs)
