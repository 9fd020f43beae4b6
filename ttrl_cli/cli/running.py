"""What solve, vote and resume have in common: the view, and the way they end."""

import time
from typing import TYPE_CHECKING

from ttrl_cli.errors import InterruptedRunError

if TYPE_CHECKING:
    from ttrl_cli.console import RunView
    from ttrl_cli.report import Summary


def run_view(*, quiet: bool) -> "RunView":
    """Make a view of a run, and start its clock."""
    started = time.monotonic()
    from ttrl_cli.console import Console, RunView

    return RunView(Console(quiet=quiet), started=started)


def print_summary(summary: "Summary", *, as_json: bool, quiet: bool) -> None:
    """Print a solve run's summary.

    Raises:
        NoSolutionError: If the run found no valid solution.
        InterruptedRunError: If it was interrupted.
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    console = Console(quiet=quiet)
    if as_json:
        console.result_json(summary.as_json())
    else:
        console.result(describe(summary))
    end(summary)
    api.require_solution(summary)


def end(summary: "Summary") -> None:
    """Raise an error that says how to go on, if the run was interrupted.

    Raises:
        InterruptedRunError: If the run was interrupted.
    """
    if summary.status == "interrupted":
        msg = f"interrupted after step {summary.steps}; go on with: ttrl resume {summary.run}"
        raise InterruptedRunError(msg)


def describe(summary: "Summary") -> str:
    """Describe a run's summary for people."""
    from ttrl_cli.figures import number, shown_score

    lines = [f"{summary.problem}: {summary.status}, {summary.run}"]
    if summary.best is not None:
        where = f"step {summary.best.step}, {summary.best.id}" if summary.best.step else "a seed"
        best = shown_score(
            summary.best.score, summary.best.error, unverified=summary.best.unverified
        )
        lines.append(f"  best score   {best}  ({where})")
        if summary.best.certified is not None:
            lines.append(f"  certified    {summary.best.certified!r}")
    lines += _held_out(summary)
    if summary.seed_score is not None:
        seed = shown_score(summary.seed_score, unverified=summary.unverified)
        lines.append(f"  seed score   {seed}")
    if summary.best_known is not None:
        lines.append(f"  best known   {number(summary.best_known)}")
    lines.append(
        f"  spent        {summary.steps} steps, {summary.samples} samples "
        f"({summary.valid} valid), {summary.tokens} tokens, {summary.seconds:.0f} s"
    )
    if summary.too_long:
        prompts = "prompt" if summary.too_long == 1 else "prompts"
        lines.append(
            f"  too long     {summary.too_long} {prompts} left no room in the model's context"
        )
    if summary.best is not None:
        lines.append(f"  solution     {summary.best.path}")
    return "\n".join(lines)


def _held_out(summary: "Summary") -> list[str]:
    """Say what held-out trials say of the best solution, and whether the run went on after that."""
    from ttrl_cli.figures import with_error

    lines = []
    found = None if summary.best is None else summary.best.held_out
    if found is not None and found.score is not None:
        lines.append(f"  held out     {with_error(found.score, found.error)}")
    elif found is not None:
        lines.append(f"  held out     not valid: {found.status}: {found.reason}")
    if summary.went_on:
        lines.append(f"  held out     {summary.went_on}")
    return lines
