"""Making the folder of a new problem from another problem's folder."""

import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

import yaml

from ttrl_cli import __version__, library
from ttrl_cli.api.scaffolding import Scaffold, require_name
from ttrl_cli.errors import ProblemError, UnwritableError, UsageError, first_line
from ttrl_cli.escapes import visible
from ttrl_cli.problem import PROBLEM_FILE, Problem, load_problem
from ttrl_cli.reading import read_user_text
from ttrl_cli.rundir.files import copy_folder, writing
from ttrl_cli.yaml_input import parse_yaml

_MOST_BYTES = 64 * 2**20


def copy_problem(source: Path, path: Path) -> Scaffold:
    """Copy a problem into a new folder, to be changed there.

    The name in problem.yaml becomes the new folder's. A comment in its first line says what was
    copied. Caches, environments, version control and runs are left out, as in a run's copy.

    Args:
        source: A problem.yaml or its folder.
        path: The folder to make; its name is the problem's.

    Raises:
        UsageError: If the source is not a problem, the name is not valid, or the folder exists,
            lies in the source or cannot be made.
    """
    require_name(path)
    problem = load_problem(source)
    if path.resolve().is_relative_to(problem.folder):
        msg = f"{path} lies in {problem.folder}, which would be copied into itself"
        raise UsageError(msg)
    text = _renamed(problem.file, path.name)
    made = f"# Copied from {_origin(problem)} by `ttrl new --from`.\n"
    _copy(problem.folder, path, made + text)
    names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
    return Scaffold(folder=path, kind=problem.spec.solution.kind, files=tuple(names))


def _origin(problem: Problem) -> str:
    """Say where a problem is from: the library of this version, a folder, or a variant's file."""
    variant = problem.file.name != PROBLEM_FILE
    place = problem.file if variant else problem.folder
    for name, path in library.problems().items():
        if path.resolve() == place:
            return f"{name} of the library of ttrl {__version__}"
    return visible(json.dumps(str(place), ensure_ascii=False))


def _renamed(file: Path, name: str) -> str:
    """Return the text of a problem.yaml with another name in it, and nothing else changed.

    Raises:
        ProblemError: If the name cannot be replaced in the text, as where it is an alias.
    """
    text = read_user_text(file)
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)  # as the problem was loaded from it
    names = [value for key, value in root.value if key.value == "name"]
    for node in names:  # one, unless it comes by a merge of mappings
        block = node.style in ("|", ">")
        start, end = node.start_mark.index, node.end_mark.index
        renamed = text[:start] + json.dumps(name) + "\n" * block + text[end:]
        with suppress(ValueError):
            if parse_yaml(renamed) == {**parse_yaml(text), "name": name}:
                return renamed
    raise ProblemError(file, "name", "write it as plain text, so that a copy can have another")


def _copy(source: Path, path: Path, text: str) -> None:
    """Copy a folder to one that does not exist, and write the text to its problem.yaml.

    Raises:
        UsageError: If it exists or cannot be made, or the source cannot be copied.
        UnwritableError: If the file system refuses to write.
    """
    if os.path.lexists(path):
        msg = f"{path} exists already, and nothing is ever overwritten; choose another name"
        raise UsageError(msg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{path} cannot be made: {error.strerror}"
        raise UsageError(msg) from error
    try:
        copy_folder(source, path, most_bytes=_MOST_BYTES)
        with writing(path):
            _make_writable(path)
            (path / PROBLEM_FILE).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, UnwritableError):
            raise
        raise UsageError(first_line(error)) from error


def _make_writable(path: Path) -> None:
    """Let the owner write to a copy, as the files of an installed library need not allow it."""
    for part in (path, *path.rglob("*")):
        part.chmod(part.stat().st_mode | stat.S_IWUSR)
