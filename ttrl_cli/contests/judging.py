"""From the calls of a candidate to the figures of its cases, as a contest judges a submission.

One case that is late, that fails or whose output is not legal makes all of them worthless, and the
cases behind it are not run.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ttrl_cli.errors import Invalid
from ttrl_cli.records import Json

Score = Callable[[int, str], int]
"""The score of an output of the case at a place; raises Invalid if the output is not legal."""


class Judge:
    """Judges the outcomes of cases as they come, in order; true of the first that is worthless.

    It is what `candidate.map` takes as `stop`.

    Args:
        seeds: The seeds of the cases, which messages name.
        score: Scores an output.

    Attributes:
        cases: The seed of each case that was judged, with its score and its times in seconds, or
            with why it `failed`.
    """

    def __init__(self, seeds: Sequence[int], score: Score) -> None:
        self.cases: list[dict[str, Json]] = []
        self._seeds = seeds
        self._score = score

    def __call__(self, outcome: Any) -> bool:
        """Judge the next outcome; return whether it is worthless."""
        place = len(self.cases)
        try:
            found = self._figures(place, outcome)
        except Invalid as refusal:
            found = {"failed": str(refusal)}
        self.cases.append({"seed": self._seeds[place], **found})
        return "failed" in found

    def _figures(self, place: int, outcome: Any) -> dict[str, Json]:
        """Return the score and the times of a case.

        Raises:
            Invalid: If it is worthless.
        """
        if not outcome.ok:
            raise Invalid(outcome.reason or outcome.status)
        score = self._score(place, outcome.output)
        return {"score": score, "seconds": outcome.seconds, "cpu_seconds": outcome.cpu_seconds}


def verify(data: Any) -> Any:
    """Return the figures of a trial, `{"cases": Judge.cases, "inputs_seconds": ...}`.

    Raises:
        Invalid: If a case is worthless.
    """
    for case in data["cases"]:
        if "failed" in case:
            msg = f"case {case['seed']}: {case['failed']}"
            raise Invalid(msg)
    return data


def score(data: Any) -> dict[str, Json]:
    """Return the sum of the cases' scores, their mean, and the times in seconds."""
    cases = data["cases"]
    scores = [case["score"] for case in cases]
    total = sum(scores)
    low, high = (pick(cases, key=lambda case: case["score"]) for pick in (min, max))
    slowest = max(case["seconds"] for case in cases)
    metrics = {
        "mean": total / len(cases),
        "slowest_seconds": slowest,
        "slowest_cpu_seconds": max(case["cpu_seconds"] for case in cases),
        "inputs_seconds": data["inputs_seconds"],
    }
    feedback = (
        f"{metrics['mean']:,.1f} a case on average; the least is {low['score']:,} on case "
        f"{low['seed']}, the most {high['score']:,} on case {high['seed']}; the slowest case took "
        f"{slowest:.2f} s"
    )
    per_trial = [len(scores) * one for one in scores]  # figures that the sum is the mean of
    return {"value": total, "per_trial": per_trial, "metrics": metrics, "feedback": feedback}
