"""Nothing must come back but JSON and numeric arrays, of a size that is read at once."""

import math

import numpy as np
import pytest

from tests._sandboxes import attack
from tests.attacks._programs import attempt, forged, inside, still_works
from tests.attacks.programs import forgery
from ttrl_cli.problem import Limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

ROOMY = Limits(seconds=30, memory_mb=2048, processes=24)
NAN = np.array([math.nan]).tobytes()


def npy(header: str, body: bytes = b"") -> bytes:
    """Return a frame with an npy array made by hand."""
    text = header.encode() + b"\n"
    payload = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + body
    return b"npy %d\n" % len(payload) + payload


def header(descr: str = "'<f8'", fortran: str = "False", shape: str = "(1,)") -> str:
    """Return the header of an npy array, from expressions."""
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


NO_ARRAYS = {
    "a thousand billion numbers": npy(header(shape="(1000000000000,)"), bytes(8)),
    "a huge size": npy(header(shape="(" + "9" * 4000 + ",)"), bytes(8)),
    "a negative size": npy(header(shape="(-1,)"), bytes(8)),
    "a billion empty rows": npy(header(shape="(1000000000, 0)")),
    "64 axes": npy(header(shape="(" + "1," * 64 + ")"), bytes(8)),
    "too short": npy(header(shape="(2,)"), bytes(8)),
    "too long": npy(header(shape="(1,)"), bytes(16)),
    "a shape of text": npy(header(shape="'1'"), bytes(8)),
    "a size that is no integer": npy(header(shape="(1.0,)"), bytes(8)),
    "raw bytes": npy(header("'|V8'"), bytes(8)),
    "text": npy(header("'<U2'"), bytes(8)),
    "byte strings": npy(header("'|S8'"), bytes(8)),
    "objects": npy(header("'|O'"), bytes(8)),
    "times": npy(header("'<M8[ns]'"), bytes(8)),
    "complex numbers": npy(header("'<c8'"), bytes(8)),
    "long floats": npy(header("'<f16'"), bytes(16)),
    "records": npy(header("[('a', '<f8')]"), bytes(8)),
    "not a number": npy(header("'<f8'"), NAN),
    "huge text": npy(header("'<U99999999999'"), bytes(8)),
    "a type that is a number": npy(header("5"), bytes(8)),
    "an empty header": npy("{}"),
    "a header that is a list": npy("[1]"),
    "a header that cannot be built": npy("{[]: 1}"),
    "a long header": npy("x" * 20_000),
    "no header": b"npy 3\nabc",
    "a header cut off": b"npy 8\n\x93NUMPY\x03\x00",
    "a header of 4 GiB": b"npy 12\n\x93NUMPY\x02\x00\xff\xff\xff\xff",
}
BREAKING_HEADERS = {
    "nested": header(shape="(" + "-" * 7000 + "1,)"),
    "cut": "{'descr': '<f8', (",
    "open text": "'''open",
    "no type": header("()"),
    "half a type": header("('<f8',)"),
    "old type": header("'a8'"),
    "Python 2": header(shape="(1L,)"),
}


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("frame", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_an_array_that_is_none_is_malformed(sandbox: Sandbox, frame: bytes) -> None:
    """Absurd shapes, types that are no real numbers and headers that are none are refused."""
    result = forged(sandbox, frame)
    assert (result.status, result.data) == (Status.MALFORMED, None)
    assert result.reason
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("text", BREAKING_HEADERS.values(), ids=BREAKING_HEADERS)
def test_a_header_that_breaks_its_reader_is_malformed(sandbox: Sandbox, text: str) -> None:
    """An npy header that numpy stumbles over ends as MALFORMED, neither raises nor warns."""
    assert forged(sandbox, npy(text, bytes(8))).status in (Status.MALFORMED, Status.OK)
    still_works(sandbox)


@attack(Property.DATA_ONLY)
def test_a_fortran_array_is_read_in_its_order(sandbox: Sandbox) -> None:
    """A hand-made array in Fortran's order comes back as the lists that it means."""
    body = np.array([1.0, 2.0, 3.0, 4.0]).tobytes()
    result = forged(sandbox, npy(header(fortran="True", shape="(2, 2)"), body))
    assert (result.status, result.data) == (Status.OK, [[1.0, 3.0], [2.0, 4.0]])


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(
    "value",
    [
        "10 ** 5000",
        "float('nan')",
        "[float('-inf')]",
        "numpy.array([1, None])",
        "numpy.array(['text'])",
        "numpy.array([(1, 2)], dtype='i4,i4')",
        "numpy.longdouble(1)",
        "object()",
        "type('Score', (), {'__float__': lambda self: 1.0})()",
        "{1: 2}",
    ],
)
def test_objects_do_not_come_back(sandbox: Sandbox, value: str) -> None:
    """What is neither JSON nor an array of real numbers is refused."""
    result = attempt(sandbox, forgery.evaluate, expression=value)
    assert (result.status, result.data) == (Status.MALFORMED, None)
    still_works(sandbox)


@attack(Property.OUTPUT)
@pytest.mark.parametrize(
    "value",
    ["'x' * (2 << 20)", "list(range(1 << 19))", "numpy.zeros(1 << 18)"],
    ids=["text", "list", "array"],
)
def test_a_result_that_is_too_large_is_refused(sandbox: Sandbox, value: str) -> None:
    """Data of more than output_mb do not come back."""
    result = attempt(sandbox, forgery.evaluate, expression=value)
    assert (result.status, result.data) == (Status.OUTPUT, None)
    assert result.reason == "returned more than 1 MiB"
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(
    "value",
    [
        "numpy.zeros((100_000,) + (1,) * 31, numpy.int8)",
        "numpy.zeros((100_000,) + (1,) * 31, bool, order='F')",
        "numpy.zeros((60_000,) + (1,) * 24, '>f2')",
        "numpy.zeros((2_000_000, 1), numpy.uint8)",
        "numpy.zeros((10 ** 6, 0))",
        "numpy.zeros((10 ** 3,) * 3 + (0,), 'i4')",
        "numpy.full(14_000_000, -100, numpy.int8)",
        "{'a': numpy.zeros((40_000,) + (1,) * 29)}",
        "[[]] * 1_100_000",
        "[{}] * 1_100_000",
        "[[[[[[[[[[1]]]]]]]]]] * 130_000",
        "[{'a': {'b': {}}}] * 350_000",
    ],
)
def test_small_answers_do_not_become_large(sandbox: Sandbox, value: str) -> None:
    """Answers of a few megabytes that stand for millions of lists are not read, and quickly."""
    result = attempt(sandbox, forgery.evaluate, limits=ROOMY, expression=value)
    assert (result.status, result.data) == (Status.MALFORMED, None)
    assert "are read" in result.reason or "shape" in result.reason
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(
    "value",
    [
        "numpy.linspace(0, 1, 500_000)",
        "numpy.linspace(0, 1, 500_000).tolist()",
        "{'f': numpy.ones(500_000), 'g': numpy.arange(500_000), 'h': 'text'}",
        "numpy.arange(200_000).reshape(100_000, 2)",
        "[[x, x / 2] for x in range(100_000)]",
    ],
)
def test_large_honest_answers_are_read(sandbox: Sandbox, value: str) -> None:
    """Step functions of 500,000 steps, arrays in a dict and 100,000 pairs come back."""
    data = inside(sandbox, forgery.evaluate, limits=ROOMY, expression=value)
    found = data["f"] if isinstance(data, dict) else data
    assert len(found) in (500_000, 100_000)
