"""Does a backend do here what it claims? One small attack per property, run for real.

The programs of `probes.py` try what candidates must not be able to do, on canaries of our own, and
return what they achieved. The attack suite in the tests goes much further; these tell within
seconds what this machine's kernel, container and settings leave of a backend's claims.
"""

import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox import probes
from ttrl_cli.sandbox.base import MIB, Program, ProgramResult, Property, cpu_seconds
from ttrl_cli.sandbox.outcome import last_line
from ttrl_cli.sandbox.request import OPEN_FILES
from ttrl_cli.sandbox.session import Sandbox

LIMITS = Limits(seconds=1, memory_mb=256, cpus=1, output_mb=1, disk_mb=4, processes=32)
QUICK: tuple[Property, ...] = (
    Property.FILES_HIDDEN,
    Property.FILES_READ_ONLY,
    Property.PROCESSES_HIDDEN,
    Property.NETWORK,
    Property.PRIVILEGES,
    Property.SYSTEM_CALLS,
)
"""What isolation is about; checked in a tenth of a second."""
_CANARY = "TTRL_SELF_CHECK"

Probe = Callable[[Sandbox], str]


def self_check(sandbox: Sandbox, properties: Sequence[Property]) -> dict[Property, str]:
    """Attack the sandbox, once for each property.

    Args:
        sandbox: The sandbox; it is started if it is not running yet.
        properties: What to attack.

    Returns:
        For each property what an attack achieved, in words; empty where it achieved nothing.

    Raises:
        SetupError: If the sandbox cannot be started.
        SandboxError: If the sandbox fails.
    """
    return {name: _PROBES[name](sandbox) for name in properties}


@contextmanager
def canary_variable() -> Iterator[None]:
    """Set an environment variable that programs must not find; enter before a sandbox starts."""
    # as ttrl_cli.environ.variables would, which the sandbox may not know
    os.environ[_CANARY] = "a secret"
    try:
        yield
    finally:
        del os.environ[_CANARY]


def _run(
    sandbox: Sandbox, source: str, limits: Limits = LIMITS, **arguments: Json
) -> ProgramResult:
    return sandbox.run(Program(source=source, arguments=arguments), limits)


def _achieved(result: ProgramResult) -> str:
    """Return what an attack achieved, by its own list of words; empty if it achieved nothing."""
    if result.status is not Status.OK:
        return f"the attack did not run: {result.status}: {last_line(result.reason)}"
    return "; ".join(str(word) for word in result.data)


def _ends_as(status: Status, source: str, limits: Limits = LIMITS) -> Probe:
    """Make a probe that succeeds if the program ends with this status."""

    def probe(sandbox: Sandbox) -> str:
        result = _run(sandbox, source, limits)
        return "" if result.status is status else f"it ended as {result.status}: {result.reason}"

    return probe


def _achieves_nothing(source: str, **arguments: Json) -> Probe:
    """Make a probe that succeeds if the program returns an empty list."""

    def probe(sandbox: Sandbox) -> str:
        return _achieved(_run(sandbox, source, **arguments))

    return probe


def _probe_cpu_time(sandbox: Sandbox) -> str:
    limits = LIMITS.model_copy(update={"seconds": 5})
    used = _run(sandbox, probes.SPIN, limits).cpu_seconds
    # on one core, or a busy machine, wall time ends it before it can use too much; where the
    # machine is slow, some time passes between a look and the end of all processes
    return "" if used <= cpu_seconds(limits) + 2 else f"it used {used:.1f} s of CPU time"


def _probe_files_hidden(sandbox: Sandbox) -> str:
    with ExitStack() as stack:
        places = [Path.home(), Path.cwd(), Path(tempfile.gettempdir())]
        canaries = [
            stack.enter_context(_canary_file(place)) for place in places if _writable(place)
        ]
        return _achieved(_run(sandbox, probes.READ, paths=[str(path) for path in canaries]))


def _probe_processes_hidden(sandbox: Sandbox) -> str:
    return _achieved(_run(sandbox, probes.LOOK_AROUND, pid=os.getpid()))


def _probe_network(sandbox: Sandbox) -> str:
    name = f"ttrl-{os.getpid()}"
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        abstract.bind(f"\0{name}")
        abstract.listen()
        return _achieved(_run(sandbox, probes.CONNECT, port=listener.getsockname()[1], name=name))


def _probe_no_leftovers(sandbox: Sandbox) -> str:
    nap = f"{secrets.randbelow(10**6)}.{secrets.randbelow(10**6):06}"  # by which it is found
    result = _run(sandbox, probes.ORPHAN, nap=f"98{nap}")
    if result.status is not Status.OK:
        return _achieved(result)
    left = [p for p in psutil.process_iter(["cmdline"]) if f"98{nap}" in (p.info["cmdline"] or [])]
    for process in left:
        process.kill()
    files = _achieved(_run(sandbox, probes.FIND_FILE))
    return "; ".join(["a process that it started lives on"] * bool(left) + [files] * bool(files))


def _probe_environment(sandbox: Sandbox) -> str:
    return _achieved(_run(sandbox, probes.FIND_SECRET, name=_CANARY))


def _probe_open_files(sandbox: Sandbox) -> str:
    return _more_than(OPEN_FILES, _run(sandbox, probes.OPEN), "it opened {} files")


def _probe_disk(sandbox: Sandbox) -> str:
    return _more_than(LIMITS.disk_mb * MIB, _run(sandbox, probes.FILL), "it wrote {} bytes")


def _more_than(most: float, result: ProgramResult, achieved: str) -> str:
    """Return what an attack achieved that counts; empty if it counted to the limit at most."""
    if result.status is not Status.OK:
        return _achieved(result)
    return "" if result.data <= most else achieved.format(result.data)


def _writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


@contextmanager
def _canary_file(folder: Path) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="ttrl-self-check-") as file:
        file.write(b"a secret")
        file.flush()
        yield Path(file.name)


_PROBES: Mapping[Property, Probe] = {
    Property.WALL_TIME: _ends_as(Status.TIMEOUT, "import time\ndef run(): time.sleep(60)"),
    Property.CPU_TIME: _probe_cpu_time,
    Property.MEMORY: _ends_as(
        Status.MEMORY, probes.SPREAD, LIMITS.model_copy(update={"seconds": 10})
    ),
    Property.PROCESSES: _ends_as(
        Status.ERROR, probes.MULTIPLY, LIMITS.model_copy(update={"memory_mb": 4096})
    ),
    Property.OPEN_FILES: _probe_open_files,
    Property.DISK: _probe_disk,
    Property.OUTPUT: _ends_as(Status.OUTPUT, "def run():\n  while True: print('x' * 10000)"),
    Property.DATA_ONLY: _ends_as(Status.MALFORMED, probes.FORGE),
    Property.NO_LEFTOVERS: _probe_no_leftovers,
    Property.ENVIRONMENT: _probe_environment,
    Property.PROCESSES_HIDDEN: _probe_processes_hidden,
    Property.FILES_HIDDEN: _probe_files_hidden,
    Property.FILES_READ_ONLY: _achieves_nothing(probes.WRITE),
    Property.NETWORK: _probe_network,
    Property.PRIVILEGES: _achieves_nothing(probes.GAIN),
    Property.SYSTEM_CALLS: _achieves_nothing(probes.RARE_CALLS),
}
