"""Escape control characters in what Python itself and libraries write to standard error.

What `ttrl` says goes through `console`. Beside it, warnings, log records, and exceptions of threads
and finalizers are written by Python and by libraries, and may quote a model's files, a server's
answer or a file's name.
"""

import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import Any

from ttrl_cli.escapes import visible


def show_control_characters() -> None:
    """Have this process escape control characters in warnings, log records and tracebacks."""
    write_warning: Any = warnings.formatwarning
    warnings.formatwarning = lambda *args, **more: visible(write_warning(*args, **more))
    logging.setLogRecordFactory(_Record)
    threading.excepthook = _show_of_thread
    sys.unraisablehook = _show_unraisable


def show_traceback(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Print a traceback, with the control characters in it escaped."""
    _say("".join(traceback.format_exception(kind, error, trace)))


class _Record(logging.LogRecord):
    """A log record whose message and traceback hold no control character."""

    def getMessage(self) -> str:
        return visible(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback, once a formatter has written it."""
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._exc_text = None if text is None else visible(text)


def _show_of_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit:
        name = what.thread.name if what.thread is not None else "a thread"
        _say(f"Exception in thread {name}:\n")
        show_traceback(what.exc_type, what.exc_value, what.exc_traceback)


def _show_unraisable(what: "sys.UnraisableHookArgs") -> None:
    _say(f"{what.err_msg or 'Exception ignored in'}: {what.object!r:.500}\n")
    show_traceback(what.exc_type, what.exc_value, what.exc_traceback)


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(visible(text))
