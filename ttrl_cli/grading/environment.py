"""The interpreter that programs run on, and the packages they may count on."""

import shutil
from pathlib import Path

from ttrl_cli.errors import ProblemError, SetupError
from ttrl_cli.problem import PROBLEM_FILE, Problem
from ttrl_cli.records import Status
from ttrl_cli.sandbox.process import run_program

_IMPORT = "import importlib\n\ndef run():\n    importlib.import_module({name!r})\n"


def interpreter(problem: Problem) -> str | None:
    """The path of `environment.python`, or None for the interpreter that runs this.

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
        raise ProblemError(problem.folder / PROBLEM_FILE, "environment.python", why)
    found = shutil.which(path)
    if found is None:
        why = f"no such interpreter: {path}"
        raise ProblemError(problem.folder / PROBLEM_FILE, "environment.python", why)
    return found


def check_imports(problem: Problem) -> None:
    """Import each of `environment.imports` the way a program would, within the same limits.

    Raises:
        SetupError: Naming the first package that programs cannot import.
    """
    python = interpreter(problem)
    for index, name in enumerate(problem.spec.environment.imports):
        source = _IMPORT.format(name=name)
        limits = problem.spec.limits
        result = run_program(source, entry="run", arguments={}, limits=limits, python=python)
        if result.status is not Status.OK:
            where = f"{problem.folder / PROBLEM_FILE}: environment.imports[{index}]"
            msg = f"{where}: programs cannot import {name}: {result.reason.splitlines()[-1]}"
            raise SetupError(msg)
