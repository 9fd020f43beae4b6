"""How long scoring and certifying step functions takes, against sums done directly.

python tests/benchmarks/verifier_speed.py

In this process, one thread as in a grading worker, on random steps. The alternatives: for a score,
numpy's direct convolution in place of the FFT; for a certificate, the same of Python's own integers
in place of FLINT's product, at fewer steps, as it takes minutes at 30,000; for reading, numpy's own
conversion of the list, which takes text and booleans for numbers.
"""

import math
import os
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded

import numpy as np
from _figures import Figure, emit, medians, say, seconds

from ttrl_cli.bounds import certificate, exact, steps
from ttrl_cli.bounds.data import sequence

SCORED, CERTIFIED, LARGE = 30_000, 2_000, 524_288
CALLS = 5  # of ours, in one round

Way = Callable[[Any], Any]


def autocorrelation(f: np.ndarray) -> float:
    """AC1 by its definition."""
    return float(2 * len(f) * np.convolve(f, f).max() / math.fsum(f) ** 2)


def flatness(f: np.ndarray) -> float:
    """AC2 by its definition."""
    c = np.convolve(f, f)
    squares = 2 * math.fsum(c * c) + math.fsum(c[:-1] * c[1:])
    return squares / (3 * math.fsum(c) * float(c.max()))


def overlap(f: np.ndarray) -> float:
    """Minimum overlap by its definition, the heights being scaled as ours are."""
    h = steps.heights(f)
    return float(np.convolve(h, (1 - h)[::-1]).max() * 2 / len(h))


def exact_autocorrelation(f: np.ndarray) -> Fraction:
    """The bound of AC1's certificate by its definition."""
    a = np.array(exact.integers(f), dtype=object)
    return Fraction(2 * len(a) * max(np.convolve(a, a)), sum(a) ** 2)


def exact_overlap(f: np.ndarray) -> Fraction:
    """The bound of minimum overlap's certificate by its definition."""
    a = np.array(exact.heights(steps.heights(f)), dtype=object)
    return Fraction(2 * max(np.convolve(a, (exact.ONE - a)[::-1])), len(a) * exact.ONE**2)


def certify(f: np.ndarray) -> Fraction:
    """AC1's certificate: its bound."""
    return certificate.autocorrelation(f, 1).bound


def certify_overlap(f: np.ndarray) -> Fraction:
    """Minimum overlap's certificate: its bound."""
    return certificate.erdos_minimum_overlap(steps.heights(f)).bound


def array(data: list[float]) -> np.ndarray:
    """The list as numpy takes it."""
    return np.array(data, dtype=np.float64)


def overlap_score(f: np.ndarray) -> float:
    """Minimum overlap: scaling the heights and their score."""
    return steps.overlap(steps.heights(f))


WORK: dict[str, tuple[str, str, int, Way, Way]] = {
    "read-list": ("reading a list", "numpy, unchecked", SCORED, sequence, array),
    "score-ac1": ("score of AC1", "the direct sum", SCORED, steps.autocorrelation, autocorrelation),
    "score-ac2": ("score of AC2", "the direct sum", SCORED, steps.flatness, flatness),
    "score-overlap": ("score of minimum overlap", "the direct sum", SCORED, overlap_score, overlap),
    "certify-ac1": (
        "certificate of AC1", "Python's integers", CERTIFIED, certify, exact_autocorrelation,
    ),
    "certify-overlap": (
        "certificate of minimum overlap", "Python's integers", CERTIFIED, certify_overlap,
        exact_overlap,
    ),
}  # fmt: skip
"""By the figure's name: what, against, number of steps, our way, the other."""


def per_call(way: Way, given: Any, calls: int) -> float:
    """Milliseconds of one of a few calls in a row."""
    return 1e3 * seconds(lambda: [way(given) for _ in range(calls)]) / calls


def main() -> None:
    """Emit the figures."""
    rng = np.random.default_rng(0)
    few, large = 0.25 + rng.random(SCORED) / 2, 0.25 + rng.random(LARGE) / 2
    for name, (what, against, size, ours, other) in WORK.items():
        say(name)
        reads = name == "read-list"
        given, at_large = few[:size], large
        if reads:
            given, at_large = given.tolist(), at_large.tolist()
        mine, theirs = ours(given), other(given)
        assert np.allclose(np.array(mine, dtype=float), np.array(theirs, dtype=float), rtol=1e-13)
        calls = CALLS if not reads else 10 * CALLS
        found = medians(
            {
                "ours": partial(per_call, ours, given, calls),
                "other": partial(per_call, other, given, 1),
                "large": partial(per_call, ours, at_large, 1),
            }
        )
        emit(
            Figure(
                name=name,
                what=f"{what}, {size:,} steps",
                against=against,
                ours=found["ours"],
                alternative=found["other"],
                unit="ms",
                lower=True,
                note=f"{LARGE:,} steps take {found['large']:.0f} ms.",
            )
        )


if __name__ == "__main__":
    main()
