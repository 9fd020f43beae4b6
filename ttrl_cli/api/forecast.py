"""How long a run may take on this machine, said before its first step."""

from typing import Any

from ttrl_cli.config import RunConfig
from ttrl_cli.rundir import Totals

SAMPLING, LEARNING = 2.5, 3.5
"""What a sampled token costs, in matrix products of one forward pass: decoding it, and learning
from it. Reckoned from a step of the demo on two AVX2 cores (33 s of sampling, 44 s of update), and
not measured for other models; everything else of a step is in them."""


def forecast(config: RunConfig, used: Totals, network: Any) -> float | None:
    """Return the most seconds that the rest of a run should take; None if nothing tells.

    Args:
        config: The run's configuration.
        used: What it has used so far.
        network: The model that samples and learns in this process; None if there is none.
    """
    if network is None or config.gpus > 1:
        return None
    from ttrl_cli.models.speed import seconds_per_token

    step = config.groups * config.group_size
    per_token = seconds_per_token(network, step)
    if per_token is None:
        return None
    samples = max(0, config.steps - used.steps) * step
    if config.samples is not None:
        samples = min(samples, config.samples - used.samples)
    tokens = samples * config.max_tokens
    if config.tokens is not None:
        tokens = min(tokens, config.tokens - used.tokens)
    seconds = tokens * per_token * (SAMPLING + (LEARNING if config.train else 0))
    return seconds if config.seconds is None else min(seconds, config.seconds - used.seconds)
