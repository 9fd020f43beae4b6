"""Making the folder of a run, with a copy of its problem or questions."""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ttrl_cli.errors import RunExistsError, SetupError, UnwritableError, UsageError
from ttrl_cli.problem import PROBLEM_FILE
from ttrl_cli.rundir import files

_MOST_PROBLEM_BYTES = 64 * 2**20
_NO_SUCH_PLACE = (errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of a path that can never be a folder; what else is wrong is the file system's."""


def make_folder(path: Path) -> None:
    """Make the folder of a run.

    Raises:
        RunExistsError: If it exists.
        UsageError: If the path cannot be a folder.
        SetupError: If the file system refuses to make it.
    """
    try:
        path.mkdir(parents=True)
    except OSError as error:
        if os.path.lexists(path):
            raise RunExistsError(path) from None
        msg = f"the run directory {path} cannot be made: {error.strerror}"
        if error.errno in _NO_SUCH_PLACE:
            raise UsageError(msg) from error
        raise SetupError(msg) from error


def folder_of(problem: Path) -> Path:
    """Return the folder of a problem that is given by its file or its folder."""
    return problem if problem.is_dir() else problem.parent


def keep_source(path: Path, source: Path | Mapping[str, bytes]) -> None:
    """Copy the problem's folder, or write the files of a vote, into the run's folder.

    A problem that is another file than problem.yaml takes its place in the copy.

    Args:
        path: The run's folder.
        source: A problem's file or folder; or files of a vote by name.

    Raises:
        UsageError: If a problem's folder is too large, or cannot be read.
        UnwritableError: If the file system refuses to write.
    """
    if not isinstance(source, Path):
        for file, content in source.items():
            with files.writing(path / file):
                (path / file).write_bytes(content)
        return
    folder = folder_of(source)
    try:
        files.copy_folder(folder, path / "problem", most_bytes=_MOST_PROBLEM_BYTES)
        if source not in (folder, folder / PROBLEM_FILE):
            with files.writing(path / "problem"):
                copied = path / "problem" / PROBLEM_FILE
                copied.unlink(missing_ok=True)  # of an installed library it may be read-only
                shutil.copyfile(source, copied)
    except (ValueError, OSError) as error:
        if isinstance(error, UnwritableError):
            raise
        msg = f"{error}; keep a problem in a folder of its own"
        raise UsageError(msg) from error
