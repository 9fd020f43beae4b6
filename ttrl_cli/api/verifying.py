"""Verifying one solution, certifying it, and checking a certificate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from ttrl_cli.api.secrets import secret_of
from ttrl_cli.api.trials import OnTrial, graded_on, require_trials
from ttrl_cli.bounds import certificate
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import Invalid, SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Split
from ttrl_cli.problem import Limits, Problem, load_problem
from ttrl_cli.reading import decoded
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.sandbox.protocol import MalformedError, read_json
from ttrl_cli.yaml_input import first_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of verifying a solution.

    Attributes:
        problem: The problem.
        verdict: Its verdict on the solution; of several trials the mean score with its standard
            error, or why the first trial that refused it did.
        split: The split that measure was told.
        trials: Of trials that were given, each by itself; empty where one was drawn.
        certificate: Of the bound that the solution proves; None unless asked for and found.
        uncertified: Why there is none though it was asked for; empty if that is not so.
        warning: A warning to show, even when quiet; empty if there is none.
        secret: What its trial was drawn from; empty where nothing is measured.
    """

    problem: Problem
    verdict: Verdict
    split: Split = "search"
    trials: tuple[OnTrial, ...] = ()
    certificate: Certificate | None = None
    uncertified: str = ""
    warning: str = ""
    secret: str = ""

    @property
    def better(self) -> bool | None:
        """Whether it beats the best known score, by the certified value where there is one."""
        best, score = self.problem.spec.best_known, self.verdict.score
        if best is None or score is None:
            return None
        if self.certificate is None:
            return self.problem.better(score, best)
        # a bound from the wrong side, such as an upper one of what is maximised, proves nothing
        right_side = self.certificate.upper == (self.problem.spec.direction == "minimize")
        return right_side and self.problem.better(self.certificate.value, best)

    def as_json(self) -> dict[str, Json]:
        """Return the fields that --json prints; some only where there is something to say."""
        verdict = self.verdict
        return {
            "valid": verdict.valid,
            "reason": verdict.reason,
            "score": verdict.score,
            **({} if verdict.error is None else {"error": verdict.error}),
            **({"per_trial": list(verdict.per_trial)} if verdict.per_trial else {}),
            **({"split": self.split} if self.split != "search" else {}),
            **({"trials": [one.as_json() for one in self.trials]} if self.trials else {}),
            "certified": None if self.certificate is None else self.certificate.value,
            "best_known": self.problem.spec.best_known,
            "better": self.better,
            **({"unverified": True} if verdict.unverified and verdict.valid else {}),
            **({"secret": self.secret} if self.secret else {}),
        }


def verify(
    path: Path,
    solution: bytes,
    *,
    name: str,
    certify: bool = False,
    limits: Mapping[str, str] | None = None,
    sandbox: str | None = None,
    settings: Mapping[str, object] | None = None,
    secret_file: Path | None = None,
    held_out: bool = False,
    trials: Sequence[int] = (),
) -> Verification:
    """Verify one solution.

    Args:
        path: A problem.yaml or its folder.
        solution: A program, a text, or data as JSON.
        name: The solution's file name; its ending tells data from programs where it can.
        certify: Certify the solution as well, if it is valid.
        limits: Overrides of the problem's limits, by key.
        sandbox: Name of the sandbox backend; by default the one in the problem's `run:` section.
        settings: Values of the problem's settings, by name.
        secret_file: A file with the secret that the trial is drawn from, for a problem with
            `measure`; by default a new one.
        held_out: Measure on held-out trials, for a problem with `measure`.
        trials: Seeds of trials to measure on, from 0 and below 2**128; by default one is drawn.

    Raises:
        UsageError: If the problem or a limit is wrong, `certify` is set and the problem has none,
            or trials are asked for and it has no `measure`.
        SetupError: If the machine lacks what the program needs, or grading failed.
    """
    problem = with_limits(load_problem(path, settings), limits or {})
    if certify:
        _with_certify(problem)
    secret = secret_of(problem, secret_file)
    require_trials(problem, held_out=held_out, trials=trials, secret=secret)
    try:
        text = decoded(solution)
    except ValueError as error:
        return Verification(problem=problem, verdict=_malformed(str(error)))
    kind = problem.spec.solution.kind
    if problem.spec.measure is not None:
        split: Split = "held-out" if held_out else "search"
        return _measured(problem, text, split, trials, sandbox=sandbox, secret=secret)
    programs = kind == "program" and problem.spec.evaluator is None
    if kind == "json" or (programs and _is_data(name, text)):
        try:
            data = read_json(text)
        except MalformedError as error:
            return Verification(problem=problem, verdict=_malformed(str(error)))
        return _verify(_of_data(problem), None, data, certify=certify, sandbox=sandbox)
    return _verify(problem, text, None, certify=certify, sandbox=sandbox)


def with_limits(problem: Problem, limits: Mapping[str, str]) -> Problem:
    """Return the problem with other limits.

    Raises:
        UsageError: If a key is unknown or a value out of bounds.
    """
    spec = problem.spec
    try:
        limited = Limits.model_validate({**spec.limits.model_dump(), **limits})
    except ValidationError as error:
        key, why = first_error(error)
        msg = f"--limits {key}: {why}"
        raise UsageError(msg) from error
    return replace(problem, spec=spec.model_copy(update={"limits": limited}))


def check_certificate(
    document: Json, problem: Path | None = None, settings: Mapping[str, object] | None = None
) -> Certificate:
    """Check a certificate by computing its bound again.

    Args:
        document: The certificate.
        problem: The certificate's problem, if only the problem's own `certify` can check it.
        settings: Values of that problem's settings, by name.

    Raises:
        Invalid: If it does not prove what it says.
        UsageError: If the certificate needs a problem and none is given, or the other way round.
    """
    if not isinstance(document, dict) or document.get("kind") != certificate.OF_PROBLEM:
        if problem is not None:
            msg = "this certificate is checked without a problem: ttrl verify --certificate FILE"
            raise UsageError(msg)
        return certificate.check(document)
    if problem is None:
        msg = "this certificate is checked by its problem: ttrl verify PROBLEM --certificate FILE"
        raise UsageError(msg)
    construction = document.get("construction")
    if not isinstance(construction, dict):
        msg = "not a certificate: expected a JSON object with the key construction"
        raise Invalid(msg)
    loaded = _with_certify(load_problem(problem, settings))
    if loaded.spec.solution.kind != "text":
        loaded = _of_data(loaded)
    with ProblemGrader(loaded, workers=1) as grader:
        found = grader.certify_again(construction)
    if isinstance(found, str):
        raise Invalid(found)
    certificate.compare(document, found)
    return found


def _with_certify(problem: Problem) -> Problem:
    """Return the problem; refuse one that has no `certify`.

    Raises:
        UsageError: If the problem has no `certify`.
    """
    if problem.spec.certify is None:
        msg = f"{problem.file} has no certify"
        raise UsageError(msg)
    return problem


def _measured(
    problem: Problem,
    text: str,
    split: Split,
    trials: Sequence[int],
    *,
    sandbox: str | None,
    secret: str,
) -> Verification:
    with _grader(problem, sandbox, secret) as grader:
        verdict, each = graded_on(grader, text, split, trials)
    return Verification(
        problem=problem,
        verdict=verdict,
        split=split,
        trials=each,
        warning=grader.warning,
        secret="" if trials else grader.secret,
    )


def _grader(problem: Problem, sandbox: str | None, secret: str = "") -> ProblemGrader:
    where = str(problem.file)
    config = resolve(SolveConfig, problem.spec.run, {"sandbox": sandbox}, where=where)
    return ProblemGrader(problem, workers=1, sandbox=config.sandbox, secret=secret)


def _verify(
    problem: Problem, text: str | None, data: Json, *, certify: bool, sandbox: str | None
) -> Verification:
    with _grader(problem, sandbox) as grader:
        verdict = grader.grade_data(data) if text is None else grader.grade_solution(text)
        if verdict.status is Status.FAILED:
            raise SetupError(verdict.reason)
        found: Certificate | str = ""
        if certify and verdict.valid:
            found = grader.certify(verdict.data, verdict.solution)
    return Verification(
        problem=problem,
        verdict=verdict,
        certificate=found if isinstance(found, Certificate) else None,
        uncertified=found if isinstance(found, str) else "",
        warning=grader.warning,
    )


def _is_data(name: str, text: str) -> bool:
    """Decide whether a solution of a program problem is data: by its ending, else by its start."""
    ending = Path(name).suffix
    if ending in (".json", ".py", ".cpp", ".cc", ".cxx"):
        return ending == ".json"
    return text.lstrip()[:1] in ("[", "{")


def _of_data(problem: Problem) -> Problem:
    """Return the problem with data as its solutions, so that no sandbox is started."""
    spec = problem.spec
    solution = spec.solution.model_copy(update={"kind": "json"})
    environment = spec.environment.model_copy(update={"imports": []})
    update = {"solution": solution, "environment": environment}
    return replace(problem, spec=spec.model_copy(update=update))


def _malformed(why: str) -> Verdict:
    return Verdict(status=Status.MALFORMED, reason=why)
