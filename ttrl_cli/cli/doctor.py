"""`ttrl doctor`."""

from typing import TYPE_CHECKING

from ttrl_cli.cli import options as o
from ttrl_cli.errors import SetupError

if TYPE_CHECKING:
    from ttrl_cli.api.doctoring import Health
    from ttrl_cli.records import Json
    from ttrl_cli.sandbox.base import Property
    from ttrl_cli.sandbox.choose import Checked

_WIDTH = 12


def doctor(*, as_json: o.AsJson = False) -> None:
    """Attack each sandbox on this machine and print what it covers and what it does not.

    Small programs try what the programs of a model must not be able to do; that takes about ten
    seconds for each sandbox. Exit code 3 where none isolates programs.
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    health = api.doctor()
    console = Console()
    if as_json:
        console.result_json(_as_json(health))
    else:
        console.result(_describe(health))
    if health.warning:
        raise SetupError(health.warning)


def _describe(health: "Health") -> str:
    """A table for people: a line for each property, a column for each sandbox."""
    from ttrl_cli.sandbox.base import Property

    names = [checked.backend.name for checked in health.sandboxes]
    lines = [f"{health.kernel}", "", _line("sandbox", names)]
    lines += [
        _line(name.value, [_cell(checked, name) for checked in health.sandboxes])
        for name in Property
    ]
    lines.append("")
    for checked in health.sandboxes:
        if checked.protections:
            lines.append(f"{checked.backend.name} also uses {', '.join(checked.protections)}")
        if checked.why_not:
            lines.append(f"{checked.backend.name}: {checked.why_not}")
        lines += [f"{checked.backend.name}, {k}: {what}" for k, what in checked.broken.items()]
    lines.append(f"--sandbox auto takes: {health.chosen or 'none'}")
    lines.append("What each line means, and what no sandbox covers: docs/sandbox.md")
    return "\n".join(lines)


def _line(head: str, cells: list[str]) -> str:
    return f"{head:<26}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip()


def _cell(checked: "Checked", name: "Property") -> str:
    if checked.why_not:
        return "-"
    if name in checked.broken:
        return "BROKEN"
    return "yes" if name in checked.held else "no"


def _as_json(health: "Health") -> "dict[str, Json]":
    return {
        "kernel": health.kernel,
        "chosen": health.chosen,
        "sandboxes": [
            {
                "name": checked.backend.name,
                "why_not": checked.why_not,
                "covered": [name.value for name in checked.held],
                "broken": {name.value: what for name, what in checked.broken.items()},
                "protections": list(checked.protections),
            }
            for checked in health.sandboxes
        ],
    }
