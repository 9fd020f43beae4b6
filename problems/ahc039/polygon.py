"""What a legal polygon is, and the score of one: exact, in integers."""

import re

import numpy as np

from ttrl_cli import Invalid

from .generate import SIDE

MOST_VERTICES, MOST_LENGTH = 1000, 400_000
_INTEGER = re.compile(rb"[0-9]{1,6}")  # ASCII digits alone: int() takes others, and 1_0
_WIDE = 1 << 17  # more than any coordinate


def score(points, output):
    """Return a case's score: mackerels less sardines inside, and 1; at least 0.

    Args:
        points: [10000, 2] coordinates, the mackerels first.
        output: What the program printed.

    Raises:
        Invalid: If it is not legal.
    """
    polygon = parse(output)
    check(polygon)
    within = inside(polygon, points)
    half = len(points) // 2
    caught, spoilt = int(within[:half].sum()), int(within[half:].sum())
    return max(0, caught - spoilt + 1)


def parse(output):
    """Return the last polygon of an output, [vertices, 2]; all must be well formed."""
    if not output.isascii():
        raise Invalid("the output is not ASCII")
    words = output.encode().split()
    if not words:
        raise Invalid("the output is empty")
    if wrong := next((word for word in words if not _INTEGER.fullmatch(word)), None):
        raise Invalid(f"{wrong[:20].decode()!r} is no integer from 0 to {SIDE}")
    numbers = [int(word) for word in words]
    at = polygon = 0
    while at < len(numbers):
        count = numbers[at]
        if not 4 <= count <= MOST_VERTICES:
            raise Invalid(f"a polygon has 4 to {MOST_VERTICES} vertices, not {count}")
        polygon = numbers[at + 1 : at + 1 + 2 * count]
        if len(polygon) < 2 * count:
            raise Invalid(f"the output ends before the last of {count} vertices")
        if max(polygon) > SIDE:
            raise Invalid(f"a vertex lies off the map, at {max(polygon)}")
        at += 1 + 2 * count
    return np.array(polygon, np.int64).reshape(-1, 2)


def check(polygon):
    """Refuse a closed polygon that is oblique, too long, or touches itself.

    Raises:
        Invalid: If it is.
    """
    following = np.roll(polygon, -1, axis=0)
    steps = following - polygon
    lengths = np.abs(steps).sum(axis=1)
    if not lengths.all():
        raise Invalid(f"{_at(polygon, lengths == 0)} comes twice in a row")
    if (oblique := steps.all(axis=1)).any():
        raise Invalid(f"the edge from {_at(polygon, oblique)} is parallel to no axis")
    if (back := (steps * np.roll(steps, 1, axis=0)).sum(axis=1) < 0).any():
        raise Invalid(f"the polygon turns back on itself at {_at(polygon, back)}")
    if (length := int(lengths.sum())) > MOST_LENGTH:
        raise Invalid(f"the edges are {length} long, more than {MOST_LENGTH}")
    low, high = np.minimum(polygon, following), np.maximum(polygon, following)
    meet = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    edges = np.arange(len(polygon))
    for shift in (-1, 0, 1):  # neighbours share their common end, as they should, and no more
        meet[edges, (edges + shift) % len(polygon)] = False
    if (touching := meet.any(axis=1)).any():
        raise Invalid(f"the polygon touches itself on the edge from {_at(polygon, touching)}")


def inside(polygon, points):
    """Return which points a simple polygon holds, its boundary included.

    Between the columns of two neighbouring vertices' x, its inside is the points between the first
    and the second horizontal edge that cross there, between the third and the fourth, and so on. A
    column itself is inside where either side of it is.
    """
    following = np.roll(polygon, -1, axis=0)
    columns = np.unique(polygon[:, 0])
    flat = polygon[:, 1] == following[:, 1]
    ends = np.sort(np.stack([polygon[flat, 0], following[flat, 0]]), axis=0)
    first, last = np.searchsorted(columns, ends)
    counts = last - first
    # an edge crosses the strips first, first + 1, ..., last - 1; each crossing becomes one number
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    strips = np.repeat(first, counts) + places
    crossings = np.sort(strips * _WIDE + np.repeat(polygon[flat, 1], counts))
    held = np.zeros(len(points), bool)
    for side in ("left", "right"):  # the strip to the left of a point's x, and to the right
        strip = np.searchsorted(columns, points[:, 0], side) - 1
        for end in ("left", "right"):  # odd by either count: between two edges, or on one
            held |= np.searchsorted(crossings, strip * _WIDE + points[:, 1], end) % 2 == 1
    return held


def _at(polygon, where):
    """Name the first vertex for which an array is true."""
    x, y = polygon[int(np.argmax(where))].tolist()
    return f"({x}, {y})"
