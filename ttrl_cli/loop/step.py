"""One step of the loop, shared by solve and vote.

    prompts    the task's next questions
    sample     completions stream in and are graded while others are still being written
    judge      verdicts become rewards
    credit     rewards become advantages, group by group (credit.py)
    learn      a gradient step per minibatch of groups; the sampler loads the result
    extend     the task keeps what is worth keeping
    commit     all of it at once, or nothing

An attempt that failed on our side is left out of its group before advantages are computed: it is
never a reward of 0. Completions that never were tokens (replayed ones) are graded but not learned
from. Attempts enter in (group, index) order, whatever order they were graded in.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ttrl_cli.completions import KNOWN, Marks
from ttrl_cli.errors import SetupError
from ttrl_cli.grading.base import GraderLike
from ttrl_cli.learner.base import Learner
from ttrl_cli.loop.budget import Budget
from ttrl_cli.loop.credit import combined, credit, minibatches, normalizer
from ttrl_cli.loop.outgrown import Outgrown, overflows, ungraded
from ttrl_cli.loop.progress import StepCounter
from ttrl_cli.loop.sync import SyncWatch
from ttrl_cli.objectives import Objective
from ttrl_cli.records import (
    Attempt,
    Completion,
    Job,
    Json,
    Prompt,
    Round,
    Status,
    StepProgress,
    Verdict,
    Watch,
    sample_id,
)
from ttrl_cli.rundir import RunDir, Totals, files
from ttrl_cli.rundir.lines import attempt_line
from ttrl_cli.sampler.base import Sampler
from ttrl_cli.schedule import lr_scale


class Task(Protocol):
    """What solve and vote differ in."""

    def prompts(self, step: int) -> list[Prompt]:
        """The step's prompts, one per group."""

    def job(self, completion: Completion, step: int) -> Job:
        """What the grader needs to know of a completion."""

    def seen(self, step: int, job: Job, verdict: Verdict) -> None:
        """Told of each verdict as it comes in."""

    def judge(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Give the valid attempts of a step their rewards."""

    def lesson(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """The attempts to learn from, whole groups; none in a step that only looks."""

    def progress(self) -> tuple[int, int]:
        """Steps of learning taken so far, and how many there are to be."""

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Mapping[str, float]:
        """Keep what is worth keeping; return metrics."""

    def stage(self) -> str:
        """What the step to come is for; empty where all steps are alike."""

    def keep(self) -> frozenset[int]:
        """Steps whose checkpoints may still be needed, besides the newest ones."""


class Reporter(Protocol):
    """Whoever watches a run."""

    def began(self, watch: Watch) -> None:
        """A run is about to take its first step."""

    def step_began(self, stage: str, look: Callable[[], StepProgress]) -> None:
        """A step of a stage begins; `look` tells how far it is, to any thread that asks."""

    def sampled(self, step: int, done: int, total: int) -> None:
        """A completion was finished."""

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """A step of a stage was committed."""

    def warned(self, text: str) -> None:
        """Something ought not to be overlooked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The machinery of a run.

    Attributes:
        progress: How far the step under way has come.
        outgrown: Remembers which prompts left no room in the model's context.
        sync: Watches a sampler with weights of its own; None for one that shares the learner's.
        marks: How the model marks thinking and turns.
    """

    sampler: Sampler
    grader: GraderLike
    learner: Learner
    objective: Objective
    run: RunDir
    budget: Budget
    reporter: Reporter
    progress: StepCounter
    outgrown: Outgrown
    sync: SyncWatch | None = None
    marks: Marks = KNOWN


def take_step(task: Task, parts: Parts) -> None:
    """Take one step and commit it.

    Raises:
        SetupError: If every attempt of the step failed on our side, or the objective cannot use a
            reward.
    """
    totals = parts.run.status.totals
    step, stage = totals.steps + 1, task.stage()
    started = time.monotonic()
    prompts_P = parts.budget.trim(task.prompts(step), totals)
    longest = parts.run.config.max_tokens + (parts.run.config.answer_tokens or 0)
    parts.progress.begin(step, total=sum(prompt.n for prompt in prompts_P), longest=longest)
    parts.reporter.step_began(stage, parts.progress)
    attempts, metrics = sample_and_grade(task, parts, prompts_P, step)
    parts.progress.enter("learning")
    attempts, learned = learn(task, parts, task.judge(attempts), step)
    metrics |= {**learned, **task.extend(step, attempts)}
    totals = Totals(
        steps=step,
        samples=totals.samples + len(attempts),
        valid=totals.valid + sum(attempt.verdict.valid for attempt in attempts),
        tokens=totals.tokens + sum(len(a.completion.token_ids_T) for a in attempts),
        seconds=parts.budget.seconds,
        too_long=totals.too_long + _too_long(attempts),
    )
    metrics |= {
        "step": step,
        "total/samples": totals.samples,
        "total/tokens": totals.tokens,
        "total/seconds": totals.seconds,
        "time/step": time.monotonic() - started,
    }
    parts.run.append("attempts.jsonl", [attempt_line(attempt) for attempt in attempts])
    staged = {"stage": stage} if stage else {}
    parts.run.append("metrics.jsonl", [{**staged, **files.finite(metrics)}])
    commit(parts, totals, keep=task.keep())
    parts.reporter.step_done(metrics, stage)


def learn(
    task: Task, parts: Parts, attempts: list[Attempt], step: int
) -> tuple[list[Attempt], dict[str, float]]:
    """Learn from what the task chooses of a step; the sampler then has the new weights.

    Returns:
        All attempts, with the advantages of those that were learned from, and metrics.

    Raises:
        SetupError: If the objective cannot use a reward.
        StaleSamplerError: If the sampler does not have the new weights.
    """
    lesson = task.lesson(attempts)
    if not lesson:
        return attempts, {}
    config = parts.run.config
    credited, groups, metrics = credit(lesson, parts.objective)
    batches = minibatches(groups, config.minibatch)
    taken, planned = task.progress()
    if parts.sync is not None:
        parts.sync.before([row for rows in batches for row in rows], parts.learner.adapter)
    reports = []
    for place, rows in enumerate(batches):
        # the rate is that of the middle of each update, so that none is made at a rate of 0
        progress = (taken + (place + 0.5) / len(batches)) / max(planned, 1)
        scale = lr_scale(config.schedule, config.warmup, progress)
        round_ = Round(step=step, rows=rows, normalizer=normalizer(rows), lr_scale=scale)
        reports.append(parts.learner.update(round_))
        if reports[-1].warning:
            parts.reporter.warned(reports[-1].warning)
    if parts.sync is None:
        parts.sampler.load(parts.learner.adapter)
    else:
        metrics |= parts.sync.after(parts.learner.adapter)
    known = {attempt.id: attempt for attempt in credited}
    return [known.get(a.id, a) for a in attempts], metrics | combined(reports)


def commit(parts: Parts, totals: Totals, *, keep: frozenset[int] = frozenset()) -> None:
    """Commit the run as it stands: sampler's cursor, and which update made the weights."""
    extra = {"sampler": parts.sampler.cursor(), "policy": parts.learner.adapter.policy}
    parts.run.commit(totals, parts.learner.save, extra, keep=keep)


def restore(parts: Parts, folder: Path, extra: Mapping[str, Json]) -> None:
    """Bring learner and sampler back to a commit, as `RunDir.restore` returned it."""
    # before policies were written down, the newest update was always the one in use
    parts.learner.load(folder, policy=extra.get("policy", parts.run.status.totals.steps))
    parts.sampler.load(parts.learner.adapter)
    parts.sampler.seek(extra["sampler"])


def restore_weights(parts: Parts, step: int) -> int:
    """Go back to the weights of an earlier commit that was kept; return the update they are of."""
    extra = parts.run.committed(step)
    policy = int(extra["policy"])
    parts.learner.load(parts.run.checkpoint(step), policy=policy)
    parts.sampler.load(parts.learner.adapter)
    if parts.sync is not None:
        parts.sync.forget()
    return policy


def sample_and_grade(
    task: Task, parts: Parts, prompts_P: Sequence[Prompt], step: int
) -> tuple[list[Attempt], dict[str, float]]:
    """Sample a step's completions, each graded as soon as it is there.

    Returns:
        The attempts in (group, index) order, and metrics.

    Raises:
        SetupError: If every one of them failed on our side.
    """
    started = time.monotonic()
    total = sum(prompt.n for prompt in prompts_P)
    keys = {prompt.group: prompt.key for prompt in prompts_P}
    completions: dict[tuple[int, int], Completion] = {}
    jobs: dict[tuple[int, int], Job] = {}
    for completion in parts.sampler.sample(prompts_P, step=step, stop=parts.budget.spent):
        completions[completion.group, completion.index] = completion
        parts.progress.finished(completion)
        parts.budget.count(len(completion.token_ids_T))
        if completion.overflow is None:
            job = task.job(completion, step)
            job = replace(job, finished=completion.finished, marks=parts.marks)
            jobs[completion.group, completion.index] = job
            parts.grader.submit(job)
        _pass_on(task, parts, step)
        parts.reporter.sampled(step, len(completions), total)
    sampled = time.monotonic()
    parts.progress.enter("grading")
    too_long = parts.outgrown.note(overflows(completions.values(), keys))
    if too_long:
        parts.reporter.warned(too_long)
    verdicts = parts.grader.collect()
    verdicts |= {at: ungraded(c.overflow) for at, c in completions.items() if c.overflow}
    graded = time.monotonic()
    policy = parts.learner.adapter.policy
    attempts = []
    for (group, index), completion in sorted(completions.items()):
        attempt = Attempt(
            id=sample_id(step, group, index),
            step=step,
            group=group,
            index=index,
            parent=keys[group],
            policy=policy,
            completion=completion,
            verdict=verdicts[group, index],
            advantage=None,
        )
        attempts.append(attempt)
        if (group, index) in jobs:
            task.seen(step, jobs[group, index], attempt.verdict)
    _require_some_graded(attempts, step)
    return attempts, _sampling_metrics(attempts, sampled - started, graded - sampled)


def _too_long(attempts: Sequence[Attempt]) -> int:
    """How many prompts left no room in the model's context."""
    return len({a.group for a in attempts if a.completion.overflow is not None})


def _pass_on(task: Task, parts: Parts, step: int) -> None:
    for job, verdict in parts.grader.finished():
        task.seen(step, job, verdict)


def _require_some_graded(attempts: Sequence[Attempt], step: int) -> None:
    failed = [a for a in attempts if a.verdict.status is Status.FAILED]
    if attempts and len(failed) == len(attempts):
        msg = (
            f"step {step}: all {len(failed)} attempts failed on our side, so nothing can be "
            f"learned; the first says: {failed[0].verdict.reason}"
        )
        raise SetupError(msg)


def _sampling_metrics(
    attempts: Sequence[Attempt], sampling: float, waiting: float
) -> dict[str, float]:
    count = max(len(attempts), 1)
    tokens = sum(len(a.completion.token_ids_T) for a in attempts)
    shares = {
        f"grade/{status.value}": sum(a.verdict.status is status for a in attempts) / count
        for status in Status
    }
    return {
        **shares,
        "grade/wait_seconds": waiting,
        "sample/completions": len(attempts),
        "sample/tokens": tokens,
        "sample/tokens_per_second": tokens / sampling if sampling > 0 else 0.0,
        "sample/finished": sum(a.completion.finished for a in attempts) / count,
        "sample/seconds": sampling,
    }
