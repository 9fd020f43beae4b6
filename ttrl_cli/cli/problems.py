"""`ttrl problems`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from ttrl_cli.cli import options as o

if TYPE_CHECKING:
    from ttrl_cli.api.listing import Listed

_HEADS = ("name", "kind", "direction", "best known", "")


def problems(*, as_json: o.AsJsonLines = False) -> None:
    """List the problem library, whose names other commands take in place of a path.

    A kind is what a solution is: program, json or text. Sets of questions are for `ttrl vote`.

    Example: ttrl problems --json
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    console = Console()
    found = api.problems()
    if as_json:
        for one in found:
            console.result_json(asdict(one) | {"path": str(one.path)})
        return
    rows = [_HEADS, *(_cells(one) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.result("  ".join(cells).rstrip())
    console.say("ttrl solve NAME, ttrl vote NAME for questions, ttrl new --from NAME FOLDER")


def _cells(one: "Listed") -> tuple[str, ...]:
    from ttrl_cli.figures import number

    best = "" if one.best_known is None else number(one.best_known)
    return one.name, one.kind, one.direction or "", best, one.about
