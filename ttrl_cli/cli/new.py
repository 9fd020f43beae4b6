"""`ttrl new NAME`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttrl_cli.cli import options as o

if TYPE_CHECKING:
    from ttrl_cli.api.scaffolding import Scaffold


def new(
    name: Annotated[
        Path,
        typer.Argument(metavar="NAME", help="The folder to make; its name is the problem's."),
    ],
    *,
    kind: Annotated[
        str, typer.Option(help="What a solution is: program, json or text.")
    ] = "program",
    as_json: o.AsJson = False,
) -> None:
    """Make the folder of a new problem: a small one that works, to be replaced by yours."""
    from ttrl_cli import api
    from ttrl_cli.console import Console

    made = api.new(name, kind)
    console = Console()
    if as_json:
        found = {"folder": str(made.folder), "kind": made.kind, "files": list(made.files)}
        console.result_json(found)
        return
    console.result(_describe(made))


def _describe(made: "Scaffold") -> str:
    """Say what was made, and what to type next."""
    folder = shlex.quote(str(made.folder))
    replay = shlex.quote(f"replay:{made.folder}/replay.jsonl")
    lines = [
        f"{made.folder}: a problem of kind {made.kind}, {len(made.files)} files",
        f"  ttrl check {folder}",
        f"  ttrl solve {folder} --sampler {replay}",
        f"  ttrl solve {folder}",
    ]
    return "\n".join(lines)
