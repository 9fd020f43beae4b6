"""One step of the loop, shared by solve and vote.

    prompts             the task's next questions
    sample and grade    completions stream in and are graded while others are still being written
    confirm             of a search whose scores have errors: would-be bests are measured again
    rewards             the task's: a score, or agreement with the majority
    advantages          group by group (advantages.py)
    update              a gradient step per minibatch of groups (minibatches.py)
    load                the sampler has the result; where its weights are its own, this is proven
    extend              the task keeps what is worth keeping
    commit              all of it at once, or nothing

Attempts enter in (group, index) order, whatever order they were graded in. `docs/metrics.md`
explains the metrics (metrics.py).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from ttrl_cli.completions import KNOWN, Marks
from ttrl_cli.errors import SetupError
from ttrl_cli.grading.base import Grader
from ttrl_cli.learner.base import Learner
from ttrl_cli.loop.advantages import assign_advantages
from ttrl_cli.loop.budget import Budget
from ttrl_cli.loop.metrics import (
    Timing,
    run_metrics,
    sampling_metrics,
    totals_after,
    update_metrics,
)
from ttrl_cli.loop.minibatches import minibatches
from ttrl_cli.loop.outgrown import Outgrown, overflows, ungraded
from ttrl_cli.loop.pending import Kept, Pending
from ttrl_cli.loop.progress import StepCounter
from ttrl_cli.loop.staleness import SharedWeights, StalenessCheck
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
    UpdateReport,
    Verdict,
    Watch,
    sample_id,
)
from ttrl_cli.rundir import RunDir, Totals, files
from ttrl_cli.rundir.lines import attempt_line
from ttrl_cli.sampler.base import NeverAsleep, Sampler, Sleeper, WarningSampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The results of a step that a task keeps.

    Attributes:
        metrics: What came of it.
        checkpoints: Steps whose checkpoints may still be needed, besides the newest ones.
    """

    metrics: Mapping[str, float]
    checkpoints: frozenset[int] = frozenset()


class Task(Protocol):
    """The parts of a step in which solve and vote differ."""

    def prompts(self, step: int) -> list[Prompt]:
        """Return the step's prompts, one per group."""

    def job(self, completion: Completion, step: int) -> Job:
        """Return the grader's job for a completion."""

    def assign_rewards(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return a step's attempts with their rewards, and mark which are learned from."""

    def progress(self) -> tuple[int, int]:
        """Return the training steps taken so far, and how many are planned."""

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Extension:
        """Store what the task keeps of a step's attempts; return metrics about it."""


Graded: TypeAlias = Callable[[int, Job, Verdict], None]
"""Told of a step's verdict on a job: at once, and again when all of the step are there."""


Confirm: TypeAlias = Callable[[Sequence[Attempt], Pending], list[Attempt]]
"""Returns a step's attempts, some of them with the scores of another measurement."""


def _no_one(step: int, job: Job, verdict: Verdict) -> None:
    """Ignore a verdict."""


class Reporter(Protocol):
    """Receives the progress of a run."""

    def began(self, watch: Watch) -> None:
        """Report that a run is about to take its first step."""

    def step_began(self, stage: str, look: Callable[[], StepProgress]) -> None:
        """Report that a step of a stage begins.

        Args:
            stage: The stage.
            look: Returns how far the step has come; may be called from any thread.
        """

    def sampled(self, step: int, done: int, total: int) -> None:
        """Report that `done` of a step's `total` completions are finished."""

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """Report that a step of a stage was committed."""

    def warned(self, text: str) -> None:
        """Report a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a run that each step uses.

    Attributes:
        progress: How far the step under way has come.
        outgrown: Remembers which prompts left no room in the model's context.
        marks: How the model marks thinking and turns.
        staleness: Measures whether the sampler has the learner's weights.
        memory: Sleeps while the learner works, where the sampler has weights of its own.
        pending: The log of the step under way.
    """

    sampler: Sampler
    grader: Grader
    learner: Learner
    objective: Objective
    run: RunDir
    budget: Budget
    reporter: Reporter
    progress: StepCounter
    outgrown: Outgrown
    marks: Marks = KNOWN
    staleness: StalenessCheck = field(default_factory=SharedWeights)
    memory: Sleeper = field(default_factory=NeverAsleep)
    pending: Pending = field(init=False)

    def __post_init__(self) -> None:
        """Open the log of the step under way."""
        object.__setattr__(self, "pending", Pending(self.run))

    def announce(self, step: int, stage: str, prompts_P: Sequence[Prompt]) -> None:
        """Reset the progress counts for a new step, and report that it begins."""
        longest = self.run.config.max_tokens + (self.run.config.answer_tokens or 0)
        self.progress.begin(step, total=sum(prompt.n for prompt in prompts_P), longest=longest)
        self.reporter.step_began(stage, self.progress)

    def update(self, round_: Round) -> UpdateReport:
        """Update the adapter, and report the learner's warning if there is one."""
        report = self.learner.update(round_)
        if report.warning:
            self.reporter.warned(report.warning)
        return report

    def report_sampling(self, too_long: str) -> None:
        """Report what was unusual about a step's samples."""
        sampler = self.sampler
        own = sampler.take_warning() if isinstance(sampler, WarningSampler) else ""
        for warning in filter(None, (too_long, own)):
            self.reporter.warned(warning)

    def log(self, attempts: Sequence[Attempt], metrics: Mapping[str, float], stage: str) -> None:
        """Write a step's attempts and metrics; they count once the step is committed."""
        self.run.append("attempts.jsonl", [attempt_line(attempt) for attempt in attempts])
        staged = {"stage": stage} if stage else {}
        self.run.append("metrics.jsonl", [{**staged, **files.finite(metrics)}])


def take_step(
    task: Task,
    parts: Parts,
    *,
    stage: str = "",
    graded: Graded = _no_one,
    confirm: Confirm | None = None,
) -> None:
    """Take one step and commit it.

    Args:
        task: Chooses the prompts, assigns the rewards and stores the results.
        parts: The sampler, grader, learner and other parts of the run.
        stage: What the step is for; empty where all steps are alike.
        graded: Called with each verdict as it comes in, and again once all are there.
        confirm: Measures again those for whom one measurement is not enough; None for nobody.

    Raises:
        SetupError: If every attempt of the step failed on our side, or the objective cannot use a
            reward.
        StaleSamplerError: If the sampler does not have the new weights.
    """
    started, before = time.monotonic(), parts.run.status.totals
    step = before.steps + 1
    prompts_P = parts.budget.trim(task.prompts(step), before)
    parts.announce(step, stage, prompts_P)
    attempts, timing = sample_and_grade(task, parts, prompts_P, step, graded)
    if confirm is not None:
        attempts = confirm(attempts, parts.pending)
    metrics = sampling_metrics(attempts, timing)
    parts.progress.enter("learning")
    attempts = task.assign_rewards(attempts)
    assigned = assign_advantages(attempts, parts.objective, parts.run.config)
    if assigned.groups is not None:
        rounds = minibatches(assigned.groups, parts.run.config, step=step, progress=task.progress())
        parts.staleness.before(rounds, parts.learner.adapter)
        parts.memory.sleep()
        reports = [parts.update(round_) for round_ in rounds]
        parts.memory.wake_up()
        parts.sampler.load(parts.learner.adapter)  # a stale one is silent off-policy drift
        synced = parts.staleness.after(parts.learner.adapter)
        metrics |= {**assigned.metrics, **synced, **update_metrics(reports)}
    extension = task.extend(step, assigned.attempts)
    totals = totals_after(before, assigned.attempts, parts.budget.seconds)
    metrics |= {**extension.metrics, **run_metrics(totals, time.monotonic() - started)}
    parts.log(assigned.attempts, metrics, stage)
    commit(parts, totals, keep=extension.checkpoints)
    parts.reporter.step_done(metrics, stage)


def commit(parts: Parts, totals: Totals, *, keep: frozenset[int] = frozenset()) -> None:
    """Commit the run with the sampler's cursor and the step whose update made the weights."""
    extra = {"sampler": parts.sampler.cursor(), "policy": parts.learner.adapter.policy}
    parts.run.commit(totals, parts.learner.save, extra, keep=keep)
    parts.pending.clear()


def restore(parts: Parts, folder: Path, extra: Mapping[str, Json]) -> None:
    """Restore learner and sampler from the commit that `RunDir.restore` returned."""
    # before policies were written down, the newest update was always the one in use
    parts.learner.load(folder, policy=extra.get("policy", parts.run.status.totals.steps))
    parts.sampler.load(parts.learner.adapter)
    parts.sampler.seek(extra["sampler"])


def restore_weights(parts: Parts, step: int) -> int:
    """Go back to the weights of an earlier commit, whose checkpoint was kept.

    Returns:
        The step whose update made these weights.
    """
    extra = parts.run.committed(step)
    policy = int(extra["policy"])
    parts.learner.load(parts.run.checkpoint(step), policy=policy)
    parts.sampler.load(parts.learner.adapter)
    parts.staleness.forget()
    return policy


def sample_and_grade(
    task: Task, parts: Parts, prompts_P: Sequence[Prompt], step: int, graded: Graded
) -> tuple[list[Attempt], Timing]:
    """Sample a step's completions, and grade each as soon as it is finished.

    Returns:
        The attempts in (group, index) order, whatever order they were graded in, and how long
        sampling and waiting for grades took.

    Raises:
        SetupError: If every attempt failed on our side.
    """
    started = time.monotonic()
    total = sum(prompt.n for prompt in prompts_P)
    keys = {prompt.group: prompt.key for prompt in prompts_P}
    completions: dict[tuple[int, int], Completion] = {}
    jobs: dict[tuple[int, int], Job] = {}
    verdicts: dict[tuple[int, int], Verdict] = {}
    kept = parts.pending.begin(step, prompts_P)

    def heard(job: Job, verdict: Verdict) -> None:
        parts.pending.verdict((job.group, job.index), verdict)
        graded(step, job, verdict)

    for completion in _completions(parts, prompts_P, step, kept):
        at = completion.group, completion.index
        completions[at] = completion
        parts.progress.finished(completion)
        parts.budget.count(len(completion.token_ids_T))
        if completion.overflow is None:
            job = task.job(completion, step)
            jobs[at] = replace(job, finished=completion.finished, marks=parts.marks)
            if known := kept.verdict(completion):
                verdicts[at] = known
                parts.progress.known()
            else:
                parts.grader.submit(jobs[at])
        for finished, verdict in parts.grader.finished():
            heard(finished, verdict)
        parts.reporter.sampled(step, len(completions), total)
    sampled = time.monotonic()
    parts.progress.enter("grading")
    parts.report_sampling(parts.outgrown.note(overflows(completions.values(), keys)))
    verdicts |= parts.grader.collect(heard)
    verdicts |= {at: ungraded(c.overflow) for at, c in completions.items() if c.overflow}
    timing = Timing(sampling=sampled - started, waiting=time.monotonic() - sampled)
    attempts = _attempts(parts, step, keys, completions, verdicts)
    for attempt in attempts:
        if (attempt.group, attempt.index) in jobs:
            graded(step, jobs[attempt.group, attempt.index], attempt.verdict)
    _require_some_graded(attempts, step)
    return attempts, timing


def _attempts(
    parts: Parts,
    step: int,
    keys: Mapping[int, str],
    completions: Mapping[tuple[int, int], Completion],
    verdicts: Mapping[tuple[int, int], Verdict],
) -> list[Attempt]:
    """Join completions and verdicts, in (group, index) order."""
    return [
        Attempt(
            id=sample_id(step, *at),
            step=step,
            group=at[0],
            index=at[1],
            parent=keys[at[0]],
            policy=parts.learner.adapter.policy,
            completion=completion,
            verdict=verdicts[at],
            advantage=None,
        )
        for at, completion in sorted(completions.items())
    ]


def _completions(
    parts: Parts, prompts_P: Sequence[Prompt], step: int, kept: Kept
) -> Iterator[Completion]:
    """Yield a step's completions: sampled, or as they were before the run was stopped."""
    if kept.sampled:
        parts.sampler.seek(kept.cursor)
        yield from kept.completions.values()
        return
    for completion in parts.sampler.sample(prompts_P, step=step, stop=parts.budget.spent):
        known = kept.completions.get((completion.group, completion.index))
        if known is None or known.text != completion.text:
            parts.pending.completion(completion)
        yield completion
    parts.pending.sampled(parts.sampler.cursor())


def _require_some_graded(attempts: Sequence[Attempt], step: int) -> None:
    failed = [a for a in attempts if a.verdict.status is Status.FAILED]
    if attempts and len(failed) == len(attempts):
        msg = (
            f"step {step}: all {len(failed)} attempts failed on our side, so nothing can be "
            f"learned; the first says: {failed[0].verdict.reason}"
        )
        raise SetupError(msg)
