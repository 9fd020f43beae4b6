"""Reading what an untrusted program sent: framed bytes -> plain JSON values. No pickle, ever.

A frame is a header line "FORMAT LENGTH" and LENGTH bytes; see `inside/program.py`. Whoever reads
the bytes bounds their number; here everything that is not exactly one well-formed frame is refused.
"""

import json
import math
import re
from typing import NoReturn

import numpy as np

from ttrl_cli.records import Json

HEADER_BYTES = 64
_HEADER = re.compile(rb"(json|npy|refusal|binary) (0|[1-9][0-9]{0,11})")
_NPY_HEADER = re.compile(
    rb"\{'descr': '(?P<type>\|b1|\|[iu]1|[<>](?:[iu][248]|f[248]))', "
    rb"'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>|\d{1,12},|\d{1,12}(?:, \d{1,12}){1,31})\), \} *\n"
)
MOST_LEVELS = 100
"""Deepest nesting of data; Python's own readers and writers fail at about ten times this."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class MalformedError(ValueError):
    """The bytes are not one well-formed answer; the text says why."""


def decode(frame: bytes) -> tuple[str, Json]:
    """Split a frame into its format (json, npy or refusal) and its value.

    Raises:
        MalformedError: If the frame is cut short, followed by more, or holds no plain data.
    """
    kind, payload = split_frame(frame)
    if kind == "binary":
        msg = "the answer holds no data"
        raise MalformedError(msg)
    return kind, (read_npy(payload) if kind == "npy" else read_json(payload))


def split_frame(frame: bytes) -> tuple[str, bytes]:
    """Split a frame into its format and its bytes.

    Raises:
        MalformedError: If the frame is cut short or followed by more.
    """
    header, _, payload = frame.partition(b"\n")
    match = _HEADER.fullmatch(header)
    if match is None:
        msg = "the answer has no valid header"
        raise MalformedError(msg)
    if len(payload) != int(match[2]):
        msg = f"the answer announces {int(match[2])} bytes and has {len(payload)}"
        raise MalformedError(msg)
    return match[1].decode("ascii"), payload


def read_json(text: str | bytes) -> Json:
    """Parse JSON; NaN, infinities, lone surrogates and other oddities are refused.

    Raises:
        MalformedError: If the text is not strict JSON that every reader can hold.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        if nests_deeper(value, MOST_LEVELS):
            raise RecursionError
        if _SURROGATE.search(text):  # pairs are fine, halves are not: encoding tells
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        msg = "JSON nested too deeply"
        raise MalformedError(msg) from None
    except ValueError as error:  # bad syntax, bad Unicode, an integer of thousands of digits
        msg = f"not valid JSON: {error}"
        raise MalformedError(msg) from error
    return value


def nests_deeper(value: Json, levels: int) -> bool:
    """Whether lists and dicts lie within each other more than so many times."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            item
            for container in layer
            if isinstance(container, list | dict)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, list | dict)
        ]
        if not layer:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    msg = f"numbers must be finite (found {name})"
    raise ValueError(msg)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _refuse_constant(digits[:40])
    return value


def read_npy(payload: bytes) -> Json:
    """A numeric array in npy format as nested lists; shape and size are checked before use.

    Raises:
        MalformedError: If it is not an array of finite numbers that fills the payload exactly.
    """
    shape, fortran, dtype, start = _read_npy_header(payload)
    body = payload[start:]
    # counting an empty axis as one bounds the lists that (10**9, 0) would become
    if math.prod(max(n, 1) for n in shape) > len(payload):
        msg = f"an array of shape {shape} in {len(body)} bytes"
        raise MalformedError(msg)
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(body):
        msg = f"an array of shape {shape} in {len(body)} bytes"
        raise MalformedError(msg)
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(array).all():
        msg = "the array holds NaN or an infinity; numbers must be finite"
        raise MalformedError(msg)
    return array.tolist()


def _read_npy_header(payload: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order, type and the place where the numbers start.

    numpy's own reader evaluates the header as a Python literal, which can be made to fail in many
    ways; numpy writes it in one.
    """
    version = payload[6:8]
    length = {b"\x01\x00": 2, b"\x02\x00": 4}.get(version, 0)
    if payload[:6] != b"\x93NUMPY" or length == 0:
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
