"""`ttrl new NAME`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.names import CopiedProblem
from ttrl_cli.errors import UsageError

if TYPE_CHECKING:
    from ttrl_cli.api.scaffolding import Scaffold


def new(
    name: Annotated[
        Path,
        typer.Argument(metavar="NAME", help="The folder to make; its name is the problem's."),
    ],
    *,
    kind: Annotated[
        str | None, typer.Option(help="What a solution is: program (default), json or text.")
    ] = None,
    with_inputs: Annotated[
        bool, typer.Option("--with-inputs", help="A program that is run on inputs (`measure`).")
    ] = False,
    copied: CopiedProblem = None,
    as_json: o.AsJson = False,
) -> None:
    """Make the folder of a new problem: a small one that works, or a copy, to be made yours.

    Example: ttrl new my-problem --from ac1_16
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    if copied is not None and kind is not None:
        msg = "--kind: a copy (--from) is of its problem's kind; leave one of them out"
        raise UsageError(msg)
    if copied is not None and with_inputs:
        msg = "--with-inputs: a copy (--from) is as its problem is; leave one of them out"
        raise UsageError(msg)
    if copied is None:
        made = api.new(name, kind or "program", with_inputs=with_inputs)
    else:
        made = api.copy_problem(copied, name)
    console = Console()
    if as_json:
        found = {"folder": str(made.folder), "kind": made.kind, "files": list(made.files)}
        console.result_json(found)
        return
    console.result(_describe(made))


def _describe(made: "Scaffold") -> str:
    """Say what was made, and what to type next."""
    folder = shlex.quote(str(made.folder))
    lines = [
        f"{made.folder}: a problem of kind {made.kind}, {len(made.files)} files",
        f"  ttrl check {folder}",
    ]
    seeds = sorted(file for file in made.files if file.startswith("seeds/"))
    if seeds and "measure.py" in made.files:
        lines.append(f"  ttrl measure {folder} {shlex.quote(f'{made.folder}/{seeds[0]}')}")
    if "replay.jsonl" in made.files:
        replay = shlex.quote(f"replay:{made.folder}/replay.jsonl")
        lines.append(f"  ttrl solve {folder} --sampler {replay}")
    return "\n".join([*lines, f"  ttrl solve {folder}"])
