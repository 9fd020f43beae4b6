"""Erdos minimum overlap with 16 steps: the row, its overlap, and how prompts show it.

h on [0, 2] is 16 equal steps with 0 <= h_i <= 1 and sum h = 8. The overlap is
C5 = max over shifts of (2/16) * sum_i h_i (1 - h_{i+k}). Whatever the solution says about its own
score is ignored: the value is computed here, from the row.
"""

import re

import numpy as np

from ttrl_cli import Invalid

STEPS = 16
_RUN = re.compile(r"(?<![\d.])\d{2}(?:[ ,]+\d{2})+(?![\d.]*\d)")


def verify(text):
    """Read the row: the first run of two-digit numbers in the text."""
    if type(text) is not str:
        raise Invalid("expected text")
    run = _RUN.search(text)
    if run is None:
        raise Invalid("no row of two-digit numbers found")
    numbers = [int(number) for number in re.findall(r"\d+", run[0])]
    if len(numbers) != STEPS:
        raise Invalid(f"the row has {len(numbers)} numbers, expected {STEPS}")
    if max(heights(numbers)) > 1:
        raise Invalid("a step is above 1 once the row is scaled to sum 8")
    return numbers


def heights(numbers):
    """h_i = number / 99, scaled so that the sum is exactly 8 up to rounding."""
    total = sum(numbers)
    if total == 0:
        raise Invalid("the row is all zeros")
    return [number * STEPS / (2 * total) for number in numbers]


def score(numbers):
    """C5 of the row, to be minimised."""
    h = np.array(heights(numbers))
    return float(np.correlate(h, 1 - h, mode="full").max() * 2 / STEPS)


def render(numbers):
    """The row as prompts show it."""
    return " ".join(f"{number:02d}" for number in numbers)
