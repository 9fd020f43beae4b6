"""Checking a problem: its seeds through its verifier."""

from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import ProblemError
from ttrl_cli.grading.pool import Grader
from ttrl_cli.loop.solve import roots
from ttrl_cli.problem import PROBLEM_FILE, Problem, load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCheck:
    """What `ttrl check` found out about one seed."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What `ttrl check` found out about a problem."""

    problem: Problem
    seeds: tuple[SeedCheck, ...]
    warning: str


def check(path: Path, *, sandbox: str | None = None) -> Check:
    """Run a problem's seeds through its verifier.

    Args:
        path: A problem.yaml or its folder.
        sandbox: What keeps programs in; by default what the problem's `run:` section says.

    Raises:
        ProblemError: If anything is wrong, naming file and key.
        SetupError: If the machine lacks what its programs need.
    """
    problem = load_problem(path)
    where = str(problem.folder / PROBLEM_FILE)
    config = resolve(SolveConfig, problem.spec.run, {"sandbox": sandbox}, where=where)
    with Grader(problem, workers=1, sandbox=config.sandbox) as grader:
        verdicts = graded_seeds(problem, grader)
        warning = grader.warning
    names = [seed.name for seed in problem.seeds]
    pairs = zip(names, verdicts, strict=True)
    seeds = tuple(SeedCheck(name=n, verdict=v) for n, v in pairs)
    return Check(problem=problem, seeds=seeds, warning=warning)


def graded_seeds(problem: Problem, grader: Grader) -> list[Verdict]:
    """Verdicts of the seeds, all of them valid and fit for a prompt.

    Raises:
        ProblemError: Naming the first seed that is not, or what is wrong with the template.
    """
    verdicts = grader.grade_seeds()
    for place, (seed, verdict) in enumerate(zip(problem.seeds, verdicts, strict=True)):
        if not verdict.valid:
            why = f"{seed.name} is not a valid solution: {verdict.status}: {verdict.reason}"
            raise ProblemError(problem.folder / PROBLEM_FILE, f"seeds[{place}]", why)
    for root in roots(problem, verdicts, 1):
        for before in (None, root.score):
            solve_messages(problem, root, before)
    return verdicts
