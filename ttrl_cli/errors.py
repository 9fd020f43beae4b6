"""Errors that belong to someone: each class owns the exit code of the command it ends.

A message says what is wrong, where (file and key), and what to do next. The command line prints
it without a traceback; anything that is not a `TtrlError` is a bug of ours and exits 1.
"""

import errno

OF_WRITING = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS})
"""Errors that a file system raises for what is written to it alone."""
OF_THE_SYSTEM = OF_WRITING | {errno.EIO, errno.EMFILE, errno.ENFILE}
"""Errors that only say what a file system or the limits of a process do not give."""


class Invalid(Exception):
    """Raised by a problem's verifier to refuse a solution; its text is the verdict's reason."""


class TtrlError(Exception):
    """Base of the errors a user can act on."""

    exit_code = 1


class UsageError(TtrlError):
    """The command line, a problem file or a question file is wrong."""

    exit_code = 2


class RunExistsError(UsageError):
    """The folder of a new run is there already.

    Args:
        path: The folder.
    """

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} exists already, and runs are never overwritten; choose another --out"
        )


class ProblemError(UsageError):
    """A problem.yaml or a file it names is wrong.

    Args:
        path: The file at fault.
        key: The key in it, dotted, or the empty string for the file as a whole.
        why: What is wrong and what was expected.

    Attributes:
        key: As given.
        why: As given.
    """

    def __init__(self, path: object, key: str, why: str) -> None:
        super().__init__(f"{path}: {key}: {why}" if key else f"{path}: {why}")
        self.key = key
        self.why = why


class SetupError(TtrlError):
    """Something outside the problem is missing or broken: a model, a package, a device."""

    exit_code = 3


class UnwritableError(SetupError, OSError):
    """A file of ours cannot be written: a full disk, a quota, a folder that is gone or read-only.

    Args:
        path: The file or folder.
        why: What the system says.
    """

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path} cannot be written: {why}")
        self.why = why


class StaleSamplerError(SetupError):
    """A sampler with weights of its own does not have the learner's."""


class NoSolutionError(TtrlError):
    """The run finished, and no valid solution was found."""

    exit_code = 4


class DivergedError(TtrlError, FloatingPointError):
    """A gradient or the model's logits are not finite."""


class InterruptedRunError(TtrlError):
    """The run was interrupted and can be resumed.

    Args:
        message: What is said of it.
        exit_code: That of the command; by default as after Ctrl-C.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class SignalExit(SystemExit):
    """A signal ends the command, in order.

    Args:
        number: The signal.

    Attributes:
        exit_code: 128 and its number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class name if it has no message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
