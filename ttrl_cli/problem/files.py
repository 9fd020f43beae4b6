"""Files of a problem's folder that its keys name."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ttrl_cli.errors import ProblemError
from ttrl_cli.reading import read_user_text

T = TypeVar("T")


def read_text(file: Path, folder: Path, key: str, name: str) -> str:
    """Return the text of a file of the problem's folder that a key names; see `read_by`."""
    return read_by(read_user_text, file, folder, key, name)


def read_by(read: Callable[[Path], T], file: Path, folder: Path, key: str, name: str) -> T:
    """Read a file of the problem's folder that a key names.

    Raises:
        ProblemError: If it lies outside the folder, does not exist or cannot be read.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder):
        raise ProblemError(file, key, f"{name} lies outside the problem's folder")
    try:
        return read(path)
    except FileNotFoundError:
        raise ProblemError(file, key, f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise ProblemError(file, key, f"{path} cannot be read: {error}") from error
