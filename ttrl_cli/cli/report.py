"""`ttrl report RUN...`."""

import os
from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write (default RUN/report.html)."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="Group a vote's questions by this field of theirs, such as a level of difficulty.",
        ),
    ] = None,
) -> None:
    """Write runs as one HTML file that needs no network, and print its path.

    It shows what was found, from what and by which change; whether learning was healthy; what the
    model was asked; the tree of solutions, and the text of each with its changes. A running run can
    be reported as well: what is committed is shown. Several runs stand side by side, and those of
    one problem in one picture.

    Example: ttrl report runs/erdos-overlap-16-1 && xdg-open runs/erdos-overlap-16-1/report.html
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    Console().result_exact(os.fsencode(api.report(runs, out=out, by=by)))
