"""The problems for the embedded model: values worked out by hand, and what is refused."""

from fractions import Fraction
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests._helpers import load_module, nested
from ttrl_cli import Invalid
from ttrl_cli.problem import load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import State

PROBLEMS = Path(__file__).parents[1] / "problems"
NAMES = ["ac1_16", "erdos_overlap_16", "sidon_100"]
OPTIMAL_RULER = [0, 2, 6, 24, 29, 40, 43, 55, 68, 75, 76, 85]
LONG = 1_000_000


def load(name: str) -> ModuleType:
    """The problem's verify.py."""
    return load_module(PROBLEMS / name / "verify.py", f"verify_{name}")


def digits(numbers: list[int]) -> str:
    """Two digits each, as the seeds have them."""
    return " ".join(f"{number:02d}" for number in numbers)


def value(name: str, text: str) -> float:
    """The score of a solution's text."""
    module = load(name)
    scored = module.score(module.verify(text))
    return scored["value"] if isinstance(scored, dict) else scored


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1] * 16, Fraction(2)),  # in the middle 16, the sum is 16: 32 * 16 / 256
        ([99] * 16, Fraction(2)),
        ([0] * 5 + [7] + [0] * 10, Fraction(32)),  # 32 * 49 / 49
        ([1, 1] + [0] * 14, Fraction(16)),  # 1 2 1: 32 * 2 / 4
        ([1, 2, 3] + [0] * 13, Fraction(32, 3)),  # 1 4 10 12 9: 32 * 12 / 36
        ([0] * 13 + [3, 2, 1], Fraction(32, 3)),  # the mirror image of the last
        ([1] * 15 + [3], Fraction(160, 81)),  # in the middle 14 + 3 + 3: 32 * 20 / 18^2
    ],
)
def test_autocorrelation(numbers: list[int], expected: Fraction):
    """Values worked out by hand; they are exact but for the rounding of one division."""
    assert value("ac1_16", digits(numbers)) == float(expected)


def test_autocorrelation_scale():
    """Scaling a row by a whole number changes nothing, not even the last bit."""
    numbers = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]
    assert value("ac1_16", digits(numbers)) == value("ac1_16", digits([11 * n for n in numbers]))


def test_nearest_two_digit_row():
    """The row that problem.yaml's comment speaks of is as near the best known as it says."""
    numbers = [91, 0, 1, 13, 18, 25, 64, 8, 14, 9, 58, 54, 46, 55, 43, 34]
    best = load_problem(PROBLEMS / "ac1_16").spec.best_known
    assert best is not None
    assert best < value("ac1_16", digits(numbers)) < best + 0.005


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0, 1, 4, 9, 11], [0, 1, 4, 9, 11]),
        ([11, 9, 4, 1, 0], [11, 9, 4, 1, 0]),
        (OPTIMAL_RULER, OPTIMAL_RULER),
        ([99 - mark for mark in OPTIMAL_RULER], [99 - mark for mark in OPTIMAL_RULER]),
        ([0, 1, 2, 3], [0, 1, 3]),  # 2 - 1 repeats 1 - 0; 3 brings 3 and 2
        ([0, 10, 5], [0, 10]),  # both of the new differences are 5
        ([0, 5, 10, 20], [0, 5, 20]),  # passed over, 10 is in nobody's way
        ([7, 7], [7]),  # a repeated number
        ([7, 9, 7, 12, 9], [7, 9, 12]),
        # the greedy row: 15 and 18 fall out, and many more would
        (
            [0, 1, 3, 7, 12, 15, 18, 20, 30, 44, 65, 80, 96],
            [0, 1, 3, 7, 12, 20, 30, 44, 65, 80, 96],
        ),
    ],
)
def test_kept(numbers: list[int], expected: list[int]):
    """Which numbers are kept, and that they are counted."""
    module = load("sidon_100")
    assert module.kept(module.verify(digits(numbers))) == expected
    assert value("sidon_100", digits(numbers)) == len(expected)


def test_optimal_ruler():
    """A row of the optimum scores the best known, and its differences are all there is."""
    assert (
        value("sidon_100", digits(OPTIMAL_RULER))
        == load_problem(PROBLEMS / "sidon_100").spec.best_known
    )
    assert len({b - a for a, b in combinations(OPTIMAL_RULER, 2)}) == 66


def test_sidon_metrics():
    """The length is from the least to the greatest kept number, wherever they stand in the row."""
    module = load("sidon_100")
    assert module.score(module.verify("40 10 25 10 12")) == {
        "value": 3,
        "metrics": {"length": 30, "passed_over": 2},
        "feedback": "kept: 10 12 40",
    }


@pytest.mark.parametrize("name", NAMES)
def test_seeds(name: str):
    """Every seed is valid, none beats the best known, and the best known is not among them."""
    problem = load_problem(PROBLEMS / name)
    best = problem.spec.best_known
    assert best is not None
    assert len({seed.text for seed in problem.seeds}) >= 2
    assert all(problem.better(best, value(name, seed.text)) for seed in problem.seeds)


@pytest.mark.parametrize("name", NAMES)
def test_examples(name: str):
    """What the example answers is valid, new, and no better than the best seed.

    Its question has the form in which prompts show a solution.
    """
    module = load(name)
    problem = load_problem(PROBLEMS / name)
    best = min(-problem.signed(value(name, seed.text)) for seed in problem.seeds)
    for example in problem.spec.prompt.examples:
        asked, answered = module.verify(example.user), module.verify(example.assistant)
        assert asked != answered
        assert -problem.signed(value(name, example.assistant)) >= best
        parent = State(
            id="seed.0",
            parent=None,
            step=0,
            score=1.0,
            signed=1.0,
            data=asked,
            solution=example.user,
            shown=module.render(asked),
            output="",
            feedback="",
        )
        assert solve_messages(problem, parent, None)[-1].content == example.user


@pytest.mark.parametrize("name", NAMES)
def test_render(name: str):
    """What prompts show is read as the same row again."""
    module = load(name)
    for seed in load_problem(PROBLEMS / name).seeds:
        data = module.verify(seed.text)
        assert module.verify(module.render(data)) == data
        assert module.verify(f"Row: {module.render(data)}.\nIt is better.") == data
        assert module.verify(module.render(data).replace(" ", ", ")) == data


SIXTEEN = digits(list(range(10, 26)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no row"),
        ("a row", "no row"),
        ("12", "no row"),
        ("12\n13\n14", "no row"),
        (digits([50] * 15), "15 numbers"),
        (digits([50] * 17), "17 numbers"),
        (digits([0] * 16), "all zeros"),
        (f"{SIXTEEN} 100", "'100' is not"),  # a 17th number, whatever its form, is not left out
        (f"{SIXTEEN} 5", "'5' is not"),
        (f"{SIXTEEN} 1e5", "'1e5' is not"),
        (f"{SIXTEEN} 12.5", "'12.5' is not"),
        (f"{SIXTEEN} -12", "'-12' is not"),
        (f"-{SIXTEEN}", "'-10' is not"),
        (f"{SIXTEEN}.5", "'25.5' is not"),
        (SIXTEEN.replace("10", "١٠"), "is not"),  # digits of another script
        (SIXTEEN.replace("10", "nan"), "15 numbers"),
        (f"3, 5\nRow: {SIXTEEN}", "'3' is not"),  # the first run counts, not the best one
        (f"{SIXTEEN} | 5", "'5' is not"),
        (SIXTEEN.replace(" ", "\n"), "no row"),  # one line
    ],
)
def test_autocorrelation_refuses(text: str, reason: str):
    """What is no row of 16 two-digit numbers, with the reason."""
    with pytest.raises(Invalid, match=reason):
        load("ac1_16").verify(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no row"),
        ("no numbers here", "no row"),
        ("12", "no row"),
        (digits(list(range(21))), "21 numbers"),
        (digits(list(range(100))), "100 numbers"),
        ("10 12 100", "'100' is not"),
        ("1 4 9", "'1' is not"),
        ("10 12 -5", "'-5' is not"),
        ("10 12.5 14", r"'12\.5' is not"),
        ("10 12 1e1", "'1e1' is not"),
    ],
)
def test_sidon_refuses(text: str, reason: str):
    """What is no row of 2 to 20 two-digit numbers, with the reason."""
    with pytest.raises(Invalid, match=reason):
        load("sidon_100").verify(text)


def test_longest_row():
    """20 numbers are the most."""
    assert load("sidon_100").verify(digits(list(range(20)))) == list(range(20))


HOSTILE: dict[str, Any] = {
    "none": None,
    "true": True,
    "number": 12,
    "huge number": 10**5000,
    "nan": float("nan"),
    "infinity": float("inf"),
    "bytes": b"10 12 14",
    "list": [10] * 16,
    "list of texts": [digits([50] * 16)],
    "object": {"row": digits([50] * 16)},
    "nested": nested(100_000),
    "type": str,
    "control characters": "\0\x1b[2J\r\f",
    "half a surrogate pair": "10 \ud800 12",
    "a million digits": "1" * LONG,
    "a million dots": "." * LONG,
    "a million signs": "-+" * (LONG // 2),
    "a million spaces": "12" + " " * LONG + "x",
    "a million commas": "12" + "," * LONG,
    "a million bars": "12" + "|" * LONG + "12",
    "a row of a million": "10 " * (LONG // 3),
    "a row of a million and a spoiler": "10 " * (LONG // 3) + "10.5",
    "a million numbers apart": "10x " * (LONG // 4),
    "a million letters": "a" * LONG,
    "a million one-digit numbers": "1 " * (LONG // 2),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("name", NAMES)
def test_hostile(name: str, what: str):
    """Whatever the verifier is given, it refuses by Invalid, with a short reason."""
    with pytest.raises(Invalid) as caught:
        load(name).verify(HOSTILE[what])
    assert 0 < len(str(caught.value)) < 100
