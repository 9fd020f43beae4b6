"""Making the folder of a run, with a copy of its problem or questions."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from ttrl_cli.errors import RunExistsError, SetupError, UnwritableError, UsageError
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


def keep_source(path: Path, source: Path | Mapping[str, bytes]) -> None:
    """Copy the problem's folder, or write the files of a vote, into the run's folder.

    Raises:
        UsageError: If a problem's folder is too large, or cannot be read.
        UnwritableError: If the file system refuses to write.
    """
    if not isinstance(source, Path):
        for file, content in source.items():
            with files.writing(path / file):
                (path / file).write_bytes(content)
        return
    try:
        files.copy_folder(source, path / "problem", most_bytes=_MOST_PROBLEM_BYTES)
    except (ValueError, OSError) as error:
        if isinstance(error, UnwritableError):
            raise
        msg = f"{error}; keep a problem in a folder of its own"
        raise UsageError(msg) from error
