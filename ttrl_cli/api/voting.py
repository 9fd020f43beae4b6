"""Running and resuming a vote."""

import time
from collections.abc import Iterator
from pathlib import Path

from ttrl_cli.api.machinery import (
    Machinery,
    Options,
    finish,
    finished,
    new_folder,
    phases,
    settle,
    watch,
)
from ttrl_cli.config import resolve
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.votes import VoteGrader
from ttrl_cli.loop.budget import graceful_stop
from ttrl_cli.loop.step import Parts, Reporter, commit, restore
from ttrl_cli.loop.vote import VoteTask, result_line, vote_loop
from ttrl_cli.questions import Question, load_questions
from ttrl_cli.records import Json
from ttrl_cli.report import Summary, summarise
from ttrl_cli.rundir import RunDir, Totals

_VOTE_DEFAULTS: dict[str, object] = {
    "group_size": 64,
    "max_tokens": 3072,
    "steps": 0,
    "objective": "grpo",
    "kl": 0.0,
    "train": False,
}


def vote(
    path: Path,
    *,
    options: Options,
    out: Path | None,
    reporter: Reporter,
    started: float | None = None,
) -> Summary:
    """Vote on a file of questions.

    Args:
        path: JSON lines of questions.
        options: Overrides of the defaults; `steps` must be 0 in this version.
        out: The run directory to make.
        reporter: Told of progress.
        started: time.monotonic() at the start of the command.

    Raises:
        UsageError: If the questions, an option or the run directory is wrong.
        SetupError: If the model cannot be loaded.
    """
    begun = time.monotonic() if started is None else started
    load_questions(path)
    config = settle(resolve(_VOTE_DEFAULTS, dict(options), where=str(path)))
    if config.steps or config.train:
        msg = "this version of ttrl vote does not learn yet: give --steps 0"
        raise UsageError(msg)
    name = path.stem
    folder = new_folder(out, name)
    machinery = Machinery.load(config)
    run = RunDir.create(folder, "vote", name, config, path)
    with run.lock():
        parts = machinery.parts(run, VoteGrader(), reporter, begun)
        commit(parts, Totals())
        return _count(run, parts)


def votes(run: RunDir) -> Iterator[dict[str, Json]]:
    """A vote run's result, one record per question, in input order."""
    lines = {line["id"]: line for line in run.lines("votes.jsonl")}
    for question in _questions(run):
        if question.id in lines:
            yield result_line(question, lines[question.id])


def _count(run: RunDir, parts: Parts) -> Summary:
    task = VoteTask(_questions(run), run)
    steps = run.status.totals.steps + task.rounds_left()
    parts.reporter.began(watch(run, steps, None))
    with phases(run), graceful_stop(parts.budget):
        finish(run, vote_loop(task, parts))
    return summarise(run, None)


def resume_vote(run: RunDir, reporter: Reporter, started: float) -> Summary:
    """Go on with a vote run that is locked already."""
    left = VoteTask(_questions(run), run).rounds_left()
    if finished(run, run.status.totals.steps + left):
        return summarise(run, None)
    restored = run.restore()
    parts = Machinery.load(run.config).parts(run, VoteGrader(), reporter, started)
    if restored is None:
        commit(parts, Totals())
    else:
        restore(parts, *restored)
    return _count(run, parts)


def _questions(run: RunDir) -> tuple[Question, ...]:
    return load_questions(run.path / "questions.jsonl")
