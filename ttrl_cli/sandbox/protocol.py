"""Reading what an untrusted program sent: framed bytes -> plain JSON values. No pickle, ever.

A frame is a header line "FORMAT LENGTH" and LENGTH bytes; see `inside/program.py`. Whoever reads
the bytes bounds their number; here everything that is not exactly one well-formed frame is refused.
"""

import io
import json
import math
import re
from typing import NoReturn

import numpy as np

from ttrl_cli.records import Json

HEADER_BYTES = 64
_HEADER = re.compile(rb"(json|npy|refusal|binary) (0|[1-9][0-9]{0,11})")
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
        if _SURROGATE.search(text):  # pairs are fine, halves are not: encoding tells
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        msg = "JSON nested too deeply"
        raise MalformedError(msg) from None
    except ValueError as error:  # bad syntax, bad Unicode, an integer of thousands of digits
        msg = f"not valid JSON: {error}"
        raise MalformedError(msg) from error
    return value


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
    file = io.BytesIO(payload)
    try:
        shape, fortran, dtype = _read_npy_header(file)
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        msg = f"not a valid npy array: {error}"
        raise MalformedError(msg) from error
    body = payload[file.tell() :]
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        msg = f"an array of {dtype}; only real numbers are read"
        raise MalformedError(msg)
    # counting an empty axis as one bounds the lists that (10**9, 0) would become
    if min(shape, default=0) < 0 or math.prod(max(n, 1) for n in shape) > len(payload):
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


def _read_npy_header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    msg = f"version {version} is not read"
    raise ValueError(msg)
