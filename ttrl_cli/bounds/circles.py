"""Circles in the unit square: packings repaired until they are valid in exact arithmetic.

Published packings overlap by 1e-12 to 1e-9, which a tolerance would reward. Here centres stay
where they are and radii shrink, with the least loss of their sum, until all circles are disjoint
and inside, checked in rational arithmetic on the very floats: a tolerance is worth nothing. What
overlaps by more than rounding explains is refused.
"""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np

from ttrl_cli.bounds.data import rows
from ttrl_cli.errors import Invalid
from ttrl_cli.records import FloatArray

REPAIRED = 1e-6
"""Overlaps and overhangs up to this are repaired; beyond it a packing is invalid."""
_CLEAR = 1e-12  # a gap that no rounding of floats in [0, 1] explains away


def packing(data: object, count: int) -> list[list[float]]:
    """Return a valid packing: the circles of the data, with radii shrunk where necessary.

    Args:
        data: [[x, y, r], ...] or {"circles": [[x, y, r], ...]}.
        count: How many circles there must be.

    Returns:
        [count, 3]; disjoint and inside the unit square in exact arithmetic.

    Raises:
        Invalid: If the data are not such circles, or overlap or stick out by more than REPAIRED.
    """
    circles = rows(data, "circles", 3)
    if len(circles) != count:
        msg = f"{len(circles)} circles; expected {count}"
        raise Invalid(msg)
    xy, radii = circles[:, :2], circles[:, 2]
    _refuse_outside(xy, radii)
    listed: list[list[float]] = circles.tolist()
    if not faults(listed):
        return listed
    return _exactly(np.column_stack([xy, _shrunk(xy, radii)]).tolist())


def faults(circles: list[list[float]]) -> str:
    """Return what is wrong with a packing in exact arithmetic, in words; empty if nothing is."""
    for index, circle in enumerate(circles):
        if _sticks_out(circle):
            return f"circle {index} is not inside the unit square"
    for (i, a), (j, b) in combinations(enumerate(circles), 2):
        if _overlap(a, b):
            return f"circles {i} and {j} overlap"
    return ""


def exact_sum(circles: list[list[float]]) -> Fraction:
    """Return the exact sum of the radii, as a rational number."""
    return sum((Fraction(r) for _, _, r in circles), Fraction(0))


def _shrunk(xy: FloatArray, radii: FloatArray) -> FloatArray:
    """Shrink radii with the least loss of their sum, up to rounding, by a linear program.

    Its unknowns are the losses, in units of the largest overlap, so that the solver's tolerance is
    relative to that.

    Args:
        xy: [N, 2].
        radii: [N].

    Raises:
        Invalid: If two circles overlap by more than REPAIRED, or shrinking cannot separate them.
    """
    first, second = np.triu_indices(len(radii), 1)
    overlaps = radii[first] + radii[second] - np.hypot(*(xy[first] - xy[second]).T)
    losses = np.maximum(_overhangs(xy, radii), 0.0)
    worst = max(losses.max(), overlaps.max(initial=0.0))
    if worst > REPAIRED:
        pair = overlaps.argmax()
        msg = f"circles {first[pair]} and {second[pair]} overlap by {worst:.3g}"
        raise Invalid(msg)
    pairs = np.flatnonzero(overlaps > 0)
    if len(pairs):
        from scipy.optimize import linprog  # 0.3 s, which every grading worker would pay

        matrix = np.zeros((len(pairs), len(radii)))
        each = np.arange(len(pairs))
        matrix[each, first[pairs]] = matrix[each, second[pairs]] = -1.0
        solved = linprog(
            np.ones(len(radii)),
            matrix,
            -overlaps[pairs] / worst,
            bounds=np.stack([losses, np.maximum(radii, losses)], axis=1) / worst,
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        if not solved.success:  # a circle that would have to shrink to less than nothing
            msg = f"the circles cannot be pulled apart by shrinking them: {solved.message}"
            raise Invalid(msg)
        losses = solved.x * worst
    return np.maximum(radii - losses, 0.0)


def _refuse_outside(xy: FloatArray, radii: FloatArray) -> None:
    """Refuse centres outside the unit square, negative radii and circles that stick out.

    Raises:
        Invalid: If there is such a circle; the message names it.
    """
    outside = ((xy < 0) | (xy > 1)).any(axis=1)
    if outside.any():
        msg = f"the centre of circle {outside.argmax()} is not inside the unit square"
        raise Invalid(msg)
    if radii.min() < 0:
        msg = f"circle {radii.argmin()} has the negative radius {radii.min():g}"
        raise Invalid(msg)
    overhangs = _overhangs(xy, radii)
    if overhangs.max() > REPAIRED:
        msg = f"circle {overhangs.argmax()} sticks out of the square by {overhangs.max():.3g}"
        raise Invalid(msg)


def _overhangs(xy: FloatArray, radii: FloatArray) -> FloatArray:
    """Return how far each circle sticks out; [N], negative where it does not."""
    found: FloatArray = radii - np.minimum(xy, 1 - xy).min(axis=1)
    return found


def _exactly(circles: list[list[float]]) -> list[list[float]]:
    """Lower radii by a few units in the last place until nothing sticks out or overlaps."""
    for circle in circles:
        while _sticks_out(circle):
            x, y, r = circle
            _lower(circle, r - min(x, y, 1 - x, 1 - y))
    for a, b in combinations(circles, 2):
        while _overlap(a, b):
            _lower(max(a, b, key=_radius), a[2] + b[2] - _distance(a, b))
    return circles


def _lower(circle: list[float], excess: float) -> None:
    """Lower a circle's radius by the excess, and by at least one unit in the last place."""
    below = math.nextafter(circle[2], 0.0)
    circle[2] = max(min(below, circle[2] - excess), 0.0)


def _sticks_out(circle: list[float]) -> bool:
    x, y, r = circle
    if r + _CLEAR < min(x, y, 1 - x, 1 - y):
        return False
    exact_r = Fraction(r)
    return any(Fraction(c) < exact_r or Fraction(c) + exact_r > 1 for c in (x, y))


def _overlap(a: list[float], b: list[float]) -> bool:
    if a[2] + b[2] + _CLEAR < _distance(a, b):
        return False
    dx, dy = (Fraction(a[axis]) - Fraction(b[axis]) for axis in (0, 1))
    reach = Fraction(a[2]) + Fraction(b[2])
    return dx * dx + dy * dy < reach * reach


def _distance(a: list[float], b: list[float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _radius(circle: list[float]) -> float:
    return circle[2]
