"""`ttrl measure PROBLEM SOLUTION`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.names import ProblemPath
from ttrl_cli.cli.verify import read_solution
from ttrl_cli.errors import NoSolutionError

if TYPE_CHECKING:
    from ttrl_cli.api.measuring import Measurement


def measure(
    problem: ProblemPath,
    solution: Annotated[
        Path,
        typer.Argument(metavar="SOLUTION", help="A solution's file; - for standard input."),
    ],
    *,
    trial: Annotated[
        int, typer.Option(min=0, help="Which trial; a search measures on trial 0.")
    ] = 0,
    split: Annotated[Literal["search", "held-out"], typer.Option(help="Whose trials.")] = "search",
    limits: o.Limits = None,
    sandbox: o.Sandbox = None,
    secret_file: o.SecretFile = None,
    settings: o.Settings = None,
    as_json: o.AsJson = False,
) -> None:
    """Measure a solution on one trial, and show each call: for debugging a `measure`.

    Exit code 0 if the solution is valid, 4 if it is not. Without --secret-file the trial is drawn
    from a new secret, which is printed.

    Example: ttrl measure van_loading solution.py --trial 3
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    found = api.measure(
        problem,
        read_solution(solution),
        trial=trial,
        split=split,
        limits=o.parse_limits(limits),
        sandbox=sandbox,
        secret_file=secret_file,
        settings=o.parse_settings(settings),
    )
    console = Console()
    if found.warning:
        console.warn(found.warning)
    if secret_file is None:
        console.say(f"its trial was drawn from the secret {found.secret}")
    if as_json:
        console.result_json(found.as_json())
    else:
        console.result(_describe(found))
    if not found.verdict.valid:
        raise typer.Exit(NoSolutionError.exit_code)


def _describe(found: "Measurement") -> str:
    """Describe a measurement for people: a line per call, and what came of them."""
    from ttrl_cli.figures import number, shown_score

    lines = [f"{found.problem.spec.name}: {found.split} trial {found.number}"]
    for index, call in enumerate(found.calls):
        # of a traceback the last line says what went wrong
        said = call["reason"].strip().rpartition("\n")[2] or call["output"]
        line = " ".join(said.split())
        lines.append(
            f"  call {index:<4} {call['status']:<9} {call['seconds']:8.3f} s  {line:.60}".rstrip()
        )
    verdict = found.verdict
    if verdict.score is None:
        lines.append(f"not valid: {verdict.status}: {verdict.reason}")
    else:
        score = shown_score(verdict.score, verdict.error)
        lines.append(f"valid\n  score       {score}  ({verdict.seconds:.2f} s)")
        lines += [f"  {name:<11} {number(value)}" for name, value in verdict.metrics.items()]
    return "\n".join(lines)
