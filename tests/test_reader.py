"""The reader of answers, fuzzed: whatever the bytes are, plain data or MalformedError, in bounds.

TTRL_FUZZ_EXAMPLES=20000 python -m pytest tests/test_reader.py tries that many random examples of
each kind; without it, a few hundred that are always the same.
"""

import io
import json
import math
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ttrl_cli.sandbox.protocol import (
    MOST_CONTAINERS,
    MOST_LEVELS,
    MalformedError,
    decode,
    most_bytes,
    nests_deeper,
    read_json,
    read_npy,
    size_of_array,
    size_of_json,
)

EXAMPLES = os.environ.get("TTRL_FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(EXAMPLES or 100),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXT_COPIES = 12
"""Most memory that is taken for the text of an answer on its way, in lengths of the answer."""
OVERHEAD = 1 << 16


def npy(array: np.ndarray) -> bytes:
    """Write an array as a program does."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype.hasobject)
    return file.getvalue()


def peak(read: Callable[[Any], object], payload: object) -> int:
    """Read a payload, refused or not, and return the most memory that it took, in bytes."""
    tracemalloc.start()
    try:
        read(payload)
    except MalformedError:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


def refusal(read: Callable[[Any], object], payload: object) -> str:
    """Read a payload that must be refused, without taking more than a little memory."""
    with pytest.raises(MalformedError) as caught:
        read(payload)
    assert peak(read, payload) < TEXT_COPIES * len(payload) + OVERHEAD  # type: ignore[arg-type]
    return str(caught.value)


class TestArrays:
    @pytest.mark.parametrize(
        ("shape", "dtype"),
        [
            ((100_000,) + (1,) * 31, "i1"),
            ((1_000_001, 1), "?"),
            ((2, 500_000, 1), "u1"),
            ((50_000,) + (1,) * 30, "f8"),
            ((1_200_000, 1, 1), ">f2"),
            ((1_000_000, 0), "f8"),
            ((1000, 1000, 0), "f8"),
            ((999_999_999_999, 0), "f8"),
            ((0,) + (999_999_999_999,) * 31, "f8"),
            ((1_000_000_000,) * 31 + (0,), "i2"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_shapes_of_too_many_lists_are_refused(
        self, shape: tuple[int, ...], dtype: str, order: str
    ) -> None:
        """An array that would become millions of lists is refused before one is made."""
        head = f"{{'descr': '{np.dtype(dtype).str}', 'fortran_order': {order == 'F'}, "
        header = f"{head}'shape': ({', '.join(map(str, shape))}), }}\n".encode()
        body = bytes(math.prod(shape) * np.dtype(dtype).itemsize)
        payload = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body
        assert "shape" in refusal(read_npy, payload)

    @pytest.mark.parametrize(
        ("value", "dtype"), [(-100, "i1"), (1000, "i2"), (300, ">u2"), (0.5, "f2"), (0.5, ">f2")]
    )
    def test_small_items_that_become_large_objects_are_refused(
        self, value: float, dtype: str
    ) -> None:
        """12 million items of one or two bytes, 480 MB as Python's numbers, are not read."""
        why = refusal(read_npy, npy(np.full(12_000_000, value, dtype)))
        assert why == (
            "an array of shape (12000000,) that would take 549 MiB; at most 256 MiB are read"
        )

    @pytest.mark.parametrize(
        "array",
        [
            np.linspace(0, 1, 500_000),
            np.linspace(0, 1, 1_000_000).reshape(500_000, 2),
            np.zeros((300_000, 3), ">f4"),
            np.asfortranarray(np.arange(600_000).reshape(300_000, 2)),
            np.zeros(16_000_000, np.int8),
            np.ones((4000, 4000), bool),
            np.full(3_000_000, 255, np.uint8),
        ],
        ids=lambda array: f"{array.shape} {array.dtype.str}",
    )
    def test_large_honest_arrays_are_read(self, array: np.ndarray) -> None:
        """Step functions, points and grids of the usual sizes come back as they were."""
        data = read_npy(npy(array))
        assert len(data) == len(array)
        assert np.array_equal(np.array(data[-1000:], array.dtype), array[-1000:])

    @pytest.mark.parametrize(
        "array",
        [
            np.array([1, None], object),
            np.array(["a", "bc"]),
            np.array([b"a"]),
            np.array([1j]),
            np.array([1], np.longdouble),
            np.array(["2020-01-01"], "M8[D]"),
            np.array([5], "m8[ns]"),
            np.zeros(3, "V5"),
            np.zeros(3, [("x", "f8"), ("y", "i4")]),
            np.zeros(3, [("x", "f8", (1000, 1000))]),
            np.array([1], np.complex64),
        ],
        ids=lambda array: array.dtype.str,
    )
    def test_what_is_no_real_number_is_refused(self, array: np.ndarray) -> None:
        """Objects, texts, dates, records and complex or longer numbers are no data."""
        why = refusal(read_npy, npy(array))
        assert why == "not a valid npy array of real numbers"


REAL = [f"{order}{kind}" for order in "<>" for kind in ("i2", "i4", "i8", "u2", "u4", "u8")]
REAL += [f"{order}f{size}" for order in "<>" for size in (2, 4, 8)] + ["?", "i1", "u1"]
OTHER = ["O", "S3", "U2", "<c8", ">c16", "M8[s]", "m8", "V3", "g", "i4,f8", "S0", "U0"]


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """An array of any rank up to 32, any type and either order, most of them small."""
    shape: list[int] = []
    for size in draw(st.lists(st.sampled_from([0, 1, 1, 1, 2, 3, 7, 40]), max_size=32)):
        shape.append(size if math.prod(max(n, 1) for n in shape) * size <= 3000 else 1)
    dtype = np.dtype(draw(st.sampled_from(REAL + OTHER)))
    seed = draw(st.integers(0, 2**32 - 1))
    count = math.prod(shape)
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        noise = np.random.default_rng(seed).bytes(count * dtype.itemsize)
        array = np.frombuffer(noise, dtype.str.replace("b1", "u1"))
        array = (array % 2).astype(bool) if dtype.kind == "b" else array
        array = array.reshape(shape)
    else:
        array = np.zeros(shape, dtype)
    return array.copy(order=draw(st.sampled_from(["C", "F"])))


class TestFuzz:
    @fuzz
    @given(arrays())
    def test_arrays_of_every_rank_and_type(self, array: np.ndarray) -> None:
        """An array of finite real numbers is read as its lists, and no other is read at all."""
        payload = npy(array)
        try:
            data = read_npy(payload)
        except MalformedError:
            real = array.dtype.kind in "biuf" and array.dtype.itemsize <= 8
            empty = math.prod(max(n, 1) for n in array.shape) > len(payload)
            assert not real or empty or not np.isfinite(array).all()
            return
        assert data == array.tolist()
        size = size_of_array(array)
        assert peak(read_npy, payload) < size.values + 3 * len(payload) + OVERHEAD

    @fuzz
    @given(
        st.lists(st.sampled_from([0, 1, 2, 31, 10**3, 10**6, 10**9, 10**12 - 1]), max_size=34),
        st.sampled_from(REAL),
        st.booleans(),
        st.integers(0, 4096),
    )
    def test_headers_that_lie(
        self, shape: list[int], dtype: str, fortran: bool, length: int
    ) -> None:
        """A header may announce any shape: no more is made than the bytes behind it bear out."""
        text = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        descr = np.dtype(dtype).str
        header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({text}), }}\n"
        head = b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little")
        payload = head + header.encode() + bytes(length)
        assert peak(read_npy, payload) < 32 * 112 * len(payload) + OVERHEAD

    @fuzz
    @given(st.data())
    def test_json_by_depth_and_breadth(self, data: st.DataObject) -> None:
        """JSON of any shape takes no more than was estimated, and comes back as it was meant."""
        pieces = st.sampled_from(
            ["", "[]", "{}", "0", "-77", "0.5", '"ab"', '"ā"', '"\U0001f600"', '{"a":1}', '[""]']
        )
        text = data.draw(pieces) or "[]"
        for _ in range(data.draw(st.integers(0, 6))):
            match data.draw(st.integers(0, 3)):
                case 0:
                    depth = data.draw(st.integers(1, 40))
                    text = "[" * depth + text + "]" * depth
                case 1:
                    depth = data.draw(st.integers(1, 40))
                    text = '{"":' * depth + text + "}" * depth
                case 2:
                    count = min(data.draw(st.integers(1, 3000)), 15_000 // len(text) + 1)
                    text = "[" + ",".join([text] * count) + "]"
                case 3:
                    count = min(data.draw(st.integers(1, 3000)), 15_000 // len(text) + 1)
                    text = "{" + ",".join(f'"{key:x}":{text}' for key in range(count)) + "}"
        size = size_of_json(text)
        assert peak(read_json, text) < size.values + TEXT_COPIES * len(text) + OVERHEAD
        if nests_deeper(json.loads(text), MOST_LEVELS):
            with pytest.raises(MalformedError, match="nested too deeply"):
                read_json(text)
        else:
            assert read_json(text.encode()) == json.loads(text)

    @fuzz
    @given(
        st.sampled_from(
            [b"json 9\n[1, 2.5]\n", b'json 13\n{"a": [null]}', b"npy %d\n" % 136 + npy(np.ones(1))]
        ),
        st.lists(st.tuples(st.integers(0, 150), st.binary(max_size=3)), max_size=4),
        st.binary(max_size=40),
    )
    def test_damaged_frames(
        self, frame: bytes, changes: list[tuple[int, bytes]], end: bytes
    ) -> None:
        """Bytes changed at random are data or malformed; nothing else is raised."""
        damaged = bytearray(frame)
        for place, piece in changes:
            damaged[place : place + len(piece)] = piece
        for candidate in (bytes(damaged), bytes(damaged) + end, end):
            try:
                _, value = decode(candidate)
            except MalformedError:
                continue
            json.dumps(value, allow_nan=False)


class TestJson:
    @pytest.mark.parametrize(
        "text",
        [
            "[" + "[]," * 1_000_000 + "[]]",
            "[" + "{}," * 1_000_000 + "{}]",
            "[" + ("[" * 50 + "]" * 50 + ",") * 21_000 + "0]",
            '{"a":' + "[" + "[0]," * 1_100_000 + "0]}",
        ],
        ids=["lists", "objects", "nested", "inside"],
    )
    def test_too_many_containers_are_refused(self, text: str) -> None:
        """More than a million lists and objects are not read, however they lie in each other."""
        assert "lists and objects; at most 1000000 are read" in refusal(read_json, text)

    @pytest.mark.parametrize(
        "text",
        [
            "[" + "7," * 6_000_000 + "7]",
            "[" + '{"a":1},' * 700_000 + "7]",
            "{" + ",".join(f'"{number:x}":0' for number in range(1_000_000)) + "}",
            "[" + '"ab",' * 3_000_000 + "7]",
        ],
        ids=["numbers", "objects", "keys", "texts"],
    )
    def test_too_many_values_are_refused(self, text: str) -> None:
        """Values that would take more than 256 MiB are not read, if the text is short."""
        assert "MiB; at most 256 MiB are read" in refusal(read_json, text)

    @pytest.mark.parametrize(
        "data",
        [
            [number / 7 for number in range(1_000_000)],
            [[number / 7, number / 3] for number in range(100_000)],
            {"sequence": [0.1] * 500_000, "weights": [1] * 500_000, "note": "[" * 1000},
            [{"x": 0.5, "y": -0.25, "r": 1e-3} for _ in range(100_000)],
            [[number] for number in range(500_000)],
        ],
        ids=["steps", "pairs", "arrays", "records", "column"],
    )
    def test_large_honest_data_are_read(self, data: Any) -> None:
        """Step functions of 500,000 steps, pairs, arrays in a dict and records come back."""
        assert read_json(json.dumps(data)) == data

    def test_a_long_text_of_brackets_is_read(self) -> None:
        """A text may hold brackets and commas, up to as many as there may be of them at all."""
        assert read_json(json.dumps("[," * 400_000)) == "[," * 400_000
        assert "lists" in refusal(read_json, json.dumps("[" * (MOST_CONTAINERS + 1)))

    def test_the_bound_grows_with_long_answers(self) -> None:
        """8 million floats, 64 MB as an array, take more than 256 MiB and less than six times."""
        array = np.full(8_000_000, 0.5)
        assert size_of_array(array).values == 8_000_000 * 48 + 112
        assert most_bytes(64_000_000) == 384_000_000
        assert len(read_npy(npy(array))) == 8_000_000

    def test_half_a_pair_beside_many_numbers_is_found_in_bounds(self) -> None:
        """A lone surrogate is refused without writing all other values again."""
        text = "[" + "0," * 500_000 + '"\\ud800"]'
        with pytest.raises(MalformedError, match="not valid JSON"):
            read_json(text)
        assert peak(read_json, text) < size_of_json(text).values + OVERHEAD
        assert read_json('["\\ud83d\\ude00", {"\\ud83d\\ude00": 1}]') == ["😀", {"😀": 1}]
        with pytest.raises(MalformedError, match="not valid JSON"):
            read_json('{"\\ude00": 1}')


CHILD = """
import resource, sys
from ttrl_cli.sandbox.protocol import MalformedError, most_bytes, read_json

fragments = {fragments!r}
for start, piece, end in fragments:
    text = (start + piece[0] * piece[1] + end).encode()
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    bound = mapped + most_bytes(len(text)) + {copies} * len(text) + (32 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (bound, resource.RLIM_INFINITY))
    try:
        print(len(read_json(text)))
    except MalformedError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
WORST = [
    ("[", ("[" * 49 + "]" * 49 + ",", 20_000), "0]"),
    ("[", ('{"a":999},', 480_000), "0]"),
    ("[", ("-9,", 5_500_000), "0]"),
    ("[", ('"ā",', 2_700_000), "0]"),
    ('["\U0001f600', ("a", 8 << 20), '"]'),
]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_the_kernel_holds_reading_to_the_stated_bound() -> None:
    """The worst answers that are read at all fit into the bound that docs/sandbox.md states."""
    source = CHILD.format(fragments=WORST, copies=TEXT_COPIES)
    root = Path(__file__).resolve().parents[1]
    words = [sys.executable, "-c", source]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    lengths = [20_001, 480_001, 5_500_001, 2_700_001, 1]
    assert done.stdout.split() == [str(length) for length in lengths]
