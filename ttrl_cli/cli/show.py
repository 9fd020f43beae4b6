"""`ttrl show RUN`."""

from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.resume import RunPath
from ttrl_cli.cli.running import describe
from ttrl_cli.cli.vote import describe_votes


def show(
    run: RunPath,
    *,
    digest: Annotated[
        bool,
        typer.Option("--digest", help="Print a SHA-256 over attempts and archive, without times."),
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Summarise a run, running or not; of a vote, with the metrics of its passes."""
    from ttrl_cli import api, report
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    opened = RunDir.open(run)
    console = Console()
    if digest:
        console.result(report.digest(opened))
        return
    summary = report.summarise(opened, api.best_known(opened))
    figures = api.vote_figures(opened)
    if as_json:
        console.result_json(summary.as_json() | ({} if figures is None else {"figures": figures}))
    else:
        console.result(describe(summary) if figures is None else describe_votes(summary, figures))
