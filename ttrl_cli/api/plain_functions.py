"""Which functions a grading process can be given: those that it finds by their name."""

import functools
import inspect
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

_KINDS: tuple[tuple[type, str], ...] = (
    (type, "is a class"),
    (MethodType, "is a method bound to an object"),
    (BuiltinFunctionType, "is a builtin, which has no source"),
    (functools.partial, "is a functools.partial"),
)


def require_plain(argument: str, function: object) -> FunctionType:
    """Refuse what a grading process could not find by a name, or could not call with the data.

    Args:
        argument: What the function was given as.
        function: What was given.

    Raises:
        ValueError: If it is not a plain function; the message says what to write instead.
    """
    why = _not_a_function(function) or _not_plain(function) or _not_callable(function)
    if why:
        msg = f"{why}; write def {argument}(data): ... at the top level of a file or a cell"
        raise ValueError(msg)
    assert isinstance(function, FunctionType)
    return function


def _not_a_function(function: Any) -> str:
    if not callable(function):
        return f"expected a function (got {type(function).__name__})"
    if hasattr(function, "__wrapped__"):
        return "is decorated, and a name in a file may then be another function"
    if isinstance(function, FunctionType):
        return ""
    told = (what for kind, what in _KINDS if isinstance(function, kind))
    return next(told, f"is an object of {type(function).__name__} that can be called")


def _not_plain(function: Any) -> str:
    """Say why a function of Python cannot be found by its name; empty if it can."""
    code = function.__code__
    if code.co_name == "<lambda>":
        return "is a lambda, which has no name to find it by in another process"
    if code.co_freevars:
        names = ", ".join(code.co_freevars)
        return f"is a closure over {names}, which another process does not have"
    where, _, name = function.__qualname__.rpartition(".")
    if where.endswith("<locals>"):
        return f"is defined inside {where.removesuffix('.<locals>')}"
    if where:
        return f"is defined in the class {where}"
    if name != code.co_name or name != function.__name__:
        return f"is called {name} and was defined as {code.co_name}"
    return ""


def _not_callable(function: Any) -> str:
    """Say why a function cannot be called with the data; empty if it can."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "is async, and is called like any other function"
    if inspect.isgeneratorfunction(function):
        return "is a generator: it must return its result, not yield"
    signature = inspect.signature(function)
    told = {"settings": None} if "settings" in signature.parameters else {}
    try:
        signature.bind(None, **told)
    except TypeError:
        return "must take one argument, the data"
    return ""
