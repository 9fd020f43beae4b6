"""One step of the loop, shared by solve and vote.

    prompts    the task's next questions
    sample     completions stream in and are graded while others are still being written
    judge      verdicts become rewards
    credit     rewards become advantages, group by group
    learn      one gradient step; the sampler loads the result
    extend     the task keeps what is worth keeping
    commit     all of it at once, or nothing

An attempt that failed on our side is left out of its group before advantages are computed: it is
never a reward of 0. Completions that never were tokens (replayed ones) are graded but not learned
from. Attempts enter in (group, index) order, whatever order they were graded in.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ttrl_cli.errors import SetupError
from ttrl_cli.grading.base import GraderLike
from ttrl_cli.learner.base import Learner
from ttrl_cli.loop.budget import Budget
from ttrl_cli.objectives import Objective
from ttrl_cli.records import (
    Attempt,
    Completion,
    Job,
    Json,
    Prompt,
    Round,
    Row,
    Status,
    Verdict,
    Watch,
    sample_id,
)
from ttrl_cli.rundir import RunDir, Totals, files
from ttrl_cli.rundir.run import attempt_line
from ttrl_cli.sampler.base import Sampler


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

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Mapping[str, float]:
        """Keep what is worth keeping; return metrics."""


class Reporter(Protocol):
    """Whoever watches a run."""

    def began(self, watch: Watch) -> None:
        """A run is about to take its first step."""

    def sampled(self, step: int, done: int, total: int) -> None:
        """A completion was finished."""

    def step_done(self, metrics: Mapping[str, float]) -> None:
        """A step was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The machinery of a run."""

    sampler: Sampler
    grader: GraderLike
    learner: Learner
    objective: Objective
    run: RunDir
    budget: Budget
    reporter: Reporter


def take_step(task: Task, parts: Parts) -> None:
    """Take one step and commit it.

    Raises:
        SetupError: If every attempt of the step failed on our side, or the objective cannot use a
            reward.
    """
    totals = parts.run.status.totals
    step = totals.steps + 1
    started = time.monotonic()
    prompts_P = parts.budget.trim(task.prompts(step), totals)
    attempts, metrics = sample_and_grade(task, parts, prompts_P, step)
    attempts = task.judge(attempts)
    attempts, round_, credit_metrics = credit(attempts, parts.objective, step)
    report = parts.learner.update(round_)
    parts.sampler.load(parts.learner.adapter)
    metrics |= {**credit_metrics, **report.metrics, **task.extend(step, attempts)}
    totals = Totals(
        steps=step,
        samples=totals.samples + len(attempts),
        valid=totals.valid + sum(attempt.verdict.valid for attempt in attempts),
        tokens=totals.tokens + sum(len(a.completion.token_ids_T) for a in attempts),
        seconds=parts.budget.seconds,
    )
    metrics |= {
        "step": step,
        "total/samples": totals.samples,
        "total/tokens": totals.tokens,
        "total/seconds": totals.seconds,
        "time/step": time.monotonic() - started,
    }
    parts.run.append("attempts.jsonl", [attempt_line(attempt) for attempt in attempts])
    parts.run.append("metrics.jsonl", [files.finite(metrics)])
    commit(parts, totals)
    parts.reporter.step_done(metrics)


def commit(parts: Parts, totals: Totals) -> None:
    """Commit the run as it stands, the sampler's cursor included."""
    parts.run.commit(totals, parts.learner.save, {"sampler": parts.sampler.cursor()})


def restore(parts: Parts, folder: Path, extra: Mapping[str, Json]) -> None:
    """Bring learner and sampler back to a commit, as `RunDir.restore` returned it."""
    parts.learner.load(folder, policy=parts.run.status.totals.steps)
    parts.sampler.load(parts.learner.adapter)
    parts.sampler.seek(extra["sampler"])


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
    for completion in parts.sampler.sample(prompts_P, step=step, stop=parts.budget.spent):
        completions[completion.group, completion.index] = completion
        parts.budget.count(len(completion.token_ids_T))
        parts.grader.submit(task.job(completion, step))
        _pass_on(task, parts, step)
        parts.reporter.sampled(step, len(completions), total)
    sampled = time.monotonic()
    verdicts = parts.grader.collect()
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
        task.seen(step, task.job(completion, step), attempt.verdict)
    _require_some_graded(attempts, step)
    return attempts, _sampling_metrics(attempts, sampled - started, graded - sampled)


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


def credit(
    attempts: Sequence[Attempt], objective: Objective, step: int
) -> tuple[list[Attempt], Round, dict[str, float]]:
    """Turn rewards into advantages group by group, and attempts into a round.

    The round's normaliser is its number of tokens, so that long and short rounds take steps of
    one size.

    Raises:
        SetupError: If the objective cannot use a reward; the message names the attempt.
    """
    credited: list[Attempt] = []
    rows: list[Row] = []
    betas: list[float] = []
    dropped = 0
    groups = sorted({attempt.group for attempt in attempts})
    for group in groups:
        members = [a for a in attempts if a.group == group]
        counted = [a for a in members if a.verdict.status is not Status.FAILED]
        rewards_G = np.array([_reward(a) for a in counted], dtype=np.float64)
        try:
            result = objective(rewards_G, np.isfinite(rewards_G))
        except ValueError as error:
            ids = ", ".join(a.id for a in counted)
            msg = f"the objective cannot use the rewards of group {group} ({ids}): {error}"
            raise SetupError(msg) from error
        dropped += result.dropped
        betas += [] if result.beta is None else [result.beta]
        values = {a.id: float(v) for a, v in zip(counted, result.values_G, strict=True)}
        credited += [replace(a, advantage=values.get(a.id)) for a in members]
        if not result.dropped:
            rows += [_row(a.completion, values[a.id]) for a in counted if _learnable(a)]
    tokens = float(sum(len(row.token_ids_T) for row in rows))
    metrics = {
        "credit/groups_dropped": dropped / max(len(groups), 1),
        "credit/beta": float(np.mean(betas)) if betas else 0.0,
    }
    return credited, Round(step=step, rows=tuple(rows), normalizer=max(tokens, 1.0)), metrics


def _reward(attempt: Attempt) -> float:
    reward = attempt.verdict.reward
    return float("nan") if reward is None else reward


def _learnable(attempt: Attempt) -> bool:
    return len(attempt.completion.token_ids_T) > 0


def _row(completion: Completion, advantage: float) -> Row:
    return Row(
        prompt_ids_S=completion.prompt_ids_S,
        token_ids_T=completion.token_ids_T,
        logprobs_T=completion.logprobs_T,
        advantages_T=np.full(len(completion.token_ids_T), advantage),
    )
