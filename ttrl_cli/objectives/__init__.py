"""From the rewards of a group to advantages: pure functions of arrays.

An objective is a function `(rewards_G, valid_G, errors_G) -> Advantages`. `valid_G` is a flag, not
a number: the rewards of invalid samples are ignored and may be nan. All objectives drop a group
without signal, that is where no sample is valid, or where all are valid with equal rewards. Equal
valid rewards beside invalid samples are a signal: the group learns to be valid.

`errors_G` are standard errors of the rewards, where the problem states them. The luckiest of noisy
samples must not be taught for its luck: the expected advantage of a sample is not raised by noise
in its own reward. Without errors, or where all are 0, nothing changes.
"""

from ttrl_cli.objectives.base import Advantages, Objective
from ttrl_cli.objectives.entropic import SPREAD_CAP, constant_beta, entropic, entropic_valid
from ttrl_cli.objectives.named import by_name
from ttrl_cli.objectives.normalised import GRPO_EPSILON, grpo, mean_baseline
from ttrl_cli.objectives.shaping import kl_shaping

__all__ = [
    "GRPO_EPSILON",
    "SPREAD_CAP",
    "Advantages",
    "Objective",
    "by_name",
    "constant_beta",
    "entropic",
    "entropic_valid",
    "grpo",
    "kl_shaping",
    "mean_baseline",
]
