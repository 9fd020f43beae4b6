"""What `ttrl show` says of a run for people, beyond its summary: lines of text."""

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ttrl_cli.report import AttemptRow, History, Node, Standing, StepRow

_WIDEST = 120
_MOST_ANCESTORS = 12
_SHARES = {
    "valid": "solve/valid",
    "distinct": "solve/distinct",
    "majority": "vote/share",
    "parsed": "vote/parsed",
}
_OTHERS = {"entropy": "train/entropy", "votes' entropy": "vote/entropy"}
_LABEL = 15


def terminal_width() -> int:
    """Return the columns of the terminal, at most 120; 80 in a pipe."""
    return min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)


def ascii_only() -> bool:
    """Decide whether standard output can hold nothing but ASCII."""
    try:
        "●┄▁└".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def progress_line(standing: "Standing") -> str:
    """Say how far a run has come, and how long it still takes."""
    from ttrl_cli.heartbeat import duration

    now, summary = standing.progress, standing.summary
    bound = f" of {now.steps}" if now.steps is not None else ""
    text = f"  progress     {summary.steps}{bound} steps"
    if now.share is not None:
        of = f" of its {now.bound}" if now.bound not in ("", "steps") else ""
        text += f", {now.share:.0%}{of}"
    if summary.status == "running" and now.left is not None:
        text += f", {duration(now.left)} left"
    elif summary.status in ("interrupted", "failed") and now.left is not None:
        text += f", {duration(now.left)} to go if resumed"
    return text


def ancestry(line: Sequence["Node"], *, ascii_only: bool, unverified: bool = False) -> list[str]:
    """Draw a node under its ancestors, the seed first; of many the first and the last ones."""
    from ttrl_cli.figures import shown_score

    if not line:
        return ["  ancestry     not known until its step is committed"]
    shown: list[Node | None] = list(reversed(line))
    if len(shown) > _MOST_ANCESTORS:
        shown = [shown[0], None, *shown[2 - _MOST_ANCESTORS :]]
    branch = "`- " if ascii_only else "└─ "
    lines = ["  ancestry of the best"]
    for depth, node in enumerate(shown):
        lead = "    " + ("  " * (depth - 1) + branch if depth else "")
        if node is None:
            lines.append(f"{lead}({len(line) + 1 - len(shown)} between)")
            continue
        score = "not valid"
        if node.score is not None:
            score = shown_score(node.score, unverified=unverified)
        where = f"step {node.step}, {node.id}" if node.step else node.id
        sample = f", sample {node.number}" if node.number is not None else ""
        lines.append(f"{lead}{score}  ({where}{sample})")
    return lines


def score_plot(history: "History", standing: "Standing", *, width: int, ascii: bool) -> list[str]:
    """Draw the best score over samples, and the attempts that are near it."""
    from ttrl_cli.report.plot import Series, plot

    direction = standing.direction or "maximize"
    known = standing.summary.best_known
    best = _best_so_far(history, direction)
    if not history.attempts or not best:
        return []
    low, high = _range([y for _, y in best], known)
    valid = [
        (float(a.number), a.score)
        for a in history.attempts
        if a.score is not None and low <= a.score <= high
    ]
    better = "lower" if direction == "minimize" else "higher"
    series = [
        Series(label=f"best so far ({better} is better)", points=best),
        Series(label="an attempt", points=valid, line=False),
    ]
    level = None if known is None else ("best known", known)
    return plot(series, x_label="samples", width=width, level=level, ascii_only=ascii)


def _best_so_far(history: "History", direction: str) -> list[tuple[float, float]]:
    """Return the best score at the start and at each sample that beat it, and at the last one."""
    points = []
    start = history.points[0].best
    if start is not None:
        points.append((0.0, start))
    records: Sequence[AttemptRow] = history.records(direction)
    points += [(float(a.number), a.score) for a in records if a.score is not None]
    if points:
        points.append((float(len(history.attempts)), points[-1][1]))
    return points


def _range(scores: Sequence[float], known: float | None) -> tuple[float, float]:
    """Return the range of the plot: that of the best scores, and half of it on either side."""
    every = [*scores, *([] if known is None else [known])]
    room = 0.5 * (max(every) - min(every)) or 0.5 * abs(every[0]) or 1.0
    return min(every) - room, max(every) + room


def sparklines(steps: Sequence["StepRow"], *, width: int, ascii: bool) -> list[str]:
    """Draw the health of a run: shares from 0 to 1, entropies from 0 to their largest value."""
    lines = []
    for keys, high in ((_SHARES, 1.0), (_OTHERS, None)):
        for name, key in keys.items():
            lines += _spark_line(name, [step.get(key) for step in steps], high, width, ascii)
    return lines


def _spark_line(
    name: str, values: Sequence[float | None], high: float | None, width: int, ascii: bool
) -> list[str]:
    from ttrl_cli.report.plot import spark

    there = [value for value in values if value is not None]
    if not there:
        return []
    say = "{:.0%}" if high else "{:.3g}"
    text = f"{say.format(there[0])} to {say.format(there[-1])}"
    bars = spark(values, width=width - _LABEL - len(text) - 3, high=high, ascii_only=ascii)
    return [f"  {name:<{_LABEL - 2}}{bars} {text}"]
