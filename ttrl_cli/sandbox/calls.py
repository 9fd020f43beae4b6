"""One call of a candidate: an input in, an outcome out, in a process of its own.

A call fails by the wall and CPU time that it was measured to take, from the moment at which the
program took over; that it is killed somewhat later makes no difference. What a candidate does is an
`Outcome`. A sandbox that fails raises `SandboxError`, after a second try.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.base import Program, ProgramResult, SandboxError
from ttrl_cli.sandbox.compiled import BINARY, build, failure
from ttrl_cli.sandbox.given import Input, opened
from ttrl_cli.sandbox.outcome import TAIL_CHARS, Exit, refused, silence, stopped
from ttrl_cli.sandbox.parts import read_answer
from ttrl_cli.sandbox.protocol import MalformedError
from ttrl_cli.sandbox.request import Given
from ttrl_cli.sandbox.session import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one call of a candidate ended.

    Attributes:
        status: "ok": it ended by itself, with status 0 and within its limits; else "error",
            "timeout", "memory", "output" or "malformed".
        output: The standard output as text, whole up to limits.output_mb.
        log: The end of the standard error.
        data: What a Python entry returned, with arrays as numpy arrays; None unless ok.
        seconds: Wall time of the program.
        cpu_seconds: CPU time of all its processes.
        reason: Why the status is not ok, in words; empty when it is.
    """

    status: str
    output: str = ""
    log: str = ""
    data: Any = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the call ended well."""
        return self.status == Status.OK


def compiled(
    sandbox: Sandbox, program: Program, limits: Limits, folder: Path
) -> tuple[Callable[[Sandbox, Input, Limits], Outcome], ProgramResult]:
    """Compile a C++ program; return what calls it, and the compiler's result.

    Where it does not compile, each call is an outcome that says so.

    Raises:
        SandboxError: If the sandbox failed twice.
        SetupError: If there is no compiler.
    """
    path, built = build(sandbox, program, limits, folder)
    wrong = Outcome(status=built.status.value, reason=built.reason, log=built.output)

    def call(slot: Sandbox, value: Input, bounds: Limits) -> Outcome:
        if built.status is not Status.OK:
            return wrong
        try:
            binary = path.open("rb")
        except FileNotFoundError as error:  # another process has just removed it for its age
            msg = "a compiled program was removed before it was run"
            raise SandboxError(msg) from error
        with binary, opened(value, compiled=True) as (_, files):
            request = {"kind": "call-binary", "file": BINARY}
            given = Given(files={"binary": binary.fileno(), **files}, apart=True)
            run = slot.attempt(request, bounds, given)
        return _outcome(run, bounds, None, failure(run, bounds))

    return call, built


def interpreted(program: Program) -> Callable[[Sandbox, Input, Limits], Outcome]:
    """Return what calls a Python program."""

    def call(slot: Sandbox, value: Input, bounds: Limits) -> Outcome:
        with opened(value, compiled=False) as (said, files):
            request = {"kind": "call", "source": program.source, "entry": program.entry, **said}
            run = slot.attempt(request, bounds, Given(files=files, apart=True))
        return _outcome(run, bounds, *_judge(run, bounds, script=isinstance(value, str)))

    return call


def _judge(run: Exit, limits: Limits, *, script: bool) -> tuple[Json, tuple[Status, str] | None]:
    """Return a Python program's data, and its status and reason if it failed."""
    wrong = stopped(run, limits)
    if wrong is None and run.code != 0:
        wrong = silence(run.code)
    if wrong is not None:
        return None, wrong
    if not run.answer.data:
        return None, None if script else silence(run.code)
    try:
        kind, value = read_answer(run.answer.data)
    except MalformedError as error:
        return None, (Status.MALFORMED, str(error))
    if kind == "refusal":
        _, status, reason = refused(value)
        return None, (status, reason)
    return value, None


def _outcome(run: Exit, limits: Limits, data: Json, wrong: tuple[Status, str] | None) -> Outcome:
    """Return the outcome of a run; one that took too long fails, however it ended."""
    status, reason = wrong or too_late(run, limits) or (Status.OK, "")
    log = b"" if run.log is None else run.log.data
    return Outcome(
        status=status.value,
        output=run.output.data.decode("utf-8", "replace"),
        log=log.decode("utf-8", "replace")[-TAIL_CHARS:],
        data=data if status is Status.OK else None,
        seconds=run.own_seconds,
        cpu_seconds=run.own_cpu_seconds,
        reason=reason,
    )


def too_late(run: Exit, limits: Limits) -> tuple[Status, str] | None:
    """Return status and reason of a run that took more time than its limits; None for any other."""
    if run.own_seconds > limits.seconds:
        why = f"took {run.own_seconds:.3f} s, and {limits.seconds:g} s are the limit"
        return Status.TIMEOUT, why
    most = limits.seconds * limits.cpus
    if run.own_cpu_seconds > most:
        why = f"used {run.own_cpu_seconds:.3f} s of CPU time, and {most:g} s are the limit"
        return Status.TIMEOUT, why
    return None


def printed(outcome: Outcome) -> str:
    """Return the end of what a call printed, stdout before stderr."""
    return f"{outcome.output[-TAIL_CHARS:]}{outcome.log}"[-TAIL_CHARS:]


def ended(outcome: Outcome) -> Outcome:
    """Return an outcome without its data, and with the end of its output alone."""
    return replace(outcome, output=outcome.output[-TAIL_CHARS:], data=None)
