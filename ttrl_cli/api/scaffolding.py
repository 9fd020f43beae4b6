"""Making the folder of a new problem from a template."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ttrl_cli.errors import UsageError
from ttrl_cli.problem import ProblemSpec

KINDS = ("program", "json", "text")
PLACEHOLDER = "@NAME@"
"""What the problem's name replaces, wherever it stands in a template; there is no other."""

_COMMON, _INPUTS = "common", "inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """The result of `ttrl new`.

    Attributes:
        folder: The problem's folder.
        kind: What a solution of it is.
        files: What is in the folder, by path from there, sorted.
    """

    folder: Path
    kind: str
    files: tuple[str, ...]


def new(path: Path, kind: str = "program", *, with_inputs: bool = False) -> Scaffold:
    """Make the folder of a new problem: a small one that can be solved as it is.

    Args:
        path: The folder to make; its name is the problem's.
        kind: program, json or text.
        with_inputs: Whether the problem's own code is to drive the program, with inputs.

    Raises:
        UsageError: If the name or the kind is not valid, or the kind has no inputs, or the folder
            exists or cannot be made.
    """
    _check_kind(kind)
    if with_inputs and kind != "program":
        msg = f"--with-inputs: a solution of kind {kind} is not run; leave --kind out"
        raise UsageError(msg)
    require_name(path)
    texts = template(_INPUTS if with_inputs else kind)
    contents = {name: text.replace(PLACEHOLDER, path.name) for name, text in texts.items()}
    _make(path)
    _fill(path, contents)
    return Scaffold(folder=path, kind=kind, files=tuple(sorted(contents)))


def template(kind: str) -> dict[str, str]:
    """Return the text of every file of a template, by path from the problem's folder.

    The files that all kinds share are in a folder of their own; a kind's own file of the same name
    replaces the shared one.
    """
    root = files("ttrl_cli") / "templates"
    return dict(_texts(root / _COMMON, "")) | dict(_texts(root / kind, ""))


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in folder.iterdir():
        if item.is_file():
            yield prefix + item.name, item.read_text(encoding="utf-8")
        elif item.name != "__pycache__":  # pip compiles the templates like all of the package
            yield from _texts(item, f"{prefix}{item.name}/")


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        msg = f"--kind {kind}: unknown kind {kind!r}; choose one of {', '.join(KINDS)}"
        raise UsageError(msg)


def require_name(path: Path) -> None:
    """Refuse a folder whose name problem.yaml would refuse.

    Raises:
        UsageError: If it would.
    """
    wanted = ProblemSpec.model_fields["name"]
    try:
        TypeAdapter(wanted.rebuild_annotation()).validate_python(path.name)
    except ValidationError:
        msg = (
            f"{path}: {path.name!r} cannot be a problem's name; take up to 64 letters, digits, "
            "dots, dashes and underscores, a letter or digit first"
        )
        raise UsageError(msg) from None


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        msg = f"{path} exists already, and nothing is ever overwritten; choose another name"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be made: {error.strerror}"
        raise UsageError(msg) from error


def _fill(folder: Path, contents: dict[str, str]) -> None:
    try:
        for name, text in contents.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"{folder} cannot be filled: {error.strerror}; remove it and try again"
        raise UsageError(msg) from error
