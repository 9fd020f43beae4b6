"""The interpreter that programs run on."""

import shutil
from pathlib import Path

from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import Problem


def interpreter(problem: Problem) -> str | None:
    """Return the path of `environment.python`; None for the interpreter that runs this.

    A relative path is refused: a run works on its own copy of the problem's folder.

    Raises:
        ProblemError: If there is no such program, or its path is relative.
    """
    python = problem.spec.environment.python
    if python is None:
        return None
    path = str(Path(python).expanduser()) if "/" in python else python
    if "/" in path and not Path(path).is_absolute():
        why = f"must be an absolute path or a name on the PATH (got {python!r})"
        raise ProblemError(problem.file, "environment.python", why)
    found = shutil.which(path)
    if found is None:
        why = f"no such interpreter: {path}"
        raise ProblemError(problem.file, "environment.python", why)
    return found
