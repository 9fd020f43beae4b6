"""How the processes of a pool start, by multiprocessing's start method "forkserver", and end.

The fork server is a small process that has this package imported and little else: forking a worker
takes milliseconds, and none inherits torch, a CUDA context or a thread, whatever the main process
has loaded since. The server is one idle process per interpreter and ends with it; what the first
workers preload, all get for nothing.
"""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from ttrl_cli.environ import variables
from ttrl_cli.grading.echo import take_over
from ttrl_cli.grading.worker_start import WorkerProcess
from ttrl_cli.sandbox.orphans import kill_session

END_SECONDS = 10.0
"""How long workers have to tidy up when a pool ends; then they are killed."""
_LONGEST_FOLDER = 107 - 32
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Context(ForkServerContext):
    """Starts the processes of a pool, and keeps track of them."""

    def __init__(self) -> None:
        super().__init__()
        self._made: set[BaseProcess] = set()
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

    def sweep(self) -> None:
        """Kill what workers that died have left in their sessions.

        A worker that a signal ended, or the kernel for its memory, could end nobody itself. Each is
        the leader of a session (`worker_process.prepare`), and no other process gets its number
        while a member of that session lives.
        """
        for process in tuple(self._made):
            if process.pid is not None and not psutil.pid_exists(process.pid):
                self._made.discard(process)
                kill_session(process.pid)

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
        self.sweep()


def fork_servers() -> set[psutil.Process]:
    """Return the fork servers that this process has started; at most one of them is running."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            if any("multiprocessing.forkserver" in word for word in child.cmdline()):
                found.add(child)
    return found


def end_server(server: psutil.Process) -> None:
    """Kill a fork server; another one is started when it is needed."""
    with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
        server.kill()
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # multiprocessing reaps it


def initialize(
    folder: str, printed: Connection, initializer: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """Redirect a new worker's output and temporary files, then call the pool's initializer."""
    take_over(printed)
    tempfile.tempdir = folder
    initializer(*arguments)


def start_processes(pool: Any) -> None:
    """Start the pool's processes; run in a thread whose signal mask the pool's threads inherit."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pool.schedule(os.getpid)  # the first call starts the processes


@contextlib.contextmanager
def folder_for_sockets() -> Iterator[None]:
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
def quiet_environment() -> Iterator[None]:
    """Set what the fork server and all workers inherit: one thread each, and Ctrl-C blocked."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with variables(_ONE_THREAD):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
