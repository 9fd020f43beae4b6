"""Run one Python program in a process of its own, with limits, and take back plain data.

Covered:
- wall time (measured here), CPU time, address space, file size, open files and core dumps;
- bytes printed and bytes returned, counted here;
- every process the program started is killed, orphans in sessions of their own included (Linux);
- no environment variable of ours is visible; home and working folder are a private temporary
  folder, removed afterwards; stdin is empty; hash seeds are fixed;
- what comes back is JSON or a numeric array, parsed strictly; never a pickle. The program shares
  the child's interpreter, so what the child says about an error is a hint, and a program can
  send any data it likes: only the verifier decides what the data are worth.

Not covered, since program and caller are the same user on the same kernel:
- the network, and reading and writing files the user can read and write;
- signals to other processes of the user, this one included, and their memory through /proc;
- many processes at once (memory and CPU are limited for each), fork bombs that outrun the kill;
- the devices of the machine, GPUs among them, beyond an empty CUDA_VISIBLE_DEVICES;
- what a program started, when the caller is killed with SIGKILL: only the program itself dies.
"""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.leftovers import no_leftovers
from ttrl_cli.sandbox.pipes import End, Stream, read_until_end
from ttrl_cli.sandbox.protocol import HEADER_BYTES, MalformedError, decode

TAIL_CHARS = 2000
OPEN_FILES = 1024
MIB = 1 << 20
_CHILD = Path(__file__).with_name("child.py")
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON", "NUMBA")
_HINTS = {status.value: status for status in (Status.ERROR, Status.MEMORY, Status.MALFORMED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a program's run ended.

    Attributes:
        status: OK, or ERROR, TIMEOUT, MEMORY, OUTPUT, MALFORMED.
        data: What the entry returned, as plain JSON values; None unless OK.
        output: The end of what was printed, stdout and stderr together.
        reason: Why the status is not OK; empty when it is.
        seconds: Wall time.
    """

    status: Status
    data: Json
    output: str
    reason: str
    seconds: float


def kill_after(limits: Limits) -> float:
    """Seconds after which a program is killed: later than promised to it, so that it can answer."""
    return limits.seconds + max(1.0, 0.05 * limits.seconds)


def run_program(
    source: str, *, entry: str, arguments: dict[str, Json], limits: Limits, python: str | None
) -> ProgramResult:
    """Run `entry` of a program and return its data. One call at a time per process.

    Args:
        source: The program.
        entry: The function to call.
        arguments: Keyword arguments; those that the entry does not accept are left out.
        limits: What the program may use.
        python: The interpreter; None for the one that runs this.

    Raises:
        OSError: If the program could not be started. All it does itself is in the result.
    """
    started = time.monotonic()
    request = {
        "source": source,
        "entry": entry,
        "arguments": arguments,
        "rlimits": _rlimits(limits),
        "parent_pid": os.getpid(),
    }
    with _folder() as folder, no_leftovers(), _child(folder, request, limits, python) as child:
        process, streams = child
        end = read_until_end(process.pid, streams, deadline=started + kill_after(limits))
        code = kill_group(process)
    data, status, reason = _judge(end, streams, code, limits)
    return ProgramResult(
        status=status,
        data=data,
        output=streams[0].data.decode("utf-8", "replace")[-TAIL_CHARS:],
        reason=reason,
        seconds=time.monotonic() - started,
    )


def kill_group(process: subprocess.Popen[bytes]) -> int:
    """Kill a child's whole process group, reap the child, and return its own exit code.

    The child must have been started in a new session and must not have been reaped.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ttrl-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _child(
    folder: Path, request: dict[str, Json], limits: Limits, python: str | None
) -> Iterator[tuple[subprocess.Popen[bytes], list[Stream]]]:
    """Start the child; gives it and what is to be read of it: its output, then its answer."""
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        try:
            process = _popen(folder, request, limits, python, writer)
        finally:
            os.close(writer)
        printed = stack.enter_context(process.stdout)  # type: ignore[arg-type] # it is a pipe
        limit = int(limits.output_mb * MIB)
        yield (
            process,
            [
                Stream(descriptor=printed.fileno(), limit=limit, keep=4 * TAIL_CHARS),
                Stream(descriptor=reader, limit=limit + HEADER_BYTES, final=True),
            ],
        )


def _popen(
    folder: Path, request: dict[str, Json], limits: Limits, python: str | None, writer: int
) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(request).encode("ascii"))
        stdin.seek(0)
        # not -I: it would ignore the fixed hash seed. The environment is cleared instead, and
        # the child drops the script's folder from sys.path.
        return subprocess.Popen(
            [python or sys.executable, "-s", str(_CHILD), str(writer)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            start_new_session=True,
            cwd=folder,
            env=_environment(folder, limits),
        )


def _environment(folder: Path, limits: Limits) -> dict[str, str]:
    threads = {f"{name}_NUM_THREADS": str(limits.cpus) for name in _THREADS}
    return threads | {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _rlimits(limits: Limits) -> dict[str, int]:
    memory = limits.memory_mb * MIB
    rlimits = {
        "RLIMIT_CPU": math.ceil(kill_after(limits) * limits.cpus) + 1,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": memory,
        "RLIMIT_NOFILE": OPEN_FILES,
    }
    return rlimits | ({"RLIMIT_AS": memory} if sys.platform == "linux" else {})


def _judge(end: End, streams: list[Stream], code: int, limits: Limits) -> tuple[Json, Status, str]:
    """Data, status and reason, from how the reading ended and what was read."""
    printed, answer = streams
    if end is End.OVERFLOW:
        verb = "printed" if printed.over else "returned"
        return None, Status.OUTPUT, f"{verb} more than {limits.output_mb:g} MiB"
    if end is End.TIMEOUT:
        return None, Status.TIMEOUT, f"still running after {kill_after(limits):g} s"
    if not answer.data:
        return None, *_silence(code)
    try:
        kind, value = decode(bytes(answer.data))
    except MalformedError as error:
        return None, Status.MALFORMED, str(error)
    return _refused(value) if kind == "refusal" else (value, Status.OK, "")


def _refused(value: Json) -> tuple[None, Status, str]:
    """The child's own word on why there are no data."""
    match value:
        case {"status": str(status), "reason": str(reason)} if status in _HINTS:
            return None, _HINTS[status], reason
    return None, Status.MALFORMED, "the answer is not well formed"


def _silence(code: int) -> tuple[Status, str]:
    """Status and reason of a program that ended without an answer."""
    if code == -signal.SIGXCPU:
        return Status.TIMEOUT, "used more CPU time than its limit"
    if code >= 0 or code == -signal.SIGKILL:
        return Status.ERROR, "ended without an answer"
    return Status.ERROR, f"ended without an answer (killed by {signal.Signals(-code).name})"
