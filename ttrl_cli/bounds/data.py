"""Lists of numbers from candidates, strictly read: everything that is not one is refused."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from ttrl_cli.errors import Invalid
from ttrl_cli.records import FloatArray

MOST = 1_000_000
"""Longest sequence accepted."""


def sequence(data: object) -> FloatArray:
    """Read the numbers of [number, ...] or of {"sequence": [...]}.

    Other keys of a mapping (claims of a score, say) are ignored.

    Returns:
        [N], 1 <= N <= MOST, finite; a copy. Negative zeros become zeros.

    Raises:
        Invalid: If it is anything else.
    """
    found = _real_numbers(_inside(data, "sequence"), "the sequence")
    if not 1 <= len(found) <= MOST:
        msg = f"the sequence has {len(found)} numbers; 1 to {MOST} are accepted"
        raise Invalid(msg)
    return found


def rows(data: object, key: str, length: int) -> FloatArray:
    """Read a list of lists of `length` numbers, or a mapping that holds one under `key`.

    Returns:
        [N, length], finite; a copy.

    Raises:
        Invalid: If it is anything else.
    """
    found = _inside(data, key)
    if isinstance(found, np.ndarray):
        found = found.tolist()
    if not isinstance(found, list | tuple):
        msg = f"expected a list of {key} (got {type(found).__name__})"
        raise Invalid(msg)
    read = [_real_numbers(row, f"{key}[{index}]") for index, row in enumerate(found[: MOST + 1])]
    for index, row in enumerate(read):
        if len(row) != length:
            msg = f"{key}[{index}] has {len(row)} numbers; expected {length}"
            raise Invalid(msg)
    return np.array(read).reshape(len(read), length)


def _inside(data: object, key: str) -> Any:
    if not isinstance(data, Mapping):
        return data
    if key not in data:
        msg = f"an object without the key {key!r}"
        raise Invalid(msg)
    return data[key]


def _real_numbers(values: Any, name: str) -> FloatArray:
    """Read a list of real numbers as an array, and refuse anything else.

    numpy alone would also take booleans, text and more.
    """
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        msg = f"{name} must be a list of numbers (got {type(values).__name__})"
        raise Invalid(msg)
    for kind in set(map(type, values)):
        if kind is bool or not issubclass(kind, numbers.Real):
            msg = f"{name} must hold numbers alone (found {kind.__name__})"
            raise Invalid(msg)
    try:
        found = np.array(values, dtype=np.float64)
    except (OverflowError, ValueError, TypeError):
        msg = f"{name} holds a number that is too large"
        raise Invalid(msg) from None
    if not np.isfinite(found).all():
        msg = f"{name} must be finite"
        raise Invalid(msg)
    return found + 0.0  # -0.0 + 0.0 is 0.0
