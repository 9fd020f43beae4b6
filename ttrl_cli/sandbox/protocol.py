"""Reading what an untrusted program sent: framed bytes -> plain JSON values. No pickle, ever.

A frame is a header line "FORMAT LENGTH" and LENGTH bytes; see `inside/program.py`. Whoever reads
the bytes bounds their number; here everything that is not exactly one well-formed frame is refused.

A few bytes can stand for many lists, so what an answer would take is estimated from its text or its
shape, before anything is made of it: at most `MOST_CONTAINERS` and `most_bytes` of its length. What
is left takes less than two seconds of CPU time for an answer of 16 MiB: every pass over its values
is a loop of C's, or looks at the lists and dicts alone.
"""

import contextlib
import gc
import itertools
import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from ttrl_cli.records import Json

Payload: TypeAlias = bytes | bytearray | memoryview

HEADER_BYTES = 64
_HEADER = re.compile(rb"(json|npy|parts|refusal|binary) (0|[1-9][0-9]{0,11})")
_NPY_HEADER = re.compile(
    rb"\{'descr': '(?P<type>\|b1|\|[iu]1|[<>](?:[iu][248]|f[248]))', "
    rb"'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>|\d{1,12},|\d{1,12}(?:, \d{1,12}){1,63})\), \} *\n"
)
MOST_LEVELS = 100
"""Deepest nesting of data; Python's own readers and writers fail at about ten times this."""
MOST_CONTAINERS = 1_000_000
"""Most lists and dicts in one answer."""
MOST_BYTES = 256 << 20
"""Most memory that the values of one answer may take, by the estimate; see `most_bytes`."""
_MOST_GROWTH = 6
_LIST_BYTES, _NUMBER_BYTES, _SLOT_BYTES = 112, 40, 8
# no less than CPython 3.11 was seen to take for what follows each mark: an item of a
# list; a list or dict and its first item; a key and its place in two tables; half of a text
_MARK_BYTES = {",": 48, "[": _LIST_BYTES, "{": 224, ":": 192, '"': 24}
_SMALL_INTEGERS = (-5, 256)  # CPython has one object for each of these
_CONTAINERS, _DICT = frozenset({list, dict}), frozenset({dict})
_FLOAT, _STR = frozenset({float}), frozenset({str})
_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}")
_BLOCK = 100  # digits: a number of 200 has such a block wherever they begin
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class MalformedError(ValueError):
    """The bytes are not one well-formed answer; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What an answer takes in memory, estimated from above before it is read.

    Attributes:
        containers: Lists and dicts.
        values: Bytes of all values, but for the letters of texts.
    """

    containers: int
    values: int


def decode(frame: bytes | bytearray) -> tuple[str, Json]:
    """Split a frame into its format (json, npy or refusal) and its value.

    Raises:
        MalformedError: If the frame is cut short, followed by more, or holds no plain data.
    """
    kind, payload = split_frame(frame)
    if kind in ("binary", "parts"):
        msg = "the answer holds no data"
        raise MalformedError(msg)
    return kind, (read_npy(payload) if kind == "npy" else read_json(payload))


def split_frame(frame: bytes | bytearray) -> tuple[str, memoryview]:
    """Split a frame into its format and its bytes, without copying the bytes.

    Raises:
        MalformedError: If the frame is cut short or followed by more.
    """
    header, _, _ = bytes(frame[:HEADER_BYTES]).partition(b"\n")
    match = _HEADER.fullmatch(header)
    if match is None:
        msg = "the answer has no valid header"
        raise MalformedError(msg)
    payload = memoryview(frame)[len(header) + 1 :]
    if len(payload) != int(match[2]):
        msg = f"the answer announces {int(match[2])} bytes and has {len(payload)}"
        raise MalformedError(msg)
    return match[1].decode("ascii"), payload


def read_json(text: str | Payload) -> Json:
    """Parse JSON; refuse NaN, infinities, lone surrogates and whatever takes too much memory.

    Raises:
        MalformedError: If the text is not strict JSON that every reader can hold, or would take
            too much memory.
    """
    try:
        if not isinstance(text, str):
            text = str(text, "utf-8")
        size = size_of_json(text)
        _check_size("JSON", size, len(text))
        with _collecting_later():
            value = json.loads(text, parse_constant=_refuse_constant)
            if size.containers > MOST_LEVELS and nests_deeper(value, MOST_LEVELS):
                raise RecursionError
            if _may_overflow(text) and _holds_infinity(value):
                _refuse_constant("a float beyond 1.8e308")
            if ("\\u" in text or not text.isascii()) and _SURROGATE.search(text):
                for piece in _texts(value):  # pairs are fine, halves are not: encoding tells
                    piece.encode("utf-8")
    except RecursionError:
        msg = "JSON nested too deeply"
        raise MalformedError(msg) from None
    except MalformedError:
        raise
    except ValueError as error:  # bad syntax, bad Unicode, an integer of thousands of digits
        msg = f"not valid JSON: {error}"
        raise MalformedError(msg) from error
    return value


def most_bytes(length: int) -> int:
    """Return the most bytes of memory that the values of an answer of `length` bytes may take."""
    return max(MOST_BYTES, _MOST_GROWTH * length)


def size_of_json(text: str) -> Size:
    """Estimate from above the memory that a JSON text's values take, from the marks in it."""
    marks = {mark: text.count(mark) for mark in _MARK_BYTES}
    return Size(
        containers=marks["["] + marks["{"],
        values=sum(count * _MARK_BYTES[mark] for mark, count in marks.items()),
    )


def size_of_array(array: np.ndarray[Any, Any]) -> Size:
    """Estimate from above the memory that an array takes as nested lists."""
    shape = array.shape
    lists = sum(math.prod(shape[:axis]) for axis in range(len(shape)))
    numbers = array.size * _SLOT_BYTES + _own_objects(array) * _NUMBER_BYTES
    return Size(containers=lists, values=lists * _LIST_BYTES + numbers)


def _own_objects(array: np.ndarray[Any, Any]) -> int:
    """Count the items that take an object of their own as Python's numbers."""
    if array.dtype.kind == "f":
        return array.size
    if array.dtype.kind == "b":
        return 0
    low, high = _SMALL_INTEGERS
    return int(np.count_nonzero((array < low) | (array > high)))


def _check_size(what: str, size: Size, length: int) -> None:
    """Refuse values that would take too much memory.

    Raises:
        MalformedError: If they would take too much.
    """
    most = most_bytes(length)
    if size.containers > MOST_CONTAINERS:
        why = f"with {size.containers} lists and objects; at most {MOST_CONTAINERS} are read"
    elif size.values > most:
        why = f"that would take {size.values >> 20} MiB; at most {most >> 20} MiB are read"
    else:
        return
    msg = f"{what} {why}"
    raise MalformedError(msg)


@contextlib.contextmanager
def _collecting_later() -> Iterator[None]:
    """Put off garbage collection, which would look through all new lists again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _layers(value: Json) -> Iterator[list[Any]]:
    """Yield the lists and dicts of a JSON value, level by level; first the value in a list."""
    layer: list[Any] = [[value]]
    while layer:
        yield layer
        layer = _of_types(layer, _CONTAINERS)


def _of_types(layer: list[Any], types: Collection[type]) -> list[Any]:
    """Return the items of lists and values of dicts that are of these types."""
    return [
        item
        for container in layer
        for item in (container.values() if type(container) is dict else container)
        if type(item) in types
    ]


def nests_deeper(value: Json, levels: int) -> bool:
    """Decide whether lists and dicts are nested more than `levels` deep."""
    return any(itertools.islice(_layers(value), levels + 1, None))


def _may_overflow(text: str) -> bool:
    """Decide whether a number in a JSON text may be too large for a float."""
    exponent = ("e" in text or "E" in text) and _EXPONENT.search(text) is not None
    # a number of less than 200 digits, with an exponent of two, is below 10**299
    blocks = range(0, len(text), _BLOCK)
    return exponent or any(text[start : start + _BLOCK].isdigit() for start in blocks)


def _holds_infinity(value: Json) -> bool:
    """Decide whether a JSON value holds a float that is infinite."""
    floats = (_of_types(layer, _FLOAT) for layer in _layers(value))
    return any(math.inf in found or -math.inf in found for found in floats)


def _texts(value: Json) -> Iterator[str]:
    """Yield all texts in a JSON value, keys too."""
    for layer in _layers(value):
        yield from _of_types(layer, _STR)
        for container in _of_types(layer, _DICT):
            yield from container


def _refuse_constant(name: str) -> NoReturn:
    msg = f"numbers must be finite (found {name})"
    raise ValueError(msg)


def read_npy(payload: Payload) -> Json:
    """Read a numeric array in npy format as nested lists; check shape and size before use.

    Raises:
        MalformedError: If it is not an array of finite numbers that fills the payload exactly, or
            its lists would take too much memory.
    """
    payload = memoryview(payload)
    shape, fortran, dtype, start = read_npy_header(payload)
    body = payload[start:]
    # counting an empty axis as one bounds the lists that (10**9, 0) would become
    if math.prod(max(n, 1) for n in shape) > len(payload):
        msg = f"an array of shape {shape} in {len(body)} bytes"
        raise MalformedError(msg)
    if math.prod(shape) * dtype.itemsize != len(body):
        msg = f"an array of shape {shape} in {len(body)} bytes"
        raise MalformedError(msg)
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    _check_size(f"an array of shape {shape}", size_of_array(array), len(payload))
    if not np.isfinite(array).all():
        msg = "the array holds NaN or an infinity; numbers must be finite"
        raise MalformedError(msg)
    with _collecting_later():
        return array.tolist()


def read_npy_header(payload: memoryview) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Read the header of an npy array: shape, order, type and the index where the numbers start.

    Only the one form that numpy writes is accepted: numpy's own reader evaluates the header as a
    Python literal, which can be made to fail in many ways.
    """
    version = bytes(payload[6:8])
    length = {b"\x01\x00": 2, b"\x02\x00": 4}.get(version, 0)
    if bytes(payload[:6]) != b"\x93NUMPY" or length == 0:
        msg = "not a valid npy array: version 1 or 2 is read"
        raise MalformedError(msg)
    start = 8 + length
    end = start + int.from_bytes(payload[8:start], "little")
    match = _NPY_HEADER.fullmatch(payload[start:end])
    if match is None or end > len(payload):
        msg = "not a valid npy array of real numbers"
        raise MalformedError(msg)
    shape = tuple(int(digits) for digits in match["shape"].split(b",") if digits.strip())
    return shape, match["fortran"] == b"True", np.dtype(match["type"].decode("ascii")), end
