"""What objectives have in common: their result, and what they ask of rewards and errors."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ttrl_cli.records import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantages:
    """The advantages of one group.

    Attributes:
        values_G: Advantage of each sample, `[G]`; zeros where the group is dropped.
        beta: Inverse temperature, in 1 / units of reward; None where the objective has none or the
            group is dropped.
        dropped: True where the group has no signal and must stay out of the update.
    """

    values_G: FloatArray
    beta: float | None
    dropped: bool


class Objective(Protocol):
    """Turns the rewards of a group into advantages."""

    def __call__(
        self, rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
    ) -> Advantages:
        """Return the advantages of a group.

        Args:
            rewards_G: `[G]`, higher is better; ignored where invalid.
            valid_G: `[G]`.
            errors_G: Standard errors of the rewards, `[G]`, in their units; None for none.

        Raises:
            ValueError: If it cannot use the rewards.
        """


def errors_of(errors_G: FloatArray | None, valid_G: BoolArray) -> FloatArray:
    """Check the errors; return those of the valid samples, `[V]`, zeros where there are none.

    Raises:
        ValueError: If shapes differ, or an error of a valid sample is negative or not finite.
    """
    if errors_G is None:
        return np.zeros(np.count_nonzero(valid_G))
    if errors_G.shape != valid_G.shape:
        msg = f"errors {errors_G.shape} and validity {valid_G.shape} must both be [G]"
        raise ValueError(msg)
    errors_V = errors_G[valid_G]
    if not (np.isfinite(errors_V).all() and (errors_V >= 0).all()):
        msg = f"errors must be finite numbers >= 0 (got {errors_V.tolist()})"
        raise ValueError(msg)
    return errors_V


def has_signal(rewards_V: FloatArray, valid_G: BoolArray) -> bool:
    """Decide whether a group has a signal.

    It has none if no sample is valid, or if all are valid with equal rewards.
    """
    if rewards_V.size == 0:
        return False
    return rewards_V.size < valid_G.size or bool(rewards_V.max() > rewards_V.min())


def dropped(valid_G: BoolArray) -> Advantages:
    """Return the advantages of a group without signal."""
    return Advantages(values_G=np.zeros(valid_G.size), beta=None, dropped=True)


def valid_rewards(rewards_G: FloatArray, valid_G: BoolArray) -> FloatArray:
    """Check the rewards; return the rewards of the valid samples, `[V]`.

    Raises:
        ValueError: If shapes differ, or a valid reward or the span of these is not finite.
    """
    if rewards_G.ndim != 1 or rewards_G.shape != valid_G.shape:
        msg = f"rewards {rewards_G.shape} and validity {valid_G.shape} must both be [G]"
        raise ValueError(msg)
    rewards_V = rewards_G[valid_G]
    for index in np.flatnonzero(valid_G & ~np.isfinite(rewards_G)):
        msg = f"sample {index} is valid, and its reward {float(rewards_G[index])!r} is not finite"
        raise ValueError(msg)
    if rewards_V.size and not math.isfinite(float(rewards_V.max()) - float(rewards_V.min())):
        msg = f"rewards from {rewards_V.min()} to {rewards_V.max()}: the span is not finite"
        raise ValueError(msg)
    return rewards_V
