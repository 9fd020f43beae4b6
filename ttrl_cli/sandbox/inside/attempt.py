"""A candidate's own process, from its birth to the line where the candidate takes over.

It is forked from the fork server with its memory and privileges, and gives up what a candidate
must not have. In namespaces it is process 1 of its own: it sees no other process,
cannot be killed from inside, and the kernel kills whatever it started when it ends.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from typing import Any

from . import build, call, confine, evaluate, kernel, program

PRIVATE = "/tmp"
SHARED_MEMORY = "/dev/shm"
_INODES_PER_MIB = 64
_OUR_PROCESSES = 8  # at most, of the same user in the same namespace


def main(
    descriptors: dict[str, int], features: confine.KernelFeatures | None, files: dict[str, str]
) -> None:
    """Become a candidate; never return.

    Args:
        descriptors: `request` to read, `output`, `answer` and `status` to write, and perhaps
            `binary`, a program to execute, and `group`, the cgroup.procs file to enter; of a call
            also `log` to write, and `stdin` or `arrays` to read.
        features: What to confine it with; None where there are no namespaces, only limits.
        files: Files to read, by their paths from the candidate's folder.
    """
    try:
        with os.fdopen(descriptors.pop("request"), encoding="utf-8") as file:
            request = json.load(file)
        prepare(request, descriptors, features, files)
        if "binary" in descriptors:
            unpack(request, descriptors)
        fits = "arrays" not in descriptors or call.take_arrays(request, descriptors.pop("arrays"))
        mark_beginning(descriptors["status"])
    except BaseException as error:  # noqa: BLE001 - ours, whatever it is: reported as such
        report = {"failed": f"{type(error).__name__}: {error}"}
        os.write(descriptors["status"], json.dumps(report).encode("ascii") + b"\n")
        os._exit(1)
    os.close(descriptors["status"])
    try:
        if not fits:
            program.send(descriptors["answer"], *call.too_large())
            os._exit(0)
        _KINDS[request["kind"]](request, descriptors["answer"])
    finally:
        os._exit(1)  # whatever comes up, it must not go on as the fork server


def prepare(
    request: dict[str, Any],
    descriptors: dict[str, int],
    features: confine.KernelFeatures | None,
    files: dict[str, str],
) -> None:
    """Set up the candidate's process: files, descriptors, environment, privileges and limits."""
    reset_signals()
    if "group" in descriptors:
        os.write(descriptors.pop("group"), b"0")
    os.setsid()
    use_streams(descriptors)
    folder = request["folder"] or PRIVATE
    if features is not None:
        mount_private(int(request["disk_bytes"]), features.kept)
    os.chdir(folder)
    link(files)
    enter_environment(folder)
    for name, value in request["rlimits"].items():
        if hasattr(resource, name):  # some are Linux's own
            lower(getattr(resource, name), value)
    # it may grow by so much beyond what it has from the fork server
    inherited = confine.address_space() if features is None else features.inherited
    if inherited:  # elsewhere the limit does not hold, or breaks the C library
        lower(resource.RLIMIT_AS, inherited + request["memory_bytes"])
    if features is not None:
        if features.counts_processes:  # else the fork server alone counts, from time to time
            lower(resource.RLIMIT_NPROC, request["processes"] + _OUR_PROCESSES)
        confine.drop_privileges(features)
        confine.restrict_files(features, PRIVATE)
        confine.refuse_system_calls(features)
        use_poll()


def reset_signals() -> None:
    """Handle signals as a fresh process does; on Linux, die when the fork server ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def mark_beginning(status: int) -> None:
    """Write when the candidate takes over, and the CPU time that was used up for it by then."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    mark = {"began": time.monotonic(), "before": used.ru_utime + used.ru_stime}
    os.write(status, json.dumps(mark).encode("ascii") + b"\n")


def use_streams(descriptors: dict[str, int]) -> None:
    """Redirect stdin, stdout and stderr; close all other descriptors except our own.

    Without a descriptor for stdin it is empty, and without one for the log, stderr goes where
    stdout goes.
    """
    apart = "log" in descriptors
    given = descriptors.pop("stdin", None)
    output = descriptors.pop("output")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno() if given is None else given, 0)
    os.dup2(output, 1)
    os.dup2(descriptors.pop("log", output), 2)
    kept = sorted(descriptors.values())
    for low, high in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")]):
        os.closerange(low + 1, high)
    for descriptor in kept:
        os.set_inheritable(descriptor, False)
    # new ones: those of the fork server believe that they write to a file
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # type: ignore[misc]
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = open(number, "wb", closefd=False)
        # a call's output is read as a whole: it need not come line by line
        by_line = number == 2 or not apart
        stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=by_line)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    faulthandler.enable()  # a crash leaves its stack in the output


def mount_private(size: int, kept: tuple[str, ...]) -> None:
    """Mount an empty /tmp and /dev/shm of the candidate's own, in memory and limited to `size`.

    Mount /proc again as well, read-only.

    Args:
        size: Bytes.
        kept: Folders below these that must stay visible: an interpreter may be installed there.
    """
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
    held = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in kept]
    inodes = max(1024, size // 2**20 * _INODES_PER_MIB)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    options = f"size={size},nr_inodes={inodes},mode=1777"
    kernel.mount("tmpfs", PRIVATE, "tmpfs", flags, options)
    kernel.mount(PRIVATE, SHARED_MEMORY, flags=kernel.MS_BIND)
    for path, descriptor in held:
        os.makedirs(path, exist_ok=True)
        kernel.mount(f"/proc/self/fd/{descriptor}", path, flags=kernel.MS_BIND | kernel.MS_REC)
        os.close(descriptor)
    proc = flags | kernel.MS_NOEXEC | kernel.MS_RDONLY
    kernel.mount("proc", "/proc", "proc", proc)


def link(files: dict[str, str]) -> None:
    """Link the files that the problem shows into the candidate's folder."""
    for name, target in files.items():
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        os.symlink(target, name)


def enter_environment(folder: str) -> None:
    """Put home and temporary files into the candidate's folder; hide how it was started."""
    os.environ["HOME"] = os.environ["TMPDIR"] = folder
    os.environ.pop("PWD", None)
    tempfile.tempdir = None
    sys.argv = [program.FILE]
    # multiprocessing would import the main module by its name in processes that it spawns
    sys.modules["__main__"] = types.ModuleType("__main__")


def lower(limit: int, value: int) -> None:
    """Set a resource limit for good, never above the one in force."""
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def use_poll() -> None:
    """Make `selectors`, and so asyncio, wait by poll(), because epoll is refused.

    Interpreters that the candidate starts find that out by themselves.
    """
    selectors = sys.modules.get("selectors")
    if selectors is not None:
        vars(selectors)["DefaultSelector"] = selectors.PollSelector


def unpack(request: dict[str, Any], descriptors: dict[str, int]) -> None:
    """Copy a compiled program into the candidate's folder."""
    with (
        os.fdopen(descriptors.pop("binary"), "rb") as source,
        open(request["file"], "wb") as target,
    ):
        shutil.copyfileobj(source, target)
    os.chmod(request["file"], 0o700)


def execute(request: dict[str, Any], answer: int) -> None:
    """Run a compiled program: arguments as JSON on its stdin, the answer on its stdout.

    It runs as a child: the kernel ignores some signals for process 1, and a failed assertion would
    not end it. The exit status is its own, or 128 plus the signal, as in shells.
    """
    with tempfile.TemporaryFile() as arguments:
        arguments.write(json.dumps(request["arguments"]).encode("ascii"))
        arguments.seek(0)
        command = [os.path.abspath(request["file"])]
        done = subprocess.run(command, stdin=arguments, stdout=answer, check=False)
    os._exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


_KINDS = {
    "binary": execute,
    "build": build.run,
    "python": program.run,
    "call": call.run,
    "call-binary": call.execute,
    "evaluate": evaluate.run,
}
