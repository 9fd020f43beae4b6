"""Proof that a sampler with weights of its own has the learner's.

A stale sampler fails silently: its samples look like any others, and in bfloat16 one update may
change log-probabilities by less than two engines differ. So changes are compared, not values: on a
few tokens, what an update does to the sampler's log-probabilities against what it does to the
learner's. What the engines differ by anyway is in both of the sampler's values and cancels.

    sync = sum(dS * dL) / sum(dL * dL)        the slope of the sampler's changes on the learner's

It is 1 for a sampler with the learner's weights and 0 for a stale one. Where noise does not tell
which of the two is true, the first values are kept and the changes of further updates add up, until
it does. The same is done where the learner has changed by less than the two differ with the same
weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ttrl_cli.errors import StaleSamplerError
from ttrl_cli.learner.base import ScoringLearner
from ttrl_cli.records import Adapter, FloatArray, Probe, Round, Row
from ttrl_cli.sampler.base import SeparateSampler

ROWS = 4
PROMPT_TOKENS = 256
COMPLETION_TOKENS = 128
"""Bounds of a probe: it must cost little beside an update, whatever the completions' length."""

_HALF = 0.5
_ERRORS = 3.0
"""A slope is above or below a half where it is so by this many standard errors.

And where those fit between 0 and a half: 1 and a slope that is below by so much are then six
standard errors apart. Every update is a look, and a sampler that follows must pass them all.
"""


_MOST_ROUNDING = 0.1
"""Nats: engines that differ by more with the same weights do so for another reason."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How a sampler's changes follow the learner's.

    Attributes:
        value: 1 for a sampler that follows, 0 for one that did not change.
        error: Its standard error.
    """

    value: float
    error: float

    @property
    def fresh(self) -> bool:
        """Whether it is above a half, beyond noise."""
        return self._margin < _HALF < self.value - self._margin

    @property
    def stale(self) -> bool:
        """Whether it is below a half, beyond noise."""
        return self._margin < _HALF and self.value + self._margin < _HALF

    @property
    def _margin(self) -> float:
        return _ERRORS * self.error


def _norm(x_N: FloatArray) -> float:
    """Return the root of the mean square; 0 for an empty array."""
    return float(np.sqrt(np.mean(np.square(x_N)))) if len(x_N) else 0.0


def slope(learner_N: FloatArray, sampler_N: FloatArray) -> Slope:
    """Fit the sampler's changes to the learner's by least squares through the origin.

    Args:
        learner_N: Changes of the learner's log-probabilities, nats [N].
        sampler_N: Changes of the sampler's log-probabilities of the same tokens, nats [N].

    Returns:
        The slope; 0 with an infinite error if the learner did not change or there are fewer than
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
class _Baseline:
    """Scores by the learner and by one replica of the sampler's weights before an update.

    Attributes:
        probes: What was scored.
        policy: The update it was scored after.
        learner_N: The learner's log-probabilities of all tokens.
        sampler_N: The replica's.
    """

    probes: tuple[Probe, ...]
    policy: int
    learner_N: FloatArray
    sampler_N: FloatArray

    @property
    def grain(self) -> float:
        """The difference of the two with the same weights that rounding explains, in nats.

        In bfloat16 an engine rounds away most of a change that is smaller, and has not followed it
        although it has the weights.
        """
        return min(_norm(self.sampler_N - self.learner_N), _MOST_ROUNDING)


class StalenessCheck(Protocol):
    """Measures whether the sampler has the learner's weights."""

    def before(self, rounds: Sequence[Round], adapter: Adapter) -> None:
        """Measure before the updates on these rounds.

        Args:
            rounds: The rounds of the updates.
            adapter: The adapter that learner and sampler both have.
        """

    def after(self, adapter: Adapter) -> Mapping[str, float]:
        """Measure after the sampler has loaded the updated adapter; return metrics.

        Raises:
            StaleSamplerError: If the sampler's weights did not follow the learner's.
        """

    def forget(self) -> None:
        """Drop earlier measurements; learner and sampler have gone to other weights together."""


class SharedWeights:
    """No check: a sampler on the learner's weights cannot be stale. See `StalenessCheck`."""

    def before(self, rounds: Sequence[Round], adapter: Adapter) -> None:
        """Measure nothing."""

    def after(self, adapter: Adapter) -> Mapping[str, float]:
        """Return no metrics."""
        del adapter
        return {}

    def forget(self) -> None:
        """Do nothing; nothing was measured."""


class SlopeCheck:
    """Measures one sampler and its learner over their updates. See `StalenessCheck`.

    Args:
        sampler: A sampler with weights of its own, maybe several replicas of them.
        learner: The learner, whose weights it must have.
    """

    def __init__(self, sampler: SeparateSampler, learner: ScoringLearner) -> None:
        self._sampler = sampler
        self._learner = learner
        self._open: dict[str, _Baseline] = {}

    def before(self, rounds: Sequence[Round], adapter: Adapter) -> None:
        """Score a probe before an update, with the learner and with the sampler's replicas.

        A replica whose earlier probe is still open keeps that one.

        Args:
            rounds: The rounds of the updates; a few of their rows become the probe.
            adapter: The adapter that learner and sampler both have.
        """
        chosen = probes([row for round_ in rounds for row in round_.rows])
        asked = [replica for replica in self._sampler.replicas if replica not in self._open]
        if chosen and asked:
            learner_N = np.concatenate(self._learner.logprobs(chosen))
            for replica in asked:
                if (answer := self._sampler.logprobs(chosen, replica)) is not None:
                    sampler_N = np.concatenate(answer)
                    self._open[replica] = _Baseline(chosen, adapter.policy, learner_N, sampler_N)

    def after(self, adapter: Adapter) -> dict[str, float]:
        """Score the probes again, after the sampler has loaded the update.

        Args:
            adapter: The learner's adapter after the update.

        Returns:
            Metrics: `policy/logprob_gap`, the largest of all replicas; `policy/sync` and
            `policy/sync_error` of the replica whose slope may be the lowest, left out if that slope
            cannot be measured. Empty if no probe is open.

        Raises:
            StaleSamplerError: If a replica did not follow the learner.
        """
        learned: dict[int, FloatArray] = {}
        slopes: list[Slope] = []
        gaps: list[float] = []
        for replica, first in list(self._open.items()):
            answer = self._sampler.logprobs(first.probes, replica)
            if answer is None:  # it is gone
                del self._open[replica]
                continue
            if id(first.probes) not in learned:
                scored = self._learner.logprobs(first.probes)
                learned[id(first.probes)] = np.concatenate(scored)
            learner_N, sampler_N = learned[id(first.probes)], np.concatenate(answer)
            changes_N = learner_N - first.learner_N
            found = slope(changes_N, sampler_N - first.sampler_N)
            if found.stale and _norm(changes_N) > first.grain:
                raise StaleSamplerError(_stale(replica, found, changes_N, first.policy, adapter))
            if found.fresh:
                del self._open[replica]
            slopes.append(found)
            gaps.append(float(np.abs(sampler_N - learner_N).mean()))
        return _metrics(slopes, gaps)

    def forget(self) -> None:
        """See `StalenessCheck.forget`."""
        self._open.clear()


def _metrics(slopes: Sequence[Slope], gaps: Sequence[float]) -> dict[str, float]:
    """Return the largest gap of all replicas, and the slope that may be the lowest, as metrics."""
    if not slopes:
        return {}
    worst = min(slopes, key=lambda found: found.value - _ERRORS * found.error)
    metrics = {"policy/logprob_gap": max(gaps)}
    if np.isfinite(worst.error):
        metrics |= {"policy/sync": worst.value, "policy/sync_error": worst.error}
    return metrics


def _stale(replica: str, found: Slope, changes_N: FloatArray, policy: int, adapter: Adapter) -> str:
    """Return the message about a replica that did not follow the learner."""
    changed = float(np.abs(changes_N).mean())
    return (
        f"{replica} does not have the learner's weights: from policy {policy} to {adapter.policy} "
        f"log-probabilities of {len(changes_N)} tokens changed by {changed:.2g} nats on average in "
        f"the learner, and by {found.value:.2f} (+- {found.error:.2f}) times that in the sampler; "
        "nothing of this step was kept"
    )


def probes(rows: Sequence[Row]) -> tuple[Probe, ...]:
    """Cut probes from a few rows, taken from as many prompts as possible.

    A probe is the end of a prompt and the start of its completion. A sequence cut like this means
    nothing to the model, which does not matter here.
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
