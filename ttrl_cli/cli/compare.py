"""`ttrl compare RUN...`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli import seen

if TYPE_CHECKING:
    from ttrl_cli.report.compare import Comparison, Row
    from ttrl_cli.report.measures import Measure


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run directories, or files of records like docs/evidence/*.json."
        ),
    ],
    *,
    over: Annotated[
        Literal["samples", "tokens", "seconds"],
        typer.Option(help="What the plot of a search's best score is over."),
    ] = "samples",
    as_json: o.AsJson = False,
) -> None:
    """Compare runs of one problem: do options help, or is it the seeds?

    Runs that differ in nothing but their seed are one arm; arms are named by the options that set
    them apart. The first arm is held against each of the others: spread over its runs, and an exact
    permutation test, with Holm's correction for the number of arms.

    Example: ttrl compare runs/ac1_16-1 runs/ac1_16-2 --over tokens
    """
    from ttrl_cli.console import Console
    from ttrl_cli.report import compare as comparing
    from ttrl_cli.report.experiment import read_experiment

    console = Console()
    distinct = {path.resolve(): path for path in reversed(runs)}
    if len(distinct) < len(runs):
        console.warn("runs that are named twice count once")
    runs = [path for path in dict.fromkeys(runs) if distinct.pop(path.resolve(), None)]
    joined = comparing.together([(str(path), read_experiment(path)) for path in runs])
    found = comparing.compare(joined)
    width = seen.terminal_width() if console.out.is_terminal else None
    for note in found.notes:
        console.warn(note)
    if as_json:
        console.result_json(_facts(found))
    else:
        console.result("\n".join(_text(found, over, width)))


def _facts(found: "Comparison") -> dict[str, Any]:
    return {
        "problem": found.experiment.problem,
        "direction": found.experiment.direction,
        "best_known": found.experiment.best_known,
        **({"unverified": True} if found.experiment.unverified else {}),
        "arms": [
            {
                "label": arm.label,
                "options": dict(arm.options),
                "seeds": [record.seed for record in arm.records],
                "totals": [dict(record.totals) for record in arm.records],
            }
            for arm in found.arms
        ],
        "measures": [
            {"title": measure.title, "arms": [asdict(row) for row in rows]}
            for measure, rows in found.tables
        ],
        "notes": list(found.notes),
    }


def _fitting(rows: list[list[str]], width: int | None) -> list[list[str]]:
    """Leave out the interval of the mean, then the range, where a terminal is too narrow for them.

    Args:
        rows: The cells of a table, heads first.
        width: Columns of the terminal; None in a pipe, which has room.
    """
    from ttrl_cli.report.plot import table

    for column in (4, 3):
        if width is not None and max(map(len, table(rows))) > width:
            rows = [[cell for at, cell in enumerate(row) if at != column] for row in rows]
    return rows


def _text(found: "Comparison", over: str, width: int | None) -> Iterator[str]:
    from ttrl_cli.figures import marked, number
    from ttrl_cli.report.measures import digits_for
    from ttrl_cli.report.plot import table

    experiment = found.experiment
    direction = experiment.direction
    known = "" if experiment.best_known is None else f", best known {number(experiment.best_known)}"
    mark = marked(unverified=experiment.unverified)
    what = "" if direction is None else f": {direction}{known}{', scores are' * bool(mark)}{mark}"
    yield f"{experiment.problem}{what}"
    for measure, rows in found.tables:
        yield ""
        yield measure.title + ("" if measure.share else mark)
        heads = ["arm", "runs", "median", "smallest to largest", "mean (95%)"]
        heads += ["first is better by", "p", "Holm"] if len(rows) > 1 else []
        digits = digits_for([value for row in rows for value in row.values])
        cells = [heads, *(_cells(measure, row, digits)[: len(heads)] for row in rows)]
        yield from table(_fitting(cells, width))
        tested = [row.outcome for row in rows if row.outcome is not None]
        if tested:
            least = min(outcome.smallest for outcome in tested)
            yield f"with so many runs no p can be below {least:.2g}"
    if direction is not None:
        yield ""
        yield from _at_equal_cost(found)
        yield ""
        yield from _plot(found, over)


def _cells(measure: "Measure", row: "Row", digits: int) -> list[str]:
    it = row.spread
    figures = (it.median, it.low, it.high, it.mean, *it.interval)
    median, least, most, mean, low, high = (measure.say(value, digits) for value in figures)
    cells = [row.label, str(it.n), median, f"{least} to {most}", f"{mean} ({low} to {high})"]
    if row.outcome is None or row.holm is None:
        return [*cells, "", "", ""]
    by = measure.say_difference(row.outcome.effect)
    return [*cells, by, f"{row.outcome.p:.2g}", f"{row.holm:.2g}"]


def _at_equal_cost(found: "Comparison") -> Iterator[str]:
    """Yield a table of the median best score when equal amounts were spent."""
    from ttrl_cli.figures import marked
    from ttrl_cli.report.compare import AXES, best_at, common
    from ttrl_cli.report.few_runs import spread
    from ttrl_cli.report.measures import digits_for
    from ttrl_cli.report.plot import table

    # scripted runs have no tokens, and next to no seconds
    every = {axis: common(found.experiment, axis) for axis in AXES}
    spent = {axis: amount for axis, amount in every.items() if amount >= 1}
    yield "Best score at equal cost (median)" + marked(unverified=found.experiment.unverified)
    rows = [["arm", *(f"{amount:,.0f} {axis}" for axis, amount in spent.items())]]
    medians = {
        arm.label: [
            spread([best_at(record, axis, amount) for record in arm.records]).median
            for axis, amount in spent.items()
        ]
        for arm in found.arms
    }
    digits = digits_for([value for at in medians.values() for value in at])
    rows += [[label, *(f"{value:.{digits}g}" for value in at)] for label, at in medians.items()]
    yield from table(rows)


def _plot(found: "Comparison", over: str) -> Iterator[str]:
    from ttrl_cli.figures import marked
    from ttrl_cli.report.compare import median_curve
    from ttrl_cli.report.plot import Series, plot

    known = found.experiment.best_known
    series = [
        Series(label=f"{arm.label} ({len(arm.records)})", points=median_curve(arm, over))
        for arm in found.arms
    ]
    mark = marked(unverified=found.experiment.unverified)
    yield f"Best score so far over {over}: medians of the runs{mark}"
    yield from plot(
        series,
        x_label=over,
        width=seen.terminal_width(),
        level=None if known is None else ("best known", known),
        ascii_only=seen.ascii_only(),
    )
