"""A fork server and the programs it runs, seen from the process that trusts neither.

The fork server (inside/fork_server.py) has imported what programs need and forks one process per
program. It is started once and serves many programs, one at a time; programs cannot reach it,
except on the backend `process`. What comes back is read here, bounded in bytes and in wall time.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from ttrl_cli.errors import SetupError
from ttrl_cli.problem import Limits
from ttrl_cli.records import Json
from ttrl_cli.sandbox import orphans
from ttrl_cli.sandbox.backends import server_command
from ttrl_cli.sandbox.base import (
    Backend,
    MissingModuleError,
    Program,
    ProgramResult,
    SandboxError,
    SandboxSpec,
    kill_after,
)
from ttrl_cli.sandbox.cgroups import Cgroup
from ttrl_cli.sandbox.mounts import PACKAGE
from ttrl_cli.sandbox.outcome import TAIL_CHARS, Exit, judge, last_line, result_of
from ttrl_cli.sandbox.pipes import End, Stream, read_until_end
from ttrl_cli.sandbox.request import (
    NOTHING,
    STATUS_BYTES,
    Given,
    bounds,
    descriptors,
    environment,
    streams,
    watched,
)

START_SECONDS = 120.0
"""Most that starting the fork server, imports included, may take."""
END_SECONDS = 5.0
"""Most that ending a program may take; then the fork server is killed as well."""
TRIES = 2
# messages, so that two of them never come as one; only Linux has them
_KIND = getattr(socket, "SOCK_SEQPACKET", socket.SOCK_STREAM)


class Sandbox(contextlib.AbstractContextManager["Sandbox"]):
    """Runs programs. A context manager; to be used by one thread, one call at a time.

    Another thread may end the call that is under way, by `end_call`.

    Args:
        backend: How programs are isolated.
        spec: What they find in the sandbox.
    """

    def __init__(self, backend: Backend, spec: SandboxSpec) -> None:
        self._backend = backend
        self._spec = spec
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._sweeping = contextlib.ExitStack()
        self._group: Cgroup | None = None
        self._ending = threading.Lock()
        self._sent = self._unwanted = False
        self.protections: Sequence[str] = ()

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, program: Program, limits: Limits) -> ProgramResult:
        """Run a Python program and return its data.

        Raises:
            SandboxError: If the sandbox failed twice. Whatever the program itself does is in the
                result.
            SetupError: If the sandbox cannot be started at all.
        """
        request = {
            "kind": "python",
            "source": program.source,
            "entry": program.entry,
            "arguments": program.arguments,
        }
        run = self.attempt(request, limits)
        return result_of(run, judge(run, limits))

    def attempt(self, request: Mapping[str, Json], limits: Limits, given: Given = NOTHING) -> Exit:
        """Carry out one request of `inside/attempt.py`.

        Args:
            request: The request's kind, and what that kind needs.
            limits: What the program may use.
            given: What it is given besides, such as a compiled program.

        Raises:
            SandboxError: If the sandbox failed twice.
            SetupError: If it cannot be started at all.
        """
        for tries in range(1, TRIES + 1):
            self.start()
            try:
                return self._attempt(request, limits, given)
            except SandboxError:
                self.close()
                if tries == TRIES:
                    raise
        raise AssertionError  # the loop returns or raises

    @property
    def isolated(self) -> bool:
        """Whether its backend isolates programs."""
        return self._backend.isolated

    def start(self) -> None:
        """Start the fork server, unless it is running already.

        Raises:
            MissingModuleError: If one of the spec's imports cannot be imported.
            SetupError: If it cannot be started; the text says why.
        """
        if self._server is not None:
            return
        if not self._backend.isolated:  # a program may kill the fork server, and be left over
            self._sweeping.enter_context(orphans.no_orphans())
        with contextlib.ExitStack() as stack:
            ours, theirs = socket.socketpair(socket.AF_UNIX, _KIND)
            stack.enter_context(theirs)
            with contextlib.ExitStack() as on_failure:
                on_failure.enter_context(ours)
                log = stack.enter_context(tempfile.TemporaryFile())
                self._server = subprocess.Popen(
                    server_command(self._backend, self._spec, theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    cwd=PACKAGE.parent,
                    env=environment(self._spec),
                )
                on_failure.pop_all()
            self._control = ours
            theirs.close()
            self.protections = self._hello(log)
        self._group = Cgroup.make()
        if self._group is not None:
            self.protections = [*self.protections, "cgroups"]

    def close(self) -> None:
        """End the fork server and all its descendants."""
        server, control = self._server, self._control
        self._server = self._control = None
        family: list[psutil.Process] = []
        if server is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(server.pid).children(recursive=True)
        if control is not None:
            control.close()
        if server is None:
            self._sweeping.close()
            return
        try:
            server.wait(END_SECONDS)  # it ends when we hang up
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        orphans.see_out(family, seconds=END_SECONDS)
        if self._group is not None:
            self._group.remove()
        self._group = None
        self._sweeping.close()

    def end_call(self) -> None:
        """Kill the program that runs, and any until `renew`; any thread may call this."""
        with self._ending:
            self._unwanted = True
            if self._sent:
                self._kill()

    def renew(self) -> None:
        """Run programs again after `end_call`."""
        with self._ending:
            self._unwanted = False

    def _kill(self) -> None:
        assert self._control is not None
        with contextlib.suppress(OSError):  # it has died, which the status will show
            self._control.sendall(b'{"kill": true}')

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Let another thread kill the program that runs in the block."""
        with self._ending:
            self._sent = True
            if self._unwanted:
                self._kill()
        try:
            yield
        finally:
            with self._ending:
                self._sent = False

    def _hello(self, log: IO[bytes]) -> Sequence[str]:
        """Wait until the fork server is ready; return the kernel's protections that it reports."""
        assert self._control is not None
        self._control.settimeout(START_SECONDS)
        try:
            line = self._control.recv(STATUS_BYTES)
            hello = json.loads(line) if line else {"error": _last_words(log)}
        except TimeoutError:
            hello = {"error": f"no answer within {START_SECONDS:g} s"}
        self._control.settimeout(None)
        if "error" in hello:
            self.close()
            if "module" in hello:
                raise MissingModuleError(hello["module"], hello["error"])
            msg = f"the sandbox {self._backend.name} does not start: {hello['error']}"
            raise SetupError(msg)
        protections: Sequence[str] = hello["protections"]
        return protections

    def _attempt(self, request: Mapping[str, Json], limits: Limits, given: Given) -> Exit:
        assert self._control is not None
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            folder = None if self._backend.isolated else stack.enter_context(_folder())
            full = {**request, **bounds(limits), "folder": folder and str(folder)}
            reading, sent, writers = descriptors(stack, full, given)
            if self._group is not None:
                sent["group"] = self._group.opened(limits)
                writers.callback(os.close, sent["group"])
            kills = self._kills()
            read = streams(reading, limits)
            message = {"names": list(sent), "limits": watched(limits)}
            try:
                line = json.dumps(message).encode("ascii")
                socket.send_fds(self._control, [line], list(sent.values()))
            except OSError as error:
                msg = f"the sandbox {self._backend.name} has died"
                raise SandboxError(msg) from error
            writers.close()
            with self._running():
                end = read_until_end([*read.values()], deadline=started + kill_after(limits))
                report = self._report(read["status"], ended=end is End.DONE)
        seconds = time.monotonic() - started
        return Exit(
            end=end,
            code=report["code"],
            over="memory" if self._kills() > kills else report["over"],
            output=read["output"],
            answer=read["answer"],
            log=read.get("log"),
            seconds=seconds,
            cpu_seconds=report["cpu"],
            own_seconds=max(0.0, report["ended"] - report["began"]),
            own_cpu_seconds=max(0.0, report["cpu"] - report["before"]),
        )

    def _kills(self) -> int:
        return 0 if self._group is None else self._group.kills()

    def _report(self, status: Stream, *, ended: bool) -> Mapping[str, Any]:
        """Return the fork server's report on how the program ended; kill it first if it runs."""
        if not ended:
            self._kill()
            read_until_end([status], deadline=time.monotonic() + END_SECONDS)
        report: dict[str, Any] = {}
        with contextlib.suppress(ValueError):  # cut off
            for line in status.data.splitlines():
                report |= json.loads(line)
        if "failed" in report:
            msg = f"the sandbox {self._backend.name} failed: {report['failed']}"
            raise SandboxError(msg)
        if report.get("over") is not None and "began" not in report:
            # what it was given alone was too much: an end like any other, before its beginning
            report |= {"began": report["ended"], "before": report["cpu"]}
        if not {"code", "began"} <= report.keys():
            why = "has died" if status.closed else "does not end a program"
            msg = f"the sandbox {self._backend.name} {why}"
            raise SandboxError(msg)
        return report


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ttrl-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _last_words(log: IO[bytes]) -> str:
    """Return the end of the last line in the log."""
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - 4 * TAIL_CHARS))
    line = last_line(log.read().decode("utf-8", "replace"))
    return line[-TAIL_CHARS:] or "it ended before it was ready, without a word"
