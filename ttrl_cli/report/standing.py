"""How a run stands: its status, how much of its budget is spent, and the time that is left."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.problem import ProblemSpec
from ttrl_cli.questions import load_questions
from ttrl_cli.records import Json
from ttrl_cli.report.history import StepRow, read_steps
from ttrl_cli.report.summary import Summary, summarise
from ttrl_cli.rundir import RunDir, Totals

_RECENT = 10
"""Steps whose mean is the pace of those to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come.

    Attributes:
        share: The largest share of a bound that is spent, in [0, 1]; None without a bound.
        bound: That bound: steps, samples, tokens or seconds; empty without one.
        steps: The steps that the run has if nothing ends it early; None without a bound on them.
        left: Seconds until the nearest bound at the pace of the last steps; None where no pace is
            known, and in a finished run.
    """

    share: float | None
    bound: str
    steps: int | None
    left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a run stands.

    Attributes:
        summary: Its summary.
        kind: solve or vote.
        direction: minimize or maximize; None of a vote.
        started: When the run began, in ISO 8601; None where that is not known.
        progress: How far it has come.
    """

    summary: Summary
    kind: str
    direction: str | None
    started: str | None
    progress: Progress

    @property
    def gap(self) -> float | None:
        """How far the best score is from the best known; None where either is unknown."""
        best, known = self.summary.best, self.summary.best_known
        return None if best is None or known is None else abs(best.score - known)


def read_standing(run: RunDir, *, now: float | None = None) -> Standing:
    """Read how a run stands.

    Args:
        run: The run.
        now: The time since the epoch, in seconds; by default what the clock says.

    Raises:
        UsageError: If a file of the run is missing or damaged.
    """
    spec = problem_spec(run)
    summary = summarise(run, spec.best_known if spec else None)
    steps = read_steps(run)
    planned = planned_stages(run, steps)
    idle = 0.0
    if summary.status == "running":
        idle = max(0.0, (time.time() if now is None else now) - _last_commit(run))
    return Standing(
        summary=summary,
        kind=run.status.kind,
        direction=spec.direction if spec else None,
        started=_started(run),
        progress=progress(
            run.config, run.status.totals, steps, planned, done=summary.status == "done", idle=idle
        ),
    )


def problem_spec(run: RunDir) -> ProblemSpec | None:
    """Return the problem of a solve run; None of a vote.

    Raises:
        UsageError: If the run's copy of the problem is missing or damaged.
    """
    return None if run.status.kind == "vote" else run.problem().spec


def planned_stages(run: RunDir, steps: Sequence[StepRow]) -> dict[str, int]:
    """Return the steps that each stage of a run still has; a search has one stage without a name.

    Raises:
        UsageError: If the run's copy of its questions is missing or damaged.
    """
    if run.status.kind == "solve":
        return {"": max(0, run.config.steps - run.status.totals.steps)}
    questions = load_questions(run.path / "questions.jsonl", skip_bad=True).questions
    rounds = -(-len(questions) // run.config.groups)
    return vote_stages([step.stage for step in steps], rounds, run.config.steps)


def vote_stages(taken: Sequence[str], rounds: int, training: int) -> dict[str, int]:
    """Return the steps that each stage of a vote still has.

    Args:
        taken: The stage of each step so far.
        rounds: Steps of a pass over all questions.
        training: The bound on training steps.
    """
    before = max(0, rounds - taken.count("before"))
    if not training:
        return {"before": before}
    final = 0  # steps of the newest final pass
    while final < len(taken) and taken[-1 - final] == "after":
        final += 1
    trained = training if final else taken.count("train")
    return {
        "before": before,
        "train": max(0, training - trained),
        "after": max(0, rounds - final),
    }


def progress(
    config: RunConfig,
    used: Totals,
    steps: Sequence[StepRow],
    planned: Mapping[str, int],
    *,
    done: bool,
    idle: float = 0.0,
) -> Progress:
    """Work out how far a run has come.

    Args:
        config: Its bounds.
        used: What it has used.
        steps: Its steps so far.
        planned: The steps that each stage still has.
        done: Whether it is over.
        idle: Seconds since the last commit, for a run that is under way.
    """
    ahead = sum(planned.values())
    every = used.steps + ahead
    bounds: dict[str, tuple[float, float | None]] = {
        "steps": (used.steps, every or None),
        "samples": (used.samples, config.samples),
        "tokens": (used.tokens, config.tokens),
        "seconds": (used.seconds + idle, config.seconds),
    }
    shares = {name: min(1.0, spent / most) for name, (spent, most) in bounds.items() if most}
    bound = max(shares, key=shares.__getitem__, default="")
    share = 1.0 if done else shares.get(bound)
    left = None if done else _left(bounds, steps, planned, idle)
    return Progress(share=share, bound=bound, steps=every or None, left=left)


def _left(
    bounds: Mapping[str, tuple[float, float | None]],
    steps: Sequence[StepRow],
    planned: Mapping[str, int],
    idle: float,
) -> float | None:
    """Return the seconds until the nearest bound; None where nothing is known."""
    found = []
    spent, most = bounds["seconds"]
    if most is not None:
        found.append(most - spent)
    recent = steps[-_RECENT:]
    seconds = sum(_seconds(step) for step in recent)
    if recent:
        mean = seconds / len(recent)
        pace = {stage: _pace(steps, stage, mean) for stage in planned}
        ahead = sum(count * pace[stage] for stage, count in planned.items())
        found.append(ahead - idle)
    for name, key in (("samples", "sample/completions"), ("tokens", "sample/tokens")):
        spent, most = bounds[name]
        drawn = sum(step.get(key) or 0.0 for step in recent)
        if most is not None and drawn:
            found.append((most - spent) * seconds / drawn - idle)
    return max(0.0, min(found)) if found else None


def _pace(steps: Sequence[StepRow], stage: str, default: float) -> float:
    """Return the mean seconds of a stage's last steps; `default` if it has none."""
    recent = [_seconds(step) for step in steps if step.stage == stage][-_RECENT:]
    return sum(recent) / len(recent) if recent else default


def _seconds(step: StepRow) -> float:
    return step.get("time/step") or 0.0


def _last_commit(run: RunDir) -> float:
    """Return when the newest commit was made, in seconds since the epoch."""
    folder = run.last_checkpoint()
    try:
        return (folder or run.path).stat().st_mtime
    except OSError:  # the run went on just now, and has removed it
        return time.time()


def _started(run: RunDir) -> str | None:
    try:
        started: Json = run.provenance().get("started")
    except UsageError:
        return None
    return started if isinstance(started, str) else None
