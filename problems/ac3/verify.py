"""The third autocorrelation inequality: the steps of f, their value, and a certified bound.

The mathematics is in ttrl_cli.bounds, which other problems and the check of certificates share.
"""

import numpy as np

from ttrl_cli.bounds import certificate, steps
from ttrl_cli.bounds.data import sequence


def verify(data):
    """Numbers of either sign; nothing else in the data counts. Scoring refuses a sum of zero."""
    return sequence(data)


def score(f):
    """2 n max(f*f) / (sum f)^2, to be minimised; `absolute` is the same with max |f*f|."""
    value = steps.autocorrelation(f)
    return {"value": value, "metrics": {"absolute": steps.autocorrelation(f, absolute=True)}}


def certify(f):
    """An upper bound of the constant in exact arithmetic."""
    return certificate.autocorrelation(np.array(f), 3)
