"""Bounds that are theorems: the values of step functions with integer heights, without rounding.

The floats of a solution are rounded to integers, which are step functions of their own: each of
the inequalities holds for every step function, so its exact value for these integers is a bound,
whatever the floats were. Integers of 62 bits keep the value to about 18 digits. Products of
polynomials over the integers are FLINT's.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise

import flint
import numpy as np

from ttrl_cli.errors import Invalid
from ttrl_cli.records import FloatArray

BITS = 62
ONE = 1 << BITS
"""The height that stands for 1 in a minimum overlap."""


def integers(f: FloatArray) -> list[int]:
    """Multiply numbers by a power of two and round them; the largest has BITS bits.

    Args:
        f: [N], not all zero.
    """
    exponent = int(np.frexp(np.abs(f).max())[1])
    whole: list[int] = np.rint(np.ldexp(f, BITS - exponent)).astype(np.int64).tolist()
    return whole


def autocorrelation(a: Sequence[int], *, absolute: bool = False) -> Fraction:
    """Return 2 n max(a*a) / (sum a)^2; with `absolute`, max |a*a| replaces max(a*a).

    Raises:
        Invalid: If the sum is zero.
    """
    total = sum(a)
    if total == 0:
        msg = "the integers sum to zero"
        raise Invalid(msg)
    product = _product(a, a)
    top = max(map(abs, product)) if absolute else max(product)
    return Fraction(2 * len(a) * top, total * total)


def flatness(a: Sequence[int]) -> Fraction:
    """Return ||f*f||_2^2 / (||f*f||_1 ||f*f||_inf) of the step function with heights a >= 0.

    Raises:
        Invalid: If a height is negative or all are zero.
    """
    nonnegative(a)
    c = _product(a, a)
    squares = 2 * sum(y * y for y in c) + sum(y * z for y, z in pairwise(c))
    return Fraction(squares, 3 * sum(c) * max(c))


def nonnegative(a: Sequence[int]) -> None:
    """Refuse heights unless they make a function f >= 0 with a positive integral.

    Raises:
        Invalid: If a height is negative or all are zero.
    """
    if min(a) < 0 or max(a) == 0:
        msg = "the integers must not be negative, nor all zero"
        raise Invalid(msg)


def heights(h: FloatArray) -> list[int]:
    """Round heights between 0 and 1 to numerators over ONE, so that they sum to n/2 exactly.

    Args:
        h: [N], 0 <= h <= 1, sum h = n/2 up to rounding.
    """
    whole = [int(x) for x in np.rint(np.ldexp(h, BITS))]
    missing = len(whole) * ONE // 2 - sum(whole)
    while missing:  # the same share for each that is left, where there is room for it
        for index, height in enumerate(whole):
            share = -(-abs(missing) // (len(whole) - index))
            share = share if missing > 0 else -share
            whole[index] = min(max(height + share, 0), ONE)
            missing -= whole[index] - height
    return whole


def overlap(a: Sequence[int], one: int) -> Fraction:
    """Return C5 of the step function with heights a / one.

    Raises:
        Invalid: If a height is not between 0 and 1, or they do not sum to n/2.
    """
    n = len(a)
    if one <= 0 or not 0 <= min(a) <= max(a) <= one:
        msg = "a height is not between 0 and 1"
        raise Invalid(msg)
    if 2 * sum(a) != n * one:
        msg = "the heights do not sum to n/2"
        raise Invalid(msg)
    both = _product(a, a[::-1])  # a correlated with itself, at the shifts -(n - 1) to n - 1
    sums = list(accumulate(a))
    # how much of h lies below 1 - h: the first, or the last, so many steps of it
    covered = sums + [sums[-1] - before for before in sums[:-1]]
    top = max(one * within - c for within, c in zip(covered, both, strict=True))
    return Fraction(2 * top, n * one * one)


def _product(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """Return the full discrete convolution: [len(a) + len(b) - 1]."""
    first = flint.fmpz_poly(list(a))
    second = first if b is a else flint.fmpz_poly(list(b))
    found = [int(c) for c in (first * second).coeffs()]
    return found + [0] * (len(a) + len(b) - 1 - len(found))
