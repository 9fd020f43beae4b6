"""C++ programs: compiled inside the sandbox, once per source, and run there.

A C++ candidate is a whole program. It finds its arguments as a JSON object on stdin, which it may
ignore, prints its data as JSON on stdout, says what it likes on stderr, and ends with status 0.
"""

import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from ttrl_cli.errors import SetupError
from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.base import MIB, Program, ProgramResult, SandboxError
from ttrl_cli.sandbox.outcome import Exit, refused, result_of, silence, stopped, tail
from ttrl_cli.sandbox.protocol import MalformedError, read_json, split_frame
from ttrl_cli.sandbox.request import Given
from ttrl_cli.sandbox.session import Sandbox

FLAGS = ("-std=c++20", "-O2", "-pipe")
_SOURCE, BINARY = "candidate.cpp", "candidate"
_COMPILER_LIMITS = Limits(memory_mb=2048, disk_mb=256, processes=32)
_MOST_MB = 64.0  # of one program
_MOST_KEPT = 256 * MIB
_FIRST_SIGNAL = 128


def compiler() -> str:
    """Return the path of g++.

    Raises:
        SetupError: If it is not installed.
    """
    path = shutil.which("g++")
    if path is None:
        msg = "solution.language is cpp, and there is no g++ on the PATH"
        raise SetupError(msg)
    return path


def check_compiler(sandbox: Sandbox, flags: Sequence[str] = ()) -> None:
    """Check the compiler by compiling the shortest program inside the sandbox.

    Args:
        sandbox: The sandbox in which it is compiled.
        flags: Further flags for the compiler.

    Raises:
        SetupError: If there is no compiler, it does not work inside the sandbox, or it refuses the
            flags.
    """
    for tried in ((), flags) if flags else ((),):
        program = Program(source="int main() {}", flags=tried)
        with tempfile.TemporaryDirectory() as folder:
            _, built = build(sandbox, program, Limits(), Path(folder))
        if built.status is not Status.OK:
            by = f" with solution.flags ({' '.join(tried)})" if tried else ""
            msg = f"{compiler()} does not work inside the sandbox{by}: {built.reason}"
            raise SetupError(msg)


def run_cpp(sandbox: Sandbox, program: Program, limits: Limits, folder: Path) -> ProgramResult:
    """Compile a program, unless it was compiled before, and run it.

    Args:
        sandbox: The sandbox in which it is compiled and run.
        program: The source, and arguments for stdin; its entry is always main.
        limits: What the program may use, and how long compiling may take.
        folder: Folder of compiled programs, named by content; processes may share it.

    Raises:
        SandboxError: If the sandbox failed twice.
        SetupError: If there is no compiler.
    """
    path, built = build(sandbox, program, limits, folder)
    if built.status is not Status.OK:
        return built
    request = {"kind": "binary", "file": BINARY, "arguments": program.arguments}
    try:
        binary = path.open("rb")
    except FileNotFoundError as error:  # another process has just removed it for its age
        msg = "a compiled program was removed before it was run"
        raise SandboxError(msg) from error
    with binary:
        run = sandbox.attempt(request, limits, Given(files={"binary": binary.fileno()}))
    result = result_of(run, _judge(run, limits))
    return replace(result, compile_seconds=built.compile_seconds)


def build(
    sandbox: Sandbox, program: Program, limits: Limits, folder: Path
) -> tuple[Path, ProgramResult]:
    """Compile a program, unless that was done before; return its path and the compiler's result.

    Args:
        sandbox: The sandbox in which it is compiled.
        program: Its source, and flags for the compiler.
        limits: How long compiling may take, and how large the program may be.
        folder: Folder of compiled programs, named by content; processes may share it.

    Raises:
        SandboxError: If the sandbox failed twice.
        SetupError: If there is no compiler.
    """
    command = [compiler(), *FLAGS, *program.flags, "-o", "{target}", "{source}"]
    identity = json.dumps([_version(command[0]), command, program.source])
    path = folder / hashlib.sha256(identity.encode()).hexdigest()
    nothing = ProgramResult(status=Status.OK, data=None, output="", reason="", seconds=0.0)
    if path.exists():
        return path, nothing
    # a program lies in the candidate's own folder while it runs
    own = {"seconds": limits.compile_seconds, "output_mb": min(0.9 * limits.disk_mb, _MOST_MB)}
    bounds = _COMPILER_LIMITS.model_copy(update=own)
    request = {"kind": "build", "file": _SOURCE, "source": program.source, "command": command}
    run = sandbox.attempt(request, bounds)
    status, reason = _keep(run, bounds, path)
    seconds = run.seconds
    return path, replace(
        nothing, status=status, reason=reason, output=tail(run), compile_seconds=seconds
    )


def _keep(run: Exit, bounds: Limits, path: Path) -> tuple[Status, str]:
    """Keep the compiled program; return OK, or status and reason if there is none."""
    wrong = stopped(run, bounds) or (None if run.answer.data else silence(run.code))
    if wrong is not None:
        status, reason = wrong
        return status, f"compiling: {reason}"
    try:
        kind, payload = split_frame(run.answer.data)
        if kind != "binary":
            _, status, reason = refused(read_json(payload))
            return status, reason
    except MalformedError as error:  # the compiler's process is ours, and speaks for itself
        msg = f"the sandbox answered a request to compile with {error}"
        raise SandboxError(msg) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    # another process may be keeping the same program
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / "part"
        part.write_bytes(payload)
        part.replace(path)
    _remove_oldest(path)
    return Status.OK, ""


def _remove_oldest(newest: Path) -> None:
    """Remove the oldest compiled programs if all together take too much space."""
    kept = [path for path in newest.parent.iterdir() if path.is_file() and path != newest]
    sizes = {path: path.stat() for path in kept}
    total = newest.stat().st_size + sum(status.st_size for status in sizes.values())
    for path in sorted(kept, key=lambda path: sizes[path].st_mtime):
        if total <= _MOST_KEPT:
            return
        path.unlink(missing_ok=True)
        total -= sizes[path].st_size


def failure(run: Exit, limits: Limits) -> tuple[Status, str] | None:
    """Return status and reason of a compiled program that did not end with status 0."""
    wrong = stopped(run, limits)
    if wrong is None and run.code != 0:
        over = _FIRST_SIGNAL < run.code < _FIRST_SIGNAL + signal.NSIG
        wrong = silence(_FIRST_SIGNAL - run.code if over else run.code)
    return wrong


def _judge(run: Exit, limits: Limits) -> tuple[Json, Status, str]:
    wrong = failure(run, limits)
    if wrong is not None:
        return None, *wrong
    try:
        return read_json(run.answer.data), Status.OK, ""
    except MalformedError as error:
        return None, Status.MALFORMED, f"what the program printed is {error}"


@cache
def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout
