"""Functions given in Python -> files that grading processes import, and the functions' names there.

A function of a module goes with its whole file. So does one of a script that has a block
`if __name__ == "__main__":` and can therefore be imported. Of a notebook, and of a script without
that block, the functions' own text is taken (`session_source`). An installed function is imported.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ttrl_cli.api.module_files import ModuleFiles, is_installed
from ttrl_cli.api.plain_functions import require_plain
from ttrl_cli.api.session_source import SessionSource
from ttrl_cli.errors import ProblemError

SESSION_FILE = "session.py"
"""Where functions of a session go."""
_INSTALLED = "installed_{}.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What a problem's folder gets for some functions.

    Attributes:
        files: Contents by path from the folder.
        references: FILE.py:FUNCTION by argument.
    """

    files: Mapping[str, bytes]
    references: Mapping[str, str]


def ship(functions: Mapping[str, Callable[[Any], Any]], where: str) -> Shipment:
    """Find the files that a problem's functions need.

    Args:
        functions: The functions by the argument that they were given as.
        where: What the arguments are of, for messages.

    Raises:
        ProblemError: If a function cannot be handed to another process; it names the argument and
            the way out.
    """
    files = ModuleFiles()
    sessions: dict[int, SessionSource] = {}
    references = {}
    for argument, given in functions.items():
        try:
            function = require_plain(argument, given)
            references[argument] = _ship_one(argument, function, files, sessions)
        except ValueError as error:
            raise ProblemError(where, argument, str(error)) from None
    if len(sessions) > 1:
        raise ProblemError(where, "verify", "and other functions are of different sessions")
    for session in sessions.values():
        try:
            files.put(SESSION_FILE, session.text().encode("utf-8"))
        except ValueError as error:
            raise ProblemError(where, "verify", str(error)) from None
    return Shipment(files=files.contents, references=references)


def _ship_one(
    argument: str,
    function: FunctionType,
    files: ModuleFiles,
    sessions: dict[int, SessionSource],
) -> str:
    """Add what one function needs; return its FILE.py:FUNCTION."""
    name = function.__name__
    module = sys.modules.get(function.__module__)
    file = _importable_file(function, module)
    if file is None:
        names = function.__globals__
        session = sessions.setdefault(id(names), SessionSource(names, files))
        session.add(function)
        return f"{SESSION_FILE}:{name}"
    if getattr(module, name, None) is not function:
        msg = f"is not what {function.__module__}.{name} is now; give that one"
        raise ValueError(msg)
    if is_installed(file):
        path = _INSTALLED.format(argument)
        files.put(path, f"from {function.__module__} import {name}\n".encode())
        return f"{path}:{name}"
    return f"{files.add(_module_name(module), file)}:{name}"


def _importable_file(function: FunctionType, module: ModuleType | None) -> Path | None:
    """Return the file of a function's module; None if it is a session's."""
    named = getattr(module, "__file__", None)
    if not isinstance(named, str) or not named.endswith(".py"):
        return None
    file = Path(named).absolute()
    if function.__module__ != "__main__":
        return file
    code = Path(function.__code__.co_filename).absolute()
    return file if code == file and _is_guarded(file) else None


def _is_guarded(script: Path) -> bool:
    """Decide whether a script has a block for when it is run, and can be imported without it."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    tests = [node.test for node in tree.body if isinstance(node, ast.If)]
    wanted = {"'__main__'", "__name__"}
    return any(
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Eq)
        and {ast.unparse(test.left), ast.unparse(test.comparators[0])} == wanted
        for test in tests
    )


def _module_name(module: ModuleType | None) -> str:
    """Return the name that a module is imported by; empty for a script that is run by its path."""
    if module is None or module.__name__ != "__main__":
        return "" if module is None else module.__name__
    spec = module.__spec__
    return "" if spec is None else spec.name
