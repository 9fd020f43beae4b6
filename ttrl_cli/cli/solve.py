"""`ttrl solve PROBLEM`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.fields import fields_of, with_options
from ttrl_cli.cli.names import ProblemPath
from ttrl_cli.cli.running import print_summary, run_view


@with_options(fields_of("SolveConfig").values())
def solve(
    problem: ProblemPath,
    *,
    out: o.Out = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Start from this run's archive and adapter."),
    ] = None,
    start: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A solution of your own, such as a known record, to start from beside the "
            "problem's seeds; may be given several times.",
        ),
    ] = None,
    settings: o.Settings = None,
    secret_file: o.SecretFile = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    chosen: Mapping[str, object],
) -> None:
    """Search and learn on one problem; print its best verified solution.

    Options override the problem's own `run:` section. Ctrl-C finishes and saves the step; a second
    Ctrl-C stops at once. Either way, `ttrl resume` goes on.

    With a known record: ttrl solve ac1_16 --start record.txt --start older.txt

    Example: ttrl solve ac1_16 --steps 20 --out runs/first
    """
    given = o.parse_settings(settings)
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api

        summary = api.solve(
            problem,
            options=chosen,
            out=out,
            reporter=view,
            start_from=start_from,
            started=view.started,
            settings=given,
            secret_file=secret_file,
            start=start or (),
        )
    print_summary(summary, as_json=as_json, quiet=quiet)
