"""From a measured solution to its verdict."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ttrl_cli.errors import Invalid, ProblemError
from ttrl_cli.escapes import encodable
from ttrl_cli.grading import noise
from ttrl_cli.grading.functions import BrokenProblemError, MeasureError
from ttrl_cli.grading.identity import identity
from ttrl_cli.grading.measured import Measured, Measurer
from ttrl_cli.grading.parse import Malformed, parse_json
from ttrl_cli.grading.trial import TrialSpec
from ttrl_cli.grading.verifier import Checker, cut, refusal_of
from ttrl_cli.problem import Problem
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.sandbox.calls import Outcome, printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A solution that was measured for people to look at.

    Attributes:
        verdict: Its verdict.
        data: What measure returned; None if it returned nothing.
        calls: How the calls of candidates ended, without the data that they returned.
    """

    verdict: Verdict
    data: Json
    calls: tuple[Outcome, ...]


def shown(verdict: Verdict, measured: Measured) -> Shown:
    """Return what people look at."""
    calls = tuple(replace(outcome, data=None) for outcome in measured.outcomes)
    return Shown(verdict=verdict, data=measured.data, calls=calls)


def grade_measured(
    problem: Problem,
    measurer: Measurer,
    judge: Callable[[Json, Json], Verdict],
    text: str,
    trial: TrialSpec,
    parent_data: Json,
) -> tuple[Verdict, Measured]:
    """Measure and grade the text of a solution.

    Args:
        problem: The problem.
        measurer: Makes the solution's data.
        judge: Verifies and scores data, given those of the parent.
        text: The solution.
        trial: The trial to measure it on.
        parent_data: The data of the solution that it was made from; None for a seed.

    Returns:
        The verdict, and what was measured.

    Raises:
        SandboxError: If the sandbox failed, which is our failure and worth another try.
        SetupError: If the sandbox does not start.
    """
    started = time.monotonic()
    measured = Measured(data=None)
    try:
        data = parse_json(text) if problem.spec.solution.kind == "json" else None
        measured = measurer.measure(text, data, trial, parent_data)
        measured.require_data()
        verdict = judge(copy.deepcopy(measured.data), parent_data)
        measured.require_no_late_call()
    except Malformed as error:
        verdict = Verdict(status=Status.MALFORMED, reason=encodable(str(error)))
    except Invalid as refusal:
        verdict = Verdict(status=Status.INVALID, reason=cut(str(refusal) or "invalid"))
    except MeasureError as error:
        verdict = refusal_of(error)
    except ProblemError as error:  # its files changed since they were first loaded
        verdict = Verdict(status=Status.FAILED, reason=str(error))
    verdict = replace(
        verdict,
        seconds=time.monotonic() - started - measured.compile_seconds,
        compile_seconds=measured.compile_seconds,
        solution=text,
        shown=verdict.shown or text,
        output=_output(problem, measured),
        identity=identity(problem, text, verdict.data) if verdict.valid else "",
    )
    return verdict, measured


def _output(problem: Problem, measured: Measured) -> str:
    """Return what the next prompt may show of what was printed: nothing of secret inputs."""
    if problem.spec.inputs != "public" or not measured.outcomes:
        return ""
    return printed(measured.outcomes[-1])


def measured_finding(checker: Checker, measured: Measured, honest: Verdict) -> str:
    """Say what is wrong with how hostile outcomes were measured and scored; "" if nothing is.

    Args:
        checker: Calls the verifier and the score.
        measured: What measure made of the outcomes.
        honest: The verdict on the honest solution.
    """
    try:
        measured.require_data()
        verdict = checker.verdict(copy.deepcopy(measured.data))
    except Invalid:
        return ""
    except BrokenProblemError as error:
        return f"crashes instead of raising Invalid: {error}"
    assert honest.score is not None
    if verdict.score is None or not noise.differ(verdict, honest):
        return ""
    if checker.problem.better(verdict.score, honest.score):
        return f"scores {verdict.score:g}, better than the seed's {honest.score:g}"
    return ""
