"""Golomb rulers within 0..99: the row, how many of its numbers are kept, and how prompts show it.

The row is read from left to right, and a number is kept where all differences between kept numbers
stay distinct. The others are no error: passed over, they cost a place in the row. Whatever the
solution says about its own score is ignored: the numbers are kept and counted here.
"""

import re

from ttrl_cli import Invalid

# Room for some numbers that are passed over, not for all: the row 00 01 02 ... 99 keeps 11.
LONGEST = 20
# A run of words that begin as numbers do, whatever they go on with: what is not a two-digit number
# spoils the row and does not end it. No quantifier gives back what it took (++), so that the time
# is linear in the length of the text.
_RUN = re.compile(r"(?<![\w.+-])[\d.+-][\w.+-]*+(?:[ ,]++[\d.+-][\w.+-]*+)++")
_NUMBER = re.compile(r"[0-9]{2}")


def verify(text):
    """Read the row: the first run of numbers in the text, each of two digits."""
    if type(text) is not str:
        raise Invalid("expected text")
    run = _RUN.search(text)
    if run is None:
        raise Invalid("no row of two-digit numbers found")
    words = run[0].removesuffix(".").replace(",", " ").split()
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise Invalid(f"{word[:20]!r} is not a two-digit number")
    if len(words) > LONGEST:
        raise Invalid(f"the row has {len(words)} numbers, expected {LONGEST} at most")
    return [int(word) for word in words]


def kept(numbers):
    """The numbers that are kept, in the row's order."""
    marks, differences = [], set()
    for number in numbers:
        new = {abs(number - mark) for mark in marks}
        # fewer than the marks: two of the new differences are equal, or the number is repeated
        if len(new) == len(marks) and 0 not in new and differences.isdisjoint(new):
            marks.append(number)
            differences |= new
    return marks


def score(numbers):
    """How many numbers are kept, to be maximised."""
    marks = kept(numbers)
    length = max(marks) - min(marks)
    return {
        "value": len(marks),
        "metrics": {"length": length, "passed_over": len(numbers) - len(marks)},
        "feedback": f"kept: {render(sorted(marks))}",
    }


def render(numbers):
    """The row as prompts show it."""
    return " ".join(f"{number:02d}" for number in numbers)
