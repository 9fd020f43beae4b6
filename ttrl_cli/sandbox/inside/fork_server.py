"""The fork server: imports what candidates need once, then forks one process for each of them.

Run as `python -m inside.fork_server CONFIGURATION`, JSON with the keys

    control     descriptor of a socket to the other half, of messages where the system has such
    isolated    whether this process lives in namespaces
    parent      the process to die with; null where the namespaces see to that
    imports     [NAME, whether it must be there] of each module to import
    kept        folders below /tmp that candidates must see all the same
    files       a folder whose files candidates find in their own; null if there is none

It says hello with one line of JSON, {"protections": [...]}, or {"error": "..."} and perhaps the
"module" that cannot be imported, and then obeys.
{"names": [...], "limits": {...}} comes with one descriptor for each name (those of `attempt.main`)
and starts a candidate within the limits of `monitor.Monitor`; {"kill": true} ends it. How it ended
is written to its `status` descriptor as JSON, and the descriptor closed, when no process of the
candidate is left:

    code    exit status, or minus the signal
    over    the limit that it was killed for (memory, cpu, processes), or null
    cpu     seconds of CPU time, of all its processes
    ended   when it ended, on the clock of `time.monotonic`

A line is written before by the candidate's own process while it is still ours (attempt.py):

    began, before  when the candidate took over, and the CPU time used by then
    failed         in their place, where something went wrong before that
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import select
import signal
import socket
import stat
import sys
import time
import warnings
from typing import Any

from . import attempt, confine, kernel, monitor
from .namespaces import die_with

INTERVAL = 0.02
"""Seconds between two looks at what a candidate uses."""
SWEEP_SECONDS = 5.0
_LINE = 4096
_MOST_DESCRIPTORS = 16
_MOST_WORDS = 500  # characters


class ForkServer:
    """Starts, watches and ends candidates, one at a time.

    Args:
        control: A socket to the other half.
        isolated: Whether this process lives in namespaces.
        kept: Folders below /tmp that candidates must see.
        files: Files that candidates find in their own folder, by their paths from there.

    Attributes:
        features: What candidates are confined with; None without namespaces.
    """

    def __init__(
        self, control: socket.socket, *, isolated: bool, kept: list[str], files: dict[str, str]
    ) -> None:
        self._control = control
        self._files = files
        self._isolated = isolated
        self._inherited = confine.address_space()
        self.features = confine.find_features(kept) if isolated else None
        self._woken, wake = os.pipe()
        for descriptor in (self._woken, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if isolated:
            protect_devices()
            self._own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        elif sys.platform == "linux":
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)

    def serve(self) -> None:
        """Carry out requests until the other half hangs up."""
        while True:
            message, descriptors = self._receive()
            if message is None:
                return
            if "names" in message:
                self._run(dict(zip(message["names"], descriptors)), message["limits"])
            # else a kill that came too late: the candidate has ended

    def _receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        line, descriptors, _, _ = socket.recv_fds(self._control, _LINE, _MOST_DESCRIPTORS)
        return (json.loads(line.decode("ascii")) if line else None), descriptors

    def _run(self, descriptors: dict[str, int], limits: dict[str, float]) -> None:
        pid = self._fork(descriptors)
        status = descriptors.pop("status")
        for descriptor in descriptors.values():
            os.close(descriptor)
        report = self._watch(pid, limits)
        with os.fdopen(status, "wb") as file:
            file.write(json.dumps(report).encode("ascii"))

    def _fork(self, descriptors: dict[str, int]) -> int:
        if self._isolated:
            kernel.unshare(kernel.CLONE_NEWPID)
        with warnings.catch_warnings():
            # a library may have threads of its own; numpy's handle forks
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            attempt.main(descriptors, self.features, self._files)
        if self._isolated:
            kernel.setns(self._own_processes, kernel.CLONE_NEWPID)
        return pid

    def _watch(self, pid: int, limits: dict[str, float]) -> dict[str, Any]:
        """Wait for a candidate, and kill it on request or over a limit; return the report."""
        over: str | None = None
        reaped = Reaped(pid)
        shares = self.features is None or not self.features.calls
        look = monitor.Monitor(limits, inherited=self._inherited, shares=shares)
        next_look = time.monotonic() + INTERVAL
        while not reaped.candidate():
            waiting = [self._woken, self._control.fileno()]
            ready = select.select(waiting, [], [], INTERVAL)[0]
            if self._woken in ready:
                os.read(self._woken, _LINE)
            if self._control.fileno() in ready:
                message = self._receive()[0]
                look.count_cpu(monitor.descendants(os.getpid()), reaped.cpu)
                self._end(pid, reaped)
                if message is None:
                    sys.exit()
            # not only where nothing happens: a program can see to it that something always does
            if over is None and time.monotonic() >= next_look:
                over = self._excess(look, reaped.cpu)
                next_look = time.monotonic() + INTERVAL
                if over is not None:
                    self._end(pid, reaped)
        ended = time.monotonic()
        if not self._isolated:
            sweep(reaped)
        # when process 1 of a namespace ends, the kernel reaps what it leaves, and counts none of it
        used = max(reaped.cpu, look.cpu)
        return {"code": reaped.code, "over": over, "cpu": used, "ended": ended}

    @staticmethod
    def _excess(look: monitor.Monitor, cpu: float) -> str | None:
        """Return the limit that is exceeded; for memory, only if a second count confirms it.

        Processes that end, or execute a program, while they are counted one by one can count twice.
        """
        over = look.excess(monitor.descendants(os.getpid()), cpu)
        if over == "memory":
            over = look.excess(monitor.descendants(os.getpid()), cpu)
        return over

    def _end(self, pid: int, reaped: Reaped) -> None:
        if self._isolated:
            os.kill(pid, signal.SIGKILL)  # process 1 of its namespace: all others go with it
        else:
            sweep(reaped)


def protect_devices() -> None:
    """Make devices read-only; root's bubblewrap lets candidates change their times and modes."""
    for name in os.listdir("/dev"):
        if stat.S_ISCHR(os.lstat(f"/dev/{name}").st_mode):
            try:
                kernel.restrict_mount(f"/dev/{name}", kernel.MOUNT_ATTR_RDONLY)
            except OSError as error:
                if error.errno != errno.ENOSYS:  # Linux before 5.12, which only bubblewrap can use
                    raise


class Reaped:
    """Ended children: the candidate's exit, and the CPU time of all that it started.

    Args:
        pid: The candidate's process.
    """

    def __init__(self, pid: int) -> None:
        self.code: int | None = None
        self.cpu = 0.0
        self._pid = pid

    def candidate(self) -> bool:
        """Reap all children that have ended; return whether the candidate has."""
        self.all()
        return self.code is not None

    def all(self) -> bool:
        """Reap all children that have ended; return whether no child is left."""
        while True:
            try:
                ended, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if ended == 0:
                return False
            self.cpu += used.ru_utime + used.ru_stime
            if ended == self._pid:
                self.code = os.waitstatus_to_exitcode(status)


def sweep(reaped: Reaped) -> None:
    """Kill and reap every descendant, where no namespace does it."""
    give_up = time.monotonic() + SWEEP_SECONDS
    while not reaped.all():
        for pid in monitor.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > give_up:
            sys.exit("a candidate forks faster than it can be killed")
        time.sleep(0.001)


class MissingModuleError(Exception):
    """A module that must be there cannot be imported; the name, and why."""


def import_modules(imports: list[tuple[str, bool]]) -> None:
    """Import the modules that candidates use.

    Raises:
        MissingModuleError: If a module that must be there cannot be imported.
    """
    for name, needed in imports:
        try:
            importlib.import_module(name)
        except BaseException as error:
            if needed:
                raise MissingModuleError(name, f"{type(error).__name__}: {error}") from error
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what is left in a buffer, every candidate would print
    gc.collect()
    gc.freeze()  # a collection in a candidate would copy every page it looks at


def shown_files(folder: str | None) -> dict[str, str]:
    """Return the files that candidates are to find in their own folder, by their paths from there.

    Raises:
        FileNotFoundError: If the folder is not there, as a backend may not have shown it.
    """
    if folder is None:
        return {}
    if not os.path.isdir(folder):
        msg = "it does not show the files that programs are to read (solution.files)"
        raise FileNotFoundError(msg)
    paths = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    return {os.path.relpath(path, folder): path for path in sorted(paths)}


def main() -> None:
    """Import modules, say hello, and serve requests."""
    configuration = json.loads(sys.argv[1])
    control = socket.socket(fileno=configuration["control"])

    def say(**hello: object) -> None:
        control.sendall(json.dumps(hello).encode("ascii"))

    try:
        if configuration["parent"] is not None and sys.platform == "linux":
            die_with(configuration["parent"])
        if sys.platform == "linux" and not monitor.can_look():
            say(error="the kernel does not list a process's children (CONFIG_PROC_CHILDREN)")
            return
        # our own folder must not be on the candidates' path
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        sys.path[:] = [path for path in sys.path if path not in ("", ours)]
        import_modules(configuration["imports"])
        isolated = configuration["isolated"]
        files = shown_files(configuration["files"])
        server = ForkServer(control, isolated=isolated, kept=configuration["kept"], files=files)
    except MissingModuleError as error:
        name, why = error.args
        say(error=f"cannot import {name}: {why[:_MOST_WORDS]}", module=name)
    except OSError as error:
        say(error=str(error)[:_MOST_WORDS])
    else:
        say(protections=confine.protections(server.features) if server.features else [])
        server.serve()
        os._exit(0)  # without the time it takes to take everything apart


if __name__ == "__main__":
    main()
