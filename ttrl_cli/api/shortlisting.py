"""A shortlist: the best solutions of a run and some others, measured again on fresh trials.

All are measured on the same trials, which the search has not used, so that they can be compared in
pairs. What is done is kept in a log of the run; a shortlist that was stopped goes on from there.
"""

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ttrl_cli import seeding
from ttrl_cli.api.settings import workers
from ttrl_cli.api.verifying import with_limits
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import NoSolutionError, SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Asked, Split, TrialSpec
from ttrl_cli.problem import Measure, Problem
from ttrl_cli.records import Json, Status
from ttrl_cli.report.ranking import Ranked, ranked
from ttrl_cli.report.solutions import Solution, data_of, pick
from ttrl_cli.rundir import RunDir
from ttrl_cli.rundir.held_out import note_held_out, steps_seen
from ttrl_cli.rundir.shortlist_log import Measurement, ShortlistLog

MOST_IN_VAIN = 3
"""So many measurements that fail on our side before any has succeeded end a shortlist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a shortlist measures, and how.

    Attributes:
        top: Most of the best solutions.
        random: Most of the others.
        repeat: Trials; each solution is measured on all.
        command: Measure by this command, in place of the problem's own way: program and arguments
            as in a shell, run in the current folder, one at a time.
        held_out: Measure on held-out trials.
        name: Names its log in the run; by default what it is measured by.
        limits: Overrides of the problem's limits, by key.
        sandbox: Name of the sandbox backend; by default the run's.
    """

    top: int
    random: int = 0
    repeat: int = 3
    command: str | None = None
    held_out: bool = False
    name: str | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    sandbox: str | None = None

    @property
    def split(self) -> Split:
        """The split of its trials."""
        return "held-out" if self.held_out else "search"

    @property
    def called(self) -> str:
        """Its name."""
        if self.name is not None:
            return self.name
        by = "local" if self.command is None else "command"
        return by + ("-held-out" if self.held_out else "")

    @property
    def made_by(self) -> dict[str, Json]:
        """What its figures hang on, besides the solution and the trial."""
        return {"measure": self.command, "split": self.split, "limits": dict(self.limits)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a shortlist is.

    Attributes:
        done: Measurements that are there, earlier ones included.
        total: How many there will be.
        found: The newest; None before the first.
    """

    done: int
    total: int
    found: Measurement | None = None


Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """What came of a shortlist.

    Attributes:
        rows: Its solutions, the best first.
        log: The file with its measurements.
        failures: Why measurements failed on our side; the next call tries them again.
        unread: Valid attempts in whose completions no solution was found again.
        warning: A warning to show, even when quiet; empty if there is none.
    """

    rows: tuple[Ranked, ...]
    log: Path
    failures: tuple[str, ...]
    unread: int
    warning: str


def shortlist(path: Path, wanted: Wanted, told: Told | None = None) -> Shortlist:
    """Measure the best solutions of a run again, and some drawn from the others, and rank them.

    Args:
        path: The run directory; the run may be under way, and is read as of its last commit.
        wanted: What is measured, and how.
        told: Told of each measurement.

    Raises:
        UsageError: If it is no run of `ttrl solve`, or an option does not go with its problem.
        NoSolutionError: If it has no valid solution yet.
        SetupError: If the machine lacks what is needed, or nothing can be measured.
    """
    if not wanted.top + wanted.random:
        msg = "there is nothing to measure: say how many by --top N, --random N or both"
        raise UsageError(msg)
    run = RunDir.open(path)
    run.require_search()
    given = run.problem()
    limited = replace(with_limits(given, wanted.limits), origin=run.origin())
    problem = _measured_by(limited, wanted.command)
    if wanted.held_out and problem.spec.measure is None:
        msg = f"--held-out: the problem of {path} has no measure, and so no trials"
        raise UsageError(msg)
    picked = pick(run, problem, top=wanted.top, random=wanted.random)
    if not picked.solutions:
        msg = f"{path} has no valid solution yet"
        raise NoSolutionError(msg)
    with ShortlistLog.opened(run.path, wanted.called, wanted.made_by) as log:
        jobs = _jobs(run, picked.solutions, wanted, log)
        warning, failures = "", []
        if jobs:
            if wanted.held_out:
                _note(run, wanted.called)
            with _grader(run, problem, wanted, _secret(run, given)) as grader:
                warning = grader.warning
                there = len(picked.solutions) * wanted.repeat - len(jobs)
                failures = _measure(grader, jobs, log, there, told or (lambda _: None))
        rows = ranked(problem, picked.solutions, log.done, wanted.repeat)
    return Shortlist(
        rows=tuple(rows),
        log=log.path,
        failures=tuple(failures),
        unread=picked.unread,
        warning=warning,
    )


def _grader(run: RunDir, problem: Problem, wanted: Wanted, secret: str) -> ProblemGrader:
    given = {"sandbox": wanted.sandbox}
    config = resolve(SolveConfig, run.config.model_dump(), given, where=str(run.path))
    # what a command measures on may be one device, which two would slow down
    count = 1 if wanted.command is not None else workers(config)
    return ProblemGrader(
        problem, workers=count, sandbox=config.sandbox, run=run.path, secret=secret
    )


def _measured_by(problem: Problem, command: str | None) -> Problem:
    """Return the problem with a command in place of its own way of measuring.

    Raises:
        UsageError: If the command cannot be run, or scores are those of an evaluator.
    """
    if command is None:
        return problem
    try:
        words = shlex.split(command)
    except ValueError as error:
        msg = f"--measure {command!r}: {error}"
        raise UsageError(msg) from error
    if not words:
        msg = "--measure: expected a program and its arguments (got nothing)"
        raise UsageError(msg)
    here = Path.cwd()
    if shutil.which(words[0]) is None and shutil.which(str(here / words[0])) is None:
        msg = f"--measure: no such program: {words[0]} (looked on the PATH and in {here})"
        raise UsageError(msg)
    if problem.spec.evaluator is not None:
        msg = "--measure: the problem's scores are an evaluator's, which runs programs by itself"
        raise UsageError(msg)
    own = problem.spec.measuring or Measure()
    measure = Measure(command=words, seconds=own.seconds)
    spec = problem.spec.model_copy(update={"measure": measure})
    return replace(problem, spec=spec, measured_in=here)


def _secret(run: RunDir, problem: Problem) -> str:
    """Return what the trials are drawn from; those of a problem that has none are no secret."""
    if problem.spec.measure is not None:
        return run.secret()
    return f"shortlist of a run with the seed {run.config.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A measurement that is to be made."""

    id: str
    trial: int
    asked: Asked


def _jobs(
    run: RunDir, solutions: Sequence[Solution], wanted: Wanted, log: ShortlistLog
) -> list[_Job]:
    """Return what is not measured yet, trial by trial: one that is stopped has whole trials."""
    missing = [
        (solution, trial)
        for trial in range(wanted.repeat)
        for solution in solutions
        if (solution.id, trial) not in log.done
    ]
    data = data_of(run, [solution.parent for solution, _ in missing]) if missing else {}
    return [
        _Job(
            id=solution.id,
            trial=trial,
            asked=Asked(
                solution=solution.text,
                trial=TrialSpec(split=wanted.split, purpose=f"shortlist/{trial}"),
                parent_data=data.get(solution.parent or ""),
                seed=seeding.again_seed(run.config.seed, f"shortlist/{trial}") % 2**32,
            ),
        )
        for solution, trial in missing
    ]


def _measure(
    grader: ProblemGrader, jobs: Sequence[_Job], log: ShortlistLog, there: int, told: Told
) -> list[str]:
    """Measure, write each result to the log, and return what failed on our side.

    Args:
        grader: Measures.
        jobs: What is to be measured.
        log: The log.
        there: How many measurements were there before.
        told: Told of each.

    Raises:
        SetupError: If the first measurements all fail.
    """
    done, total, failures = there, there + len(jobs), []
    told(Progress(done=done, total=total))
    for place, verdict in grader.grade_each([job.asked for job in jobs]):
        job = jobs[place]
        if verdict.status is Status.FAILED:
            failures.append(verdict.reason)
            if len(failures) >= MOST_IN_VAIN and done == there:
                msg = f"nothing could be measured: {failures[0]}"
                raise SetupError(msg)
            continue
        found = Measurement.of(verdict, id_=job.id, trial=job.trial)
        log.append(found)
        done += 1
        told(Progress(done=done, total=total, found=found))
    return failures


def _note(run: RunDir, name: str) -> None:
    """Note that held-out figures of the run's solutions are made."""
    step = run.status.totals.steps
    if step not in steps_seen(run.path):
        record: dict[str, Json] = {"event": "shortlist", "step": step, "name": name}
        note_held_out(run.path, record)
