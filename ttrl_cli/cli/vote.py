"""`ttrl vote QUESTIONS`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.fields import fields_of, with_options
from ttrl_cli.cli.names import QuestionsPath
from ttrl_cli.cli.running import end, run_view

if TYPE_CHECKING:
    from ttrl_cli.report import Summary

Figures: TypeAlias = Mapping[str, Any]
"""The contents of summary.json, or of one of its passes."""


@with_options(fields_of("VoteConfig").values(), names={"group_size": "n"})
def vote(
    questions: QuestionsPath,
    *,
    prompt: Annotated[
        Path | None,
        typer.Option(
            metavar="YAML",
            help="System message, worked examples, template, run options (default: the YAML of "
            "the same name beside QUESTIONS, if there is one).",
        ),
    ] = None,
    system: Annotated[str | None, typer.Option(help="System message.")] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out bad records, and count them."),
    ] = False,
    out: o.Out = None,
    quiet: o.Quiet = False,
    chosen: Mapping[str, object],
) -> None:
    """Sample N answers a question, learn from what most agree on, and answer again.

    Prints one JSON line per question, in the order of the file, from the final pass: fresh samples
    from the weights that were kept. `--steps 0` only votes. Labels (`answer`) are never learned
    from; they are read at the end, for the figures. Ctrl-C finishes and saves the step; `ttrl
    resume` goes on.

    Example: ttrl vote questions.jsonl --n 32 --epochs 2 > answers.jsonl
    """
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api

        summary = api.vote(
            sys.stdin.buffer.read() if str(questions) == "-" else questions,
            options=chosen,
            out=out,
            reporter=view,
            prompt=prompt,
            system=system,
            skip_bad=skip_bad,
            started=view.started,
        )
    print_votes(summary, quiet=quiet)


def print_votes(summary: "Summary", *, quiet: bool) -> None:
    """Print a vote run's results: one JSON line per question, and a table for people on stderr.

    Raises:
        NoSolutionError: If no sample of the run had an answer.
        InterruptedRunError: If the run was interrupted.
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console
    from ttrl_cli.rundir import RunDir

    console = Console(quiet=quiet)
    run = RunDir.open(Path(summary.run))
    for line in api.votes(run):
        console.result_json(line)
    figures = api.vote_figures(run)
    if figures is not None:
        console.say(describe_votes(summary, figures))
    end(summary)
    api.require_solution(summary)


def describe_votes(summary: "Summary", figures: Figures) -> str:
    """Describe the figures of a vote for people."""
    lines = [f"{summary.problem}: {summary.status}, {summary.run}"]
    if figures["bad"]:
        lines.append(f"  {figures['bad']} bad records were left out")
    if figures.get("cut_off"):
        lines.append(_cut_off(figures["cut_off"]))
    training = figures.get("training")
    passes = [figures] if training is None else [figures["before"], figures["after"]]
    heads = [""] if training is None else ["before", "after"]
    if training is not None:
        lines.append(" " * 18 + "".join(f"{head:>24}" for head in heads))
    lines += [
        f"  {name:<16}" + "".join(f"{cell(some) if some else '-':>24}" for some in passes)
        for name, cell in _ROWS.items()
        if any(some and cell(some) for some in passes)
    ]
    if training is not None:
        lines.append(_trained(training))
        if figures["after"] is None and training["steps"]:
            lines.append("  the final pass has not begun, so there are no answers yet")
    answered, asked = [some for some in passes if some][-1]["questions"], figures["asked"]
    if answered < asked:
        lines.append(f"  answers for {answered} of {asked} questions ({summary.stopped_by})")
    lines.append(
        f"  spent        {summary.steps} steps, {summary.samples} samples "
        f"({summary.valid} with an answer), {summary.tokens} tokens, {summary.seconds:.0f} s"
    )
    return "\n".join(lines)


def _cut_off(pairs: int) -> str:
    """Write one line on the comparisons that were cut off."""
    text = "1 comparison of answers was" if pairs == 1 else f"{pairs} comparisons of answers were"
    return f"  {text} cut off (too much CPU time or memory), which counts as different"


def _trained(training: Figures) -> str:
    """Describe the training, and why it stopped if the vote was collapsing."""
    text = f"  trained      {training['steps']} steps on {training['questions']} votes"
    text += f", {training['unanimous']} unanimous and {training['under_min_share']} under the "
    text += "least share left out"
    if training["ended_by"] == "collapse":
        text += (
            f"\n  stopped      the vote was collapsing ({training['why']}); "
            f"kept the weights of step {training['policy']}"
        )
    return text


def _share(figures: Figures, key: str) -> str:
    value, interval = figures[key], figures.get(f"{key}_interval")
    if value is None:
        return ""
    return f"{value:.1%}" + (f" ({interval[0]:.1%}-{interval[1]:.1%})" if interval else "")


def _pass_at_n(figures: Figures) -> str:
    every = figures["pass@k"]
    if not every:
        return ""
    k = max(every, key=int)
    return f"{every[k]:.1%} (k = {k})"


_ROWS: dict[str, Callable[[Figures], str]] = {
    "questions": lambda f: str(f["questions"]),
    "samples": lambda f: str(f["samples"]),
    "pass@1": lambda f: _share(f, "pass@1"),
    "pass@k": _pass_at_n,
    "maj@n": lambda f: _share(f, "maj@n"),
    "label accuracy": lambda f: _share(f, "label_accuracy"),
    "reward accuracy": lambda f: _share(f, "reward_accuracy"),
    "majority ratio": lambda f: _share(f, "majority_ratio"),
    "parsed": lambda f: _share(f, "parsed"),
    "entropy": lambda f: f"{f['entropy']:.3f} nats",
    "ties": lambda f: str(f["ties"]),
    # runs of before have no such count
    "too long": lambda f: str(f["too_long"]) if f.get("too_long") else "",
    "tokens": lambda f: str(f["tokens"]),
}
