"""`ttrl show RUN`."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli import seen
from ttrl_cli.cli.resume import RunPath
from ttrl_cli.cli.running import describe
from ttrl_cli.cli.vote import describe_votes
from ttrl_cli.errors import UsageError

if TYPE_CHECKING:
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

_LOOK = 1.0
"""Seconds between two looks at a run that is followed."""


def show(
    run: RunPath,
    *,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Show each new step until the run ends."),
    ] = False,
    digest: Annotated[
        bool,
        typer.Option("--digest", help="Print a SHA-256 over attempts and archive, without times."),
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Show how a run stands, running or not: what was found, from what, and how learning went.

    Of a search: the best solution and its ancestry, a plot of the best score over samples, and the
    shares of valid samples and the entropy by step. Of a vote: the metrics of its passes. Ctrl-C
    ends --follow and leaves the run alone. With --follow --json, each new step is a line.

    Example: ttrl show runs/ac1_16-1 --follow
    """
    from ttrl_cli import report
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    if digest and follow:
        msg = "--digest is of the run as it stands; leave out --follow"
        raise UsageError(msg)
    opened = RunDir.open(run)
    console = Console()
    if digest:
        console.result(report.digest(opened))
    elif follow:
        _follow(run, console, as_json=as_json)
    else:
        _print(opened, console, as_json=as_json)


def _print(run: "RunDir", console: "Console", *, as_json: bool) -> None:
    if as_json:
        console.result_json(_facts(run))
    else:
        console.result(_text(run))


def _follow(path: Path, console: "Console", *, as_json: bool) -> None:
    """Print a run's standing after each step, until it ends or Ctrl-C is pressed.

    Raises:
        Exit: At Ctrl-C, with exit code 130.
    """
    from rich.live import Live
    from rich.text import Text

    from ttrl_cli.escapes import visible
    from ttrl_cli.rundir import RunDir

    live = None
    if console.out.is_terminal and not console.out.is_dumb_terminal and not as_json:
        live = Live(console=console.out, auto_refresh=False, vertical_overflow="crop")
    seen_before: object = None
    try:
        if live is not None:
            live.start()
        while True:
            run = RunDir.open(path)
            ended = run.status.phase != "running" or not run.held()
            commit = run.last_checkpoint()
            if not ended and (live is not None or commit != seen_before):
                if live is not None:
                    live.update(Text(visible(_text(run)), no_wrap=True), refresh=True)
                else:
                    _print_step(run, console, as_json=as_json)
            seen_before = commit
            if ended:
                break
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        console.say(f"{path} goes on without this view")
        raise typer.Exit(130) from None
    finally:
        if live is not None:
            live.update(Text(""), refresh=True)
            live.stop()
    _print(RunDir.open(path), console, as_json=as_json)


def _print_step(run: "RunDir", console: "Console", *, as_json: bool) -> None:
    """Print one line on a run that is followed without a terminal."""
    from ttrl_cli import report
    from ttrl_cli.figures import shown_score

    if as_json:
        console.result_json(_facts(run))
        return
    standing = report.read_standing(run)
    best = standing.summary.best
    found = ""
    if best is not None:
        found = f", best score {shown_score(best.score, best.error, unverified=best.unverified)}"
    console.result(seen.progress_line(standing).partition("progress")[2].strip() + found)


def _facts(run: "RunDir") -> dict[str, Any]:
    """Return what --json prints."""
    from ttrl_cli import api, report

    standing = report.read_standing(run)
    facts = {
        **standing.summary.as_json(),
        "kind": standing.kind,
        "direction": standing.direction,
        "gap": standing.gap,
        "started": standing.started,
        "progress": asdict(standing.progress),
    }
    if standing.kind == "vote":
        figures: Mapping[str, Any] | None = api.vote_figures(run)
        return facts if figures is None else {**facts, "figures": figures}
    history = report.read_history(run)
    best = standing.summary.best
    line = history.lineage(best.id) if best is not None else ()
    return {
        **facts,
        "lineage": [asdict(node) for node in line],
        "points": [asdict(point) for point in history.points],
    }


def _text(run: "RunDir") -> str:
    """Return what is printed for people."""
    from ttrl_cli import api, report

    standing = report.read_standing(run)
    summary, width, ascii = standing.summary, seen.terminal_width(), seen.ascii_only()
    figures = api.vote_figures(run)
    said = describe(summary) if figures is None else describe_votes(summary, figures)
    head, *rest = said.split("\n")
    lines = [head, seen.progress_line(standing), *rest]
    if standing.kind == "vote":
        steps = report.read_steps(run)
        return "\n".join([*lines, *seen.sparklines(steps, width=width, ascii=ascii)])
    history = report.read_history(run)
    if standing.gap is not None:
        lines.insert(3, f"  gap          {standing.gap:.3g}")
    if summary.best is not None:
        lines += seen.ancestry(
            history.lineage(summary.best.id), unverified=summary.unverified, ascii_only=ascii
        )
    lines += seen.score_plot(history, standing, width=width, ascii=ascii)
    lines += seen.sparklines(history.steps, width=width, ascii=ascii)
    return "\n".join(lines)
