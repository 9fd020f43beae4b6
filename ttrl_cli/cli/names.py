"""Arguments that are a path or a name of the problem library, with their completion by shells."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli import library


def complete_problem(incomplete: str) -> list[str]:
    """Return the names of the library's problems, and the paths, that begin with a text."""
    return _beginning(incomplete, library.problems())


def complete_questions(incomplete: str) -> list[str]:
    """Return the names of the library's sets, and the paths, that begin with a text."""
    return _beginning(incomplete, library.questions())


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    folder, start = os.path.split(incomplete)
    place = Path(folder or ".")
    paths = sorted(place.iterdir()) if place.is_dir() else []
    found = [
        os.path.join(folder, path.name) + "/" * path.is_dir()  # noqa: PTH118 - "./a" stays as typed
        for path in paths
        if path.name.startswith(start) and (start or not path.name.startswith("."))
    ]
    return [*(name for name in names if name.startswith(incomplete)), *found]


_PROBLEM = typer.Argument(
    metavar="PROBLEM",
    help="A problem.yaml, the folder that holds one, or a name that `ttrl problems` shows.",
    parser=library.find_problem,
    autocompletion=complete_problem,
)

ProblemPath = Annotated[Path, _PROBLEM]
MaybeProblemPath = Annotated[Path | None, _PROBLEM]
CopiedProblem = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="PROBLEM",
        help="Copy this problem, by path or by a name that `ttrl problems` shows.",
        parser=library.find_problem,
        autocompletion=complete_problem,
    ),
]
QuestionsPath = Annotated[
    Path,
    typer.Argument(
        metavar="QUESTIONS",
        help="JSON, CSV or Parquet of question, id, answer, choices; a name that `ttrl problems` "
        "shows; - for standard input.",
        parser=library.find_questions,
        autocompletion=complete_questions,
    ),
]
