"""The life of a worker process: what ends it, and what it ends with it.

A worker kills its programs when it ends. It ends with the main process, when a verifier takes too
long, and when a problem's code ends it; a pool sees each of these as a death, never as a success.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import parent_process, util
from typing import NoReturn

from ttrl_cli.grading.process_pool import TOO_LATE
from ttrl_cli.sandbox.orphans import kill_descendants

_ALARM_SECONDS = 2.0
"""How much later than a verifier's limit the kernel ends a worker that could not end itself."""

_LOOK_SECONDS = 1.0
"""How often the time that a block has taken is looked at, where its clock can stand still."""

ENDED = 70
"""Exit status of a worker that a problem's code ended with status 0."""
_exit = os._exit


def prepare() -> None:
    """Prepare this worker process for any problem's code; called once in each process."""
    os.setsid()  # by its session, the pool finds what this process leaves when it is killed
    # a verifier's own processes start as they would anywhere, not by the fork server of the workers
    multiprocessing.set_start_method(None, force=True)
    os.register_at_fork(after_in_child=_be_ordinary)
    util.Finalize(None, kill_descendants, exitpriority=100)
    os._exit = _end
    threading.Thread(target=_end_with_main_process, daemon=True).start()


def _be_ordinary() -> None:
    """Let SIGTERM kill this process at once, as a pool expects; only workers clean up first."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os._exit = _exit


def _end(status: int) -> NoReturn:
    """Do as os._exit, but never with status 0: a pool would think that the worker hangs."""
    _exit(status or ENDED)


def _end_with_main_process() -> None:
    """Wait until the main process has died, then end this process and its programs."""
    main = parent_process()
    if main is not None:
        main.join()
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def at_most(
    seconds: float, *, used: Callable[[], float] | None = None, status: int = TOO_LATE
) -> Iterator[None]:
    """End this worker and all its descendants if the block takes longer than `seconds`.

    A verifier may hang in Python, in C that keeps other threads of Python from running, or while it
    waits for a process that it has started. A thread handles the first and the last case; the
    kernel's alarm, a little later, handles the second, and the pool then ends the session. Outside
    of a worker process nothing is ended.

    Args:
        seconds: Most that the block may take.
        used: Tells how much it has taken, where that is not the time that has passed.
        status: The exit status of the worker.
    """
    if parent_process() is None:
        yield
        return
    began = time.monotonic()
    over = threading.Event()
    taken = used or (lambda: time.monotonic() - began)
    watch = threading.Thread(target=_watch, args=(seconds, taken, over, status), daemon=True)
    signal.setitimer(signal.ITIMER_REAL, seconds + _ALARM_SECONDS)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()  # where it is late, what it waited for was killed, and the worker ends
        signal.setitimer(signal.ITIMER_REAL, 0)


def _watch(
    seconds: float,
    taken: Callable[[], float],
    over: threading.Event,
    status: int,
) -> None:
    """Wait until a block is over; end this worker if it takes too long."""
    while (left := seconds - taken()) > 0:
        signal.setitimer(signal.ITIMER_REAL, left + _ALARM_SECONDS)
        if over.wait(min(left, _LOOK_SECONDS)):
            return
    if not over.is_set():
        _end_late(status)


def _end_late(status: int) -> None:
    # it is under way now, and the alarm is for code that keeps this thread from running
    signal.setitimer(signal.ITIMER_REAL, 5 * _ALARM_SECONDS)
    try:
        kill_descendants()
    finally:
        os._exit(status)
