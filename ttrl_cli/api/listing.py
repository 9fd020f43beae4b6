"""The problem library as a list."""

from dataclasses import dataclass
from pathlib import Path

from ttrl_cli import library
from ttrl_cli.errors import SetupError
from ttrl_cli.problem import Direction, load_problem
from ttrl_cli.questions import load_questions
from ttrl_cli.reading import read_user_text

QUESTIONS = "questions"
"""The kind of a set of questions, which `ttrl vote` takes; other kinds are those of solutions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One problem, or set of questions, of the library.

    Attributes:
        name: What commands call it.
        kind: program, json or text, as a problem's solutions are; or questions.
        direction: The score's direction; None for questions.
        best_known: The best score known; None if none is.
        about: One line that says what it is.
        path: Its folder, or its file: of a variant, and of questions.
    """

    name: str
    kind: str
    direction: Direction | None
    best_known: float | None
    about: str
    path: Path


def problems() -> list[Listed]:
    """List the library: its problems by name, those of plug-ins, then its sets of questions.

    Raises:
        SetupError: If it is not there, or a plug-in is broken.
    """
    found = [_problem(name, path) for name, path in library.all_problems().items()]
    found += [_questions(name, path) for name, path in library.questions().items()]
    if not found:
        msg = f"the problem library is not there: {library.folder()}; install ttrl again"
        raise SetupError(msg)
    return found


def _problem(name: str, path: Path) -> Listed:
    problem = load_problem(path)
    return Listed(
        name=name,
        kind=problem.spec.solution.kind,
        direction=problem.spec.direction,
        best_known=problem.spec.best_known,
        about=_title(problem.folder / "README.md", "" if path.is_dir() else name),
        path=path,
    )


def _questions(name: str, path: Path) -> Listed:
    asked = load_questions(path).questions
    return Listed(
        name=name,
        kind=QUESTIONS,
        direction=None,
        best_known=None,
        about=f"{len(asked)} questions such as {asked[0].question}",
        path=path,
    )


def _title(readme: Path, variant: str = "") -> str:
    """Return the heading of a page, or a variant's: that which begins with its name."""
    if not readme.is_file():
        return ""
    headings = [line for line in read_user_text(readme).splitlines() if line.startswith("#")]
    titles = [line.lstrip("#").strip() for line in headings]
    if variant:
        own = [title for title in titles if title.startswith(f"{variant}:")]
        return own[0].removeprefix(f"{variant}:").strip() if own else ""
    return titles[0] if titles else ""
