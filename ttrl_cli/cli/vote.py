"""`ttrl vote QUESTIONS`."""

from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.running import end, run_view


def vote(
    questions: Annotated[
        Path, typer.Argument(metavar="QUESTIONS", help="JSON lines with question, id, answer.")
    ],
    *,
    n: Annotated[int | None, typer.Option("--n", help="Samples per question.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps; this version votes only: 0.")] = 0,
    out: o.Out = None,
    model: o.Model = None,
    sampler: o.Sampler = None,
    seed: o.Seed = None,
    quiet: o.Quiet = False,
    samples: o.Samples = None,
    tokens: o.Tokens = None,
    seconds: o.Seconds = None,
    groups: Annotated[int | None, typer.Option(help="Questions per round.")] = None,
    max_tokens: o.MaxTokens = None,
    temperature: o.Temperature = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    threads: o.Threads = None,
) -> None:
    """Sample N answers a question and print what most of them agree on, one JSON line each."""
    chosen = {
        "group_size": n,
        "steps": steps,
        "model": model,
        "sampler": sampler,
        "seed": seed,
        "samples": samples,
        "tokens": tokens,
        "seconds": seconds,
        "groups": groups,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "device": device,
        "dtype": dtype,
        "threads": threads,
    }
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api

        summary = api.vote(questions, options=chosen, out=out, reporter=view, started=view.started)
    print_votes(Path(summary.run), quiet=quiet)
    end(summary)
    api.require_solution(summary)


def print_votes(path: Path, *, quiet: bool) -> None:
    """Print a vote run's result, one JSON line per question."""
    from ttrl_cli import api
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    console = Console(quiet=quiet)
    for line in api.votes(RunDir.open(path)):
        console.result_json(line)
