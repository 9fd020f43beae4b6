"""Copy what worker processes print to our standard error, with its control characters escaped.

Workers, the processes that they start and code in C have a pipe as standard output and standard
error. A thread of the main process reads it, so that the words of a worker that is killed are not
lost, and that one that prints much waits for nobody but the reader of our standard error. Standard
output is for results: nothing of this goes there.
"""

import codecs
import os
import select
import signal
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from ttrl_cli.escapes import visible

END_SECONDS = 2.0
"""Most time that closing may take, where no one reads our standard error."""
_PIECE = 65536
_MOST_LEFT = 2**20
"""As much as a pipe can hold, in bytes."""


class Echo:
    """Shows what is written to a pipe.

    Attributes:
        writer: The end to write to. It may be handed to other processes.
    """

    def __init__(self) -> None:
        self._reader, self.writer = Pipe(duplex=False)
        self._ending, self._end = Pipe(duplex=False)
        self._shown = _standard_error()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Show what was written, and stop; do not wait for processes that still hold the pipe."""
        self.writer.close()
        self._end.close()
        self._thread.join(END_SECONDS)

    def _copy(self) -> None:
        """Show what arrives in the pipe until `close`; run in a thread that blocks signals."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        with self._reader, self._ending:
            while self._ending not in (ready := wait([self._reader, self._ending])):
                piece = os.read(self._reader.fileno(), _PIECE) if self._reader in ready else b""
                self._show(decoder.decode(piece))
            self._show(decoder.decode(_rest(self._reader), final=True))
        if self._shown is not None:
            os.close(self._shown)

    def _show(self, text: str) -> None:
        """Write a text to standard error; after an error write nothing more."""
        left = memoryview(visible(text).encode("utf-8", "backslashreplace"))
        while left and self._shown is not None:
            try:
                left = left[os.write(self._shown, left) :]
            except BlockingIOError:
                ready = select.poll()
                ready.register(self._shown, select.POLLOUT)
                ready.poll()
            except OSError:  # its reader has gone
                os.close(self._shown)
                self._shown = None


def take_over(writer: Connection) -> None:
    """Make an echo's pipe the standard output and standard error of this process."""
    for number in (1, 2):
        os.dup2(writer.fileno(), number)
    writer.close()
    sys.stdout = sys.stderr = open(  # noqa: SIM115 - for as long as this process lives
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _standard_error() -> int | None:
    """Return a duplicate of standard error's descriptor; None if there is no standard error."""
    return None if sys.__stderr__ is None else os.dup(2)


def _rest(reader: Connection) -> bytes:
    """Return what is in a pipe now, without waiting for processes that may still write to it."""
    pieces = []
    left = _MOST_LEFT
    while left > 0 and wait([reader], timeout=0):
        piece = os.read(reader.fileno(), left)
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
