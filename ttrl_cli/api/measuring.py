"""Measuring one solution on one trial, to see its calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttrl_cli.api.secrets import secret_of
from ttrl_cli.api.verifying import with_limits
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Split
from ttrl_cli.problem import Problem, load_problem
from ttrl_cli.reading import decoded
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.sandbox.calls import Outcome

OUTPUT_CHARACTERS = 200
"""How much of a call's output is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A solution measured on one trial.

    Attributes:
        problem: The problem.
        split: The trial's split.
        number: Which trial of the split it was.
        verdict: The verdict on what was measured.
        data: What measure returned; None if it returned nothing.
        calls: How the calls ended, in order.
        secret: What the trial was drawn from.
        warning: A warning to show, even when quiet; empty if there is none.
    """

    problem: Problem
    split: Split
    number: int
    verdict: Verdict
    data: Json
    calls: tuple[Mapping[str, Any], ...]
    secret: str
    warning: str

    def as_json(self) -> dict[str, Json]:
        """Return the fields that --json prints."""
        return {
            "valid": self.verdict.valid,
            "status": self.verdict.status.value,
            "reason": self.verdict.reason,
            "score": self.verdict.score,
            "split": self.split,
            "trial": self.number,
            "data": self.data,
            "calls": [dict(call) for call in self.calls],
            "secret": self.secret,
        }


def measure(
    path: Path,
    solution: bytes,
    *,
    trial: int = 0,
    split: Split = "search",
    limits: Mapping[str, str] | None = None,
    sandbox: str | None = None,
    secret_file: Path | None = None,
    settings: Mapping[str, object] | None = None,
) -> Measurement:
    """Measure one solution on one trial.

    Args:
        path: A problem.yaml or its folder.
        solution: The solution's text.
        trial: Which trial of the split; a search measures on trial 0.
        split: search or held-out.
        limits: Overrides of the problem's limits, by key.
        sandbox: Name of the sandbox backend; by default the one in the problem's `run:` section.
        secret_file: A file with the secret that the trial is drawn from; by default a new one.
        settings: Values of the problem's settings, by name.

    Raises:
        UsageError: If the problem has no `measure`, or something in it or an option is wrong.
        SetupError: If the machine lacks what the program needs, or measuring failed on our side.
    """
    problem = with_limits(load_problem(path, settings), limits or {})
    where = str(problem.file)
    if problem.spec.measure is None:
        msg = f"{where} has no measure; ttrl verify runs its solutions"
        raise UsageError(msg)
    try:
        text = decoded(solution)
    except ValueError as error:
        msg = f"the solution cannot be read: {error}"
        raise UsageError(msg) from error
    secret = secret_of(problem, secret_file)
    config = resolve(SolveConfig, problem.spec.run, {"sandbox": sandbox}, where=where)
    with ProblemGrader(problem, workers=1, sandbox=config.sandbox, secret=secret) as grader:
        found = grader.measure(text, split, trial)
        if found.verdict.status is Status.FAILED:
            raise SetupError(found.verdict.reason)
    return Measurement(
        problem=problem,
        split=split,
        number=trial,
        verdict=found.verdict,
        data=found.data,
        calls=tuple(map(_shown, found.calls)),
        secret=grader.secret,
        warning=grader.warning,
    )


def _shown(call: Outcome) -> dict[str, Json]:
    """Return what is shown of a call."""
    return {
        "status": call.status,
        "seconds": round(call.seconds, 6),
        "cpu_seconds": round(call.cpu_seconds, 6),
        "output": call.output[:OUTPUT_CHARACTERS],
        "log": call.log[-OUTPUT_CHARACTERS:],
        "reason": call.reason,
    }
