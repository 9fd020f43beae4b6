"""The judge: what counts as a solution, and how good it is.

Both functions run in a process of ttrl's own and are given data, never the text of a completion or
the program that returned it. Whatever they can be talked into, a model will find: compute all from
the data, believe nothing the data say about themselves.
"""

import math
from itertools import combinations

from ttrl_cli import Invalid

POINTS = 5


def verify(data):
    """Check the data and return what the score may trust; raise Invalid, with the reason, if not.

    The data may be anything that JSON can say. Check the types before anything else, exactly: for
    isinstance, True is an int. Keep what was given out of the reasons; it may be gigantic.
    """
    if type(data) is not list or len(data) != POINTS:
        raise Invalid(f"expected a list of {POINTS} points")
    return [_point(place, point) for place, point in enumerate(data, start=1)]


def _point(place, point):
    if type(point) is not list or len(point) != 2:
        raise Invalid(f"point {place} is not a list of two numbers")
    if not all(type(value) in (int, float) for value in point):
        raise Invalid(f"point {place} holds something that is not a number")
    # no tolerance: whatever is allowed beyond the square would be used to the last digit.
    # NaN fails this comparison, and so do infinities and integers too large for a float
    if not all(0 <= value <= 1 for value in point):
        raise Invalid(f"point {place} lies outside the square")
    return [float(value) for value in point]


def score(points):
    """The number to be maximised (or minimised: `direction`), from verified data alone.

    The same data must always give the same number: no clock, no random numbers, no files.
    """
    return min(math.dist(a, b) for a, b in combinations(points, 2))
