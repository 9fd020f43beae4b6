"""`ttrl export RUN DIR`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli.resume import RunPath


def export(
    run: RunPath,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    *,
    solution: Annotated[
        bool,
        typer.Option("--solution", help="Write the best solution, with all that checks it."),
    ] = False,
) -> None:
    """Write the adapter that a run has learned as a peft folder; or its best solution.

    transformers, peft and vLLM load the adapter beside the run's model. Of a vote it holds the
    weights that were kept, of a search the newest ones.

    With --solution it is a package for a reviewer: the best solution of a search, its data and
    certificate, the problem with its verifier, the solutions it was made from, the run's options
    and provenance, and a README with the one command that checks it. That command is run first.

    Example: ttrl export runs/ac1-1 --solution ac1-solution
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    console = Console()
    made = api.export_solution(run, folder) if solution else api.export(run, folder)
    best = RunDir.open(run).best.verdict()
    if solution and best is not None and best["step"] == 0:
        console.warn("no attempt was better than what the run began with; the package holds that")
    console.result_exact(os.fsencode(made))
