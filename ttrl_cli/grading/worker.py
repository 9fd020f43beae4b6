"""What a grading worker does: completion -> solution -> data -> verdict.

A program runs in a process of its own (`sandbox.process`); the problem's verifier and score run
here, and see nothing of the candidate but data. The worker that started a program ends all of
its processes, also when the worker itself is told to stop.
"""

import dataclasses
import os
import signal
import threading
import time
from multiprocessing import parent_process, util
from pathlib import Path

from ttrl_cli.errors import ProblemError
from ttrl_cli.grading.environment import interpreter
from ttrl_cli.grading.parse import Malformed, parse_json, parse_solution
from ttrl_cli.grading.verifier import Checker, clean
from ttrl_cli.problem import Command, Problem
from ttrl_cli.records import Job, Json, Status, Verdict
from ttrl_cli.sandbox.leftovers import kill_descendants
from ttrl_cli.sandbox.process import ProgramResult, kill_after, run_program

SLACK_SECONDS = 10.0
"""Added to a job's hard limit: starting and ending processes, and moving data."""

_checkers: dict[Path, Checker] = {}
_problems: list[Problem] = []  # the one this worker was started for


def prepare() -> None:
    """Prepare a worker process for any problem's code; called once in each."""
    os.dup2(2, 1)  # our standard output is the result: what a verifier prints is not
    util.Finalize(None, kill_descendants, exitpriority=100)
    threading.Thread(target=_end_with_main_process, daemon=True).start()


def _end_with_main_process() -> None:
    """Wait for the main process to die, then end this one, which ends its programs."""
    main = parent_process()
    if main is not None:
        main.join()
        os.kill(os.getpid(), signal.SIGTERM)


def start(problem: Problem) -> None:
    """Prepare a worker process for one problem, whose code is known to load."""
    prepare()
    _problems[:] = [problem]
    load(problem)


def run_job(job: Job) -> Verdict:
    """Grade a completion for the problem this worker was started for."""
    return grade(_problems[0], job)


def run_solution(text: str, parent_data: Json, seed: int) -> Verdict:
    """Grade a solution's text for the problem this worker was started for."""
    return grade_solution(_problems[0], text, parent_data=parent_data, seed=seed)


def load(problem: Problem) -> str:
    """Import the problem's code; returns what is wrong with it, or nothing."""
    try:
        _checker(problem)
    except ProblemError as error:
        return str(error)
    return ""


def hard_limit(problem: Problem) -> float:
    """Seconds after which a worker that has not graded a job is taken for hung."""
    limits = problem.spec.limits
    running = kill_after(limits) if problem.spec.solution.kind == "program" else 0.0
    # a command is timed by the worker, which runs it twice at most
    verifying = limits.seconds * (2 if isinstance(problem.spec.verifier, Command) else 1)
    return running + verifying + SLACK_SECONDS


def grade(problem: Problem, job: Job) -> Verdict:
    """Grade one completion.

    Raises:
        OSError: If a process could not be started: a failure of ours, worth another try.
    """
    solution = problem.spec.solution
    try:
        text = parse_solution(clean(job.text), solution.kind, solution.language)
    except Malformed as error:
        return Verdict(status=Status.MALFORMED, reason=str(error))
    return grade_solution(problem, text, parent_data=job.parent_data, seed=job.seed)


def grade_solution(problem: Problem, text: str, *, parent_data: Json, seed: int) -> Verdict:
    """Grade the text of a solution, as a seed file or a parsed completion holds it."""
    started = time.monotonic()
    output = ""
    try:
        if problem.spec.solution.kind == "program":
            result = _run(problem, text, parent_data, seed)
            data, output = result.data, result.output
            verdict = Verdict(status=result.status, reason=clean(result.reason))
        else:
            data = parse_json(text) if problem.spec.solution.kind == "json" else text
            verdict = Verdict(status=Status.OK)
    except Malformed as error:
        verdict = Verdict(status=Status.MALFORMED, reason=clean(str(error)))
    if verdict.valid:
        verdict = _judge(problem, data)
    return dataclasses.replace(
        verdict,
        seconds=time.monotonic() - started,
        solution=text,
        shown=verdict.shown or text,
        output=output,
    )


def _judge(problem: Problem, data: Json) -> Verdict:
    try:
        return _checker(problem).judge(data)
    except ProblemError as error:  # its files changed since they were first loaded
        return Verdict(status=Status.FAILED, reason=str(error))


def _run(problem: Problem, source: str, parent_data: Json, seed: int) -> ProgramResult:
    limits = problem.spec.limits
    return run_program(
        source,
        entry=problem.spec.solution.entry,
        arguments={
            "seed": seed,
            "seconds": limits.seconds,
            "cpus": limits.cpus,
            "parent": parent_data,
        },
        limits=limits,
        python=interpreter(problem),
    )


def _checker(problem: Problem) -> Checker:
    """The problem's checker, made once per process."""
    if problem.folder not in _checkers:
        _checkers[problem.folder] = Checker(problem)
    return _checkers[problem.folder]
