"""Plots of characters: steps of several series over one axis, and sparklines. Pure.

Series differ by their marks, not by colour: the same text is right on a terminal without colours,
in a pipe and in a mail.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ttrl_cli.escapes import visible

XY = tuple[float, float]
_LEVELS = {False: "▁▂▃▄▅▆▇█", True: "_.-~=+*#"}
_LEAST_WIDTH = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one mark of a plot stands for.

    Attributes:
        label: Its name in the legend.
        points: By rising x.
        line: Whether each value holds until the next point; else the points stand alone.
    """

    label: str
    points: Sequence[XY]
    line: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Maps values onto the cells of one axis."""

    low: float
    high: float
    cells: int

    def cell(self, value: float) -> int:
        """Return the cell of a value, the nearest one if it lies outside."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return min(max(round(share * (self.cells - 1)), 0), self.cells - 1)


def marks(ascii_only: bool) -> str:
    """Return the marks of series, in order."""
    return "*o+x#@%&=" if ascii_only else "●○▲△◆◇■□✕"


def plot(
    series: Sequence[Series],
    *,
    x_label: str,
    width: int,
    height: int = 12,
    level: tuple[str, float] | None = None,
    ascii_only: bool = False,
) -> list[str]:
    """Draw series as lines of text; the first ones lie on top.

    Args:
        series: What is drawn; points that are not finite are left out.
        x_label: What the horizontal axis counts.
        width: Columns of the whole, labels included.
        height: Rows of the canvas.
        level: A value that a horizontal line is drawn at, with its name.
        ascii_only: Use no character beyond ASCII.

    Returns:
        The lines; none where there is nothing to draw.
    """
    kept = [Series(label=s.label, points=_finite(s.points), line=s.line) for s in series]
    values = [y for s in kept for _, y in s.points]
    if not values:
        return []
    if level is not None:
        values.append(level[1])
    low, high = min(values), max(values)
    ends = [f"{value:.6g}" for value in (high, (low + high) / 2, low)]
    margin = max(map(len, ends)) + 2
    columns = max(width - margin - 1, _LEAST_WIDTH)
    xs = [x for s in kept for x, _ in s.points]
    across = _Scale(low=min(xs), high=max(xs), cells=columns)
    up = _Scale(low=low, high=high, cells=height)
    canvas = [[" "] * columns for _ in range(height)]
    if level is not None:
        canvas[height - 1 - up.cell(level[1])] = list(("-" if ascii_only else "┄") * columns)
    for mark, one in reversed(list(zip(_cycled(len(kept), ascii_only), kept, strict=True))):
        for column, row in _cells(one, across, up):
            canvas[height - 1 - row][column] = mark
    bar = "|" if ascii_only else "│"
    names = {0: ends[0], height // 2: ends[1], height - 1: ends[2]}
    lines = [
        f"{names.get(row, ''):>{margin - 2}} {bar}{''.join(cells)}".rstrip()
        for row, cells in enumerate(canvas)
    ]
    return [
        *lines,
        *_axis(across, x_label, margin, ascii_only),
        *_legend(kept, level, width, ascii_only),
    ]


def spark(
    values: Sequence[float | None],
    *,
    width: int,
    high: float | None = None,
    ascii_only: bool = False,
) -> str:
    """Draw values as one line of bars from 0 up; where there are more than columns, their means.

    Args:
        values: What is drawn; None leaves a gap.
        width: The most columns.
        high: The value of a full bar; by default the largest.
        ascii_only: Use no character beyond ASCII.
    """
    columns = _pooled(values, max(width, 1))
    most = high or max((value for value in columns if value is not None), default=0.0)
    levels = _LEVELS[ascii_only]
    scale = _Scale(low=0.0, high=most or 1.0, cells=len(levels))
    return "".join(" " if value is None else levels[scale.cell(value)] for value in columns)


def _pooled(values: Sequence[float | None], most: int) -> list[float | None]:
    if len(values) <= most:
        return list(values)
    edges = [index * len(values) // most for index in range(most + 1)]
    parts = [values[a:b] for a, b in pairwise(edges)]
    return [_mean([value for value in part if value is not None]) for part in parts]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _finite(points: Sequence[XY]) -> list[XY]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _cycled(count: int, ascii_only: bool) -> list[str]:
    known = marks(ascii_only)
    return [known[index % len(known)] for index in range(count)]


def _cells(series: Series, across: _Scale, up: _Scale) -> list[tuple[int, int]]:
    """Return the (column, row) cells that a series fills."""
    placed = [(across.cell(x), up.cell(y)) for x, y in series.points]
    if not series.line:
        return placed
    found = []
    for index, (column, row) in enumerate(placed):
        end = placed[index + 1][0] if index + 1 < len(placed) else column + 1
        found += [(at, row) for at in range(column, max(end, column + 1))]
    return found


def _axis(across: _Scale, label: str, margin: int, ascii_only: bool) -> list[str]:
    corner, line = ("+", "-") if ascii_only else ("└", "─")
    left, right = f"{across.low:.6g}", f"{across.high:,.6g} {label}"
    gap = max(across.cells + 1 - len(left) - len(right), 1)
    return [
        f"{'':>{margin - 1}}{corner}{line * across.cells}",
        f"{'':>{margin - 1}}{left}{'':>{gap}}{right}",
    ]


def _legend(
    series: Sequence[Series], level: tuple[str, float] | None, width: int, ascii_only: bool
) -> list[str]:
    named = zip(_cycled(len(series), ascii_only), series, strict=True)
    parts = [f"{mark} {_one_line(one.label)}"[: width - 2] for mark, one in named if one.label]
    if level is not None:
        parts.append(f"{'--' if ascii_only else '┄┄'} {level[0]} {level[1]:.6g}")
    line = "  " + "   ".join(parts)
    return [line] if len(line) <= width else [f"  {part}" for part in parts]


def table(rows: Sequence[Sequence[str]], *, numbers: Mapping[int, bool] | None = None) -> list[str]:
    """Align cells in columns, two spaces apart.

    Args:
        rows: The cells, heads first.
        numbers: Which columns are numbers, and so stand to the right; by default none.
    """
    right = numbers or {}
    shown = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if right.get(at) else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]


def _one_line(text: str) -> str:
    """Return a text without what would break a line or hide: its width is its length."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
