"""`ttrl resume RUN`."""

from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.running import print_summary, run_view
from ttrl_cli.cli.vote import Epochs, print_votes

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]


def resume(
    run: RunPath,
    *,
    steps: o.Steps = None,
    epochs: Epochs = None,
    samples: o.Samples = None,
    tokens: o.Tokens = None,
    seconds: o.Seconds = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a run from its last committed step.

    Bounds are totals of the whole run: --steps 100 takes a run of 50 steps to 100; of a vote they
    count its training steps, and --epochs says the same in epochs. A finished run is left as it
    is. A vote prints its JSON lines, a search its summary.
    """
    chosen = {
        "steps": steps,
        "epochs": epochs,
        "samples": samples,
        "tokens": tokens,
        "seconds": seconds,
    }
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api
        from ttrl_cli.console import Console
        from ttrl_cli.rundir import RunDir

        before = RunDir.open(run).status
        summary = api.resume(run, options=chosen, reporter=view, started=view.started)
    if before.phase == "done" and before.totals == RunDir.open(run).status.totals:
        bound = "steps" if before.stopped_by == "collapse" else before.stopped_by
        Console(quiet=quiet).say(
            f"{run} was finished already ({before.stopped_by}); nothing was done. "
            f"Give a larger --{bound} to go on."
        )
    if before.kind == "vote":
        print_votes(summary, quiet=quiet)
    else:
        print_summary(summary, as_json=as_json, quiet=quiet)
