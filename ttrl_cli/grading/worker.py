"""A grading worker: completion -> solution -> data -> verdict.

A program runs in the sandbox; each worker has a fork server of its own; the problem's verifier and
score run here, in a process that was there before the program, and see nothing of it but data. The
sandbox ends with its worker, however that ends (`worker_process`).
"""

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from ttrl_cli import library, plugins
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.completions.edits import EditError
from ttrl_cli.errors import Invalid, ProblemError, SetupError
from ttrl_cli.escapes import encodable
from ttrl_cli.grading.attacks import Attack, finding
from ttrl_cli.grading.evaluated import verdict_of
from ttrl_cli.grading.functions import BrokenProblemError
from ttrl_cli.grading.hostile_outcomes import Hostile
from ttrl_cli.grading.identity import identity
from ttrl_cli.grading.interpreter import interpreter
from ttrl_cli.grading.measured import (
    OWN_SECONDS,
    CommandMeasurer,
    FunctionMeasurer,
    Measured,
    Measurer,
)
from ttrl_cli.grading.measured_verdict import (
    Shown,
    grade_measured,
    measured_finding,
    shown,
)
from ttrl_cli.grading.parse import Malformed, parse_json
from ttrl_cli.grading.shown_files import shown_files
from ttrl_cli.grading.solution_text import solution_in
from ttrl_cli.grading.trial import Asked, Split, TrialSpec
from ttrl_cli.grading.verifier import Checker, cut
from ttrl_cli.grading.worker_process import at_most, prepare
from ttrl_cli.problem import Command, Problem
from ttrl_cli.records import Job, Json, Status, Verdict
from ttrl_cli.sandbox.base import (
    MissingModuleError,
    Program,
    ProgramResult,
    SandboxSpec,
    kill_after,
)
from ttrl_cli.sandbox.choose import choose
from ttrl_cli.sandbox.compiled import check_compiler, run_cpp
from ttrl_cli.sandbox.evaluated import evaluate
from ttrl_cli.sandbox.mounts import private_folders, shown_folders, shown_in
from ttrl_cli.sandbox.outside import backend_of
from ttrl_cli.sandbox.session import END_SECONDS, START_SECONDS, Sandbox
from ttrl_cli.sandbox.session import TRIES as SANDBOX_TRIES

MOST_WAITS = 20
"""A worker counts as hung when measuring takes so many times what it may, waiting included."""
SLACK_SECONDS = 10.0
"""Added to a job's hard limit: starting and ending processes, and moving data."""
_checkers: dict[Path, Checker] = {}
_problems: list[Problem] = []  # the one this worker was started for
_sandboxes: dict[Path, Sandbox] = {}
_measurers: dict[Path, Measurer] = {}
_secrets: list[str] = []


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of loading a problem in a process of its own.

    Attributes:
        wrong: What is wrong with the problem's code; empty if nothing is.
        missing: What the machine lacks; empty if nothing.
        exposed: The folder in which programs would see the run directory; empty if nowhere.
        sandbox: The name of the backend to use.
        warning: What the user should know about it; empty if nothing.
    """

    wrong: str = ""
    missing: str = ""
    exposed: str = ""
    sandbox: str = ""
    warning: str = ""


def start(problem: Problem, sandbox: str, secret: str = "") -> None:
    """Prepare this worker process for one problem, whose code and sandbox are known to load.

    Args:
        problem: The problem.
        sandbox: A backend's name; empty where no program is run.
        secret: What the trials of a measured problem are drawn from.
    """
    prepare()
    _problems[:] = [problem]
    _secrets[:] = [secret]
    if _load_code(problem):  # the first job says it again, and is heard
        return
    with contextlib.suppress(SetupError):
        if problem.spec.measuring is not None:
            _measurer(problem, sandbox).start()
        elif problem.spec.solution.kind == "program":
            _sandboxes[problem.folder] = Sandbox(backend_of(sandbox), sandbox_spec(problem))
            _sandboxes[problem.folder].start()


def _measurer(problem: Problem, sandbox: str = "") -> Measurer:
    """Return what measures the problem's solutions, which is made once per process."""
    if problem.folder not in _measurers:
        measure = problem.spec.measuring
        assert measure is not None
        if measure.command is not None:
            made: Measurer = CommandMeasurer(problem, measure.command, measure.seconds)
        else:
            backend = backend_of(sandbox)
            spec = sandbox_spec(problem)
            made = FunctionMeasurer(_checker(problem), measure, backend, spec)
        _measurers[problem.folder] = made
    return _measurers[problem.folder]


def run_job(job: Job) -> Verdict:
    """Grade a completion for this worker's problem."""
    return grade(_problems[0], job)


def run_solution(text: str, parent_data: Json, seed: int, purpose: str = "") -> Verdict:
    """Grade the text of a solution for this worker's problem, on a trial of a purpose if named."""
    return grade_solution(_problems[0], text, parent_data=parent_data, seed=seed, purpose=purpose)


def run_asked(asked: Asked) -> Verdict:
    """Grade a solution on the trial that is asked for, drawn from this worker's secret."""
    problem = _problems[0]
    if problem.spec.measuring is None:
        given, seed = asked.parent_data, asked.seed
        return grade_solution(problem, asked.solution, parent_data=given, seed=seed)
    trial = dataclasses.replace(asked.trial, secret=_secrets[0])
    return _measure(problem, asked.solution, trial, asked.parent_data)[0]


def run_measure(text: str, split: Split, number: int) -> Shown:
    """Measure and grade the text of a solution on any trial; show its calls, too."""
    trial = TrialSpec(secret=_secrets[0], split=split, number=number)
    return shown(*_measure(_problems[0], text, trial, None))


def run_data(data: Json) -> Verdict:
    """Grade data for this worker's problem."""
    started = time.monotonic()
    verdict = _judge(_problems[0], data)
    return dataclasses.replace(verdict, seconds=time.monotonic() - started)


def certify(data: Json, text: str) -> Certificate | str:
    """Certify verified data; return the certificate, or why there is none."""
    return _certificate(lambda checker: checker.certify(data, text))


def certify_again(construction: Mapping[str, Json]) -> Certificate | str:
    """Certify a problem's own construction again; return the certificate, or why it fails."""
    return _certificate(lambda checker: checker.certify_again(construction))


def _certificate(work: Callable[[Checker], Certificate]) -> Certificate | str:
    try:
        return work(_checker(_problems[0]))
    except (Invalid, BrokenProblemError, ProblemError) as error:
        return cut(str(error)) or "it was refused"


def attack(attacked: Attack, known: Json) -> str:
    """Try one attack on the verifier; return what is wrong with the verifier, or an empty text."""
    return finding(_checker(_problems[0]), attacked, known)


def attack_measure(tried: Hostile, honest: Verdict) -> str:
    """Let measure and score meet a hostile outcome; return what is wrong with them, or "".

    Args:
        tried: The outcome.
        honest: The verdict on the honest solution whose calls have it.
    """
    measurer = _measurer(_problems[0])
    assert isinstance(measurer, FunctionMeasurer)
    trial = TrialSpec(secret=_secrets[0])
    measured = measurer.measure_hostile(honest.solution, tried.outcome, trial)
    return measured_finding(_checker(_problems[0]), measured, honest)


def called_late() -> bool:
    """Return whether a candidate was called, in this worker, after its measure had returned."""
    return any(getattr(measurer, "called_late", False) for measurer in _measurers.values())


def load(problem: Problem, sandbox: str, run: Path | None) -> Loaded:
    """Import the problem's code, and choose and start a sandbox if programs or imports need one.

    Args:
        problem: The problem.
        sandbox: A backend's name, or auto.
        run: The run directory, which programs must not see.
    """
    wrong = _load_code(problem)
    measure = problem.spec.measuring
    programs = problem.spec.solution.kind == "program"
    if measure is not None:  # any solution may be made a program
        programs = measure.function is not None
    if wrong or not (programs or problem.spec.environment.imports):
        return Loaded(wrong=wrong)
    try:
        name, warning = choose(sandbox)
        spec = sandbox_spec(problem)
        with Sandbox(backend_of(name), spec) as trial:
            trial.start()
            if problem.spec.solution.language == "cpp" and programs:
                check_compiler(trial, problem.spec.solution.flags)
            exposed = shown_in(run, spec) if run is not None and trial.isolated else None
    except ProblemError as error:
        return Loaded(wrong=str(error))
    except MissingModuleError as error:
        index = problem.spec.environment.imports.index(error.module)
        return Loaded(missing=f"environment.imports[{index}]: {error}")
    except SetupError as error:
        return Loaded(missing=str(error))
    return Loaded(sandbox=name, warning=warning, exposed=exposed or "")


def sandbox_spec(problem: Problem) -> SandboxSpec:
    """Return the spec of the sandbox that a problem's candidate programs run in.

    Raises:
        ProblemError: If the problem's interpreter does not exist.
        SetupError: If it cannot be asked where it lives.
    """
    environment = problem.spec.environment
    python = interpreter(problem)
    hidden = [*private_folders(), *plugins.problem_places(), problem.folder, library.folder()]
    hidden += library.copies(shown_folders(python))
    if problem.origin is not None:
        hidden.append(problem.origin)
    return SandboxSpec(
        python=python,
        imports=tuple(environment.imports),
        cpus=problem.spec.limits.cpus,
        hidden=hidden,
        files=shown_files(problem),
    )


def _load_code(problem: Problem) -> str:
    try:
        _checker(problem)
    except ProblemError as error:
        return str(error)
    return ""


def hard_limit(problem: Problem) -> float:
    """Return the seconds after which a worker that has not graded its job counts as hung."""
    limits, measure = problem.spec.limits, problem.spec.measuring
    running = 0.0
    if measure is not None:  # the worker itself knows how long it had to wait for others
        running = MOST_WAITS * (measure.seconds + OWN_SECONDS) + START_SECONDS
    elif problem.spec.solution.kind == "program":
        running = kill_after(limits) + 2 * END_SECONDS
    if problem.spec.solution.language == "cpp":
        compiling = limits.model_copy(update={"seconds": limits.compile_seconds})
        running += kill_after(compiling) + 2 * END_SECONDS
    running *= SANDBOX_TRIES
    # a command is timed by the worker, which runs it twice at most
    verifying = limits.seconds * (2 if isinstance(problem.spec.verifier, Command) else 1)
    return running + verifying + SLACK_SECONDS


def grade(problem: Problem, job: Job) -> Verdict:
    """Grade one completion.

    Raises:
        SandboxError: If the sandbox failed, which is our failure and worth another try.
        SetupError: If the sandbox does not start.
    """
    try:
        found = solution_in(problem, job)
    except Malformed as error:
        return Verdict(status=Status.MALFORMED, reason=str(error))
    except EditError as error:
        return Verdict(status=Status.INVALID, reason=cut(str(error)))
    verdict = grade_solution(problem, found.text, parent_data=job.parent_data, seed=job.seed)
    return dataclasses.replace(verdict, rule=found.rule)


def grade_solution(
    problem: Problem,
    text: str,
    *,
    parent_data: Json,
    seed: int,
    purpose: str = "",
) -> Verdict:
    """Grade the text of a solution, as a seed file or a parsed completion holds it.

    Args:
        problem: The problem.
        text: The solution.
        parent_data: The data of the solution that it was made from; None for a seed.
        seed: Handed to programs that accept `seed`.
        purpose: Names the trial of a measured problem; empty for the search's own.
    """
    if problem.spec.measuring is not None:
        trial = TrialSpec(secret=_secrets[0], purpose=purpose)
        return _measure(problem, text, trial, parent_data)[0]
    if problem.spec.evaluator is not None:
        return _evaluate(problem, problem.spec.evaluator, text, seed)
    started = time.monotonic()
    output, compiling = "", 0.0
    try:
        if problem.spec.solution.kind == "program":
            result = _run(problem, text, parent_data, seed)
            data, output, compiling = result.data, result.output, result.compile_seconds
            verdict = Verdict(status=result.status, reason=encodable(result.reason))
        else:
            data = parse_json(text) if problem.spec.solution.kind == "json" else text
            verdict = Verdict(status=Status.OK)
    except Malformed as error:
        verdict = Verdict(status=Status.MALFORMED, reason=encodable(str(error)))
    if verdict.valid:
        verdict = _judge(problem, data, parent_data)
    return dataclasses.replace(
        verdict,
        seconds=time.monotonic() - started - compiling,
        compile_seconds=compiling,
        solution=text,
        shown=verdict.shown or text,
        output=output,
    )


def _measure(
    problem: Problem, text: str, trial: TrialSpec, parent_data: Json
) -> tuple[Verdict, Measured]:
    judge = partial(_judge, problem)
    return grade_measured(problem, _measurer(problem), judge, text, trial, parent_data)


def _evaluate(problem: Problem, evaluator: str, text: str, seed: int) -> Verdict:
    started = time.monotonic()
    spec = problem.spec
    program = Program(source=text, arguments={"seed": seed})
    file = {"python": "candidate.py", "cpp": "candidate.cpp"}[spec.solution.language]
    result = evaluate(_sandboxes[problem.folder], program, evaluator, file, spec.limits)
    verdict = verdict_of(_checker(problem), text, result)
    return dataclasses.replace(
        verdict,
        seconds=time.monotonic() - started,
        solution=text,
        shown=text,
        output=result.output,
        identity=identity(problem, text, None) if verdict.valid else "",
    )


def _judge(problem: Problem, data: Json, known: Json = None) -> Verdict:
    timed_by_itself = isinstance(problem.spec.verifier, Command)
    limit = nullcontext() if timed_by_itself else at_most(problem.spec.limits.seconds)
    try:
        checker = _checker(problem)
        with limit:
            return checker.judge(data, known)
    except ProblemError as error:  # its files changed since they were first loaded
        return Verdict(status=Status.FAILED, reason=str(error))


def _run(problem: Problem, source: str, parent_data: Json, seed: int) -> ProgramResult:
    limits = problem.spec.limits
    program = Program(
        source=source,
        entry=problem.spec.solution.entry,
        flags=problem.spec.solution.flags,
        arguments={
            "seed": seed,
            "seconds": limits.seconds,
            "cpus": limits.cpus,
            "parent": parent_data,
        },
    )
    sandbox = _sandboxes[problem.folder]
    if problem.spec.solution.language == "cpp":
        return run_cpp(sandbox, program, limits, Path(tempfile.gettempdir()) / "compiled")
    return sandbox.run(program, limits)


def _checker(problem: Problem) -> Checker:
    """Return the problem's checker, which is made once per process."""
    if problem.folder not in _checkers:
        _checkers[problem.folder] = Checker(problem)
    return _checkers[problem.folder]
