"""`ttrl verify RUN --top N`: the shortlist of a run."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttrl_cli.errors import NoSolutionError, SetupError, UsageError

if TYPE_CHECKING:
    from ttrl_cli.api.shortlisting import Progress, Shortlist
    from ttrl_cli.console import Console
    from ttrl_cli.report.ranking import Ranked

_PANEL = "Shortlist of a run"
Top = Annotated[
    int | None,
    typer.Option(min=0, help="Measure the best N solutions of RUN.", rich_help_panel=_PANEL),
]
Random = Annotated[
    int | None,
    typer.Option(min=0, help="And N drawn from the others.", rich_help_panel=_PANEL),
]
Repeat = Annotated[
    int | None,
    typer.Option(
        min=1, help="Trials of each, the same for all. (default 3)", rich_help_panel=_PANEL
    ),
]
MeasureCommand = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Measure by this command, as `measure: {command: [...]}` does, in this folder.",
        rich_help_panel=_PANEL,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help="Name of its log in RUN/shortlist. (default: what it is measured by)",
        rich_help_panel=_PANEL,
    ),
]

_HEADS = ["rank", "solution", "score", "from the first", "in the search", ""]


def print_shortlist(
    run: Path, given: Mapping[str, object], *, out: Path | None, as_json: bool
) -> None:
    """Measure a shortlist; print it as a table or as JSON lines, and write these to a file.

    Args:
        run: The run.
        given: The attributes of `Wanted`, by name; None for those that were not given.
        out: The file; None for none.
        as_json: Print JSON lines.

    Raises:
        UsageError: If `out` exists or cannot be written, or the run or an option is wrong.
        SetupError: If a measurement failed on our side.
        Exit: With exit code 4, if no solution is valid.
    """
    from ttrl_cli import api
    from ttrl_cli.api.shortlisting import Wanted
    from ttrl_cli.console import Console
    from ttrl_cli.escapes import dumps

    if out is not None and (out.exists() or not out.parent.is_dir()):
        why = "exists already" if out.exists() else "cannot be written: its folder does not exist"
        msg = f"{out} {why}; choose another --out"
        raise UsageError(msg)
    console = Console()
    named: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    try:
        found = api.shortlist(run, Wanted(**{"top": 0, **named}), _teller(console))
    except KeyboardInterrupt:
        console.say("what was measured is kept; the same command goes on with the rest")
        raise
    if found.warning:
        console.warn(found.warning)
    if found.unread:
        console.warn(f"{found.unread} valid attempts were left out: no solution was found in them")
    lines = [row.as_json() for row in found.rows]
    if out is not None:
        _write(out, "".join(dumps(line) + "\n" for line in lines))
    if as_json:
        for line in lines:
            console.result_json(line)
    else:
        console.result("\n".join(_table(found)))
    _end(found, run)


def _teller(console: "Console") -> Callable[["Progress"], None]:
    """Return what says each measurement on a terminal, and one now and then elsewhere."""
    from ttrl_cli.figures import with_error
    from ttrl_cli.heartbeat import INTERVAL

    said = time.monotonic() - INTERVAL

    def tell(progress: "Progress") -> None:
        nonlocal said
        now = time.monotonic()
        if not console.err.is_terminal and now - said < INTERVAL and progress.found is not None:
            return
        said = now
        line = f"{progress.done} of {progress.total} measured"
        one = progress.found
        if one is not None:
            score = one.status if one.score is None else with_error(one.score, one.error)
            line += f": {one.id} on trial {one.trial}: {score}"
        console.say(line)

    return tell


def _table(found: "Shortlist") -> list[str]:
    from ttrl_cli.report.plot import table

    return table([_HEADS, *(_cells(row) for row in found.rows)])


def _cells(row: "Ranked") -> list[str]:
    from ttrl_cli.figures import shown_score, with_error

    solution, mean, by = row.solution, row.mean, row.difference
    return [
        "" if row.rank is None else str(row.rank),
        solution.id,
        "not valid"
        if mean is None
        else shown_score(mean.value, mean.error, unverified=row.unverified),
        "" if by is None else with_error(by.value, by.error),
        shown_score(solution.score, unverified=row.unverified),
        row.reason or ("drawn" if solution.picked == "random" else ""),
    ]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}"
        raise UsageError(msg) from error


def _end(found: "Shortlist", run: Path) -> None:
    """Raise what the exit code says: what failed on our side goes before that nothing is valid."""
    if found.failures:
        msg = (
            f"{len(found.failures)} measurements of {run} failed on our side: {found.failures[0]}; "
            "the same command measures them"
        )
        raise SetupError(msg)
    if all(row.rank is None for row in found.rows):
        raise typer.Exit(NoSolutionError.exit_code)
