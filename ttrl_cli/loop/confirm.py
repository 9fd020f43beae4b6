"""Would-be bests are measured again: the best of thousands is the luckiest, if one looks only once.

Where scores have errors, the best of many is the one whose noise was kindest. So three measurements
have three uses, and none has two:

    first     all candidates of a run, on the search's own trial: what is learned from, and what the
              archive ranks by; says who is worth a second look
    deciding  at most `confirm_most` of a step, on a second trial that all of a run share: says who
              becomes the best. Both sides of the comparison met the same trial, so that what is
              easy or hard about it cancels
    reported  the new best alone, on a trial that nothing else sees: the score of the best, which
              no decision has used and no selection has favoured

Learning and the archive keep the first scores: those of other trials beside them would teach how
hard a trial was. A solution that another trial refuses is invalid in all its copies. Trials are
drawn from the run's secret, the step and the attempt; the order of grading has no part in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        metrics: What the problem's score said besides, on the trial that is reported.
    """

    state: State
    first: float
    deciding: float
    metrics: Mapping[str, float] = field(default_factory=dict)


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

    def wanted(self, attempts: Sequence[Attempt], best: State, incumbent: Incumbent | None) -> bool:
        """Decide whether scores of a run are not taken at their word.

        Args:
            attempts: A step's attempts.
            best: The best of the archive.
            incumbent: The best that was confirmed, if there is one.
        """
        noisy = incumbent is not None or best.error is not None
        return self.most > 0 and (noisy or any(a.verdict.error is not None for a in attempts))

    def challengers(self, attempts: Sequence[Attempt], incumbent: Incumbent) -> list[Attempt]:
        """Return the attempts to look at again: the best by their first score, each solution once.

        An attempt is worth it if it beats either of the incumbent's two scores: the first alone may
        be a lucky one that nothing beats, the deciding one is of another trial.
        """
        signed = self._problem.signed
        bar = min(signed(incumbent.first), signed(incumbent.deciding))
        better = [a for a in attempts if a.verdict.valid and signed(_score(a.verdict)) > bar]
        better.sort(key=lambda a: (-signed(_score(a.verdict)), a.group, a.index))
        distinct: dict[str, Attempt] = {}
        for attempt in better:
            digest = digest_of(attempt.verdict)
            if digest != digest_of(incumbent.state):
                distinct.setdefault(digest, attempt)
        return list(distinct.values())[: self.most]

    def first_incumbent(self, best: State, pending: Pending) -> Incumbent:
        """Return the best of the archive as the first incumbent, measured again as any other.

        One that fails on other trials keeps its first score.
        """
        deciding, reported = self._again(
            pending,
            self._asked(best.id, best.solution, None, DECIDING),
            self._asked(best.id, best.solution, None, f"reported/{best.id}"),
        )
        if not (deciding.valid and reported.valid):
            return Incumbent(state=best, first=best.score, deciding=best.score)
        return self._incumbent(best, _score(deciding), reported)

    def _incumbent(self, state: State, deciding: float, reported: Verdict) -> Incumbent:
        score = _score(reported)
        signed = self._problem.signed(score)
        shown = replace(state, score=score, signed=signed, error=reported.error, data=reported.data)
        return Incumbent(
            state=shown, first=state.score, deciding=deciding, metrics=dict(reported.metrics)
        )

    def decide(
        self,
        challengers: Sequence[Attempt],
        states: Mapping[str, State],
        parents: Mapping[str, Json],
        before: Incumbent,
        pending: Pending,
    ) -> tuple[dict[str, Verdict], Incumbent | None]:
        """Measure challengers again, and decide whether one of them becomes the best.

        Args:
            challengers: The attempts.
            states: Each of them as a state, by the attempt's id.
            parents: The verified data of each one's parent, by the attempt's id.
            before: The best so far.
            pending: The log of the step under way.

        Returns:
            The verdicts by the attempts' ids, with what the other trials said, and the new best;
            None if there is none.
        """
        asked = [
            self._asked(a.id, a.verdict.solution, parents[a.id], DECIDING) for a in challengers
        ]
        seconds = dict(zip((a.id for a in challengers), self._again(pending, *asked), strict=True))
        verdicts = {a.id: _joined(a.verdict, seconds[a.id]) for a in challengers}
        signed = self._problem.signed
        ranked = sorted(
            (a for a in challengers if seconds[a.id].valid),
            key=lambda a: (-signed(_score(seconds[a.id])), a.group, a.index),
        )
        for attempt in ranked:
            deciding = _score(seconds[attempt.id])
            if not self._problem.better(deciding, before.deciding):
                break
            solution, purpose = attempt.verdict.solution, f"reported/{attempt.id}"
            one = self._asked(attempt.id, solution, parents[attempt.id], purpose)
            (third,) = self._again(pending, one)
            verdicts[attempt.id] = _joined(verdicts[attempt.id], third)
            if third.valid:
                return verdicts, self._incumbent(states[attempt.id], deciding, third)
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


def _score(verdict: Verdict) -> float:
    assert verdict.score is not None
    return verdict.score


def _joined(before: Verdict, again: Verdict) -> Verdict:
    """Return the verdict on a solution that was measured again, which another trial may refuse."""
    seconds = before.seconds + again.seconds
    if again.valid:
        return replace(before, again=(*before.again, _score(again)), seconds=seconds)
    ours = again.status is Status.FAILED
    reason = again.reason if ours else f"measured again, on another trial: {again.reason}"
    return replace(again, reason=reason, rule=before.rule, seconds=seconds, again=before.again)


def spread(attempts: Sequence[Attempt], verdicts: Mapping[str, Verdict]) -> list[Attempt]:
    """Return a step's attempts with new verdicts, those on copies of a refused solution included.

    Args:
        attempts: The attempts.
        verdicts: New verdicts, by the attempts' ids.
    """
    refused = {
        digest_of(a.verdict): verdicts[a.id]
        for a in attempts
        if a.id in verdicts and not verdicts[a.id].valid
    }
    found = []
    for attempt in attempts:
        verdict = verdicts.get(attempt.id, attempt.verdict)
        if verdict.valid and digest_of(attempt.verdict) in refused:
            verdict = replace(refused[digest_of(attempt.verdict)], rule=attempt.verdict.rule)
        found.append(replace(attempt, verdict=verdict))
    return found
