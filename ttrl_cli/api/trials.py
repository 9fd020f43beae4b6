"""Trials that somebody chooses: seeds of one's own, and a solution that is measured on them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Asked, Split, TrialSpec
from ttrl_cli.problem import Problem
from ttrl_cli.reading import read_user_text
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.report.repeated import Score, mean_of

SEED_BITS = 128
_DECIMAL = re.compile("[0-9]{1,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTrial:
    """What a solution is worth on one trial: the trial's seed, and the verdict."""

    seed: int
    verdict: Verdict

    def as_json(self) -> dict[str, Json]:
        """Return the fields that --json prints."""
        verdict = self.verdict
        return {
            "seed": self.seed,
            "valid": verdict.valid,
            "reason": verdict.reason,
            "score": verdict.score,
            **({} if verdict.error is None else {"error": verdict.error}),
        }


def read_trials(file: Path) -> tuple[int, ...]:
    """Read a file with a seed on each line: a whole number from 0, below 2**128, in decimal.

    Blank lines, and what stands behind a #, do not count.

    Raises:
        UsageError: If it cannot be read or holds no seed, a line is none, or a seed comes twice:
            a trial that is counted twice would make an error look smaller than it is.
    """
    where = f"--trials {file}"
    try:
        text = read_user_text(file)
    except (OSError, ValueError) as error:
        msg = f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UsageError(msg) from error
    lines: dict[int, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        why = _fault(said)
        if why:
            msg = f"{where}, line {number}: expected {why} (got {said!r:.60})"
            raise UsageError(msg)
        seed = int(said)
        if seed in lines:
            msg = f"{where}, line {number}: the seed {seed} is that of line {lines[seed]}, too"
            raise UsageError(msg)
        lines[seed] = number
    if not lines:
        msg = f"{where}: holds no seed; expected one on each line"
        raise UsageError(msg)
    return tuple(lines)


def _fault(said: str) -> str:
    """Say what is expected in place of a text that is no seed; "" if it is one."""
    if not _DECIMAL.fullmatch(said):
        return "a whole number from 0, in decimal"
    return "" if int(said) < 2**SEED_BITS else f"a number below 2**{SEED_BITS}"


def require_trials(problem: Problem, *, held_out: bool, trials: Sequence[int], secret: str) -> None:
    """Refuse trials of a problem that has none, and a secret that nothing would be drawn from.

    Raises:
        UsageError: If they are refused.
    """
    asked = "--held-out" if held_out else "--trials" if trials else ""
    if asked and problem.spec.measure is None:
        msg = f"{asked}: {problem.file} has no measure, and so no trials"
        raise UsageError(msg)
    if trials and secret:
        msg = "--secret-file: with --trials nothing is drawn from a secret; leave one of them out"
        raise UsageError(msg)
    for seed in trials:
        if not 0 <= seed < 2**SEED_BITS:
            msg = f"trials: a seed is from 0 and below 2**{SEED_BITS} (got {seed})"
            raise UsageError(msg)


def graded_on(
    grader: ProblemGrader, text: str, split: Split, seeds: Sequence[int]
) -> tuple[Verdict, tuple[OnTrial, ...]]:
    """Measure and grade a solution on trials that are given, or on one that is drawn.

    Args:
        grader: Grades it; of a problem with `measure`.
        text: The solution.
        split: The split that measure is told.
        seeds: Those of the trials; empty to draw one from the grader's secret.

    Returns:
        One verdict on all, and that on each given trial.

    Raises:
        SetupError: If a measurement failed on our side.
    """
    specs = [TrialSpec(split=split, given=seed) for seed in seeds] or [TrialSpec(split=split)]
    verdicts: dict[int, Verdict] = {}
    for place, verdict in grader.grade_each([Asked(solution=text, trial=one) for one in specs]):
        if verdict.status is Status.FAILED:
            raise SetupError(_on(seeds, place) + verdict.reason)
        verdicts[place] = verdict
    ordered = [verdicts[place] for place in range(len(specs))]
    each = [OnTrial(seed=seed, verdict=one) for seed, one in zip(seeds, ordered, strict=False)]
    return _together(ordered, seeds), tuple(each)


def _on(seeds: Sequence[int], place: int) -> str:
    return f"on the trial {seeds[place]}: " if seeds else ""


def _together(verdicts: Sequence[Verdict], seeds: Sequence[int]) -> Verdict:
    """Return one verdict on a solution that was measured on several trials."""
    for place, verdict in enumerate(verdicts):
        if not verdict.valid:
            return replace(verdict, reason=_on(seeds, place) + verdict.reason)
    if len(verdicts) == 1:
        return verdicts[0]
    mean = mean_of([Score.of(verdict) for verdict in verdicts])
    return replace(
        verdicts[0],
        score=mean.value,
        error=mean.error,
        per_trial=(),
        metrics={},
        seconds=sum(verdict.seconds for verdict in verdicts),
    )
