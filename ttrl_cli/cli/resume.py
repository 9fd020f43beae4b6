"""`ttrl resume RUN`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.fields import fields_of, with_options
from ttrl_cli.cli.running import print_summary, run_view
from ttrl_cli.cli.vote import print_votes
from ttrl_cli.errors import UsageError

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]


_KEPT = "Refused: a run keeps the settings that it began with."
_BOUNDS = [fields_of("RunConfig")[name] for name in ("steps", "samples", "tokens", "seconds")]
_BOUNDS += [fields_of("SolveConfig")[name] for name in ("until", "patience")]
_BOUNDS.append(fields_of("VoteConfig")["epochs"])
_ABOUT_THE_BEST = {
    "until": "its best score is good enough",
    "patience": "it has found nothing better for so many steps",
}


# their defaults are what the run has
@with_options([replace(field, default=None) for field in _BOUNDS], panel="Bounds")
def resume(
    run: RunPath,
    *,
    settings: Annotated[list[str] | None, typer.Option("--set", hidden=True, help=_KEPT)] = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    chosen: Mapping[str, object],
) -> None:
    """Go on with a run from its last committed step.

    Bounds are totals of the whole run: --steps 100 takes a run of 50 steps to 100; of a vote they
    count its training steps, and --epochs says the same in epochs. --until and --patience are for
    searches. A finished run is left as it
    is. A vote prints its JSON lines, a search its summary.

    Example: ttrl resume runs/ac1_16-1 --steps 100
    """
    if settings:
        msg = f"--set {settings[0]}: a run keeps the settings that it began with; begin another"
        raise UsageError(msg)
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api
        from ttrl_cli.console import Console
        from ttrl_cli.rundir import RunDir

        opened = RunDir.open(run)
        before, was_held_out = opened.status, opened.best.held_out()
        summary = api.resume(run, options=chosen, reporter=view, started=view.started)
    if before.phase == "done" and before.totals == RunDir.open(run).status.totals:
        done = "nothing was done"
        if was_held_out is None and summary.best is not None and summary.best.held_out is not None:
            done = "its best solution was measured on held-out trials"
        bound = "steps" if before.stopped_by == "collapse" else before.stopped_by
        why = _ABOUT_THE_BEST.get(bound, "")
        Console(quiet=quiet).say(
            f"{run} was finished already ({why or before.stopped_by}); {done}. "
            f"Give {'another' if why else 'a larger'} --{bound} to go on."
        )
    if before.kind == "vote":
        print_votes(summary, quiet=quiet)
    else:
        print_summary(summary, as_json=as_json, quiet=quiet)
