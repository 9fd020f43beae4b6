"""Reading a child's pipes, bounded in bytes and in wall time."""

import contextlib
import os
import selectors
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

CHUNK = 1 << 16


class End(Enum):
    """Why reading stopped."""

    DONE = auto()  # the process ended, or closed a final stream
    TIMEOUT = auto()
    OVERFLOW = auto()  # a stream went over its limit


@dataclass(slots=True, kw_only=True)
class Stream:
    """One pipe and what was read from it.

    Attributes:
        descriptor: The reading end; made non-blocking.
        limit: Most bytes accepted.
        keep: Bytes kept, counted from the end; None keeps all of them.
        final: The child's closing of this pipe ends the reading.
    """

    descriptor: int
    limit: int
    keep: int | None = None
    final: bool = False
    data: bytearray = field(default_factory=bytearray)
    total: int = 0
    closed: bool = False

    @property
    def over(self) -> bool:
        """True once more came than was accepted."""
        return self.total > self.limit

    def pull(self) -> None:
        """Read what is available, up to one chunk past the limit."""
        while not self.over and not self.closed:
            try:
                chunk = os.read(self.descriptor, CHUNK)
            except BlockingIOError:
                return
            self.closed = not chunk
            self.total += len(chunk)
            self.data += chunk
            if self.keep is not None:
                del self.data[: -self.keep]


def read_until_end(streams: list[Stream], *, deadline: float, pid: int | None = None) -> End:
    """Read until a final stream closes, a child ends, a limit is passed or time is up.

    The child is not reaped: its id stays taken, so that its group can still be killed safely.

    Args:
        streams: What to read.
        pid: The child to wait for, if there is one.
        deadline: In seconds, on the clock of `time.monotonic`.
    """
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        ended = None if pid is None else stack.enter_context(_end_of(pid))
        if ended is not None:
            selector.register(ended, selectors.EVENT_READ)
        for stream in streams:
            os.set_blocking(stream.descriptor, False)
            selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        while True:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            over = any(key.fd == ended for key, _ in ready) or _pull(selector, ready)
            if over:  # what was written before the end is still in the pipes
                for stream in streams:
                    stream.pull()
            if any(stream.over for stream in streams):
                return End.OVERFLOW
            if over:
                return End.DONE
            if time.monotonic() >= deadline:
                return End.TIMEOUT


def _pull(selector: selectors.BaseSelector, ready: list[tuple[selectors.SelectorKey, int]]) -> bool:
    """Read the streams that are ready; return whether a final one has closed."""
    for key, _ in ready:
        stream: Stream = key.data
        stream.pull()
        if stream.closed:
            selector.unregister(stream.descriptor)
    return any(key.data.closed and key.data.final for key, _ in ready)


@contextlib.contextmanager
def _end_of(pid: int) -> Iterator[int]:
    """Yield a descriptor that becomes readable when the child ends; do not reap the child."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # kernels before 5.3 have no such call
        descriptor = _end_by_thread(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _end_by_thread(pid: int) -> int:
    """Return a pipe's reading end; a thread closes the other end when the child ends."""
    reader, writer = os.pipe()

    def wait() -> None:
        with contextlib.suppress(ChildProcessError):  # reaped in the meantime
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os.close(writer)

    threading.Thread(target=wait, daemon=True).start()
    return reader
