"""Reading pairs of answers out of other projects' tests, and comparing two runs over them."""

import json
from pathlib import Path

import pytest

from tests.suites.readers import (
    Pair,
    Reader,
    Suite,
    assertions,
    calls,
    lists,
    pairs_of,
    records,
    row_pairs,
    rows,
    rows_of,
)

PARAMETRIZED = r"""
import nothing_of_the_kind

@pytest.mark.parametrize(
    "gold,pred,expected",
    [("7", r"\frac{14}{2}", 1), ("7", "8", 0), ("7", computed(), 1), ("7",), ("", "7", 0)],
    ids=str,
)
def test_some(gold, pred, expected):
    raise SystemExit("this is never run")

@pytest.mark.parametrize(("gold", "other"), [("1", "2")])
def test_else(gold, other): ...
"""
NAMED = """
class T(parameterized.TestCase):
    @parameterized.named_parameters(("one", "7", "7.0", True), ("two", "7", "8", False))
    def test_match(self, answer, truth, expected): ...
"""
BY_NAME = """
@pytest.mark.parametrize("answer, target", [("7", "7.0")])
def test_good(answer, target): ...

@pytest.mark.parametrize("answer, target", [("7", "8")])
def test_bad(answer, target): ...

@pytest.mark.parametrize("answer, target", [("9", "9")])
def test_unnamed(answer, target): ...
"""
IN_ONE_COLUMN = """
@pytest.mark.parametrize("pair", [(7, 7.0), ("7", None)])
def test_good(pair): ...

@pytest.mark.parametrize("pair", [("7", "8")])
def test_bad(pair): ...
"""
ASSERTED = """
class T(unittest.TestCase):
    def test_one(self):
        a = "7"
        b = "7.0"
        self.assertTrue(equal(a, b, verbose=False))
        b = "8"
        self.assertFalse(equal(a, b))
        for x, y in [("1", "1.0"), ("2", "2.0")]:
            self.assertTrue(equal(x, y))
        self.assertTrue(equal(unknown, a))
        self.assertTrue(a == b)
        self.assertEqual(f(a), b)
"""
CALLED = """
def test_reward():
    reward = grade(prompt="?", completions="The answer is 7", answer="7")
    other = grade(completions="8", answer="7")
    assert reward == 1.0, "why"
    assert other == 0.0
    assert isinstance(other, float)
"""
LISTED = r"""
def test_rewards(self):
    completions = [[{"content": r"\boxed{7}"}], [{"content": "8"}], [{"content": "9"}]]
    labels = ["7", "7", "nine"]
    rewards = grade(completions, labels)
    assert rewards[0] == 1.0
    assert rewards[1] == 0.0
    assert rewards[2] is None
"""
RECORDS = json.dumps(
    [
        {"output": "7", "target": "7.0", "expected": "C"},
        {"output": "7", "target": "8", "expected": "I"},
    ]
)
GOOD_BAD = {"test_good": True, "test_bad": False}
SAME, DIFFERENT = Pair("7", "7.0", same=True), Pair("7", "8", same=False)


@pytest.mark.parametrize(
    ("source", "read", "found"),
    [
        (
            PARAMETRIZED,
            rows("gold", "pred", "expected"),
            [Pair("7", r"\frac{14}{2}", same=True), DIFFERENT],
        ),
        (PARAMETRIZED, rows("gold", "pred", "expected", tests=["test_else"]), []),
        (NAMED, rows("answer", "truth", "expected"), [SAME, DIFFERENT]),
        (BY_NAME, rows_of("answer", "target", GOOD_BAD), [SAME, DIFFERENT]),
        (IN_ONE_COLUMN, row_pairs("pair", GOOD_BAD), [SAME, DIFFERENT]),
        (
            ASSERTED,
            assertions,
            [SAME, DIFFERENT, Pair("1", "1.0", same=True), Pair("2", "2.0", same=True)],
        ),
        (
            CALLED,
            calls("completions", "answer"),
            [Pair("The answer is 7", "7", same=True), Pair("8", "7", same=False)],
        ),
        (
            LISTED,
            lists(["completions"], ["labels"]),
            [Pair(r"\boxed{7}", "7", same=True), Pair("8", "7", same=False)],
        ),
        (RECORDS, records("output", "target", "expected", "C"), [SAME, DIFFERENT]),
    ],
)
def test_forms(tmp_path: Path, source: str, read: Reader, found: list[Pair]):
    """Each form of test is read, without running it; what says nothing of two answers is not."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(source)
    suite = Suite("theirs", "https://example.org", {"test_it.py": read})
    assert pairs_of(suite, tmp_path) == found


def test_a_pair_is_read_once(tmp_path: Path):
    """A pair that is in several files counts once; a suite that is not there has none."""
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(PARAMETRIZED)
    suite = Suite("theirs", "https://example.org", {"test_*.py": rows("gold", "pred", "expected")})
    assert len(pairs_of(suite, tmp_path)) == 2
    assert pairs_of(suite, tmp_path / "nowhere") == []
