"""Import the functions a problem.yaml names, from their files."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import PROBLEM_FILE, Problem, split_reference

Function: TypeAlias = Callable[[Any], Any]
_KEYS = ("verifier", "score", "certify", "render")


class BrokenProblemError(Exception):
    """The problem's own code did not do what it must; the text is the verdict's reason."""


class UnkeptDataError(BrokenProblemError):
    """A verifier accepted data and returned what is no plain, finite data."""


def load_functions(problem: Problem) -> dict[str, Function]:
    """The problem's functions by their key; keys that name none are left out.

    The problem's folder is put on `sys.path`, so that its files can import each other. Each file
    is imported once, whatever number of keys name it.

    Raises:
        ProblemError: If a file cannot be imported, or a function does not take one argument.
    """
    if str(problem.folder) not in sys.path:
        sys.path.insert(0, str(problem.folder))
    modules: dict[Path, ModuleType] = {}
    functions: dict[str, Function] = {}
    for key in _KEYS:
        reference = getattr(problem.spec, key)
        if isinstance(reference, str):
            name, attribute = split_reference(reference)
            path = problem.folder / name
            if path not in modules:
                modules[path] = _import(problem, key, path)
            functions[key] = _function(problem, key, modules[path], attribute)
    return functions


def _import(problem: Problem, key: str, path: Path) -> ModuleType:
    # a name of its own: a file verify.py must not replace an installed module `verify`
    name = f"ttrl_problem_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProblemError(problem.folder / PROBLEM_FILE, key, f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and the like look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # the problem's code may raise anything, SystemExit too
        if isinstance(error, KeyboardInterrupt):
            raise
        why = f"importing {path} raised {type(error).__name__}: {error}"
        raise ProblemError(problem.folder / PROBLEM_FILE, key, why) from error
    return module


def _function(problem: Problem, key: str, module: ModuleType, name: str) -> Function:
    function: Any = getattr(module, name, None)
    why = ""
    if not callable(function):
        why = f"{module.__file__} has no function {name!r}"
    elif not _takes_one(function):
        why = f"{name} in {module.__file__} must take one argument, the data"
    if why:
        raise ProblemError(problem.folder / PROBLEM_FILE, key, why)
    checked: Function = function
    return checked


def _takes_one(function: Function) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # a function written in C may not tell its signature
        return True
    return True
