"""A candidate that the problem's code calls with an input: once per process.

The input is text on stdin, or keyword arguments in which arrays may be. A Python program that
defines its entry is imported, and the entry called; one that does not, and is given text, is a
script. What the entry returns is sent as the frame "parts LENGTH": a line with a JSON list of the
lengths of what follows, JSON with a mark for each array, and the arrays as npy.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import subprocess
import sys
from typing import Any

from . import arrays, program
from .users import name_user


def take_arrays(request: dict[str, Any], descriptor: int) -> bool:
    """Put the arrays of a descriptor into the request's arguments; return whether they fit."""
    import numpy

    layout = numpy.lib.format
    try:
        with os.fdopen(descriptor, "rb") as file:
            count = request["arrays"]
            found = [layout.read_array(file, allow_pickle=False) for _ in range(count)]
    except MemoryError:  # the candidate's limit holds already
        return False
    request["arguments"] = _joined(request["arguments"], found)
    return True


def too_large() -> tuple[str, bytes]:
    """Return what is answered in the place of a program whose input does not fit."""
    return program.refusal("memory", "the input does not fit into the program's memory")


def _joined(value: Any, found: list[Any]) -> Any:
    """Put arrays in the place of their marks."""
    if isinstance(value, dict):
        if value.keys() == {arrays.MARK}:
            return found[value[arrays.MARK]]
        return {key: _joined(item, found) for key, item in value.items()}
    if isinstance(value, list) and not {dict, list}.isdisjoint(map(type, value)):
        return [_joined(item, found) for item in value]
    return value


def run(request: dict[str, Any], descriptor: int) -> None:
    """Answer one call, then end this process at once, even if threads are still running."""
    own = os.getpid()
    program.seed_generators(0)
    name_user()
    kind, parts = answer(request)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # it may have closed them
            stream.flush()
    if os.getpid() == own:  # else a process that it forked came back from the entry, too
        send(descriptor, kind, parts)
    os._exit(0)


def answer(request: dict[str, Any]) -> tuple[str, list[Any]]:
    """Run the program; return its encoded data, or a refusal that says why there is none."""
    source, entry, arguments = request["source"], request["entry"], request["arguments"]
    script = arguments is None and not defines(source, entry)
    try:
        data: object = None
        if script:
            execute_script(source)
        else:
            data = program.call(source, entry, arguments or {})
        return encode(data)
    except BaseException as error:  # noqa: BLE001 - a program may raise anything, SystemExit too
        kind, payload = program.refusal_of(error)
    return kind, [payload]


def defines(source: str, entry: str) -> bool:
    """Decide whether a program binds its entry at its top level; what cannot be parsed does not."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return any(
        entry == getattr(node, "name", None)
        or any(entry == getattr(target, "id", None) for target in getattr(node, "targets", ()))
        for node in tree.body
    )


def execute_script(source: str) -> None:
    """Execute the source as the main module; ending by `sys.exit(0)` is no failure."""
    try:
        program.execute(source, "__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def encode(data: object) -> tuple[str, list[Any]]:
    """Encode data as parts: their lengths, JSON with a mark for each array, and the arrays.

    Raises:
        UnsendableError: If the data hold what is neither JSON nor a numeric array.
    """
    found: list[Any] = []
    try:
        marked = arrays.split(data, found)
    except RecursionError:
        msg = "the data is nested too deeply"
        raise program.UnsendableError(msg) from None
    _, text = program.encode(marked)
    blobs = [[text], *(arrays.pieces(program.numeric(array)) for array in found)]
    lengths = [sum(len(piece) for piece in blob) for blob in blobs]
    first = json.dumps(lengths).encode("ascii") + b"\n"
    return "parts", [first, *(piece for blob in blobs for piece in blob)]


def send(descriptor: int, kind: str, parts: list[Any]) -> None:
    """Write one framed answer, part by part."""
    with os.fdopen(descriptor, "wb", buffering=0) as pipe:
        length = sum(len(part) for part in parts)
        for part in [b"%s %d\n" % (kind.encode("ascii"), length), *parts]:
            rest = memoryview(part)
            while rest:
                rest = rest[pipe.write(rest) :]


def execute(request: dict[str, Any], answer: int) -> None:
    """Run a compiled program on the given stdin; its stdout is the output.

    It runs as a child, for the reasons of `attempt.execute`.
    """
    os.close(answer)
    done = subprocess.run([os.path.abspath(request["file"])], check=False)
    os._exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
