"""Proof that a sampler with weights of its own has the learner's.

A stale sampler fails silently: its samples look like any others, and in bfloat16 one update may
change log-probabilities by less than two engines differ. So changes are compared, not values: on a
few tokens, what an update does to the sampler's log-probabilities against what it does to the
learner's. What the engines differ by anyway is in both of the sampler's figures and cancels.

    sync = sum(dS * dL) / sum(dL * dL)        the slope of the sampler's changes on the learner's

It is 1 in step and 0 for a sampler that was not updated. Where noise leaves it open which of the
two is true, the first figures are kept and the changes of further updates add up, until it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ttrl_cli.errors import StaleSamplerError
from ttrl_cli.learner.base import Learner
from ttrl_cli.records import Adapter, FloatArray, Probe, Row
from ttrl_cli.sampler.base import SeparateSampler

ROWS = 4
PROMPT_TOKENS = 256
COMPLETION_TOKENS = 128
"""Bounds of a probe: it must cost little beside an update, whatever the completions' length."""

_HALF = 0.5
_ERRORS = 3.0
"""A slope is above or below a half where it is so by this many standard errors."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How a sampler's changes follow the learner's.

    Attributes:
        value: 1 in step, 0 where the sampler did not change.
        error: Its standard error.
    """

    value: float
    error: float

    @property
    def in_step(self) -> bool:
        """Whether it is above a half, beyond noise."""
        return self.value - _ERRORS * self.error > _HALF

    @property
    def out_of_step(self) -> bool:
        """Whether it is below a half, beyond noise."""
        return self.value + _ERRORS * self.error < _HALF


def slope(learner_N: FloatArray, sampler_N: FloatArray) -> Slope:
    """Least squares through the origin of the sampler's changes on the learner's.

    Args:
        learner_N: Changes of the learner's log-probabilities, nats [N].
        sampler_N: Those of the sampler's, of the same tokens.

    Returns:
        The slope; 0 with an infinite error where the learner did not change or there are fewer than
        two tokens.
    """
    power = float(learner_N @ learner_N)
    if power == 0 or len(learner_N) < 2:
        return Slope(0.0, np.inf)
    value = float(learner_N @ sampler_N) / power
    rest_N = sampler_N - value * learner_N
    variance = float(rest_N @ rest_N) / (len(learner_N) - 1)
    return Slope(value, float(np.sqrt(variance / power)))


@dataclass(frozen=True, slots=True)
class _Reference:
    """Where both stood before an update: concatenated log-probabilities of the probes [N]."""

    probes: tuple[Probe, ...]
    policy: int
    learner_N: FloatArray
    sampler_N: FloatArray


class SyncWatch:
    """Watches one sampler and its learner over their updates.

    Args:
        sampler: A sampler with weights of its own.
        learner: Whose weights it is to have.
    """

    def __init__(self, sampler: SeparateSampler, learner: Learner) -> None:
        self._sampler = sampler
        self._learner = learner
        self._reference: _Reference | None = None

    def before(self, rows: Sequence[Row], adapter: Adapter) -> None:
        """Score a probe before an update, unless an earlier one is still open.

        The sampler then rests until `after`.

        Args:
            rows: What the update learns from; a few of them become the probe.
            adapter: What the sampler has loaded, and the learner still has.
        """
        if self._reference is None and (chosen := probes(rows)):
            learner_N, sampler_N = self._scores(chosen)
            self._reference = _Reference(chosen, adapter.policy, learner_N, sampler_N)
        self._sampler.rest()

    def after(self, adapter: Adapter) -> dict[str, float]:
        """Hand the sampler the update, and score the probe again: both ought to have it now.

        Args:
            adapter: What the learner has come to.

        Returns:
            Metrics: `policy/logprob_gap`, `policy/sync` and `policy/sync_error`; none where there
            was nothing to learn from.

        Raises:
            StaleSamplerError: If the sampler has not followed.
        """
        self._sampler.wake()
        self._sampler.load(adapter)
        first = self._reference
        if first is None:
            return {}
        learner_N, sampler_N = self._scores(first.probes)
        found = slope(learner_N - first.learner_N, sampler_N - first.sampler_N)
        if found.out_of_step:
            changed = float(np.abs(learner_N - first.learner_N).mean())
            msg = (
                f"the sampler does not have the learner's weights: from policy {first.policy} to "
                f"{adapter.policy} log-probabilities of {len(learner_N)} tokens changed by "
                f"{changed:.2g} nats on average in the learner, and by {found.value:.2f} (+- "
                f"{found.error:.2f}) times that in the sampler; nothing of this step was kept"
            )
            raise StaleSamplerError(msg)
        if found.in_step:
            self._reference = None
        metrics = {"policy/logprob_gap": float(np.abs(sampler_N - learner_N).mean())}
        if np.isfinite(found.error):
            metrics |= {"policy/sync": found.value, "policy/sync_error": found.error}
        return metrics

    def forget(self) -> None:
        """Both went to other weights at once: what was scored before says nothing any more."""
        self._reference = None

    def _scores(self, probes_: tuple[Probe, ...]) -> tuple[FloatArray, FloatArray]:
        """The learner's and the sampler's log-probabilities, of all tokens [N]."""
        learner_N = np.concatenate(self._learner.logprobs(probes_))
        sampler_N = np.concatenate(self._sampler.logprobs(probes_))
        return learner_N, sampler_N


def probes(rows: Sequence[Row]) -> tuple[Probe, ...]:
    """Parts of a few rows, from as many prompts as there are: ends of prompts, starts of answers.

    A sequence cut like this means nothing to the model, which does not matter here.
    """
    by_prompt: dict[bytes, list[Row]] = {}
    for row in rows:
        by_prompt.setdefault(row.prompt_ids_S.tobytes(), []).append(row)
    turns = max(map(len, by_prompt.values()), default=0)
    dealt = [
        group[turn] for turn in range(turns) for group in by_prompt.values() if turn < len(group)
    ]
    return tuple(
        Probe(
            prompt_ids_S=row.prompt_ids_S[-PROMPT_TOKENS:],
            token_ids_T=row.token_ids_T[:COMPLETION_TOKENS],
        )
        for row in dealt[:ROWS]
    )
