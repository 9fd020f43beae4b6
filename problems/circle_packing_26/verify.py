"""26 circles in the unit square: the repaired packing, its sum of radii, and the exact sum.

The mathematics is in ttrl_cli.bounds, which other problems and the check of certificates share.
"""

import math

from ttrl_cli.bounds import certificate, circles

COUNT = 26


def verify(data):
    """Disjoint circles inside the square, in exact arithmetic: radii shrink where they must."""
    return circles.packing(data, COUNT)


def score(packing):
    """The sum of the radii, to be maximised."""
    return math.fsum(r for _, _, r in packing)


def certify(packing):
    """The exact sum of the radii: a lower bound of the greatest one."""
    return certificate.circle_packing(packing)
