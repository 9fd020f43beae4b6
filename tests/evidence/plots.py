"""The plots of docs/evidence: one figure per problem, one of the ablations, one of the votes.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; lines differ in
dashes and markers as well.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.evidence.plan import VOTE_FIGURE, Arm, Subject
from tests.evidence.records import Experiment, Record
from ttrl_cli.report.measures import curve

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "x")
MOST_BANDS = 3  # more of them hide each other
MOST_MARKERS = 13
SIZE = (10.0, 3.9)  # inches
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text, which takes half the bytes
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "svg.hashsalt": "ttrl",  # the same figures, the same file
}


def draw(plan: Sequence[Subject], experiments: Sequence[Experiment], folder: Path) -> list[Path]:
    """Write every figure that there are runs for.

    Args:
        plan: Says which arms stand in which figure.
        experiments: The figures.
        folder: Where the plots go.

    Returns:
        The files.
    """
    written = []
    with mpl.rc_context(STYLE):
        for name, figure in _figures(plan, experiments):
            # no date in it; the canvas needs no display
            FigureCanvasAgg(figure)
            figure.savefig(folder / name, metadata={"Date": None})
            written.append(folder / name)
    return written


def _figures(
    plan: Sequence[Subject], experiments: Sequence[Experiment]
) -> Iterator[tuple[str, Figure]]:
    known = {experiment.problem: experiment for experiment in experiments}
    there = [(subject, known[subject.name]) for subject in plan if subject.name in known]
    for subject, experiment in there:
        if experiment.direction is None:
            continue
        if drawn(experiment, subject.arms):
            yield subject.figure, solve_figure(subject.title, experiment, subject.arms)
        if drawn(experiment, subject.ablations):
            arms = (subject.arms[0], *subject.ablations)
            title = f"{subject.title}, ablations"
            yield subject.ablation_figure, solve_figure(title, experiment, arms)
    votes = [(subject, it) for subject, it in there if it.direction is None and it.records]
    if votes:
        yield VOTE_FIGURE, vote_figure(votes)


def drawn(experiment: Experiment, arms: Sequence[Arm]) -> bool:
    """True where some run of these arms is there to be drawn."""
    return any(experiment.of(arm.name) for arm in arms)


def solve_figure(title: str, experiment: Experiment, arms: Sequence[Arm]) -> Figure:
    """Best score so far, and the share of valid and distinct samples, of each arm."""
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    lower = experiment.direction == "minimize"
    _lines(left, experiment, arms, curve, _samples)
    left.set_xlabel("samples drawn")
    left.set_ylabel(f"best score so far ({'lower' if lower else 'higher'} is better)")
    left.set_title("Best score so far")
    _lines(right, experiment, arms, lambda it: _percent(it, "solve/distinct"), _steps)
    right.set_xlabel("step")
    right.set_ylabel("% of the samples (higher is better)")
    right.set_ylim(bottom=0)
    right.set_title("Valid samples that are new and differ from each other")
    of = "" if len(arms) <= MOST_BANDS else f" of {arms[0].name}"
    figure.suptitle(f"{title}\nline: median of the runs; band: smallest to largest{of}")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _lines(
    axes: Axes,
    experiment: Experiment,
    arms: Sequence[Arm],
    y: Callable[[Record], Sequence[float]],
    x: Callable[[Record], Sequence[float]],
) -> None:
    """A line for each arm, and a band for the first one, or for each if they are few."""
    for place, arm in enumerate(arms):
        runs = experiment.of(arm.name)
        if not runs:
            continue
        length = min(len(y(run)) for run in runs)
        y_NT = np.array([y(run)[:length] for run in runs])
        x_T = x(runs[0])[:length]
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(
            x_T,
            np.median(y_NT, axis=0),
            color=colour,
            linestyle=DASHES[place % len(DASHES)],
            marker=MARKERS[place % len(MARKERS)],
            markersize=4,
            markevery=-(-length // MOST_MARKERS),
            label=f"{arm.name} ({len(runs)} runs)",
        )
        if place == 0 or len(arms) <= MOST_BANDS:
            low_T, high_T = y_NT.min(axis=0), y_NT.max(axis=0)
            axes.fill_between(x_T, low_T, high_T, color=colour, alpha=0.15, linewidth=0)


def _samples(record: Record) -> list[float]:
    """Samples drawn at each point of the best-so-far curve."""
    return [0.0, *np.cumsum(record.column("sample/completions")).tolist()]


def _steps(record: Record) -> list[float]:
    return [float(step) for step in range(1, len(record.column("solve/distinct")) + 1)]


def _percent(record: Record, key: str) -> list[float]:
    return [100 * value for value in record.column(key)]


def vote_figure(votes: Sequence[tuple[Subject, Experiment]]) -> Figure:
    """Accuracy of single samples and of the vote, before and after, of each run."""
    figure = Figure(figsize=SIZE, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"pass@1": "Single samples (pass@1)", "maj@n": "The vote (maj@n)"}
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        for place, (subject, experiment) in enumerate(votes):
            _accuracies(axes, place, subject, experiment, key)
        axes.set_xticks(range(len(votes)), [subject.title for subject, _ in votes])
        axes.set_xlim(-0.6, len(votes) - 0.4)
        axes.set_ylim(0, 100)
        axes.set_title(title)
        axes.grid(visible=False, axis="x")
    panels[0].set_ylabel("right answers, % (higher is better)")
    figure.suptitle("Learning from the vote: one arrow per run, from before to after")
    handles, labels = panels[0].get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=len(known))
    return figure


def _accuracies(axes: Axes, place: int, subject: Subject, experiment: Experiment, key: str) -> None:
    """The arrows of one set's runs, and marks for the untrained model at other temperatures."""
    trained = experiment.of(subject.arms[0].name)
    for offset, record in zip(_spread_out(len(trained)), trained, strict=True):
        before, after = (100 * record.figures[when][key] for when in ("before", "after"))
        x = place + offset
        axes.annotate(
            "", xy=(x, after), xytext=(x, before), arrowprops={"arrowstyle": "->", "lw": 1.4}
        )
        axes.plot(x, before, "s", color=COLOURS[1], markersize=5, label="before")
        axes.plot(x, after, "o", color=COLOURS[0], markersize=5, label="after")
    for nth, arm in enumerate(subject.arms[1:]):
        x, colour = place + 0.36 + 0.1 * nth, COLOURS[2 + nth]
        for record in experiment.of(arm.name):
            value = 100 * record.figures["before"][key]
            axes.plot(x, value, MARKERS[2 + nth], color=colour, markersize=6, label=arm.words)


def _spread_out(count: int) -> np.ndarray:
    """Places side by side around 0."""
    return 0.18 * (np.arange(count) - (count - 1) / 2)
