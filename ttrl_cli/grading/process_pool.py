"""Worker processes that outlive the calls they run: dead and hung ones are replaced.

Workers are forked from a fork server, a small process that has this package imported and little
else: replacing one takes milliseconds, and none inherits torch, a CUDA context or a thread,
whatever the main process has loaded since. (The server itself is one idle process per interpreter
and ends with it; what the first workers preload, all get for nothing.) The script that the user
started is not run again in them (`worker_process`).

A call whose worker dies is made again, and so is one that takes too long; a call that keeps
failing ends as a `Failure`, which is ours and not the candidate's. A worker that ends with status
0 in the middle of a call looks like a hung one: that is noticed when the time of the call is up.

A call has a limit of wall time and may have one of CPU time. The kernel keeps the second
(ITIMER_PROF): its signal ends the worker even inside C code that never returns to the interpreter,
and does not come sooner because other processes have the CPU.
"""

import contextlib
import os
import queue
import shutil
import signal
import tempfile
import time
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as CallTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

import pebble
import psutil

from ttrl_cli.environ import variables
from ttrl_cli.errors import SetupError
from ttrl_cli.grading.echo import Echo, take_over
from ttrl_cli.grading.worker_process import WorkerProcess

TRIES_WHEN_DYING = 3
TRIES_WHEN_HANGING = 2
RESTARTS = 3
"""The pool is started anew this often without one result in between."""
POLL_SECONDS = 0.5
_LONGEST_FOLDER = 107 - 32
END_SECONDS = 10.0
"""How long workers have to tidy up when a pool ends; then they are killed."""
STALL_SECONDS = 60.0
"""When nothing was heard for this long after the longest call's limit, the pool starts anew."""
TOO_LATE = 142
"""Exit status of a worker that ended itself because a part of its call took too long."""
_TOO_LATE = (TOO_LATE, -signal.SIGALRM)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that could not be completed; the reason says why."""

    reason: str


@dataclass(slots=True, kw_only=True)
class _Call:
    key: Hashable
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    timeout: float
    cpu_seconds: float | None
    tries: int = 0
    future: Any = None


class _Context(ForkServerContext):
    """Starts the processes of a pool, and knows them."""

    def __init__(self) -> None:
        super().__init__()
        self._made: weakref.WeakSet[BaseProcess] = weakref.WeakSet()
        self._ended = False

    def Process(self, *args: Any, **options: Any) -> BaseProcess:  # type: ignore[override]
        """Make a process without starting it, as every multiprocessing context does.

        Raises:
            OSError: If `end` was called.
        """
        if self._ended:
            msg = "the workers are closed"
            raise OSError(msg)
        process = WorkerProcess(*args, **options)
        self._made.add(process)
        return process

    def end(self) -> None:
        """Terminate all processes, wait for them, and start no more.

        A second signal would cut short what a worker does at its end: it kills what its programs
        have left. So the pool, which sends one of its own, must find the processes gone.
        """
        if self._ended:
            return
        self._ended = True
        started = [process for process in tuple(self._made) if process.pid is not None]
        for process in started:
            process.terminate()
        running = {process.sentinel for process in started}
        ends = time.monotonic() + END_SECONDS
        while running and (left := ends - time.monotonic()) > 0:
            running.difference_update(connection.wait(list(running), timeout=left))


class ProcessPool:
    """A pool of processes. To be used by one thread.

    Args:
        count: How many processes.
        initializer: Called in each new process, before its first call.
        arguments: The initializer's arguments.
        preload: Further modules for the fork server, which has them only if it is not running yet.
        retry: Make a call again that took too long or whose worker died.
        retry_dead: False to make a call again only if it took too long.
        wait: Wait until the processes are started; else the first call does.
        late: What to say of workers that ended themselves with the status TOO_LATE.
    """

    def __init__(
        self,
        *,
        count: int,
        initializer: Callable[..., None],
        arguments: tuple[Any, ...],
        preload: Sequence[str] = (),
        retry: bool = True,
        retry_dead: bool = True,
        wait: bool = True,
        late: str = "a part of grading took too long",
    ) -> None:
        # killed workers leave their temporary files behind: all have a folder that is ours
        folder = tempfile.mkdtemp(prefix="ttrl-")
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._echo = Echo()
        self._options = {
            "max_workers": count,
            "initializer": _initialize,
            "initargs": (folder, self._echo.writer, initializer, arguments),
        }
        self._running: dict[Hashable, _Call] = {}
        self._ended: queue.SimpleQueue[tuple[_Call, Any]] = queue.SimpleQueue()
        self._restarts = 0
        self._closed = False
        self._late = late
        self._preload = ["ttrl_cli.grading.worker", *preload]
        self._tries_when_hanging = TRIES_WHEN_HANGING if retry else 1
        self._tries_when_dying = TRIES_WHEN_DYING if retry and retry_dead else 1
        self._heard = time.monotonic()
        self._longest = 0.0
        self._pool, self._starting = self._start()
        _open.add(self)
        if wait:
            self._starting.result()

    def submit(
        self,
        key: Hashable,
        function: Callable[..., Any],
        *arguments: Any,
        timeout: float,
        cpu_seconds: float | None = None,
    ) -> None:
        """Schedule a call of a top-level function in a worker.

        Args:
            key: The name of the result in `take`; no running call may have it.
            function: The function.
            *arguments: Its arguments.
            timeout: Seconds after which its worker is killed.
            cpu_seconds: CPU time of the call after which its worker is killed.
        """
        if key in self._running:
            msg = f"{key!r} was submitted twice"
            raise ValueError(msg)
        self._starting.result()
        if not self._running:
            self._heard = time.monotonic()  # the silence before was nobody's fault
        if cpu_seconds is not None:
            function, arguments = _metered, (cpu_seconds, function, *arguments)
        call = _Call(
            key=key,
            function=function,
            arguments=arguments,
            timeout=timeout,
            cpu_seconds=cpu_seconds,
        )
        self._running[key] = call
        self._longest = max(self._longest, timeout)
        self._schedule(call)

    def take(self, *, wait: bool) -> list[tuple[Hashable, Any]]:
        """Return results by key, in the order the calls ended; a failed call has a `Failure`.

        Args:
            wait: Wait until there is a result, if anything is running.

        Raises:
            SetupError: If the workers keep dying without doing anything.
        """
        results: list[tuple[Hashable, Any]] = []
        while True:
            waiting = wait and bool(self._running) and not results
            try:
                call, future = self._ended.get(timeout=POLL_SECONDS if waiting else 0)
            except queue.Empty:
                if self._running and self._stuck():
                    self._restart()
                elif not waiting:
                    return results
                continue
            if call.future is future:  # else it was scheduled again in the meantime
                results += self._settle(call)

    def close(self) -> None:
        """Kill all workers, drop their calls, and abort a start that is under way."""
        self._closed = True
        self._running.clear()
        _open.discard(self)
        if self._server is not None and not self._starting.done() and not _open:
            self._context.end()
            _end_server(self._server)  # it may be importing for seconds yet, and nobody needs it
        self._starting.exception()  # waits for it
        self._stop()
        self._echo.close()
        self._remove_folder()

    def _start(self) -> tuple[Any, Future[Any]]:
        """Make a pool, and start its processes in a thread once the fork server is ready."""
        context = self._context = _Context()
        context.set_forkserver_preload(self._preload)
        before = _fork_servers()
        with _quiet_environment(), _folder_for_sockets():
            forkserver.ensure_running()  # only this one takes the environment from us
        self._server = next(iter(_fork_servers() - before), None)
        pool = pebble.ProcessPool(context=context, **self._options)
        thread = ThreadPoolExecutor(1)
        starting = thread.submit(_start_processes, pool)
        thread.shutdown(wait=False)
        return pool, starting

    def _stop(self) -> None:
        """Stop the pool, end its processes and wait for it.

        The processes end before the wait: a process that is still starting needs the pool's locks.
        """
        self._pool.stop()
        self._context.end()
        self._pool.join()

    def _schedule(self, call: _Call) -> None:
        try:
            call.future = self._pool.schedule(call.function, call.arguments, timeout=call.timeout)
        except RuntimeError:  # the pool is broken; this call is scheduled with all the others
            self._restart()
            return
        call.future.add_done_callback(lambda future: self._hear(call, future))

    def _hear(self, call: _Call, future: Any) -> None:
        """Record that a call ended; run in a thread of the pool."""
        self._heard = time.monotonic()
        self._ended.put((call, future))

    def _stuck(self) -> bool:
        silence = time.monotonic() - self._heard
        return not self._pool.active or silence > self._longest + STALL_SECONDS

    def _restart(self) -> None:
        """Replace a broken pool, and schedule again all calls that it has not finished."""
        if self._closed:
            msg = "the workers are closed"
            raise RuntimeError(msg)
        self._restarts += 1
        if self._restarts > RESTARTS:
            msg = "the worker processes die as soon as they are started"
            raise SetupError(msg)
        self._stop()
        self._pool, self._starting = self._start()
        self._starting.result()
        self._heard = time.monotonic()
        for call in tuple(self._running.values()):
            future = call.future
            if future is None or not future.done() or future.exception() is not None:
                self._schedule(call)

    def _settle(self, call: _Call) -> list[tuple[Hashable, Any]]:
        """Return the result of a call that ended; nothing if the call is made again."""
        error = call.future.exception()
        if isinstance(error, BrokenProcessPool):
            self._restart()
            return []
        self._restarts = 0
        if error is None:
            del self._running[call.key]
            return [(call.key, call.future.result())]
        call.tries += 1
        hung = isinstance(error, CallTimeoutError) or _is_late(error) or _used_up(error)
        if call.tries < (self._tries_when_hanging if hung else self._tries_when_dying):
            self._schedule(call)
            return []
        del self._running[call.key]
        reason = f"{self._late}, {call.tries} times" if _is_late(error) else _reason(call, error)
        return [(call.key, Failure(reason=reason))]


_open: weakref.WeakSet[ProcessPool] = weakref.WeakSet()
"""Pools of this process that are not closed: all start their processes by one fork server."""


def _fork_servers() -> set[psutil.Process]:
    """Return the fork servers that this process has started; at most one of them is running."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                found.add(child)
    return found


def _end_server(server: psutil.Process) -> None:
    """Kill a fork server; another one is started when it is needed."""
    with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
        server.kill()
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # multiprocessing reaps it


def _initialize(
    folder: str, printed: Connection, initializer: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Redirect a new worker's output and temporary files, then call the pool's initializer."""
    take_over(printed)
    tempfile.tempdir = folder
    initializer(*arguments)


def _is_late(error: BaseException) -> bool:
    """Decide whether a worker ended itself because a part of its call took too long."""
    return isinstance(error, pebble.ProcessExpired) and error.exitcode in _TOO_LATE


def _metered(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; the kernel kills this process if the call takes more than its CPU time."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _used_up(error: BaseException | None) -> bool:
    """Decide whether a worker was killed because its call had used up its CPU time."""
    return isinstance(error, pebble.ProcessExpired) and error.exitcode == -signal.SIGPROF


def _reason(call: _Call, error: BaseException) -> str:
    if _used_up(error):
        return f"grading took more than {call.cpu_seconds:g} s of CPU time, {call.tries} times"
    if isinstance(error, CallTimeoutError):
        return f"grading took more than {call.timeout:g} s, {call.tries} times"
    if isinstance(error, pebble.ProcessExpired):
        return f"the grading worker died, {call.tries} times (exit status {error.exitcode})"
    return f"grading raised {type(error).__name__}: {error}"


def _start_processes(pool: Any) -> None:
    """Start the pool's processes; run in a thread whose signal mask the pool's threads inherit."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pool.schedule(os.getpid)  # the first call starts the processes


@contextlib.contextmanager
def _folder_for_sockets() -> Iterator[None]:
    """Have multiprocessing keep its socket in /tmp where the temporary folder's path is too long.

    The path of a socket has 107 bytes at most; multiprocessing adds 32 to the folder's, and keeps
    to the folder it took first.
    """
    before = tempfile.tempdir
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER:
        tempfile.tempdir = "/tmp"  # what is made in it is ours alone
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def _quiet_environment() -> Iterator[None]:
    """Set what the fork server and all workers inherit: one thread each, and Ctrl-C blocked."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with variables(_ONE_THREAD):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
