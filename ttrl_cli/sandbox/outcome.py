"""How a run ended, and its result."""

import signal
from dataclasses import dataclass

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.base import ProgramResult, cpu_seconds, kill_after
from ttrl_cli.sandbox.pipes import End, Stream
from ttrl_cli.sandbox.protocol import MalformedError, decode

TAIL_CHARS = 2000
"""Most characters kept of what comes from a program in words: its output, its reasons."""
_HINTS = {status.value: status for status in (Status.ERROR, Status.MEMORY, Status.MALFORMED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How one run ended.

    Attributes:
        end: Why reading stopped.
        code: Exit status, or minus the signal.
        over: The limit the fork server killed it for: memory, cpu or processes.
        output: What was printed.
        answer: What was answered.
        seconds: Wall time.
        cpu_seconds: CPU time of all its processes.
        log: What was printed on stderr, where that was kept apart.
        own_seconds: Wall time from the moment at which the program took over.
        own_cpu_seconds: CPU time from then on.
    """

    end: End
    code: int
    over: str | None
    output: Stream
    answer: Stream
    seconds: float
    cpu_seconds: float
    log: Stream | None = None
    own_seconds: float = 0.0
    own_cpu_seconds: float = 0.0


def result_of(run: Exit, judged: tuple[Json, Status, str]) -> ProgramResult:
    """Return the result of a run, given the data, status and reason judged from it."""
    data, status, reason = judged
    return ProgramResult(
        status=status,
        data=data,
        output=tail(run),
        reason=reason,
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
    )


def tail(run: Exit) -> str:
    """Return the end of what was printed."""
    return run.output.data.decode("utf-8", "replace")[-TAIL_CHARS:]


def last_line(text: str) -> str:
    """Return the last line of a text; "" if the text is empty."""
    return (text.strip().splitlines() or [""])[-1]


def stopped(run: Exit, limits: Limits) -> tuple[Status, str] | None:
    """Return status and reason of a program that was stopped from outside; None for any other."""
    if run.end is End.OVERFLOW:
        errors = run.log is not None and run.log.over
        verb = "printed" if run.output.over or errors else "returned"
        where = " on standard error" if errors else ""
        return Status.OUTPUT, f"{verb} more than {limits.output_mb:g} MiB{where}"
    if run.end is End.TIMEOUT:
        return Status.TIMEOUT, f"still running after {kill_after(limits):g} s"
    match run.over:
        case "memory":
            return Status.MEMORY, f"its processes used more than {limits.memory_mb} MiB together"
        case "cpu":
            return Status.TIMEOUT, f"used more than {cpu_seconds(limits)} s of CPU time"
        case "processes":
            return Status.ERROR, f"started more than {limits.processes} processes and threads"
    return None


def silence(code: int) -> tuple[Status, str]:
    """Return status and reason of a program that ended by itself without an answer."""
    if code == -signal.SIGXCPU:
        return Status.TIMEOUT, "used more CPU time than its limit"
    if code >= 0:
        return Status.ERROR, "ended without an answer" + (f" (exit status {code})" if code else "")
    return Status.ERROR, f"ended without an answer (killed by {_signal(-code)})"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"


def judge(run: Exit, limits: Limits) -> tuple[Json, Status, str]:
    """Return the data, status and reason of a run."""
    wrong = stopped(run, limits)
    if wrong is not None:
        return None, *wrong
    if run.code != 0 or not run.answer.data:
        return None, *silence(run.code)
    try:
        kind, value = decode(run.answer.data)
    except MalformedError as error:
        return None, Status.MALFORMED, str(error)
    return refused(value) if kind == "refusal" else (value, Status.OK, "")


def refused(value: Json) -> tuple[None, Status, str]:
    """Return status and reason as the program's process gives them; keep the end of the reason."""
    match value:
        case {"status": str(status), "reason": str(reason)} if status in _HINTS:
            return None, _HINTS[status], reason[-TAIL_CHARS:]
    return None, Status.MALFORMED, "the answer is not well formed"
