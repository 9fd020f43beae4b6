"""The two contests of the library, for tests: their modules, and grading their programs."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ttrl_cli.grading.functions import load_functions
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Split
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Verdict

PROBLEMS = Path(__file__).parents[1] / "problems"


@cache
def module(contest: str, name: str) -> Any:
    """Return a module of a contest's folder, as its problem imports it."""
    functions = load_functions(load_problem(PROBLEMS / contest)).by_key
    return functions["measure"].__globals__[name]


def grade(
    contest: str,
    *texts: str,
    file: str = "small.yaml",
    split: Split = "search",
    settings: Mapping[str, object] | None = None,
) -> list[Verdict]:
    """Grade programs of a contest, on the cases of a split."""
    problem = load_problem(PROBLEMS / contest / file, settings)
    with ProblemGrader(problem, workers=1) as grader:
        return [grader.measure(text, split).verdict for text in texts]


def seed(contest: str, name: str) -> str:
    """Return the text of a seed program."""
    return (PROBLEMS / contest / "seeds" / name).read_text()
