"""The first autocorrelation inequality: the steps of f, their value, and a certified bound.

The mathematics is in ttrl_cli.bounds, which other problems and the check of certificates share.
"""

import numpy as np

from ttrl_cli.bounds import certificate, steps
from ttrl_cli.bounds.data import sequence


def verify(data):
    """Numbers f >= 0, not all zero; nothing else in the data counts."""
    return steps.nonnegative(sequence(data))


def score(f):
    """2 n max(f*f) / (sum f)^2, to be minimised."""
    return steps.autocorrelation(f)


def certify(f):
    """An upper bound of the constant in exact arithmetic."""
    return certificate.autocorrelation(np.array(f), 1)
