"""The runs in a folder, and how each stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.report.standing import Standing, read_standing
from ttrl_cli.rundir import RunDir, files


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run directory.

    Attributes:
        path: Where it is.
        standing: How it stands; None if it cannot be read.
        why: Why it cannot be read; empty if it can.
    """

    path: Path
    standing: Standing | None
    why: str


def find_runs(folder: Path) -> Iterator[Found]:
    """Yield the runs in a folder, the newest last; the folder itself if it is a run.

    Raises:
        UsageError: If there is no such folder.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder; ttrl ls lists the runs in a folder (default runs)"
        raise UsageError(msg)
    found = [_look(path) for path in [folder, *sorted(folder.iterdir())] if is_run(path)]
    yield from sorted(found, key=lambda one: (one.standing and one.standing.started) or "")


def is_run(path: Path) -> bool:
    """Decide whether a path is a run directory."""
    return (path / files.PROVENANCE_FILE).is_file()


def _look(path: Path) -> Found:
    try:
        return Found(path=path, standing=read_standing(RunDir.open(path)), why="")
    except UsageError as error:
        return Found(path=path, standing=None, why=str(error))
