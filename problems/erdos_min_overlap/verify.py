"""Erdos' minimum overlap problem: the heights, their overlap, and a bound that is a theorem.

The mathematics is in ttrl_cli.bounds, which other problems and the check of certificates share.
"""

import numpy as np

from ttrl_cli.bounds import certificate, steps
from ttrl_cli.bounds.data import sequence


def verify(data):
    """Heights between 0 and 1, scaled so that they sum to n/2; nothing else in the data counts."""
    return steps.heights(sequence(data))


def score(h):
    """C5, to be minimised."""
    return steps.overlap(h)


def certify(h):
    """An upper bound of C5 in exact arithmetic."""
    return certificate.erdos_minimum_overlap(np.array(h))
