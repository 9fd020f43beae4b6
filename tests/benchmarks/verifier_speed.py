"""How long verifying, scoring and certifying steps takes, against the direct sum.

    python tests/benchmarks/verifier_speed.py

Medians of five, in this process, on random steps; the alternative is numpy's direct convolution. It
takes minutes at 524,288 steps, and is left out there.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from ttrl_cli.bounds import certificate, steps
from ttrl_cli.bounds.data import sequence

REPEATS = 5
SIZES = (30_000, 524_288)
DIRECT_UP_TO = 30_000


def seconds(work: Callable[[], object]) -> float:
    """The median wall time of a few calls."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def direct(f: np.ndarray) -> float:
    """AC1 by its definition."""
    return float(2 * len(f) * np.convolve(f, f).max() / math.fsum(f) ** 2)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    say("| steps | | s |")
    say("|---|---|---|")
    for n in SIZES:
        f = rng.random(n)
        signed = rng.standard_normal(n) + 0.1
        data = f.tolist()
        h = steps.heights(f)
        rows = {
            "reading the list": lambda data=data: sequence(data),
            "AC1, score": lambda f=f: steps.autocorrelation(f),
            "AC2, score": lambda f=f: steps.flatness(f),
            "AC3, score and with absolute value": lambda f=signed: (
                steps.autocorrelation(f), steps.autocorrelation(f, absolute=True),
            ),
            "minimum overlap, scaling and score": lambda f=f: steps.overlap(steps.heights(f)),
            "AC1, certificate": lambda f=f: certificate.autocorrelation(f, 1),
            "AC2, certificate": lambda f=f: certificate.autocorrelation(f, 2),
            "minimum overlap, certificate": lambda h=h: certificate.erdos_minimum_overlap(h),
        }  # fmt: skip
        for name, work in rows.items():
            say(f"| {n:,} | {name} | {seconds(work):.4f} |")
        if n <= DIRECT_UP_TO:
            ours, theirs = rows["AC1, score"], lambda f=f: direct(f)
            say(f"| {n:,} | AC1 by the direct sum | {seconds(theirs):.4f} |")
            say(f"| {n:,} | the direct sum over ours | {seconds(theirs) / seconds(ours):.0f} x |")
            say(f"| {n:,} | relative difference | {abs(direct(f) / ours() - 1):.1e} |")


if __name__ == "__main__":
    main()
