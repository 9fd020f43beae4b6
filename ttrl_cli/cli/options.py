"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli.fields import fields_of, option_of
from ttrl_cli.errors import UsageError

ADVANCED = "Advanced"

Out = Annotated[Path | None, typer.Option(help="Run directory to make (default runs/NAME-K).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and warnings.")]
Sandbox = Annotated[str | None, option_of("sandbox", fields_of("SolveConfig")["sandbox"], ADVANCED)]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw the trials of a problem with `measure` from the secret in this file.",
        rich_help_panel=ADVANCED,
    ),
]
Limits = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=VALUE,...",
        help="Limits instead of the problem's own, such as seconds=10,memory_mb=512.",
    ),
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting that the problem declares; may be given several times.",
    ),
]


def parse_limits(text: str | None) -> dict[str, str]:
    """Parse the keys and values of --limits.

    Raises:
        UsageError: If it is not KEY=VALUE,... with each key once.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text is not None else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or key.strip() in found:
            msg = f"--limits: expected KEY=VALUE,... with each key once (got {text!r})"
            raise UsageError(msg)
        found[key.strip()] = value.strip()
    return found


def parse_settings(given: list[str] | None) -> dict[str, str]:
    """Parse the keys and values of --set.

    Raises:
        UsageError: If one is not KEY=VALUE, or a key comes twice.
    """
    found: dict[str, str] = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key or key in found:
            msg = f"--set: expected KEY=VALUE, each key once (got {text!r})"
            raise UsageError(msg)
        found[key] = value
    return found
