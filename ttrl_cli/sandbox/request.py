"""What a fork server is sent to run one program, and what is read from it."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json
from ttrl_cli.sandbox.base import MIB, SandboxSpec, cpu_seconds
from ttrl_cli.sandbox.mounts import ask_interpreter
from ttrl_cli.sandbox.outcome import TAIL_CHARS
from ttrl_cli.sandbox.pipes import Stream
from ttrl_cli.sandbox.protocol import HEADER_BYTES

OPEN_FILES = 768
"""Most open files of a process. A candidate can have as many, and one message (253) more, on their
way through sockets; above 1,024, most programs of the same user could send none."""
_QUEUED_SIGNALS = 256  # with timers; the kernel counts these per user
STATUS_BYTES = 4096
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON", "NUMBA")
_USER = "candidate"  # no real user's name; enough for getpass.getuser
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a program is given besides its request.

    Attributes:
        files: Descriptors to read, by the names of `inside/attempt.py`; each is read from its
            beginning.
        apart: Whether its stdout is kept whole, and apart from its stderr.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    apart: bool = False


NOTHING = Given()


def descriptors(
    stack: contextlib.ExitStack, request: Mapping[str, Json], given: Given
) -> tuple[dict[str, int], dict[str, int], contextlib.ExitStack]:
    """Open the descriptors of one run.

    Returns:
        The ends to read (output, answer, status, perhaps log) and the ends to send, by name; and a
        stack that closes those of the ends to send that were opened here.
    """
    ours = stack.enter_context(contextlib.ExitStack())
    text = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
    ours.callback(text.close)
    text.write(json.dumps(request).encode("ascii"))
    text.seek(0)
    sent = {"request": text.fileno(), **given.files}
    for descriptor in given.files.values():
        os.lseek(descriptor, 0, os.SEEK_SET)  # its readers move our offset as well
    reading = {}
    for name in ("output", "answer", "status", *(("log",) if given.apart else ())):
        reader, writer = os.pipe()
        reading[name] = stack.enter_context(os.fdopen(reader, "rb", buffering=0)).fileno()
        sent[name] = ours.enter_context(os.fdopen(writer, "wb", buffering=0)).fileno()
    return reading, sent, ours


def streams(reading: Mapping[str, int], limits: Limits) -> dict[str, Stream]:
    """Return the streams that are read from a program, by name."""
    most = int(limits.output_mb * MIB)
    end = 4 * TAIL_CHARS
    apart = "log" in reading
    found = {
        "output": Stream(descriptor=reading["output"], limit=most, keep=None if apart else end),
        "answer": Stream(descriptor=reading["answer"], limit=most + HEADER_BYTES),
        "status": Stream(descriptor=reading["status"], limit=STATUS_BYTES, final=True),
    }
    if apart:
        found["log"] = Stream(descriptor=reading["log"], limit=most, keep=end)
    return found


def bounds(limits: Limits) -> dict[str, Json]:
    """Return the limits that a program's process sets for itself before the program takes over."""
    disk = int(limits.disk_mb * MIB)
    return {
        "memory_bytes": limits.memory_mb * MIB,
        "disk_bytes": disk,
        "processes": limits.processes,
        "rlimits": {
            "RLIMIT_CPU": cpu_seconds(limits) + 1,  # the fork server looks first, and says so
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": disk,
            "RLIMIT_NOFILE": OPEN_FILES,
            "RLIMIT_NICE": 0,
            "RLIMIT_RTPRIO": 0,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_SIGPENDING": _QUEUED_SIGNALS,
            "RLIMIT_MEMLOCK": 0,
        },
    }


def watched(limits: Limits) -> dict[str, float]:
    """Return the limits that the fork server checks while a program runs."""
    return {
        "memory": limits.memory_mb * MIB,
        "cpu": cpu_seconds(limits),
        "processes": limits.processes,
    }


def environment(spec: SandboxSpec) -> dict[str, str]:
    """Return all environment variables that programs find, except those that name their folder."""
    folder = str(Path(ask_interpreter(spec.python).executable).parent)
    return {f"{name}_NUM_THREADS": str(spec.cpus) for name in _THREADS} | {
        "PATH": f"{folder}:{_PATH}",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "USER": _USER,
        "LOGNAME": _USER,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }
