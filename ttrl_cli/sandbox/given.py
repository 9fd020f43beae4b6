"""The input of a call, as descriptors: sealed files in memory that a candidate can only read."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from ttrl_cli.records import Json
from ttrl_cli.sandbox.inside import arrays
from ttrl_cli.sandbox.inside.program import MOST_DIGITS, holds_scalars

Input: TypeAlias = str | Mapping[str, Any] | None
"""Text for stdin, or keyword arguments of JSON values and numpy arrays; None for neither."""
_KINDS = "biufc"
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@contextlib.contextmanager
def opened(value: Input, *, compiled: bool) -> Iterator[tuple[dict[str, Json], Mapping[str, int]]]:
    """Open the descriptors of an input; close them when the block ends.

    Args:
        value: The input.
        compiled: Whether the program is a compiled one, which finds arguments as JSON on stdin.

    Yields:
        What the request says of the input, and its descriptors by the names of `Given`.

    Raises:
        TypeError: If the input is neither text nor such arguments.
    """
    found: list[Any] = []
    given: Any = value  # the problem's code may give anything
    if isinstance(given, str):
        text = given
        said: dict[str, Json] = {"arguments": None}
    elif given is None or isinstance(given, Mapping):
        text = ""
        marked = arrays.split(_checked(given or {}), found)
        said = {"arguments": marked, "arrays": len(found)}
        if compiled:
            text, said = json.dumps(marked), {}
    else:
        msg = f"an input must be text or a dict of arguments (got {type(given).__name__})"
        raise TypeError(msg)
    if compiled and found:
        msg = "a compiled program cannot be given arrays; write them into its text"
        raise TypeError(msg)
    with contextlib.ExitStack() as stack:
        files = {"stdin": _stored(stack, [text.encode("utf-8", "replace")])} if text else {}
        if found:
            files["arrays"] = _stored(stack, [p for one in found for p in arrays.pieces(one)])
        yield said, files


def _checked(arguments: Mapping[Any, Any]) -> dict[str, Any]:
    """Return arguments whose names are texts, with numpy's scalars as Python's numbers."""
    for name in arguments:
        if not isinstance(name, str):
            msg = f"an argument's name must be text (got a value of type {type(name).__name__})"
            raise TypeError(msg)
    checked = {}
    for name, value in arguments.items():
        try:
            checked[name] = _plain(value)
        except TypeError as error:
            msg = f"the argument {name!r:.80}: {error}"
            raise TypeError(msg) from None
    return checked


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            msg = f"an array of {value.dtype} cannot be given to a candidate"
            raise TypeError(msg)
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        if arrays.MARK in value:
            msg = f"the key {arrays.MARK!r} is not for arguments"
            raise TypeError(msg)
        if not all(isinstance(key, str | int | float | None) for key in value):
            msg = "a dict's keys must be texts"
            raise TypeError(msg)
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return value if holds_scalars(value) else [_plain(item) for item in value]
    if isinstance(value, int) and not holds_scalars([int(value)]):
        msg = f"an integer of more than {MOST_DIGITS} digits cannot be given to a candidate"
        raise TypeError(msg)
    if value is None or isinstance(value, str | int | float):
        return value
    msg = f"a {type(value).__name__} cannot be given to a candidate"
    raise TypeError(msg)


def _stored(stack: contextlib.ExitStack, pieces: list[Any]) -> int:
    """Write pieces into a file in memory that nobody can change any more; return a descriptor."""
    descriptor = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    stack.callback(os.close, descriptor)
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
