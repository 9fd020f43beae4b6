"""The learning rate over a run, as a pure function: nothing of it needs to be saved."""

import math

from ttrl_cli.config import ScheduleName


def lr_scale(name: ScheduleName, warmup: float, progress: float) -> float:
    """The factor of the peak rate at some point of a run.

    TTRL (arXiv 2504.16084) warms up over 3% of the steps and comes down a half cosine.

    Args:
        name: `constant` stays at 1 after the warm-up; `cosine` comes down to 0.
        warmup: Share of the run in which the factor rises linearly from 0 to 1.
        progress: How much of the run is done, in [0, 1]; what lies beyond counts as its end.

    Returns:
        The factor, in [0, 1].
    """
    done = min(progress, 1.0)
    if done < warmup:
        return done / warmup
    if name == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (done - warmup) / (1.0 - warmup)))
