"""The time that measuring one candidate has taken, without that in which it had to wait for us.

It stands still while nothing runs and something of ours is waited for: a free core, or a fork
server that starts. A busy machine then takes nothing from a candidate's time.
"""

import contextlib
import threading
import time
from collections.abc import Iterator


class Clock:
    """Seconds since it was made, without waiting. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._running = 0
        self._waiting = 0
        self._stopped: float | None = None
        self._waited = 0.0

    def used(self) -> float:
        """Return the seconds used up so far."""
        with self._lock:
            now = time.monotonic() if self._stopped is None else self._stopped
            return now - self._started - self._waited

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for something of ours in the block; the clock stands still unless a call runs."""
        self._count(waiting=1)
        try:
            yield
        finally:
            self._count(waiting=-1)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run a call in the block."""
        self._count(running=1)
        try:
            yield
        finally:
            self._count(running=-1)

    def _count(self, *, running: int = 0, waiting: int = 0) -> None:
        with self._lock:
            self._running += running
            self._waiting += waiting
            now, stops = time.monotonic(), self._waiting > 0 and self._running == 0
            if stops and self._stopped is None:
                self._stopped = now
            elif not stops and self._stopped is not None:
                self._waited += now - self._stopped
                self._stopped = None
