"""Reading answers takes little CPU time and memory, whatever they hold: see docs/sandbox.md.

Measured is CPU time, in a process that does nothing else. What is refused takes a tenth of the
stated two seconds at most on a processor of 2022, which leaves the rest for slower and busier ones.
What is read is compared with what Python and numpy take by themselves for the same values.
"""

import os
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests._reading import measure
from ttrl_cli.grading.returned import differs, is_verdict, may_be_verdict
from ttrl_cli.records import Json
from ttrl_cli.sandbox.inside.program import plain

SECONDS = 2.0
"""Most CPU time in which an answer of 16 MiB is refused."""
TIMES, LEAST = 30.0, 0.5
"""Most CPU time of reading, in that of making the same values; and what is too little to tell.

Quiet machines need at most 2.5 times as much, busy ones have been seen to need 7; what went wrong
needed a hundred.
"""
REFUSED_MIB, READ_MIB = 64, 448
"""Most memory for an array that is refused by its shape, and for any answer of 16 MiB."""

ARRAYS = {
    "npy(numpy.zeros((100_000,) + (1,) * 31, numpy.int8))": "3100001 lists and objects",
    "npy(numpy.zeros((100_000,) + (1,) * 63, numpy.int8))": "6300001 lists and objects",
    "npy(numpy.zeros((16_000_000,) + (1,) * 31, numpy.int8))": "lists and objects; at most 1000000",
    "npy(numpy.zeros((16_000_000,) + (1,) * 31, bool, order='F'))": "lists and objects; at most",
    "npy(numpy.zeros((2,) * 23 + (1,) * 9, numpy.int8))": "lists and objects; at most",
    "npy(numpy.zeros((1,) * 20 + (4_000_000, 1, 1, 4), numpy.uint8))": "lists and objects; at most",
    "npy(numpy.zeros((2_000_000, 1, 1), '>f4'))": "lists and objects; at most 1000000",
    "npy(numpy.zeros((1_100_000, 0)))": "an array of shape (1100000, 0) in 0 bytes",
    "npy(numpy.zeros((0,) * 64))": "",
    "npy(numpy.zeros((1,) * 62 + (10 ** 6, 0), 'i4'))": "1000000, 0) in 0 bytes",
    "npy(numpy.full(16_000_000, -100, numpy.int8))": "that would take 732 MiB",
    "npy(numpy.full(8_000_000, 0.5, numpy.float16))": "that would take 366 MiB",
    "npy(numpy.full((2,) * 20 + (8,), 300, '>i2'))": "lists and objects; at most",
    "npy(numpy.full(2_000_000, numpy.nan))": "the array holds NaN or an infinity",
    "npy(numpy.zeros(2_000_000, [('x', 'f8')]))": "not a valid npy array of real numbers",
    "npy(numpy.zeros(100_000, 'U40'))": "not a valid npy array of real numbers",
    "npy(numpy.zeros(1_000_000, numpy.complex128))": "not a valid npy array of real numbers",
}
TEXTS = {
    "text('[' + '[],' * 5_500_000 + '0]')": "5500001 lists and objects",
    "text('[' + '{},' * 5_500_000 + '0]')": "5500001 lists and objects",
    "text('[' * 8_000_000 + ']' * 8_000_000)": "8000000 lists and objects",
    "text('[' * 900_000 + ']' * 900_000)": "JSON nested too deeply",
    "text('[' + ('[' * 100 + ']' * 100 + ',') * 9_000 + '0]')": "JSON nested too deeply",
    "text('[' + '7,' * 8_300_000 + '7]')": "that would take 379 MiB",
    "text('[' + '\"a\",' * 4_000_000 + '7]')": "that would take 366 MiB",
    "text('{' + '\"a\":1,' * 2_700_000 + '\"b\":1}')": "that would take 741 MiB",
    "text('[' + '0.5,' * 1_000_000 + '1e999]')": "numbers must be finite",
    "text('[' + '1' * 16_000_000 + ']')": "not valid JSON",
    "text('[' + '1' * 16_000_000 + '.0]')": "numbers must be finite",
    "text('[' + ('9' * 4301 + ',') * 3_800 + '0]')": "not valid JSON",
    "text('[' + ' ,' * 5_000_000 + ']')": "not valid JSON",
    "text('\"' + 'a' * 16_000_000)": "not valid JSON",
    "text('\"' + chr(92) * 16_000_001 + '\"')": "not valid JSON",
    "text('[' + '1,' * 2_000_000)": "not valid JSON",
}
READ = [
    "npy(numpy.zeros(8_000_000, numpy.int8))",
    "npy(numpy.zeros((1,) * 31 + (8_000_000,), numpy.int8))",
    "npy(numpy.zeros((1,) * 63 + (4_000_000,), bool))",
    "npy(numpy.asfortranarray(numpy.zeros((900_000, 2), '>i2')))",
    "npy(numpy.full(2_000_000, 0.5, '>f8'))",
    "npy(numpy.full((2,) * 16 + (20,), 70_000, 'u4'))",
    "text('[' + '0.5,' * 1_000_000 + '1e200]')",
    "text('[' + '-9,' * 1_500_000 + '0]')",
    "text('[' + '[0],' * 400_000 + '0.5]')",
    "text('[' + '{\"a\":0},' * 200_000 + '0]')",
    "text('{' + ','.join(f'\"{n:x}\":0' for n in range(300_000)) + '}')",
    "text('[' + ('[' * 90 + ']' * 90 + ',') * 5_000 + '0]')",
    "text('[' + '\"a\",' * 1_000_000 + '0]')",
    "text('[0.' + '1' * 4_000_000 + ']')",
    "text('[' + '1e' + '0' * 4_000_000 + '1]')",
]


@pytest.mark.parametrize("cases", [ARRAYS, TEXTS], ids=["arrays", "texts"])
def test_what_is_refused_is_refused_quickly(cases: dict[str, str]) -> None:
    """Answers that stand for too much, or for nothing, end with a reason, in little time."""
    for (answer, why), took in zip(cases.items(), measure(list(cases)), strict=True):
        assert why in took.why, answer
        assert took.seconds < SECONDS, answer
        assert took.memory < (REFUSED_MIB if cases is ARRAYS else READ_MIB), answer


def test_what_is_read_takes_little_more_than_its_values() -> None:
    """Checking an answer of any kind costs no more than to make it once or twice."""
    for answer, took in zip(READ, measure(READ), strict=True):
        assert took.why == "", answer
        assert took.seconds < TIMES * took.reference + LEAST, (answer, took)
        assert took.memory < READ_MIB, answer


EXAMPLES = int(os.environ.get("TTRL_FUZZ_EXAMPLES", "8"))
NUMBERS = [f"{order}{kind}" for order in "<>" for kind in ("i2", "i4", "u2", "u8", "f2", "f8")]
NUMBERS += ["?", "i1", "u1"]
OTHERS = ["O", "S3", "U2", "c16", "M8[s]", "V3", "i4,f8", "g"]


def some_array(rng: random.Random) -> str:
    """An array of any rank, type and order, of up to two million items, as an expression."""
    rank, dtype = rng.randint(0, 64), rng.choice(NUMBERS * 2 + OTHERS)
    shape, wide = [1] * rank, rng.choice([1, 2, 64])
    for _ in range(rng.choice([3, 12, 21]) if rank else 0):
        shape[-1 - rng.randrange(min(wide, rank))] *= 2
    if rank and rng.random() < 0.2:
        shape[rng.randrange(rank)] = 0
    rng.shuffle(shape)
    made = f"numpy.zeros({tuple(shape)}, {dtype!r}, {rng.choice('CF')!r})"
    if dtype in NUMBERS:
        made += f" + numpy.array({rng.choice([0, 1, 77])}).astype({dtype!r})"
    return f"npy({made})"


def some_text(rng: random.Random) -> str:
    """JSON of any depth and breadth, of up to a few megabytes, as an expression."""
    made = repr(rng.choice(["0", "-9", "0.5", "1e300", "null", '"ab"', '"\\u00e9"', "[]", "{}"]))
    room = 2_000_000
    for _ in range(rng.randint(1, 5)):
        count = min(rng.choice([2, 30, 1000, 1_000_000]), room)
        room //= count
        opened, closed = rng.choice([("[", "]"), ('{"a":', "}")])
        if rng.random() < 0.4:
            made = f"{opened * min(count, 40)!r} + {made} + {closed * min(count, 40)!r}"
        else:
            made = f"'[' + ({made} + ',') * {count} + '0]'"
    return f"text({made})"


@pytest.mark.parametrize("make", [some_array, some_text])
def test_any_answer_is_read_or_refused_in_bounds(make: Callable[[random.Random], str]) -> None:
    """Arrays of every rank and type, and JSON by depth and breadth, in bounded time and memory."""
    rng = random.Random(0 if "TTRL_FUZZ_EXAMPLES" not in os.environ else None)
    answers = [make(rng) for _ in range(EXAMPLES)]
    for answer, took in zip(answers, measure(answers), strict=True):
        most = SECONDS if took.why else TIMES * took.reference + LEAST
        assert took.seconds < most, (answer, took)
        assert took.memory < 256 + 12 * took.length, (answer, took)


def functions_begun(work: Callable[[], object]) -> int:
    """How many functions of Python are begun or gone on with; those of C do not count."""
    count = 0

    def count_one(frame: object, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event == "call"

    sys.setprofile(count_one)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


LARGE: dict[str, Any] = {
    "integers": [0] * 100_000,
    "floats": [0.5] * 100_000,
    "several kinds": [0, 0.5, None, True, "ab"] * 20_000,
    "texts behind a flag": [0, *["ab"] * 100_000],
    "a tuple of a flag and texts": (False, *["ab"] * 100_000),
    "keys": {f"{number:x}": number for number in range(100_000)},
    "two arrays": {"a": [1] * 50_000, "b": [0.5] * 50_000},
}


@pytest.mark.parametrize("returned", LARGE.values(), ids=list(LARGE))
def test_large_data_of_a_verifier_are_kept_at_the_speed_of_c(returned: Any) -> None:
    """A copy of large data is told from a verdict, and kept, without a step of Python for each."""
    given: Json = plain(returned)

    def keep() -> None:
        assert not is_verdict(returned, given)
        assert not may_be_verdict(returned, given)
        assert not differs(returned, given, [1])
        assert plain(returned) == given

    assert functions_begun(keep) < 200


def test_a_number_is_looked_for_among_many_at_the_speed_of_c() -> None:
    """So is 0, where a verifier returns it for a million numbers that are not 0."""
    given: Json = {"a": [1] * 50_000, "b": [0.5] * 50_000}
    begun = functions_begun(lambda: may_be_verdict(0, given))
    assert may_be_verdict(0, given)
    assert begun < 200
