"""What the commands call, and what a notebook may: solve, vote, resume, check.

Each returns a record and prints nothing; progress goes to the reporter it is given. Everything
that can be wrong with the user's input is found before a model is loaded and before a run
directory is made.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ttrl_cli import registry
from ttrl_cli.config import RunConfig, resolve
from ttrl_cli.errors import (
    InterruptedRunError,
    NoSolutionError,
    ProblemError,
    SetupError,
    UsageError,
)
from ttrl_cli.grading.base import GraderLike
from ttrl_cli.grading.environment import check_imports
from ttrl_cli.grading.pool import Grader
from ttrl_cli.grading.votes import VoteGrader
from ttrl_cli.learner.base import Learner
from ttrl_cli.learner.null import NullLearner
from ttrl_cli.loop import archive_log
from ttrl_cli.loop.budget import Budget, graceful_stop
from ttrl_cli.loop.solve import SolveTask, load_archive, roots, solve_loop
from ttrl_cli.loop.step import Parts, Reporter, commit, restore
from ttrl_cli.loop.vote import VoteTask, result_line, vote_loop
from ttrl_cli.models import store
from ttrl_cli.objectives import by_name as objective_by_name
from ttrl_cli.problem import PROBLEM_FILE, Problem, load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.questions import Question, load_questions
from ttrl_cli.records import Json, Kind, State, Status, Verdict, Watch
from ttrl_cli.report import Summary, summarise
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.search.select import by_name as selector_by_name

if TYPE_CHECKING:
    from ttrl_cli.models.load import LoadedModel

Options = Mapping[str, object]
"""Keys of `RunConfig`; None means not given."""

_VOTE_DEFAULTS: dict[str, object] = {
    "group_size": 64,
    "max_tokens": 3072,
    "steps": 0,
    "objective": "grpo",
    "kl": 0.0,
    "train": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCheck:
    """What `ttrl check` found out about one seed."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What `ttrl check` found out about a problem."""

    problem: Problem
    seeds: tuple[SeedCheck, ...]


def check(path: Path) -> Check:
    """Run a problem's seeds through its verifier.

    Raises:
        ProblemError: If anything is wrong, naming file and key.
    """
    problem = load_problem(path)
    check_imports(problem)
    with Grader(problem, workers=1) as grader:
        verdicts = _graded_seeds(problem, grader)
    names = [seed.name for seed in problem.seeds]
    pairs = zip(names, verdicts, strict=True)
    return Check(problem=problem, seeds=tuple(SeedCheck(name=n, verdict=v) for n, v in pairs))


def solve(
    path: Path,
    *,
    options: Options,
    out: Path | None,
    reporter: Reporter,
    start_from: Path | None = None,
    started: float | None = None,
) -> Summary:
    """Search and learn on one problem.

    Args:
        path: A problem.yaml or its folder.
        options: Overrides of the problem's `run:` section.
        out: The run directory to make; by default runs/NAME-K with the next free K.
        reporter: Told of progress.
        start_from: A run to take archive and adapter from.
        started: time.monotonic() at the start of the command, for the budget in seconds.

    Raises:
        UsageError: If the problem, an option or the run directory is wrong.
        SetupError: If the model cannot be loaded.
    """
    begun = time.monotonic() if started is None else started
    problem = load_problem(path)
    config = _settle(resolve(dict(problem.spec.run), dict(options), where=_file(problem)))
    folder = _free_folder(problem.spec.name) if out is None else out
    if folder.exists():
        msg = f"{folder} exists already, and runs are never overwritten; choose another --out"
        raise UsageError(msg)
    if start_from is not None:
        _require_same_problem(RunDir.open(start_from), problem, config)
    with ExitStack() as stack:
        grader = stack.enter_context(Grader(problem, workers=_workers(config)))
        seeds = roots(problem, _graded_seeds(problem, grader), config.groups)
        machinery = _Machinery.load(config)
        run = RunDir.create(folder, "solve", problem.spec.name, config, problem.folder)
        stack.enter_context(run.lock())
        parts = machinery.parts(run, grader, reporter, begun)
        _begin(run, problem, seeds, parts, start_from)
        return _search(run, problem, parts)


def resume(
    path: Path, *, options: Options, reporter: Reporter, started: float | None = None
) -> Summary:
    """Go on with a run from its last commit; a finished one is left as it is.

    Args:
        path: The run directory.
        options: New bounds: steps, samples, tokens, seconds.
        reporter: Told of progress.
        started: time.monotonic() at the start of the command.

    Raises:
        UsageError: If it is not a run, or another process is working on it.
    """
    begun = time.monotonic() if started is None else started
    run = RunDir.open(path)
    with ExitStack() as stack:
        stack.enter_context(run.lock())
        bounds = {key: value for key, value in options.items() if value is not None}
        if bounds:
            run.write_config(resolve(run.config.model_dump(), bounds, where=str(path)))
        if run.status.kind == "vote":
            return _resume_vote(run, reporter, begun)
        problem = load_problem(run.path / "problem")
        if _finished(run, run.config.steps):
            return summarise(run, problem.spec.best_known)
        grader = stack.enter_context(Grader(problem, workers=_workers(run.config)))
        parts = _Machinery.load(run.config).parts(run, grader, reporter, begun)
        if not restore(parts):
            seeds = roots(problem, _graded_seeds(problem, grader), run.config.groups)
            _begin(run, problem, seeds, parts, None)
        return _search(run, problem, parts)


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
    config = _settle(resolve(_VOTE_DEFAULTS, dict(options), where=str(path)))
    if config.steps or config.train:
        msg = "this version of ttrl vote does not learn yet: give --steps 0"
        raise UsageError(msg)
    name = path.stem
    folder = _free_folder(name) if out is None else out
    if folder.exists():
        msg = f"{folder} exists already, and runs are never overwritten; choose another --out"
        raise UsageError(msg)
    machinery = _Machinery.load(config)
    run = RunDir.create(folder, "vote", name, config, path)
    with run.lock():
        parts = machinery.parts(run, VoteGrader(), reporter, begun)
        commit(parts, Totals())
        return _count(run, parts)


def votes(run: RunDir) -> Iterator[dict[str, Json]]:
    """A vote run's result, one record per question, in input order."""
    questions = {q.id: q for q in _questions(run)}
    for line in run.lines("votes.jsonl"):
        yield result_line(questions[line["id"]], line)


def best_known(run: RunDir) -> float | None:
    """The best score that a run's problem names."""
    if run.status.kind == "vote":
        return None
    return load_problem(run.path / "problem").spec.best_known


def require_solution(summary: Summary) -> None:
    """Refuse a finished run that found nothing.

    Raises:
        NoSolutionError: If no attempt was valid.
    """
    if summary.status == "done" and summary.valid == 0:
        msg = f"{summary.run}: none of {summary.samples} attempts was valid"
        raise NoSolutionError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machinery:
    """Sampler and learner, which share one model where both need one."""

    sampler: object
    learner: Learner

    @classmethod
    def load(cls, config: RunConfig) -> "_Machinery":
        @cache
        def model() -> "LoadedModel":
            from ttrl_cli.models.load import load_model, set_threads

            set_threads(config.threads)
            return load_model(config)

        context = registry.SamplerContext(config=config, model=model)
        sampler = registry.make_sampler(config.sampler, context)
        learner: Learner = NullLearner()
        if config.train:
            from ttrl_cli.learner.lora import LoraLearner

            learner = LoraLearner(model(), config)
        return cls(sampler=sampler, learner=learner)

    def parts(self, run: RunDir, grader: GraderLike, reporter: Reporter, started: float) -> Parts:
        return Parts(
            sampler=self.sampler,  # type: ignore[arg-type]
            grader=grader,
            learner=self.learner,
            objective=objective_by_name(run.config.objective, run.config.beta),
            run=run,
            budget=Budget(run.config, run.status.totals, started=started),
            reporter=reporter,
        )


def _settle(config: RunConfig) -> RunConfig:
    """Fix what depends on the machine or on another option, so that config.json says it all."""
    settled: dict[str, object] = {
        "threads": config.threads or os.cpu_count() or 1,
        "workers": _workers(config),
    }
    # unknown names and models that were never pulled are found out before anything is started
    registry.find_sampler(config.sampler)
    if registry.is_replay(config.sampler):
        settled["train"] = False
    else:
        store.resolve(config.model)
        settled["model"] = config.model or store.DEFAULT_MODEL
    return config.model_copy(update=settled)


def _workers(config: RunConfig) -> int:
    return config.workers or os.cpu_count() or 1


def _file(problem: Problem) -> str:
    return str(problem.folder / PROBLEM_FILE)


def _free_folder(name: str) -> Path:
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def _graded_seeds(problem: Problem, grader: Grader) -> list[Verdict]:
    """Verdicts of the seeds, all of them valid and fit for a prompt.

    Raises:
        ProblemError: Naming the first seed that is not, or what is wrong with the template.
    """
    verdicts = grader.grade_seeds()
    for place, (seed, verdict) in enumerate(zip(problem.seeds, verdicts, strict=True)):
        if not verdict.valid:
            why = f"{seed.name} is not a valid solution: {verdict.status}: {verdict.reason}"
            raise ProblemError(_file(problem), f"seeds[{place}]", why)
    for root in roots(problem, verdicts, 1):
        for before in (None, root.score):
            solve_messages(problem, root, before)
    return verdicts


def _begin(
    run: RunDir, problem: Problem, seeds: list[State], parts: Parts, start_from: Path | None
) -> None:
    """Write the roots (and what a warm start brings along) and commit step 0."""
    lines = [archive_log.roots_line(seeds)]
    if start_from is not None:
        source = RunDir.open(start_from)
        folder = source.last_checkpoint()
        lines = _warm_lines(list(source.lines("archive.jsonl")), seeds, source.path.name)
        if folder is not None and source.config.train and run.config.train:
            parts.learner.warm_start(folder)
    run.append("archive.jsonl", lines)
    best_seed = max(seeds, key=lambda state: state.signed)
    run.write_status(replace(run.status, seed_score=best_seed.score))
    commit(parts, Totals())
    parts.sampler.load(parts.learner.adapter)
    best = load_archive(run).best()
    verdict = Verdict(status=Status.OK, score=best.score, data=best.data, solution=best.solution)
    _task(run, problem).offer(best.id.replace("/", "_"), best.step, verdict)


def _warm_lines(old: list[dict[str, Json]], seeds: list[State], name: str) -> list[dict[str, Json]]:
    """Another run's log with its ids set apart, and our own seeds as further roots."""
    renamed = list(archive_log.renamed(old, f"{name}/"))
    merged = [*renamed[0]["states"], *archive_log.roots_line(seeds)["states"]]
    first = {**renamed[0], "states": merged}
    return [
        {key: value for key, value in line.items() if key != "schema_version"}
        for line in [first, *renamed[1:]]
    ]


def _task(run: RunDir, problem: Problem) -> SolveTask:
    config = run.config
    selector = selector_by_name(config.search, c=config.puct_c, epsilon=config.epsilon)
    return SolveTask(problem, load_archive(run), selector, run)


def _search(run: RunDir, problem: Problem, parts: Parts) -> Summary:
    task = _task(run, problem)
    parts.reporter.began(_watch(run, run.config.steps, problem.spec.best_known))
    with _phases(run), graceful_stop(parts.budget):
        _finish(run, solve_loop(task, parts))
    return summarise(run, problem.spec.best_known)


def _watch(run: RunDir, steps: int, best_known: float | None) -> Watch:
    return Watch(
        name=run.status.name,
        path=str(run.path),
        steps=steps,
        seconds=run.config.seconds,
        best_known=best_known,
    )


def _count(run: RunDir, parts: Parts) -> Summary:
    task = VoteTask(_questions(run), run)
    parts.reporter.began(_watch(run, task.rounds, None))
    with _phases(run), graceful_stop(parts.budget):
        _finish(run, vote_loop(task, parts))
    return summarise(run, None)


def _resume_vote(run: RunDir, reporter: Reporter, started: float) -> Summary:
    if _finished(run, VoteTask(_questions(run), run).rounds):
        return summarise(run, None)
    parts = _Machinery.load(run.config).parts(run, VoteGrader(), reporter, started)
    if not restore(parts):
        commit(parts, Totals())
    return _count(run, parts)


@contextmanager
def _phases(run: RunDir) -> Iterator[None]:
    """Keep status.json true when the loop ends by an exception.

    Raises:
        InterruptedRunError: For a KeyboardInterrupt, saying how to go on.
    """
    run.set_phase("running")
    try:
        yield
    except KeyboardInterrupt:
        run.set_phase("interrupted", stopped_by="interrupt")
        steps = run.status.totals.steps
        msg = f"stopped at once, after step {steps}; go on with: ttrl resume {run.path}"
        raise InterruptedRunError(msg) from None
    except BaseException as error:
        run.set_phase("failed", stopped_by=str(error).partition("\n")[0])
        raise


def _finish(run: RunDir, reason: str) -> None:
    run.set_phase("interrupted" if reason == "interrupt" else "done", stopped_by=reason)


def _finished(run: RunDir, steps: int) -> bool:
    """True for a run that is done and has nothing left to spend."""
    budget = Budget(run.config, run.status.totals, started=time.monotonic())
    return run.status.phase == "done" and bool(budget.closed_by(run.status.totals, steps))


def _questions(run: RunDir) -> tuple[Question, ...]:
    return load_questions(run.path / "questions.jsonl")


def _require_same_problem(source: RunDir, problem: Problem, config: RunConfig) -> None:
    """Refuse to start from another problem's run, or from an adapter that does not fit.

    Raises:
        UsageError: Saying what differs.
        SetupError: If there is nothing to start from.
    """
    kind: Kind = source.status.kind
    if kind != "solve" or source.status.name != problem.spec.name:
        msg = (
            f"--from {source.path}: a {kind} run of {source.status.name}, "
            f"not a solve run of {problem.spec.name}"
        )
        raise UsageError(msg)
    if config.train and source.config.train:
        for key in ("model", "lora_rank", "lora_alpha"):
            old, new = getattr(source.config, key), getattr(config, key)
            if old != new:
                msg = f"--from {source.path}: its adapter has {key} {old!r}, this run {new!r}"
                raise UsageError(msg)
    if source.last_checkpoint() is None:
        msg = f"--from {source.path}: nothing was ever committed there"
        raise SetupError(msg)
