"""What a grading worker does: completion -> solution -> data -> verdict.

A program runs in the sandbox, whose warm parent each worker has one of; the problem's verifier and
score run here, in a process that was there before the program, and see nothing of it but data. The
sandbox ends with its worker, however that ends.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import lru_cache
from multiprocessing import parent_process, util
from pathlib import Path
from typing import NoReturn

from ttrl_cli import plugins
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.errors import Invalid, ProblemError, SetupError
from ttrl_cli.grading.attacks import Attack, finding
from ttrl_cli.grading.functions import BrokenProblemError
from ttrl_cli.grading.interpreter import interpreter
from ttrl_cli.grading.parse import Malformed, find_solution, kind_of, parse_json
from ttrl_cli.grading.process_pool import TOO_LATE
from ttrl_cli.grading.values import CONTAINERS
from ttrl_cli.grading.verifier import REASON_CHARS, Checker, clean
from ttrl_cli.problem import Command, Problem, Seed
from ttrl_cli.records import Job, Json, Status, Verdict
from ttrl_cli.sandbox.base import (
    MissingModuleError,
    Program,
    ProgramResult,
    Surroundings,
    kill_after,
)
from ttrl_cli.sandbox.choose import choose
from ttrl_cli.sandbox.compiled import check_compiler, run_cpp
from ttrl_cli.sandbox.leftovers import kill_descendants
from ttrl_cli.sandbox.outside import backend_of
from ttrl_cli.sandbox.session import END_SECONDS, Sandbox
from ttrl_cli.sandbox.session import TRIES as SANDBOX_TRIES
from ttrl_cli.sandbox.view import private_folders, shown_in

SLACK_SECONDS = 10.0
"""Added to a job's hard limit: starting and ending processes, and moving data."""
_ALARM_SECONDS = 2.0
"""How much later than a verifier's limit the kernel ends a worker that could not end itself."""

ENDED = 70
"""Exit status of a worker that a problem's code ended with status 0."""
_exit = os._exit

_checkers: dict[Path, Checker] = {}
_problems: list[Problem] = []  # the one this worker was started for
_sandboxes: dict[Path, Sandbox] = {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading a problem in a process of its own found out.

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


def prepare() -> None:
    """Prepare this worker process for any problem's code; called once in each process."""
    # a verifier's own processes start as they would anywhere, not by the fork server of the workers
    multiprocessing.set_start_method(None, force=True)
    os.register_at_fork(after_in_child=_be_ordinary)
    util.Finalize(None, kill_descendants, exitpriority=100)
    os._exit = _end
    threading.Thread(target=_end_with_main_process, daemon=True).start()


def _be_ordinary() -> None:
    """Let SIGTERM kill this process at once, as a pool expects; only workers clean up first."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os._exit = _exit


def _end(status: int) -> NoReturn:
    """Do as os._exit, but never with status 0: a pool would think that the worker hangs."""
    _exit(status or ENDED)


def _end_with_main_process() -> None:
    """Wait until the main process has died, then end this process and its programs."""
    main = parent_process()
    if main is not None:
        main.join()
        os.kill(os.getpid(), signal.SIGTERM)


def start(problem: Problem, sandbox: str) -> None:
    """Prepare this worker process for one problem, whose code and sandbox are known to load."""
    prepare()
    _problems[:] = [problem]
    _load_code(problem)
    if problem.spec.solution.kind == "program":
        _sandboxes[problem.folder] = Sandbox(backend_of(sandbox), surroundings(problem))
        with contextlib.suppress(SetupError):  # the first job says it again, and is heard
            _sandboxes[problem.folder].start()


def run_job(job: Job) -> Verdict:
    """Grade a completion for this worker's problem."""
    return grade(_problems[0], job)


def run_solution(text: str, parent_data: Json, seed: int) -> Verdict:
    """Grade the text of a solution for this worker's problem."""
    return grade_solution(_problems[0], text, parent_data=parent_data, seed=seed)


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
        return clean(str(error))[:REASON_CHARS] or "it was refused"


def attack(attacked: Attack, known: Json) -> str:
    """Try one attack on the verifier; return what is wrong with the verifier, or an empty text."""
    return finding(_checker(_problems[0]), attacked, known)


def load(problem: Problem, sandbox: str, run: Path | None) -> Loaded:
    """Import the problem's code, and choose and start a sandbox if programs or imports need one.

    Args:
        problem: The problem.
        sandbox: A backend's name, or auto.
        run: The run directory, which programs must not see.
    """
    wrong = _load_code(problem)
    programs = problem.spec.solution.kind == "program"
    if wrong or not (programs or problem.spec.environment.imports):
        return Loaded(wrong=wrong)
    try:
        name, warning = choose(sandbox)
        around = surroundings(problem)
        with Sandbox(backend_of(name), around) as trial:
            trial.start()
            if problem.spec.solution.language == "cpp":
                check_compiler(trial)
            exposed = shown_in(run, around) if run is not None and trial.isolated else None
    except ProblemError as error:
        return Loaded(wrong=str(error))
    except MissingModuleError as error:
        place = problem.spec.environment.imports.index(error.module)
        return Loaded(missing=f"environment.imports[{place}]: {error}")
    except SetupError as error:
        return Loaded(missing=str(error))
    return Loaded(sandbox=name, warning=warning, exposed=exposed or "")


def surroundings(problem: Problem) -> Surroundings:
    """Describe what the problem's candidate programs find around them.

    Raises:
        ProblemError: If the problem's interpreter does not exist.
    """
    environment = problem.spec.environment
    return Surroundings(
        python=interpreter(problem),
        imports=tuple(environment.imports),
        cpus=problem.spec.limits.cpus,
        hidden=[*private_folders(), *plugins.problem_places(), problem.folder],
    )


def _load_code(problem: Problem) -> str:
    try:
        _checker(problem)
    except ProblemError as error:
        return str(error)
    return ""


def hard_limit(problem: Problem) -> float:
    """Return the seconds after which a worker that has not graded its job counts as hung."""
    limits = problem.spec.limits
    running = 0.0
    if problem.spec.solution.kind == "program":
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
    solution = problem.spec.solution
    try:
        found = find_solution(
            clean(job.text),
            solution.kind,
            solution.language,
            entry=solution.entry,
            expected=_kinds_of(problem.seeds) if solution.kind == "json" else CONTAINERS,
            finished=job.finished,
            marks=job.marks,
        )
    except Malformed as error:
        return Verdict(status=Status.MALFORMED, reason=str(error))
    verdict = grade_solution(problem, found.text, parent_data=job.parent_data, seed=job.seed)
    return dataclasses.replace(verdict, rule=found.rule)


@lru_cache(maxsize=1)
def _kinds_of(seeds: tuple[Seed, ...]) -> frozenset[str]:
    """Return the kinds of the values in the seeds of a json problem."""
    kinds: set[str] = set()
    for seed in seeds:
        with contextlib.suppress(Malformed):  # whoever grades the seeds says so
            kinds.add(kind_of(parse_json(seed.text)))
    return frozenset(kinds) or CONTAINERS


def grade_solution(problem: Problem, text: str, *, parent_data: Json, seed: int) -> Verdict:
    """Grade the text of a solution, as a seed file or a parsed completion holds it."""
    started = time.monotonic()
    output, compiling = "", 0.0
    try:
        if problem.spec.solution.kind == "program":
            result = _run(problem, text, parent_data, seed)
            data, output, compiling = result.data, result.output, result.compile_seconds
            verdict = Verdict(status=result.status, reason=clean(result.reason))
        else:
            data = parse_json(text) if problem.spec.solution.kind == "json" else text
            verdict = Verdict(status=Status.OK)
    except Malformed as error:
        verdict = Verdict(status=Status.MALFORMED, reason=clean(str(error)))
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


def _judge(problem: Problem, data: Json, known: Json = None) -> Verdict:
    timed_by_itself = isinstance(problem.spec.verifier, Command)
    limit = nullcontext() if timed_by_itself else _at_most(problem.spec.limits.seconds)
    try:
        checker = _checker(problem)
        with limit:
            return checker.judge(data, known)
    except ProblemError as error:  # its files changed since they were first loaded
        return Verdict(status=Status.FAILED, reason=str(error))


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """End this worker and all its descendants if the block takes longer than `seconds`.

    A verifier may hang in Python, in C that keeps other threads of Python from running, or while it
    waits for a process that it has started. A thread handles the first and the last case; the
    kernel's alarm, a little later, handles the second. Outside of a worker process nothing is
    ended.
    """
    if parent_process() is None:
        yield
        return
    late = threading.Event()
    watch = threading.Timer(seconds, _end_late, [late])
    watch.daemon = True
    signal.setitimer(signal.ITIMER_REAL, seconds + _ALARM_SECONDS)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        if late.is_set():  # what it waited for was killed; the whole worker is about to end
            watch.join()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end_late(late: threading.Event) -> None:
    late.set()
    try:
        kill_descendants()
    finally:
        os._exit(TOO_LATE)


def _run(problem: Problem, source: str, parent_data: Json, seed: int) -> ProgramResult:
    limits = problem.spec.limits
    program = Program(
        source=source,
        entry=problem.spec.solution.entry,
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
