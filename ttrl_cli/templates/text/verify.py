"""The judge: what counts as a solution, and how good it is.

Both functions run in a process of ttrl's own. `verify` is given the text of a solution (the last
fenced block of a completion, or all of it). Whatever they can be talked into, a model will find:
compute all from what is read, believe nothing the text says about itself.
"""

import math
import re
from itertools import combinations

from ttrl_cli import Invalid

POINTS = 5
# all numbers from 0 to 1 and no others, so that nothing is left to check once they are read;
# [0-9] and not \d, which is also true of the digits of other scripts
_NUMBER = re.compile(r"[01]|0?\.[0-9]{1,9}|1\.0{1,9}")


def verify(text):
    """Read the points and return them as data; raise Invalid, with the reason, if that fails.

    The text may be anything. Read it strictly: where two readings are possible, a solution must
    not get the better one.
    """
    if type(text) is not str:
        raise Invalid("expected text")
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) != POINTS:
        raise Invalid(f"expected {POINTS} lines, one for each point; found {len(lines)}")
    return [_point(place, line) for place, line in enumerate(lines, start=1)]


def _point(place, line):
    words = line.split()
    if len(words) != 2:
        raise Invalid(f"line {place}: expected two numbers and no more; found {len(words)} words")
    for word in words:
        if not _NUMBER.fullmatch(word):
            what = "a number from 0 to 1 with at most 9 decimals"
            raise Invalid(f"line {place}: {word[:20]!r} is not {what}")
    return [float(word) for word in words]


def score(points):
    """The number to be maximised (or minimised: `direction`), from verified data alone.

    The same data must always give the same number: no clock, no random numbers, no files.
    """
    return min(math.dist(a, b) for a, b in combinations(points, 2))
