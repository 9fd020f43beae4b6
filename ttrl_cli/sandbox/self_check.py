"""Does a backend do here what it claims? One small attack per property, run for real.

The programs below try what candidates must not be able to do, on canaries of our own, and return
what they achieved. The attack suite in the tests goes much further; these tell within seconds
what this machine's kernel, container and settings leave of a backend's claims.
"""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.base import MIB, Program, ProgramResult, Property, cpu_seconds
from ttrl_cli.sandbox.session import OPEN_FILES, Sandbox

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
_NAP = "31536000.125"

Probe = Callable[[Sandbox], str]


def self_check(sandbox: Sandbox, properties: Sequence[Property]) -> dict[Property, str]:
    """Attack each property.

    Args:
        sandbox: The sandbox; it is started if it is not running yet.
        properties: What to attack.

    Returns:
        For each property what an attack achieved, in words; empty where it achieved nothing.

    Raises:
        SetupError: If the sandbox cannot be started.
        SandboxError: If it fails.
    """
    os.environ[_CANARY] = "a secret"
    try:
        return {name: _PROBES[name](sandbox) for name in properties}
    finally:
        del os.environ[_CANARY]


def _run(
    sandbox: Sandbox, source: str, limits: Limits = LIMITS, **arguments: Json
) -> ProgramResult:
    return sandbox.run(Program(source=source, arguments=arguments), limits)


def _achieved(result: ProgramResult) -> str:
    """What a program says it achieved: a list of words, which should be empty."""
    if result.status is not Status.OK:
        return f"the attack did not run: {result.status}: {result.reason.splitlines()[-1]}"
    return "; ".join(str(word) for word in result.data)


def _ends_as(status: Status, source: str, limits: Limits = LIMITS) -> Probe:
    """A probe that is met if the program ends with this status."""

    def probe(sandbox: Sandbox) -> str:
        result = _run(sandbox, source, limits)
        return "" if result.status is status else f"it ended as {result.status}: {result.reason}"

    return probe


def _achieves_nothing(source: str, **arguments: Json) -> Probe:
    """A probe that is met if the program returns an empty list."""

    def probe(sandbox: Sandbox) -> str:
        return _achieved(_run(sandbox, source, **arguments))

    return probe


def _probe_cpu_time(sandbox: Sandbox) -> str:
    limits = LIMITS.model_copy(update={"seconds": 5})
    used = _run(sandbox, _SPIN, limits).cpu_seconds
    # on one core, or a busy machine, wall time ends it before it can use too much; where the
    # machine is slow, some time passes between a look and the end of all processes
    return "" if used <= cpu_seconds(limits) + 2 else f"it used {used:.1f} s of CPU time"


def _probe_files_hidden(sandbox: Sandbox) -> str:
    with ExitStack() as stack:
        places = [Path.home(), Path.cwd(), Path(tempfile.gettempdir())]
        canaries = [
            stack.enter_context(_canary_file(place)) for place in places if _writable(place)
        ]
        return _achieved(_run(sandbox, _READ, paths=[str(path) for path in canaries]))


def _probe_processes_hidden(sandbox: Sandbox) -> str:
    return _achieved(_run(sandbox, _LOOK_AROUND, pid=os.getpid()))


def _probe_network(sandbox: Sandbox) -> str:
    name = f"ttrl-{os.getpid()}"
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        abstract.bind(f"\0{name}")
        abstract.listen()
        return _achieved(_run(sandbox, _CONNECT, port=listener.getsockname()[1], name=name))


def _probe_no_leftovers(sandbox: Sandbox) -> str:
    result = _run(sandbox, _ORPHAN)
    if result.status is not Status.OK:
        return _achieved(result)
    left = [p for p in psutil.process_iter(["cmdline"]) if _NAP in (p.info["cmdline"] or [])]
    for process in left:
        process.kill()
    files = _achieved(_run(sandbox, _FIND_FILE))
    return "; ".join(["a process that it started lives on"] * bool(left) + [files] * bool(files))


def _probe_environment(sandbox: Sandbox) -> str:
    return _achieved(_run(sandbox, _FIND_SECRET, name=_CANARY))


def _probe_open_files(sandbox: Sandbox) -> str:
    result = _run(sandbox, _OPEN)
    opened = result.data if result.status is Status.OK else 0
    return "" if opened <= OPEN_FILES else f"it opened {opened} files"


def _probe_disk(sandbox: Sandbox) -> str:
    result = _run(sandbox, _FILL)
    if result.status is not Status.OK:
        return _achieved(result)
    return "" if result.data <= LIMITS.disk_mb * MIB else f"it wrote {result.data} bytes"


def _writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


@contextmanager
def _canary_file(folder: Path) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="ttrl-self-check-") as file:
        file.write(b"a secret")
        file.flush()
        yield Path(file.name)


_READ = """
def run(paths):
    found = []
    for path in paths:
        try:
            open(path).read()
            found.append(f"read {path}")
        except OSError:
            pass
    return found
"""
_WRITE = """
import os, sys

def run():
    written = []
    for folder in ["/", "/usr", "/etc", "/var/tmp", "/run", "/dev", "/home", sys.prefix]:
        path = os.path.join(folder, f"ttrl-self-check-{os.getpid()}")
        try:
            open(path, "x").close()
            os.unlink(path)
            written.append(f"wrote in {folder}")
        except OSError:
            pass
    return written
"""
_LOOK_AROUND = """
import os

def run(pid):
    found = []
    others = {name for name in os.listdir("/proc") if name.isdigit()} - {str(os.getpid())}
    if others:
        found.append(f"saw {len(others)} other processes")
    if os.getpid() != pid:
        try:
            os.kill(pid, 0)
            found.append("could signal ttrl")
        except OSError:
            pass
    return found
"""
_CONNECT = """
import socket

def run(port, name):
    reached = []
    targets = [("TCP", socket.AF_INET, ("127.0.0.1", port)),
               ("an abstract Unix socket", socket.AF_UNIX, chr(0) + name)]
    for word, family, address in targets:
        try:
            with socket.socket(family) as connection:
                connection.settimeout(0.5)
                connection.connect(address)
            reached.append(f"reached this machine by {word}")
        except OSError:
            pass
    return reached
"""
_GAIN = """
import ctypes

def run():
    gained = []
    with open("/proc/self/status") as file:
        status = dict(line.split(":", 1) for line in file)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        if int(status[name], 16):
            gained.append(f"has capabilities ({name} {status[name].strip()})")
    if status["NoNewPrivs"].strip() != "1":
        gained.append("may gain privileges")
    if ctypes.CDLL(None).unshare(0x10000000) == 0:
        gained.append("entered a user namespace of its own")
    return gained
"""
_RARE_CALLS = """
import ctypes

def run():
    libc = ctypes.CDLL(None, use_errno=True)
    answered = []
    for name, number in (("io_uring_setup", 425), ("pidfd_getfd", 438), ("open_tree", 428)):
        libc.syscall(ctypes.c_long(number), -1, None, 0)
        if ctypes.get_errno() not in (1, 38):  # EPERM, ENOSYS
            answered.append(f"{name} answers")
    return answered
"""
_ORPHAN = f"""
import subprocess, tempfile

def run():
    subprocess.Popen(["sleep", "{_NAP}"], start_new_session=True)
    open(tempfile.gettempdir() + "/left", "w").close()
    return []
"""
_FIND_FILE = """
import os, tempfile

def run():
    return ["found a file of the program before it"] * os.path.exists(
        tempfile.gettempdir() + "/left")
"""
_FIND_SECRET = """
import os

def run(name):
    own = name in os.environ or name.encode() in open("/proc/self/environ", "rb").read()
    return ["found a variable of ours"] * own
"""
_OPEN = """
import os

def run():
    opened = 0
    try:
        while opened < 5000:
            os.dup(1)
            opened += 1
    except OSError:
        pass
    return opened
"""
_FILL = """
import os

def run():
    written = 0
    try:
        for place in ("a", "b", "c"):
            with open(place, "wb", buffering=0) as file:
                for _ in range(64):
                    written += file.write(bytes(100_000))
    except OSError:
        pass
    return written
"""
_SPREAD = """
import os, time

def run():
    for _ in range(4):
        if os.fork() == 0:
            held = bytearray(os.urandom(1 << 20) * 100)
            time.sleep(60)
    time.sleep(60)
"""
_SPIN = """
import os

def run():
    for _ in range(3):
        os.fork()
    while True:
        pass
"""
_MULTIPLY = """
import os, time

def run():
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
"""
_FORGE = """
import io, os, numpy

def run():
    file = io.BytesIO()
    numpy.save(file, numpy.array([{}], dtype=object), allow_pickle=True)
    frame = b"npy %d\\n" % len(file.getvalue()) + file.getvalue()
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, frame)
        except OSError:
            pass
    os._exit(0)
"""
_PROBES: Mapping[Property, Probe] = {
    Property.WALL_TIME: _ends_as(Status.TIMEOUT, "import time\ndef run(): time.sleep(60)"),
    Property.CPU_TIME: _probe_cpu_time,
    Property.MEMORY: _ends_as(Status.MEMORY, _SPREAD, LIMITS.model_copy(update={"seconds": 10})),
    Property.PROCESSES: _ends_as(
        Status.ERROR, _MULTIPLY, LIMITS.model_copy(update={"memory_mb": 4096})
    ),
    Property.OPEN_FILES: _probe_open_files,
    Property.DISK: _probe_disk,
    Property.OUTPUT: _ends_as(Status.OUTPUT, "def run():\n  while True: print('x' * 10000)"),
    Property.DATA_ONLY: _ends_as(Status.MALFORMED, _FORGE),
    Property.NO_LEFTOVERS: _probe_no_leftovers,
    Property.ENVIRONMENT: _probe_environment,
    Property.PROCESSES_HIDDEN: _probe_processes_hidden,
    Property.FILES_HIDDEN: _probe_files_hidden,
    Property.FILES_READ_ONLY: _achieves_nothing(_WRITE),
    Property.NETWORK: _probe_network,
    Property.PRIVILEGES: _achieves_nothing(_GAIN),
    Property.SYSTEM_CALLS: _achieves_nothing(_RARE_CALLS),
}
