"""The fork servers in which a worker's candidates are called: one for each call under way."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from ttrl_cli.sandbox.session import Sandbox

MOST_SLOTS = 8
"""Most calls that one worker has under way: other workers have fork servers, too."""


class Slots:
    """Sandboxes that are alike, each used by one thread at a time. They are made when needed.

    Args:
        make: Makes one more sandbox.
        most: Most sandboxes at once.
    """

    def __init__(self, make: Callable[[], Sandbox], most: int = MOST_SLOTS) -> None:
        self._make = make
        self.most = most
        self._lock = threading.Lock()
        self._left = threading.BoundedSemaphore(most)
        self._free: list[Sandbox] = []

    @contextlib.contextmanager
    def taken(self) -> Iterator[Sandbox]:
        """Take a sandbox for the block, the one that was used last; wait if all are in use."""
        with self._left:
            with self._lock:
                sandbox = self._free.pop() if self._free else self._make()
            try:
                yield sandbox
            finally:
                with self._lock:
                    self._free.append(sandbox)


class UnderWay:
    """The sandboxes in which the calls of a row are under way, to be ended from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[Sandbox] = set()
        self._ended = False

    @contextlib.contextmanager
    def call(self, sandbox: Sandbox) -> Iterator[None]:
        """Let `end` end what runs in a sandbox during the block."""
        with self._lock:
            self._held.add(sandbox)
            if self._ended:
                sandbox.end_call()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(sandbox)
                sandbox.renew()

    def end(self) -> None:
        """End all calls that are under way, and each that would follow."""
        with self._lock:
            self._ended = True
            for sandbox in self._held:
                sandbox.end_call()
