"""Which secret the trials of a command are drawn from."""

from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.problem import Problem
from ttrl_cli.rundir import RunDir
from ttrl_cli.rundir.secret import read_secret


def secret_of(problem: Problem, file: Path | None, start_from: Path | None = None) -> str:
    """Return the secret that a file or an earlier run gives; empty if one must be drawn.

    Args:
        problem: The problem.
        file: The file that --secret-file names.
        start_from: The run of a warm start, whose scores are those of its own trials.

    Raises:
        UsageError: If the problem has no `measure`, the file holds no secret, or another one than
            the earlier run has; or if the earlier run's own has changed.
    """
    if problem.spec.measure is None:
        if file is None:
            return ""
        msg = f"--secret-file: {problem.file} has no measure, and so no trials"
        raise UsageError(msg)
    given = "" if file is None else read_secret(file)
    if start_from is None:
        return given
    earlier = RunDir.open(start_from).secret()
    if given and given != earlier:
        msg = f"--secret-file {file}: not the secret of {start_from}, whose scores are taken over"
        raise UsageError(msg)
    return earlier
