"""`ttrl export RUN DIR`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli.resume import RunPath


def export(
    run: RunPath,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
) -> None:
    """Write the adapter that a run has learned as a peft folder.

    transformers, peft and vLLM load it beside the run's model. Of a vote it holds the weights that
    were kept, of a search the newest ones.

    Example: ttrl export runs/ac1_16-1 adapter
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    Console().result_exact(os.fsencode(api.export(run, folder)))
