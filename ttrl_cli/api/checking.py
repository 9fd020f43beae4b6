"""Checking a problem: its seeds through its verifier, and attacks on that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.api.rooting import GradedRoot, graded_roots
from ttrl_cli.api.verifying import with_limits
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import ProblemError
from ttrl_cli.figures import number
from ttrl_cli.grading import noise
from ttrl_cli.grading.attacks import attacks
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.hostile_outcomes import hostile
from ttrl_cli.problem import Command, Problem, load_problem
from ttrl_cli.records import Verdict
from ttrl_cli.rundir.start import Start
from ttrl_cli.sandbox.protocol import read_json

ATTACK_SECONDS = 60.0
"""Most that a verifier may take with hostile data, each time; less where the problem's limit is."""
SLACK_SECONDS = 1.0
_LATE = "calls the candidate after measure has returned: wait for its threads before"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCheck:
    """The result of checking one seed.

    Attributes:
        name: Its file.
        verdict: Its first root's.
        certificate: Of that root; None unless the problem certifies.
        scores: Of all its roots, where its program takes `seed`; empty where they are equal.
    """

    name: str
    verdict: Verdict
    certificate: Certificate | None
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault of a verifier: the data that show it, and what the verifier did with them."""

    attack: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of `ttrl check`.

    Attributes:
        problem: The problem.
        seeds: Its seeds, all valid.
        attacks: How many hostile data its verifier was tried with.
        findings: What is wrong with it, as they tell.
        warning: A warning to show, even when quiet; empty if there is none.
        differs: How two measurements of its first seed differ; empty if they do not, or nothing is
            measured.
    """

    problem: Problem
    seeds: tuple[SeedCheck, ...]
    attacks: int
    findings: tuple[Finding, ...]
    warning: str
    differs: str = ""


def check(
    path: Path,
    *,
    limits: Mapping[str, str] | None = None,
    sandbox: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Check:
    """Run a problem's seeds, as roots of a run, through its verifier; then attack the verifier.

    Args:
        path: A problem.yaml or its folder.
        limits: Overrides of the problem's limits, by key.
        sandbox: Name of the sandbox backend; by default the one in the problem's `run:` section.
        settings: Values of the problem's settings, by name.

    Raises:
        ProblemError: If anything is wrong, naming file and key.
        SetupError: If the machine lacks what its programs need.
    """
    problem = with_limits(load_problem(path, settings), limits or {})
    where = str(problem.file)
    config = resolve(SolveConfig, problem.spec.run, {"sandbox": sandbox}, where=where)
    with ProblemGrader(problem, workers=1, sandbox=config.sandbox) as grader:
        graded = graded_roots(problem, grader, config, Start())
        seeds = tuple(_seed_check(problem, grader, graded, p) for p in range(len(problem.seeds)))
        attack = _attacked if problem.spec.measure is None else _attacked_measure
        attacks, findings = attack(problem, grader, seeds[0].verdict)
        differs = _differs(problem, grader)
        _require_held_out(problem, grader)
        if problem.spec.measure is not None and grader.called_late():
            findings += (Finding(attack="a thread that measure left behind", what=_LATE),)
    return Check(
        problem=problem,
        seeds=seeds,
        attacks=attacks,
        findings=findings,
        warning=grader.warning,
        differs=differs,
    )


def _seed_check(
    problem: Problem, grader: ProblemGrader, graded: Sequence[GradedRoot], place: int
) -> SeedCheck:
    """Return what was found of one seed.

    Raises:
        ProblemError: If it cannot be certified.
    """
    own = [one for one in graded if one.root.place == place]
    first = own[0].verdict
    scores = [one.verdict.score for one in own if one.root.seed is not None]
    return SeedCheck(
        name=problem.seeds[place].name,
        verdict=first,
        certificate=_certificate(problem, grader, first),
        scores=tuple(score for score in scores if score is not None),
    )


def _certificate(problem: Problem, grader: ProblemGrader, verdict: Verdict) -> Certificate | None:
    """Certify a seed; return None if the problem has no `certify`.

    Raises:
        ProblemError: If the seed cannot be certified.
    """
    if problem.spec.certify is None:
        return None
    found = grader.certify(verdict.data, verdict.solution)
    if isinstance(found, str):
        raise ProblemError(problem.file, "certify", found)
    return found


def _attacked(
    problem: Problem, grader: ProblemGrader, honest: Verdict
) -> tuple[int, tuple[Finding, ...]]:
    """Attack the verifier; return the number of attacks and what they found.

    The attacks are made from the first seed: from its text, from its JSON data, or, where it is a
    program, from its verified data. An evaluator has no data, and is not attacked.
    """
    spec = problem.spec
    if spec.evaluator is not None:
        return 0, ()
    text = spec.solution.kind == "text"
    kept = read_json(honest.solution) if spec.solution.kind == "json" else honest.data
    given = honest.solution if text else kept
    strict = isinstance(spec.verifier, Command)
    score = grader.grade_data(given).score
    tried = attacks(given, score, text=text, strict_json=strict)
    seconds = 2 * min(spec.limits.seconds, ATTACK_SECONDS) + SLACK_SECONDS
    found = grader.attack(tried, seconds, honest.data)
    pairs = zip(tried, found, strict=True)
    return len(tried), tuple(Finding(attack=a.name, what=what) for a, what in pairs if what)


def _attacked_measure(
    problem: Problem, grader: ProblemGrader, honest: Verdict
) -> tuple[int, tuple[Finding, ...]]:
    """Let measure and score meet hostile outcomes; return their number and what they found.

    A measure that is a command calls nothing of ours, and is not attacked.
    """
    measure = problem.spec.measuring
    if measure is None or measure.function is None:
        return 0, ()
    assert honest.score is not None
    tried = hostile(problem.spec.limits)
    found = grader.attack_measure(tried, honest)
    pairs = zip(tried, found, strict=True)
    return len(tried), tuple(Finding(attack=h.name, what=what) for h, what in pairs if what)


def _require_held_out(problem: Problem, grader: ProblemGrader) -> None:
    """Refuse a problem that cannot be measured on held-out trials: a run would find out at its end.

    Raises:
        ProblemError: If its first seed is not valid on them.
    """
    if not problem.spec.held_out:
        return
    seed = problem.seeds[0]
    verdict = grader.measure(seed.text, "held-out").verdict
    if not verdict.valid:
        why = f"{seed.name} is not valid on held-out trials: {verdict.status}: {verdict.reason}"
        raise ProblemError(problem.file, "held_out", why)


def _differs(problem: Problem, grader: ProblemGrader) -> str:
    """Say how two measurements of the first seed on one trial differ; "" if they do not.

    Where the scores have errors, a difference that these explain is none.
    """
    if problem.spec.measure is None:
        return ""
    seed = problem.seeds[0]
    first, second = (grader.measure(seed.text) for _ in range(2))
    if first.data == second.data:
        return ""
    if not noise.differ(first.verdict, second.verdict):
        return ""
    scores = [number(v.score) for v in (first.verdict, second.verdict) if v.score is not None]
    if len(set(scores)) < 2:
        return f"{seed.name}: its data differ, the score does not"
    return f"{seed.name}: score {scores[0]}, then {scores[1]}"
