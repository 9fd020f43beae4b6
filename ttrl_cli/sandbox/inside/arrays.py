"""Data with numeric arrays in them: JSON in which a mark stands for each array, and the arrays.

Arrays cross as npy, never as a Python object per number. Both halves of the sandbox use this file;
what comes from a candidate is read by `sandbox/parts.py` alone, which believes nothing.
"""

from __future__ import annotations

import io
import sys
from typing import Any

MARK = "\0npy"
"""The one key of an object that stands for an array; its value is the array's index."""


def split(value: Any, arrays: list[Any]) -> Any:
    """Replace the arrays in a value by marks, and append them to a list.

    Lists and dicts without arrays are returned as they are. Only lists, tuples and dicts are looked
    into; what JSON cannot hold is for the caller to refuse.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.ndarray):
        arrays.append(value)
        return {MARK: len(arrays) - 1}
    if isinstance(value, dict):
        return {key: split(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and any(map(_may_hold, set(map(type, value)))):
        return [split(item, arrays) for item in value]
    return value


def _may_hold(kind: type) -> bool:
    return issubclass(kind, (dict, list, tuple, sys.modules["numpy"].ndarray))


def pieces(array: Any) -> list[Any]:
    """Return an array in npy format as two buffers, header and numbers; the numbers uncopied."""
    numpy = sys.modules["numpy"]
    layout = numpy.lib.format
    array = numpy.asarray(array)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = numpy.ascontiguousarray(array)
    header = io.BytesIO()
    layout.write_array_header_1_0(header, layout.header_data_from_array_1_0(array))
    flat = array.reshape(-1, order="A") if array.flags.c_contiguous else array.T.reshape(-1)
    return [header.getvalue(), memoryview(flat.view(numpy.uint8))]
