"""First autocorrelation inequality with 16 steps: the row, its value, and how prompts show it.

f is 16 equal steps of heights f_i >= 0. The value is 2 n max(f*f) / (sum f)^2, where f*f is the
full discrete convolution of the row with itself: the function f*f is linear between those points,
so its maximum is at one of them. Whatever the solution says about its own score is ignored: the
value is computed here, from the row.
"""

import re

from ttrl_cli import Invalid

STEPS = 16
# A run of words that begin as numbers do, whatever they go on with: a row must not become one of 16
# by leaving out a 17th number for its form. No quantifier gives back what it took (++), so that the
# time is linear in the length of the text.
_RUN = re.compile(r"(?<![\w.+-])[\d.+-][\w.+-]*+(?:[ ,|]++[\d.+-][\w.+-]*+)++")
_SEPARATORS = re.compile(r"[ ,|]+")
_NUMBER = re.compile(r"[0-9]{2}")


def verify(text):
    """Read the row: the first run of numbers in the text, each of two digits."""
    if type(text) is not str:
        raise Invalid("expected text")
    run = _RUN.search(text)
    if run is None:
        raise Invalid("no row of two-digit numbers found")
    words = _SEPARATORS.split(run[0].removesuffix("."))
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise Invalid(f"{word[:20]!r} is not a two-digit number")
    if len(words) != STEPS:
        raise Invalid(f"the row has {len(words)} numbers, expected {STEPS}")
    numbers = [int(word) for word in words]
    if not any(numbers):
        raise Invalid("the row is all zeros")
    return numbers


def score(numbers):
    """The value of the row, to be minimised: exact in integers but for the one division."""
    convolution = [0] * (2 * STEPS - 1)
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            convolution[i + j] += a * b
    return 2 * STEPS * max(convolution) / sum(numbers) ** 2


def render(numbers):
    """The row as prompts show it: in fours, as a small model cannot count to 16."""
    words = [f"{number:02d}" for number in numbers]
    return " | ".join(" ".join(words[i : i + 4]) for i in range(0, STEPS, 4))
