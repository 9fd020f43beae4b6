"""Step functions: the values of the autocorrelation and minimum overlap problems, by FFT.

A sequence of n numbers stands for n equal steps. f*f of a step function is piecewise linear, and
its vertices are the discrete convolution of the numbers: maxima are attained there, and norms are
finite sums. So the values below are those of the function, up to rounding; `exact` has them
without it. The absolute error of an FFT is a few units in the last place of the sum of squares,
as that of the direct sum is.
"""

import math

import numpy as np
from scipy import fft

from ttrl_cli.errors import Invalid
from ttrl_cli.records import FloatArray

ROUNDING = 1e-6
"""How far a height may be above 1 once its function is scaled: repaired, and worth nothing."""


def convolve(f: FloatArray, g: FloatArray) -> FloatArray:
    """Return the full discrete convolution.

    Args:
        f: [N].
        g: [M].

    Returns:
        [N + M - 1].
    """
    length = len(f) + len(g) - 1
    size = fft.next_fast_len(length, real=True)
    product = fft.rfft(f, size) * (fft.rfft(f, size) if g is f else fft.rfft(g, size))
    found: FloatArray = fft.irfft(product, size)[:length]
    return found


def scaled(f: FloatArray) -> FloatArray:
    """Multiply a sequence by a power of two, so that its squares stay in range.

    No square overflows, and only negligible ones become zero.

    Returns:
        [N]; the largest absolute value is at least 1/2 and below 1.

    Raises:
        Invalid: If all numbers are zero.
    """
    largest = float(np.abs(f).max())
    if largest == 0.0:
        msg = "all numbers are zero"
        raise Invalid(msg)
    found: FloatArray = np.ldexp(f, -math.frexp(largest)[1])
    return found


def nonnegative(f: FloatArray) -> FloatArray:
    """Return the sequence unchanged, if no value is negative and not all are zero.

    Raises:
        Invalid: If a value is negative or all are zero.
    """
    if (f < 0).any():
        index = int(np.argmax(f < 0))
        msg = f"number {index} is negative ({f[index]:g})"
        raise Invalid(msg)
    if not f.any():
        msg = "all numbers are zero"
        raise Invalid(msg)
    return f


def autocorrelation(f: FloatArray, *, absolute: bool = False) -> float:
    """Return max f*f / (integral of f)^2 of a step function on an interval of length 1/2.

    This is 2 n max(f*f) / (sum f)^2.

    Args:
        f: [N], of either sign.
        absolute: Take the maximum of |f*f|.

    Raises:
        Invalid: If the numbers sum to zero, or to so little that the value is not finite.
    """
    f = scaled(f)
    total = math.fsum(f)
    product = convolve(f, f)
    top = float(np.abs(product).max() if absolute else product.max())
    with np.errstate(over="ignore", divide="ignore"):
        value = float(2 * len(f) * np.float64(top) / np.square(np.float64(total)))
    if not math.isfinite(value):
        msg = "the numbers sum to zero, or nearly so"
        raise Invalid(msg)
    return value


def flatness(f: FloatArray) -> float:
    """Return ||f*f||_2^2 / (||f*f||_1 ||f*f||_inf) of the step function with heights f >= 0.

    f*f is piecewise linear. Its vertices are the values of the convolution and a zero at each end.
    With spacing h, the squared norm of an interval is h/3 (a^2 + ab + b^2), and h cancels.
    """
    f = scaled(f)
    c = convolve(f, f)
    squares = 2 * float(np.dot(c, c)) + float(np.dot(c[:-1], c[1:]))
    return squares / (3 * float(c.sum()) * float(c.max()))


def heights(values: FloatArray) -> FloatArray:
    """Return the step function h of the minimum overlap problem: 0 <= h <= 1 and sum h = n/2.

    The values are scaled so that the sum is right. If that lifts a height above 1 by no more than
    rounding explains, it is set to 1 and 1 - h is scaled down, which keeps all heights in bounds.

    Args:
        values: [N], not negative.

    Returns:
        [N].

    Raises:
        Invalid: If a value is negative, or above 1 once they are scaled.
    """
    values = scaled(nonnegative(values))
    h = values * (len(values) / 2 / math.fsum(values))
    top = float(h.max())
    if top > 1 + ROUNDING:
        msg = f"a height is {top:.9g} once they are scaled to sum n/2; 1 is the most"
        raise Invalid(msg)
    if top > 1:
        h = np.minimum(h, 1.0)
        # rounding may make the factor more than 1
        h = np.clip(1 - (1 - h) * (len(h) / 2 / math.fsum(1 - h)), 0.0, 1.0)
    return h


def overlap(h: FloatArray) -> float:
    """Return Erdos' minimum overlap C5 of h on [0, 2].

    C5 = max over k of (2/n) sum_i h_i (1 - h_(i+k)).

    Args:
        h: [N], as `heights` returns it.
    """
    return float(convolve(h, (1 - h)[::-1]).max()) * 2 / len(h)
