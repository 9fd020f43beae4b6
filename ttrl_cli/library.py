"""The problem library: the problems and sets of questions that come with ttrl, by name.

A problem is a folder with a problem.yaml, and its name is the folder's; another YAML file beside
that is a variant, named FOLDER_FILE, which shares the folder's other files. A set of questions is a
JSON-lines file in a folder of the library, and its name is the file's, without `.jsonl`. The build
puts `problems/` of the repository into the package (pyproject.toml); a clone and an editable
install read `problems/` itself. Other packages may bring problems, too (plugins.py).
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ttrl_cli import plugins
from ttrl_cli.errors import UsageError

_PACKAGE = Path(__file__).parent
_FOLDER = "problems"
_NEAR = 5
_PACKAGES = ("lib*/py*/*-packages", "local/lib*/py*/*-packages", "site-packages")
"""Where installed packages lie below the folders of an interpreter or of the system."""


def folder() -> Path:
    """Return the folder of the library: in the installed package, or beside it in a clone."""
    inside, beside = _PACKAGE / _FOLDER, _PACKAGE.with_name(_FOLDER)
    # beside an installed package, a folder of this name is somebody else's
    cloned = not inside.is_dir() and (_PACKAGE.with_name("pyproject.toml")).is_file()
    return beside if cloned else inside


def copies(places: Iterable[str]) -> Iterator[Path]:
    """Yield the libraries of all ttrl that are installed in these folders, as pip installs it."""
    for place in places:
        for packages in _PACKAGES:
            yield from Path(place).glob(f"{packages}/{_PACKAGE.name}/{_FOLDER}")


def problems() -> dict[str, Path]:
    """Return the library's problems by name, sorted: folders, or the files of variants."""
    found = {}
    for file in sorted(folder().glob("*/problem.yaml")):
        name = file.parent.name
        found[name] = file.parent
        found |= {f"{name}_{other.stem}": other for other in _variants(file)}
    return {name: found[name] for name in sorted(found)}


def _variants(file: Path) -> list[Path]:
    """Return the problems that share the folder of a problem.yaml."""
    return [other for other in file.parent.glob("*.yaml") if other != file]


def all_problems() -> dict[str, Path]:
    """Return the library's problems by name as `problems` does, and behind them plug-ins' folders.

    Raises:
        SetupError: If a plug-in has no problem, or its name is one of the library's.
    """
    own = problems()
    return own | plugins.problem_folders(own)


def questions() -> dict[str, Path]:
    """Return the files of the library's sets of questions by name, sorted."""
    found = {file.stem: file for file in folder().glob("*/*.jsonl")}
    return {name: found[name] for name in sorted(found)}


def find_problem(text: str) -> Path:
    """Return the path that is meant by a PROBLEM on the command line.

    Whatever exists is a path; anything else may be a name of the library, or of a plug-in.

    Raises:
        UsageError: If it is neither, and looks like a name; the message lists names near to it.
        SetupError: If a plug-in that might have it is broken.
    """
    own = problems()
    known = own if text in own or os.path.lexists(text) else all_problems()
    other = "is a set of questions: ttrl vote"
    return _find(text, known, questions(), "a problem", other)


def find_questions(text: str) -> Path:
    """Return the path that is meant by QUESTIONS on the command line; - stands for itself.

    Whatever exists is a path; anything else may be a name of the library.

    Raises:
        UsageError: If it is neither, and looks like a name; the message lists names near to it.
    """
    if text == "-":
        return Path(text)
    other = "is a problem: ttrl solve"
    return _find(text, questions(), problems(), "a set of questions", other)


def _find(
    text: str, known: Mapping[str, Path], others: Mapping[str, Path], what: str, other: str
) -> Path:
    path = Path(text)
    if os.path.lexists(text):
        return path
    if text in known:
        return known[text]
    named = "/" not in text and not path.suffix
    if not named:
        meant = _meant(path, known)
        if meant is None:
            return path  # whoever reads it says what is wrong
        msg = f"{text}: no such file or folder; write {meant} alone for that of the library"
    elif text in others:
        msg = f"{text} {other} {text}"
    else:
        near = _near(text, known)
        hint = f"; near to it: {', '.join(near)}" if near else ""
        msg = f"{text} is neither a path nor {what} of the library{hint} (`ttrl problems` lists it)"
    raise UsageError(msg)


def _meant(path: Path, known: Mapping[str, Path]) -> str | None:
    """Return the name that a path to a library elsewhere ends with; None if there is none."""
    names = [path.name]
    if path.suffix in (".yaml", ".jsonl"):
        names += [path.stem, path.parent.name]
    return next((name for name in names if name in known), None)


def _near(text: str, known: Mapping[str, Path]) -> list[str]:
    """Return the known names that a text may have been meant for, the nearest first."""
    spelt = {_plain(name): name for name in known}
    alike = difflib.get_close_matches(_plain(text), spelt, n=_NEAR)
    within = [
        plain
        for plain, name in spelt.items()
        if _plain(text) in (known[name].parent.name, plain[: len(text)])
    ]
    return [spelt[plain] for plain in dict.fromkeys([*alike, *within])][:_NEAR]


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
