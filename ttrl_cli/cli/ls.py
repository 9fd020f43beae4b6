"""`ttrl ls [FOLDER]`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttrl_cli.cli import options as o

if TYPE_CHECKING:
    from ttrl_cli.report.listing import Found
    from ttrl_cli.report.standing import Standing

_HEADS = ["run", "problem", "status", "steps", "best", "gap", "age"]


def ls(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder with run directories in it.")
    ] = Path("runs"),
    *,
    as_json: o.AsJsonLines = False,
) -> None:
    """List the runs in a folder (default runs), the newest last.

    The gap is how far the best score is from the best known. A run that cannot be read is named,
    with the reason.

    Example: ttrl ls runs
    """
    from ttrl_cli.console import Console
    from ttrl_cli.report.listing import find_runs
    from ttrl_cli.report.plot import table

    console = Console()
    found = list(find_runs(folder))
    if as_json:
        for one in found:
            console.result_json(_facts(one))
        return
    readable = [(one.path, one.standing) for one in found if one.standing is not None]
    rows = [_HEADS, *(_cells(path, standing) for path, standing in readable)]
    if readable:
        console.result("\n".join(table(rows)))
    for one in found:
        if one.why:
            console.warn(one.why)
    if not found:
        console.say(f"there is no run in {folder}")


def _facts(one: "Found") -> dict[str, Any]:
    standing = one.standing
    if standing is None:
        return {"run": str(one.path), "error": one.why}
    summary, best = standing.summary, standing.summary.best
    return {
        "run": str(one.path),
        "kind": standing.kind,
        "problem": summary.problem,
        "status": summary.status,
        "steps": summary.steps,
        "planned": standing.progress.steps,
        "best": None if best is None else best.score,
        **({"unverified": True} if summary.unverified else {}),
        **({} if best is None or best.held_out is None else {"held_out": best.held_out.score}),
        "best_known": summary.best_known,
        "gap": standing.gap,
        "started": standing.started,
        "left": standing.progress.left,
    }


def _cells(path: Path, standing: "Standing") -> list[str]:
    from ttrl_cli.figures import shown_score

    summary, best, planned = standing.summary, standing.summary.best, standing.progress.steps
    return [
        str(path),
        summary.problem,
        summary.status,
        str(summary.steps) if planned is None else f"{summary.steps}/{planned}",
        "" if best is None else shown_score(best.score, best.error, unverified=best.unverified),
        "" if standing.gap is None else f"{standing.gap:.3g}",
        _age(standing.started),
    ]


def _age(started: str | None) -> str:
    """Say how long ago a run began, in its largest unit."""
    if started is None:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
