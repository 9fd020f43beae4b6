"""A Python candidate: execute its source, call its entry, send back what it returns.

The candidate shares this process, so nothing this file says is trusted: the reader of the answer
takes it for untrusted bytes. An answer is a header line "FORMAT LENGTH", then LENGTH bytes. FORMAT
is json or npy for data, and refusal for {"status", "reason"}.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import os
import random
import sys
import traceback
import types
from collections.abc import Collection
from typing import Any

from .users import name_user

NAME = "candidate"
FILE = f"{NAME}.py"
MOST_DIGITS = 4300
"""Most decimal digits of an integer: Python writes and reads no longer ones as text."""
_BEYOND = 10**MOST_DIGITS
SCALARS = {bool, float, int, str, type(None)}
REASON_CHARS = 1500


class UnsendableError(Exception):
    """The program returned something that is neither JSON nor a numeric array."""


def run(request: dict[str, Any], descriptor: int) -> None:
    """Answer one request, then end this process at once, even if threads are still running."""
    own = os.getpid()
    seed_generators(request["arguments"].get("seed") or 0)
    name_user()
    kind, payload = answer(request)
    if os.getpid() == own:  # else a process that it forked came back from the entry, too
        send(descriptor, kind, payload)
    os._exit(0)


def seed_generators(seed: int) -> None:
    """Seed the global generators, which all candidates inherit in the same state."""
    random.seed(seed)  # noqa: TID251 - the program's generator, not ours
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed % 2**32)


def answer(request: dict[str, Any]) -> tuple[str, bytes]:
    """Run the program; return its encoded data, or a refusal that says why there is none."""
    try:
        data = call(request["source"], request["entry"], request["arguments"])
        sys.stdout.flush()
        return encode(data)
    except BaseException as error:  # noqa: BLE001 - a program may raise anything, SystemExit too
        return refusal_of(error)


def refusal_of(error: BaseException) -> tuple[str, bytes]:
    """Encode a refusal that says what a program raised."""
    if isinstance(error, MemoryError):
        return refusal("memory", "MemoryError: the program used more memory than its limit")
    if isinstance(error, UnsendableError):
        return refusal("malformed", str(error))
    return refusal("error", last_lines(error))


def execute(source: str, name: str) -> types.ModuleType:
    """Execute the source as a module of this name, and return the module."""
    module = types.ModuleType(name)
    module.__file__ = FILE
    sys.modules[name] = module
    sys.path.insert(0, os.getcwd())
    code = compiled(source)
    with open(FILE, "w", encoding="utf-8") as file:
        file.write(source)  # tracebacks, and processes the program spawns, read it
    exec(code, module.__dict__)  # noqa: S102 - running the program is what this process is for
    return module


def call(source: str, entry: str, arguments: dict[str, Any]) -> object:
    """Execute the source as the module `candidate` and call its entry."""
    module = execute(source, NAME)
    function = getattr(module, entry, None)
    if not callable(function):
        msg = f"the program defines no function {entry!r}"
        raise NameError(msg)
    return function(**accepted(function, arguments))


def compiled(source: str) -> types.CodeType:
    """Compile the source.

    Raises:
        SyntaxError: If the source is not valid, or if Python's parser runs out of stack or memory,
            which it reports as a MemoryError.
    """
    try:
        return compile(source, FILE, "exec", dont_inherit=True)
    except MemoryError:
        msg = "the program is nested too deeply, or is too long, to be compiled"
        raise SyntaxError(msg) from None


def accepted(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that the function's signature names; all of them for **kwargs."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return arguments
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in arguments.items() if name in names}


def encode(data: object) -> tuple[str, bytes]:
    """Encode data as npy (a numeric array) or JSON (everything else).

    Raises:
        UnsendableError: If the data can be sent as neither; the message says why.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray):
        file = io.BytesIO()
        numpy.save(file, numeric(data), allow_pickle=False)
        return "npy", file.getvalue()
    try:
        return "json", json.dumps(plain(data)).encode("ascii")
    except RecursionError:
        msg = "the data is nested too deeply"
    except ValueError as error:
        msg = f"the data cannot be written as JSON: {error}"
    raise UnsendableError(msg)


def plain(value: Any) -> Any:
    """Copy a value into JSON's own types: tuples become lists, arrays nested lists.

    Raises:
        UnsendableError: If JSON has no such type, key or number; the message names the first one.
        RecursionError: If the value is nested too deeply.
    """
    if isinstance(value, dict):
        if set(map(type, value)) <= {str} and holds_scalars(value.values()):
            return dict(value)
        return {key_of(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(value) if holds_scalars(value) else [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return plain(numeric(numpy.asarray(value)).tolist())
    return number(value)


def holds_scalars(values: Collection[Any]) -> bool:
    """Decide, at the speed of C, whether all values are of JSON's own types and none is nested.

    Numbers that JSON cannot hold are not either: NaN, infinities, integers of too many digits.
    """
    kinds = set(map(type, values))
    if not kinds <= SCALARS:
        return False
    if int in kinds:
        whole = values if len(kinds) == 1 else [item for item in values if type(item) is int]
        if not -_BEYOND < min(whole) <= max(whole) < _BEYOND:
            return False
    if float not in kinds:
        return True
    floats = values if len(kinds) == 1 else [item for item in values if type(item) is float]
    return all(map(math.isfinite, floats))


def key_of(key: object) -> str:
    """Return a key; refuse a key that is not a string."""
    if isinstance(key, str):
        return key
    msg = f"the data has the key {key!r:.80}; keys must be strings"
    raise UnsendableError(msg)


def number(value: object) -> object:
    """Return a finite float, or an int that can be written and read back; refuse anything else."""
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"the data holds {value}; numbers must be finite"
        raise UnsendableError(msg)
    if isinstance(value, int) and not -_BEYOND < value < _BEYOND:
        msg = f"the data holds an integer of more than {MOST_DIGITS} digits"
        raise UnsendableError(msg)
    if isinstance(value, (int, float)):
        return value
    msg = f"the data holds a {type(value).__name__}; JSON has no such type"
    raise UnsendableError(msg)


def numeric(array: Any) -> Any:
    """Return an array of bools, integers or floats of at most 64 bits; refuse any other array."""
    if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
        return array
    msg = f"the data holds an array of {array.dtype}; only real numbers can be sent"
    raise UnsendableError(msg)


def refusal(status: str, reason: str) -> tuple[str, bytes]:
    """Encode a refusal, which is sent in place of data."""
    # what is not UTF-8 is replaced as by ttrl_cli.escapes.encodable, which is not there inside
    reason = reason[-REASON_CHARS:].encode("utf-8", "replace").decode("utf-8")
    return "refusal", json.dumps({"status": status, "reason": reason}).encode("ascii")


def last_lines(error: BaseException) -> str:
    """Return the traceback from the program's own first frame on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != FILE:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames)).strip()


def send(descriptor: int, kind: str, payload: bytes) -> None:
    """Write one framed answer."""
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(b"%s %d\n" % (kind.encode("ascii"), len(payload)))
        pipe.write(payload)
