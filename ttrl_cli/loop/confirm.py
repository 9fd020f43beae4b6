"""Would-be bests are measured again: the best of thousands is the luckiest, if one looks only once.

Where scores have errors, the best of many is the one whose noise was kindest. So three measurements
have three uses, and none has two:

    first     all candidates of a run, on the search's own trial: learning and PUCT; says who is
              worth a second look
    deciding  at most `confirm_most` of a step, on a second trial that all of a run share: says who
              becomes the best. Both sides of the comparison met the same trial, so that what is
              easy or hard about it cancels
    reported  the new best alone, on a trial that nothing else sees: its score, which no decision
              has used and no selection has favoured

The last measurement alone becomes a solution's score, before archive and best see it. Trials are
drawn from the run's secret, the step and the attempt; the order of grading has no part in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ttrl_cli import seeding
from ttrl_cli.loop.pending import Pending
from ttrl_cli.problem import CONFIRM_MOST, Problem
from ttrl_cli.records import Again, Attempt, Json, State, Status, Verdict
from ttrl_cli.search.archive import digest_of

DECIDING = "deciding"
"""The purpose of the trial on which would-be bests of a run are compared."""


MeasureAgain: TypeAlias = Callable[[Sequence[Again]], list[Verdict]]
"""Grades solutions on trials of their own; returns the verdicts in the order asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """The best solution of a run whose scores have errors.

    Attributes:
        state: The solution, with the score that is reported.
        first: Its score on the trial of the search.
        deciding: Its score on the trial that decides.
    """

    state: State
    first: float
    deciding: float


class Confirmation:
    """Decides which of a step's attempts becomes the best.

    Args:
        problem: The problem.
        seed: The run's seed, from which programs get theirs.
        measure: Grades solutions on trials of their own.
    """

    def __init__(self, problem: Problem, seed: int, measure: MeasureAgain) -> None:
        how = problem.spec.measuring
        self.most = CONFIRM_MOST if how is None else how.confirm_most
        self._problem = problem
        self._seed = seed
        self._measure = measure

    def challengers(self, attempts: Sequence[Attempt], incumbent: Incumbent) -> list[Attempt]:
        """Return the attempts to look at again: the best by their first score, each solution once.

        An attempt is worth it if it beats either of the incumbent's two scores: the first alone may
        be a lucky one that nothing beats, the deciding one is of another trial.
        """
        signed = self._problem.signed
        bar = min(signed(incumbent.first), signed(incumbent.deciding))
        better = [a for a in attempts if _has_error(a.verdict) and signed(_score(a.verdict)) > bar]
        better.sort(key=lambda a: (-signed(_score(a.verdict)), a.group, a.index))
        distinct: dict[str, Attempt] = {}
        for attempt in better:
            digest = digest_of(attempt.verdict)
            if digest != digest_of(incumbent.state):
                distinct.setdefault(digest, attempt)
        return list(distinct.values())[: self.most]

    def first_incumbent(self, seed: State, pending: Pending) -> Incumbent:
        """Return the best seed as the first incumbent, measured again as any other would be.

        A seed that fails on other trials keeps its first score.
        """
        first = seed.score
        deciding, reported = self._again(
            pending,
            self._asked(seed.id, seed.solution, None, DECIDING),
            self._asked(seed.id, seed.solution, None, f"reported/{seed.id}"),
        )
        if not (_has_score(deciding) and _has_score(reported)):
            return Incumbent(state=seed, first=first, deciding=first)
        state = replace(seed, score=_score(reported), signed=self._problem.signed(_score(reported)))
        state = replace(state, error=reported.error, data=reported.data)
        return Incumbent(state=state, first=first, deciding=_score(deciding))

    def wanted(self, attempts: Sequence[Attempt]) -> bool:
        """Decide whether any of the attempts has a score that is not taken at its word."""
        return self.most > 0 and any(_has_error(attempt.verdict) for attempt in attempts)

    def decide(
        self,
        challengers: Sequence[Attempt],
        parents: Callable[[Attempt], Json],
        deciding: float,
        pending: Pending,
    ) -> tuple[dict[str, Verdict], tuple[str, float] | None]:
        """Measure challengers again, and decide whether one of them becomes the best.

        Args:
            challengers: The attempts.
            parents: Returns the verified data of an attempt's parent.
            deciding: The incumbent's score on the trial that decides.
            pending: The log of the step under way.

        Returns:
            The new verdicts by the attempts' ids, and the id of the new best with its score on the
            trial that decides; None if there is no new best.
        """
        asked = [self._asked(a.id, a.verdict.solution, parents(a), DECIDING) for a in challengers]
        seconds = self._again(pending, *asked)
        verdicts = {
            a.id: _joined(a.verdict, second) for a, second in zip(challengers, seconds, strict=True)
        }
        signed = self._problem.signed
        ranked = sorted(
            (a for a in challengers if verdicts[a.id].valid),
            key=lambda a: (-signed(_score(verdicts[a.id])), a.group, a.index),
        )
        for attempt in ranked:
            decided = _score(verdicts[attempt.id])
            if not self._problem.better(decided, deciding):
                break
            purpose = f"reported/{attempt.id}"
            solution = attempt.verdict.solution
            (third,) = self._again(
                pending, self._asked(attempt.id, solution, parents(attempt), purpose)
            )
            verdicts[attempt.id] = _joined(verdicts[attempt.id], third)
            if verdicts[attempt.id].valid:
                return verdicts, (attempt.id, decided)
        return verdicts, None

    def _again(self, pending: Pending, *asked: Again) -> list[Verdict]:
        """Measure solutions again, but for those that a stopped session has measured."""
        known = pending.kept.again
        fresh = [one for one in asked if (one.key, one.solution) not in known]
        for one, verdict in zip(fresh, self._measure(fresh), strict=True):
            pending.again(one, verdict)
            known[one.key, one.solution] = verdict
        return [known[one.key, one.solution] for one in asked]

    def _asked(self, id_: str, solution: str, parent_data: Json, purpose: str) -> Again:
        seed = seeding.again_seed(self._seed, f"{id_}/{purpose}") % 2**32
        return Again(
            key=f"{id_}/{purpose}",
            solution=solution,
            parent_data=parent_data,
            seed=seed,
            purpose=purpose,
        )


def _has_error(verdict: Verdict) -> bool:
    return verdict.valid and verdict.error is not None


def _has_score(verdict: Verdict) -> bool:
    return verdict.valid and verdict.score is not None


def _score(verdict: Verdict) -> float:
    assert verdict.score is not None
    return verdict.score


def _joined(before: Verdict, again: Verdict) -> Verdict:
    """Return what is known of a solution that was measured again: the last measurement's score.

    What prompts show of it stays that of the search's own trial, which parents share with children.
    """
    earlier = (*before.earlier, _score(before))
    seconds = before.seconds + again.seconds
    if not again.valid:
        reason = f"measured again, on another trial: {again.reason}"
        if again.status is Status.FAILED:
            reason = again.reason
        return replace(again, reason=reason, rule=before.rule, seconds=seconds, earlier=earlier)
    return replace(
        before,
        score=again.score,
        reward=again.reward,
        error=again.error,
        reward_error=again.reward_error,
        data=again.data,
        metrics=again.metrics,
        seconds=seconds,
        earlier=earlier,
    )
