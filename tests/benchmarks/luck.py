"""What scores with errors are worth: is the luckiest reported as the best, or taught as the best?

python tests/benchmarks/luck.py [--runs N] [--draws N]

No time is measured. The first figure is of simulated runs: the search, its archive and its files
are real, true values and noise are drawn. The alternative takes scores at their word
(`measure.confirm_most: 0`). The second draws noise for the reward of one sample of a group and
compares its mean advantage with the one that it has without noise; the largest rise counts, over
all objectives, groups, places and sizes of noise. The alternative does not state the errors.
"""

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from _figures import ROUNDS, Figure, emit, say

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests._noisy import biases
from tests.test_noisy_rewards import OBJECTIVES, group, noisy_advantages

GROUPS = (("normal", 8), ("skewed", 8), ("ties", 16))
PARTS = (0.5, 1.0, 2.0)
"""Standard deviations of the noise, over that of the group."""


def main() -> None:
    """Emit both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of no use here")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--draws", type=int, default=10_000)
    options = parser.parse_args()
    reported_best(options.runs)
    taught_advantage(options.draws)


def reported_best(runs: int) -> None:
    """Emit how far reported scores are above true ones."""
    with tempfile.TemporaryDirectory() as folder:
        found = {
            most: biases(Path(folder) / str(most), confirm_most=most, runs=runs) for most in (4, 0)
        }
    mean = {most: statistics.fmean(values) for most, values in found.items()}
    error = statistics.stdev(found[4]) / math.sqrt(runs)
    emit(
        Figure(
            name="luck-best",
            what=f"how far the reported best of {runs} runs is from its true value, on average",
            against="the same with scores taken at their word",
            ours=abs(mean[4]),
            alternative=mean[0],
            unit="stated errors",
            lower=True,
            target="1 stated errors",
            note=f"{mean[4]:+.2f} +- {error:.2f} with would-be bests measured again.",
        )
    )


def taught_advantage(draws: int) -> None:
    """Emit the largest rise of an expected advantage by noise."""
    rises = {stated: _largest_rise(draws, stated=stated) for stated in (True, False)}
    emit(
        Figure(
            name="luck-advantage",
            what=f"largest rise of an expected advantage by noise of stated size, {draws:,} draws",
            against="the same with errors that are not stated",
            ours=max(rises[True], 0.0),
            alternative=rises[False],
            unit="errors of the simulation",
            lower=True,
            target="4 errors of the simulation",
            note="Over five objectives, three groups, three places and noise of 0.5 to 2 "
            "deviations of the group: 135 means, of which the largest counts.",
        )
    )


def _largest_rise(draws: int, *, stated: bool) -> float:
    """Return the largest rise, in standard errors of the mean over the draws."""
    rng, largest = np.random.default_rng(1), -math.inf
    for kind, size in GROUPS:
        true_G, valid_G = group(kind, size, rng), np.ones(size, dtype=bool)
        for name, objective in OBJECTIVES.items():
            for place in (0, size // 2, size - 1):
                honest = objective(true_G, valid_G).values_G[place]
                for part in PARTS:
                    drawn = noisy_advantages(
                        objective,
                        true_G,
                        valid_G,
                        place,
                        part * float(true_G.std()),
                        stated=stated,
                        draws=rng.normal(size=draws).tolist(),
                    )
                    rise = (drawn.mean() - honest) / (drawn.std() / math.sqrt(draws) + 1e-12)
                    largest = max(largest, float(rise))
            say(f"  {kind} {name}: {largest:.2f}")
    return largest


if __name__ == "__main__":
    main()
