"""Running and resuming a search."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from ttrl_cli.api.forecast import forecast
from ttrl_cli.api.held_out import inherit_held_out, lacks_held_out, measure_held_out
from ttrl_cli.api.lifecycle import (
    create_run,
    finish,
    finished,
    holding,
    new_folder,
    phases,
    watch,
)
from ttrl_cli.api.plugged import noted, require_plugins
from ttrl_cli.api.rooting import given_solutions, graded_roots, states_of
from ttrl_cli.api.runtime import Options, Runtime, load_tokenizer
from ttrl_cli.api.secrets import secret_of
from ttrl_cli.api.settings import settle, workers
from ttrl_cli.api.tracking import tracked
from ttrl_cli.api.voting import resume_vote
from ttrl_cli.config import RunConfig, SolveConfig, resolve
from ttrl_cli.errors import NoSolutionError, SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.loop import archive_log
from ttrl_cli.loop.budget import graceful_stop, settled_by
from ttrl_cli.loop.solve import SolveTask, load_archive, solve_loop
from ttrl_cli.loop.step import Parts, Reporter, commit, restore
from ttrl_cli.problem import Problem, Seed, load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import Kind, State
from ttrl_cli.report import Summary, summarise
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.rundir.start import Start
from ttrl_cli.sampler import registry
from ttrl_cli.search.select import by_name as selector_by_name


def solve(
    path: Path,
    *,
    options: Options,
    out: Path | None,
    reporter: Reporter,
    start_from: Path | None = None,
    started: float | None = None,
    names: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
    secret_file: Path | None = None,
    start: Sequence[Path | Seed] = (),
) -> Summary:
    """Search and learn on one problem.

    Args:
        path: A problem.yaml or its folder.
        options: Overrides of the problem's `run:` section.
        out: The run directory to make; by default runs/NAME-K with the next free K.
        reporter: Told of progress.
        start_from: A run to take archive and adapter from.
        started: time.monotonic() at the start of the command, for the budget in seconds.
        names: How messages name the options; by default as the command line does.
        settings: Values of the problem's settings, by name.
        secret_file: A file with the secret that trials are drawn from, for a problem with
            `measure`; by default a new secret, or that of the run it starts from.
        start: Solutions of the user's own to start from, beside the problem's seeds.

    Raises:
        UsageError: If the problem, an option, a solution or the run directory is wrong.
        SetupError: If the model cannot be loaded.
    """
    begun = time.monotonic() if started is None else started
    problem = load_problem(path, settings)
    config = _configured(problem, options, names)
    folder = new_folder(out, problem.spec.name)
    _require_same_problem(start_from, problem, config)
    secret = secret_of(problem, secret_file, start_from)
    given = Start(solutions=given_solutions(problem, config, start, start_from))
    with ExitStack() as stack:
        grader = stack.enter_context(_grader(problem, config, folder, secret))
        roots = states_of(problem, graded_roots(problem, grader, config, given))
        codec, template = load_tokenizer(config, solve_messages(problem, roots[0], None), reporter)
        runtime = stack.enter_context(Runtime.load(config, codec))
        config = runtime.settled(config)
        create = partial(
            _creation(problem, config, grader),
            start_from=None if start_from is None else str(start_from.resolve()),
            chat_template=template,
            start=given.solutions,
        )
        run = create_run(out, problem.spec.name, create)
        stack.enter_context(holding(run))
        parts = runtime.parts(run, grader, stack.enter_context(tracked(reporter, run)), begun)
        _begin(run, roots, parts)
        return _search(run, problem, parts, grader, runtime)


def _creation(
    problem: Problem, config: SolveConfig, grader: ProblemGrader
) -> Callable[..., RunDir]:
    """Return what makes a run directory, with all that these three say of it."""
    return partial(
        RunDir.create,
        kind="solve",
        name=problem.spec.name,
        config=config,
        source=problem.file,
        sandbox=grader.sandbox or None,
        plugins=noted(config, problem.folder),
        settings=problem.given,
        secret=grader.secret,
    )


def _configured(problem: Problem, options: Options, names: Mapping[str, str] | None) -> SolveConfig:
    where = str(problem.file)
    return settle(resolve(SolveConfig, problem.spec.run, options, where=where, names=names))


def resume(
    path: Path, *, options: Options, reporter: Reporter, started: float | None = None
) -> Summary:
    """Resume a run from its last commit; leave a finished run as it is.

    Args:
        path: The run directory.
        options: New bounds: steps, samples, tokens, seconds, until, patience; for a vote also
            epochs, and not until and patience.
        reporter: Told of progress.
        started: time.monotonic() at the start of the command.

    Raises:
        UsageError: If it is not a run, or another process is working on it.
        SetupError: If one of its plug-ins is not installed.
    """
    begun = time.monotonic() if started is None else started
    run = RunDir.open(path)
    with ExitStack() as stack:
        stack.enter_context(holding(run))
        require_plugins(run, reporter)
        if run.status.kind == "vote":
            return resume_vote(run, options, reporter, begun)
        bounds = {key: value for key, value in options.items() if value is not None}
        if bounds:
            old = run.config.model_dump()
            run.write_config(resolve(SolveConfig, old, bounds, where=str(path)))
        problem = replace(run.problem(), origin=run.origin())
        secret = "" if problem.spec.measure is None else run.secret()
        if finished(run, run.config.steps) or _settled(run, problem):
            if _uncertified(run, problem) or lacks_held_out(run, problem):
                grader = stack.enter_context(_grader(problem, run.solve_config, run.path, secret))
                _certify_best(run, problem, reporter, grader)
                measure_held_out(run, problem, reporter, grader)
            return summarise(run, problem.spec.best_known)
        grader = stack.enter_context(_grader(problem, run.solve_config, run.path, secret))
        restored = run.restore()
        runtime = stack.enter_context(Runtime.load(run.config))
        parts = runtime.parts(run, grader, stack.enter_context(tracked(reporter, run)), begun)
        if restored is not None:
            restore(parts, *restored)
        else:
            graded = graded_roots(problem, grader, run.solve_config, run.start())
            _begin(run, states_of(problem, graded), parts)
        return _search(run, problem, parts, grader, runtime)


def _settled(run: RunDir, problem: Problem) -> bool:
    """Decide whether a run is done because of its best score."""
    best = run.best.verdict()
    if best is None or run.status.phase != "done":
        return False
    steps = run.status.totals.steps
    return bool(settled_by(run.solve_config, steps, best["step"], best["score"], problem.signed))


def best_known(run: RunDir) -> float | None:
    """Return the best known score of a run's problem; None if there is none."""
    if run.status.kind == "vote":
        return None
    return run.problem().spec.best_known


def require_solution(summary: Summary) -> None:
    """Refuse a finished run in which no attempt was valid, unless its seed was good enough.

    Raises:
        NoSolutionError: If no attempt was valid.
    """
    if summary.status == "done" and summary.valid == 0 and summary.stopped_by != "until":
        msg = f"{summary.run}: none of {summary.samples} attempts was valid"
        raise NoSolutionError(msg)


def _begin(run: RunDir, seeds: list[State], parts: Parts) -> None:
    """Write the roots, and the archive of a warm start, to the log; then commit step 0."""
    lines = [archive_log.roots_line(seeds)]
    if run.status.start_from is not None:
        source = RunDir.open(Path(run.status.start_from))
        folder = source.last_checkpoint()
        inherit_held_out(run, source)
        lines = archive_log.warm_lines(list(source.lines("archive.jsonl")), seeds, source.path.name)
        if folder is not None and source.config.train:
            parts.learner.warm_start(folder)
    run.append("archive.jsonl", lines)
    best_seed = max(seeds, key=lambda state: state.signed)
    run.write_status(replace(run.status, seed_score=best_seed.score))
    commit(parts, Totals())
    parts.sampler.load(parts.learner.adapter)


def _task(run: RunDir, problem: Problem, grader: ProblemGrader) -> SolveTask:
    config = run.solve_config
    selector = selector_by_name(config.search, c=config.puct_c, epsilon=config.epsilon)
    return SolveTask(
        problem,
        load_archive(run),
        selector,
        run,
        measure_again=grader.measure_again,
        incumbent=archive_log.last_best(run.lines("archive.jsonl")),
    )


def _grader(problem: Problem, config: SolveConfig, run: Path, secret: str) -> ProblemGrader:
    return ProblemGrader(
        problem, workers=workers(config), sandbox=config.sandbox, run=run, secret=secret
    )


def _search(
    run: RunDir, problem: Problem, parts: Parts, grader: ProblemGrader, runtime: Runtime
) -> Summary:
    task = _task(run, problem, grader)
    unverified = problem.spec.evaluator is not None
    task.keep_best(unverified=unverified)
    began = watch(run, run.config.steps, problem.spec.best_known)
    expected = forecast(run.config, run.status.totals, runtime.network)
    began = replace(began, warning=grader.warning, expected=expected, unverified=unverified)
    parts.reporter.began(began)
    with phases(run), graceful_stop(parts.budget):
        reason = solve_loop(task, parts)
        _certify_best(run, problem, parts.reporter, grader)
        if reason != "interrupt":  # who goes on with the search must not know its held-out score
            measure_held_out(run, problem, parts.reporter, grader)
        finish(run, reason)
    return summarise(run, problem.spec.best_known)


def _certify_best(run: RunDir, problem: Problem, reporter: Reporter, grader: ProblemGrader) -> None:
    """Certify the best solution, unless it has a certificate or the problem has no `certify`."""
    if not _uncertified(run, problem):
        return
    found = grader.certify(run.best.data(), run.best.solution())
    if isinstance(found, str):
        reporter.warned(f"the best solution is not certified: {found}")
    else:
        run.best.write_certificate(found.document())


def _uncertified(run: RunDir, problem: Problem) -> bool:
    """Decide whether the best solution has no certificate, though the problem certifies."""
    return problem.spec.certify is not None and run.best.certificate() is None


def _require_same_problem(start_from: Path | None, problem: Problem, config: RunConfig) -> None:
    """Refuse to start from another problem's run, or from an adapter that does not fit.

    Raises:
        UsageError: If the problem or an option differs; the message names it.
        SetupError: If the other run has no commit to start from.
    """
    if start_from is None:
        return
    source = RunDir.open(start_from)
    kind: Kind = source.status.kind
    if kind != "solve" or source.status.name != problem.spec.name:
        msg = (
            f"--from {source.path}: a {kind} run of {source.status.name}, "
            f"not a solve run of {problem.spec.name}"
        )
        raise UsageError(msg)
    old = source.problem()
    old_spec, spec = old.spec, problem.spec
    pairs = [
        ("direction", old_spec.direction, spec.direction),
        ("solution.kind", old_spec.solution.kind, spec.solution.kind),
        ("settings", dict(old.settings), dict(problem.settings)),
    ]
    same = ["archive_size", "children_per_parent", "visits"]
    if source.config.train and not registry.is_replay(config.sampler):
        same += ["model", "lora_rank", "lora_alpha"]
    pairs += [(key, getattr(source.config, key), getattr(config, key)) for key in same]
    for key, before, now in pairs:
        if before != now:
            msg = f"--from {source.path}: that run has {key} {before!r}, this one {now!r}"
            raise UsageError(msg)
    if source.last_checkpoint() is None:
        msg = f"--from {source.path}: nothing was ever committed there"
        raise SetupError(msg)
