"""How a run's roots are made: what it was given to start from, which resume needs again.

start/0.json ...   the user's own solutions; provenance.json has `roots`, which names them
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.problem import Seed
from ttrl_cli.records import Json
from ttrl_cli.rundir import files

START_FOLDER = "start"
ROOTS_KEY = "roots"
"""The key of provenance.json; runs that were begun before roots had seeds of their own lack it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the roots of a run are made of, besides the problem's seeds.

    Attributes:
        solutions: The user's own solutions, by the names that they were given by.
        seeded: Whether each root of a program has a seed of its own; not so in older runs.
    """

    solutions: tuple[Seed, ...] = ()
    seeded: bool = True


def told_of_roots(solutions: Sequence[Seed]) -> dict[str, Json]:
    """Return what provenance.json says of the roots of a new run, by its key there."""
    named = [{"name": one.name, "file": _file(place, one)} for place, one in enumerate(solutions)]
    return {ROOTS_KEY: {"seeded": True, "start": named}}


def write_start(run: Path, solutions: Sequence[Seed]) -> None:
    """Write the user's own solutions into a new run.

    Raises:
        UnwritableError: If they cannot be written.
    """
    for place, solution in enumerate(solutions):
        path = run / _file(place, solution)
        with files.writing(path):
            path.parent.mkdir(exist_ok=True)
        files.write_text(path, solution.text)


def _file(place: int, solution: Seed) -> str:
    return f"{START_FOLDER}/{place}{Path(solution.name).suffix}"


def read_start(run: Path, provenance: Mapping[str, Json]) -> Start:
    """Read how the roots of a run are made.

    Raises:
        UsageError: If a solution that the run was given cannot be read.
    """
    told = provenance.get(ROOTS_KEY)
    if told is None:
        return Start(seeded=False)
    return Start(
        solutions=tuple(_read(run / one["file"], one["name"]) for one in told["start"]),
        seeded=told["seeded"],
    )


def _read(path: Path, name: str) -> Seed:
    try:
        return Seed(name=name, text=path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {error}; without it the run cannot begin as it was asked to"
        raise UsageError(msg) from error
