"""Reading what a called candidate returned: JSON with arrays in it, each an npy that is checked.

See `inside/call.py` for the form, `protocol.py` for what is refused. An array stays one: no object
is made per number, so its size is bounded by its bytes alone.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ttrl_cli.records import Json
from ttrl_cli.sandbox.inside.arrays import MARK
from ttrl_cli.sandbox.protocol import MalformedError, read_json, read_npy_header, split_frame

Array: TypeAlias = np.ndarray[Any, Any]
_FIRST_LINE = 1 << 16
_MOST_ARRAYS = 1000
_LENGTHS = re.compile(rb"\[\d{1,12}(?:, \d{1,12})*\]")


def read_answer(frame: bytes | bytearray) -> tuple[str, Json]:
    """Split a frame into its format (parts or refusal) and its value.

    Raises:
        MalformedError: If the frame is not well formed, or holds no plain data.
    """
    kind, payload = split_frame(frame)
    if kind == "refusal":
        return kind, read_json(payload)
    if kind != "parts":
        msg = "the answer holds no data of a call"
        raise MalformedError(msg)
    return kind, _read_parts(payload)


def _read_parts(payload: memoryview) -> Json:
    head, newline, _ = bytes(payload[:_FIRST_LINE]).partition(b"\n")
    if not newline or not _LENGTHS.fullmatch(head):
        msg = "the answer does not say how long its parts are"
        raise MalformedError(msg)
    lengths = [int(word) for word in head[1:-1].split(b", ")]
    start = len(head) + 1
    if start + sum(lengths) != len(payload) or len(lengths) > _MOST_ARRAYS + 1:
        msg = f"the answer announces {len(lengths)} parts that it does not have"
        raise MalformedError(msg)
    parts = []
    for length in lengths:
        parts.append(payload[start : start + length])
        start += length
    value = read_json(parts[0])
    return _joined(value, [read_array(part) for part in parts[1:]])


def read_array(payload: memoryview) -> Array:
    """Read a numeric array in npy format without copying it; check its shape and size before use.

    Raises:
        MalformedError: If it is not an array of finite numbers that fills the payload exactly.
    """
    shape, fortran, dtype, start = read_npy_header(payload)
    body = payload[start:]
    if math.prod(shape) * dtype.itemsize != len(body):
        msg = f"an array of shape {shape} in {len(body)} bytes"
        raise MalformedError(msg)
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(array).all():
        msg = "an array holds NaN or an infinity; numbers must be finite"
        raise MalformedError(msg)
    return array


def _joined(value: Json, arrays: Sequence[Array]) -> Json:
    """Put arrays in the place of their marks."""
    if not arrays:
        return value
    if isinstance(value, dict):
        if value.keys() == {MARK}:
            return _named(value[MARK], arrays)
        return {key: _joined(item, arrays) for key, item in value.items()}
    if isinstance(value, list) and not {dict, list}.isdisjoint(map(type, value)):
        return [_joined(item, arrays) for item in value]
    return value


def _named(index: Json, arrays: Sequence[Array]) -> Array:
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(arrays):
        msg = f"the answer names an array {index!r:.40} that it does not have"
        raise MalformedError(msg)
    return arrays[index]
