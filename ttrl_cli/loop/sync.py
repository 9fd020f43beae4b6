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
from dataclasses import dataclass, replace

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
    """Where learner and sampler stood before an update.

    Attributes:
        probes: What was scored.
        policy: The update it was scored after.
        learner_N: The learner's log-probabilities of all tokens.
        sampler_N: Those of each of the sampler's copies that the question is still open for.
    """

    probes: tuple[Probe, ...]
    policy: int
    learner_N: FloatArray
    sampler_N: dict[str, FloatArray]


class SyncWatch:
    """Watches one sampler and its learner over their updates.

    Args:
        sampler: A sampler with weights of its own, maybe several copies of them.
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
            self._reference = _Reference(
                probes=chosen,
                policy=adapter.policy,
                learner_N=np.concatenate(self._learner.logprobs(chosen)),
                sampler_N=self._sampled(chosen, self._sampler.copies),
            )
        self._sampler.rest()

    def after(self, adapter: Adapter) -> dict[str, float]:
        """Hand the sampler the update, and score the probe again: both ought to have it now.

        Args:
            adapter: What the learner has come to.

        Returns:
            Metrics: `policy/logprob_gap`, `policy/sync` and `policy/sync_error`, each of the copy
            that is worst; none where there was nothing to learn from.

        Raises:
            StaleSamplerError: If a copy has not followed.
        """
        self._sampler.wake()
        self._sampler.load(adapter)
        first = self._reference
        if first is None:
            return {}
        learner_N = np.concatenate(self._learner.logprobs(first.probes))
        changes_N = learner_N - first.learner_N
        sampled = self._sampled(first.probes, list(first.sampler_N))
        slopes = {
            copy: slope(changes_N, sampler_N - first.sampler_N[copy])
            for copy, sampler_N in sampled.items()
        }
        for copy, found in slopes.items():
            if found.out_of_step:
                raise StaleSamplerError(_stale(copy, found, changes_N, first.policy, adapter))
        still = {copy: first.sampler_N[copy] for copy in slopes if not slopes[copy].in_step}
        self._reference = replace(first, sampler_N=still) if still else None
        if not sampled:
            return {}
        gaps = [float(np.abs(sampler_N - learner_N).mean()) for sampler_N in sampled.values()]
        metrics = {"policy/logprob_gap": max(gaps)}
        worst = min(slopes.values(), key=lambda found: found.value - _ERRORS * found.error)
        if np.isfinite(worst.error):
            metrics |= {"policy/sync": worst.value, "policy/sync_error": worst.error}
        return metrics

    def forget(self) -> None:
        """Both went to other weights at once: what was scored before says nothing any more."""
        self._reference = None

    def _sampled(self, chosen: tuple[Probe, ...], copies: Sequence[str]) -> dict[str, FloatArray]:
        """Log-probabilities of all tokens [N], by each copy that answers."""
        answers = {copy: self._sampler.logprobs(chosen, copy) for copy in copies}
        return {
            copy: np.concatenate(answer) for copy, answer in answers.items() if answer is not None
        }


def _stale(copy: str, found: Slope, changes_N: FloatArray, policy: int, adapter: Adapter) -> str:
    """What is to be said of a copy that did not follow."""
    changed = float(np.abs(changes_N).mean())
    return (
        f"{copy} does not have the learner's weights: from policy {policy} to {adapter.policy} "
        f"log-probabilities of {len(changes_N)} tokens changed by {changed:.2g} nats on average in "
        f"the learner, and by {found.value:.2f} (+- {found.error:.2f}) times that in the sampler; "
        "nothing of this step was kept"
    )


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
