"""Errors that belong to someone: each class owns the exit code of the command it ends.

A message says what is wrong, where (file and key), and what to do next. The command line prints
it without a traceback; anything that is not a `TtrlError` is a bug of ours and exits 1.
"""


class Invalid(Exception):
    """Raised by a problem's verifier to refuse a solution; its text is the verdict's reason."""


class TtrlError(Exception):
    """Base of the errors a user can act on."""

    exit_code = 1


class UsageError(TtrlError):
    """The command line, a problem file or a question file is wrong."""

    exit_code = 2


class ProblemError(UsageError):
    """A problem.yaml or a file it names is wrong.

    Args:
        path: The file at fault.
        key: The key in it, dotted, or the empty string for the file as a whole.
        why: What is wrong and what was expected.
    """

    def __init__(self, path: object, key: str, why: str) -> None:
        super().__init__(f"{path}: {key}: {why}" if key else f"{path}: {why}")


class SetupError(TtrlError):
    """Something outside the problem is missing or broken: a model, a package, a device."""

    exit_code = 3


class StaleSamplerError(SetupError):
    """A sampler with weights of its own does not have the learner's."""


class NoSolutionError(TtrlError):
    """The run finished, and no valid solution was found."""

    exit_code = 4


class DivergedError(TtrlError, FloatingPointError):
    """A gradient or the model's logits are not finite."""


class InterruptedRunError(TtrlError):
    """The run was interrupted and can be resumed."""

    exit_code = 130
