"""`ttrl best RUN`."""

from typing import Annotated

import typer

from ttrl_cli.cli.resume import RunPath
from ttrl_cli.errors import NoSolutionError, UsageError


def best(
    run: RunPath,
    *,
    data: Annotated[
        bool, typer.Option("--data", help="Print the verified data as JSON instead.")
    ] = False,
) -> None:
    """Print the best solution of a run: the program or text, or its verified data.

    Into a file or a pipe it goes byte by byte; on a terminal control characters are escaped.

    Example: ttrl best runs/ac1_16-1 > best.py

    Raises:
        NoSolutionError: If there is none yet.
        UsageError: If it is not a run of ttrl solve.
    """
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    opened = RunDir.open(run)
    if opened.status.kind == "vote":
        msg = f"{run} is a vote run: its answers are in {run / 'answers.jsonl'}; ttrl show sums up"
        raise UsageError(msg)
    found = opened.best.verdict()
    if found is None:
        msg = f"{run} has no valid solution yet"
        raise NoSolutionError(msg)
    name = "data.json" if data else found["solution"]
    Console().result_exact((opened.best.folder / name).read_bytes())
