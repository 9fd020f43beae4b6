"""Worker processes that outlive the calls they run: dead and hung ones are replaced.

Workers are forked from a fork server (`start_method`), so that replacing one takes milliseconds.
The script that the user started is not run again in them (`worker_start`).

A call whose worker dies is made again, and so is one that takes too long; a call that keeps
failing ends as a `Failure`, which is ours and not the candidate's. A worker that ends with status
0 in the middle of a call looks like a hung one: that is noticed when the time of the call is up.

A call has a limit of wall time and may have one of CPU time. The kernel keeps the second
(ITIMER_PROF): its signal ends the worker even inside C code that never returns to the interpreter,
and does not come sooner because other processes have the CPU.
"""

import queue
import shutil
import signal
import tempfile
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as CallTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

import pebble

from ttrl_cli.errors import SetupError
from ttrl_cli.grading.echo import Echo
from ttrl_cli.grading.start_method import (
    Context,
    end_server,
    folder_for_sockets,
    fork_servers,
    initialize,
    quiet_environment,
    start_processes,
)

TRIES_WHEN_DYING = 3
TRIES_WHEN_HANGING = 2
RESTARTS = 3
"""The pool is started anew this often without one result in between."""
POLL_SECONDS = 0.5
STALL_SECONDS = 60.0
"""When nothing was heard for this long after the longest call's limit, the pool starts anew."""
TOO_LATE, MEASURED_TOO_LONG = 142, 140
"""Exit statuses of a worker that ended itself because a part of its call took too long."""
_TOO_LATE = (TOO_LATE, MEASURED_TOO_LONG, -signal.SIGALRM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that could not be completed; the reason says why.

    Attributes:
        reason: In words.
        code: The exit status of the worker; None if it did not end by itself.
    """

    reason: str
    code: int | None = None


@dataclass(slots=True, kw_only=True)
class _Call:
    key: Hashable
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    timeout: float
    cpu_seconds: float | None
    tries: int = 0
    future: Any = None


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
        late: What to say of workers that ended themselves because something took too long.
        measured: The same, of those with the status MEASURED_TOO_LONG.
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
        measured: str = "",
    ) -> None:
        # killed workers leave their temporary files behind: all have a folder that is ours
        folder = tempfile.mkdtemp(prefix="ttrl-")
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._echo = Echo()
        self._options = {
            "max_workers": count,
            "initializer": initialize,
            "initargs": (folder, self._echo.writer, initializer, arguments),
        }
        self._running: dict[Hashable, _Call] = {}
        self._ended: queue.SimpleQueue[tuple[_Call, Any]] = queue.SimpleQueue()
        self._restarts = 0
        self._closed = False
        self._late, self._measured = late, measured
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
            self._heard = time.monotonic()  # no call was running before
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
            end_server(self._server)  # it may be importing for seconds yet, in vain
        self._starting.exception()  # waits for it
        self._stop()
        self._echo.close()
        self._remove_folder()

    def _start(self) -> tuple[Any, Future[Any]]:
        """Make a pool, and start its processes in a thread once the fork server is ready."""
        context = self._context = Context()
        context.set_forkserver_preload(self._preload)
        before = fork_servers()
        with quiet_environment(), folder_for_sockets():
            forkserver.ensure_running()  # only this one takes the environment from us
        self._server = next(iter(fork_servers() - before), None)
        pool = pebble.ProcessPool(context=context, **self._options)
        thread = ThreadPoolExecutor(1)
        starting = thread.submit(start_processes, pool)
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
        self._context.sweep()
        call.tries += 1
        hung = isinstance(error, CallTimeoutError) or _is_late(error) or _used_up(error)
        if call.tries < (self._tries_when_hanging if hung else self._tries_when_dying):
            self._schedule(call)
            return []
        del self._running[call.key]
        code = getattr(error, "exitcode", None)
        late = self._measured if code == MEASURED_TOO_LONG else self._late
        reason = f"{late}, {call.tries} times" if _is_late(error) else _reason(call, error)
        return [(call.key, Failure(reason=reason, code=code))]


_open: weakref.WeakSet[ProcessPool] = weakref.WeakSet()
"""Pools of this process that are not closed: all start their processes by one fork server."""


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
