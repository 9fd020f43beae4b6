"""The contests: their cases to the byte, what is legal, and what it scores."""

import hashlib
import random
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests._contests import module
from tests._helpers import load_module
from ttrl_cli import Invalid
from ttrl_cli.contests.cases import case_seeds, inputs
from ttrl_cli.contests.judging import Judge, score, verify
from ttrl_cli.contests.rust_random import rounded
from ttrl_cli.grading.trial import Trial
from ttrl_cli.sandbox.calls import Outcome

SHA_256 = {
    ("ahc039", 0): "a378024c5e74451864939f8e3d31b614636fddb79368f7ce123e3201105631d0",
    ("ahc039", 1): "1bfb30ce6c0a3e21358a06fb53329964414d43674c1827d4b68726c5d2b4b0ba",
    ("ahc039", 149): "fa7da615c6fab195f59258d4982a6c423b7d50d1afa32184893bee2950220173",
    ("ahc058", 0): "35c1e1f53acfe03b37f09db566e6f43940c67aa12c36c8810d3dcff82271a63a",
    ("ahc058", 1): "9f1d6f51ad1fa62294c65f3e8436afba5dc75b58cb0651c7769dd95564161d22",
    ("ahc058", 149): "acabcb056a63ad605d101f0cfdb78215a720194c363feae59983de5c8c924c0a",
}
"""Of the texts that the contests' own generators write for these seeds."""


# -- cases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("contest", "number"), SHA_256)
def test_cases_are_the_contests_own(contest: str, number: int):
    """A seed gives the bytes that the contest's generator writes for it."""
    text = module(contest, "generate").text(number)
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == SHA_256[contest, number]


@pytest.mark.parametrize(
    ("value", "whole"), [(0.5, 1), (-0.5, -1), (1.4, 1), (0.49999999999999994, 0), (-2.5, -3)]
)
def test_halves_are_rounded_away_from_zero(value: float, whole: int):
    """As Rust rounds, also where adding a half would round by itself."""
    assert rounded(value) == whole


def test_seeds_of_the_splits():
    """A search has the seeds from 0 on, what is held out those from 1000 on, and never the same."""
    drawn = 2**127 + 5
    search, held_out = Trial(seed=drawn, split="search"), Trial(seed=drawn, split="held-out")
    assert list(case_seeds(search, 150)) == list(range(150))
    assert list(case_seeds(held_out, 150)) == list(range(1000, 1150))
    with pytest.raises(ValueError, match="1000 seeds at most"):
        case_seeds(search, 1001)


def test_seed_that_is_given_is_a_case():
    """Of a trial whose seed was given the one case has that seed; it has 64 bits."""
    given = partial(Trial, split="search", given=True)
    assert list(case_seeds(given(seed=2**64 - 1), 150)) == [2**64 - 1]
    with pytest.raises(ValueError, match="no seed of a case"):
        case_seeds(given(seed=2**64), 150)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own."""
    monkeypatch.setenv("TTRL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cases"


def made(folder: Path, *, prefix: str = "case", name: str = "generate") -> Any:
    """Return a generator of cases that notes in a file which seeds it was asked for."""
    file = folder / f"{name}.py"
    file.write_text(
        f"def text(seed):\n"
        f"    with open({str(folder / 'asked')!r}, 'a') as file:\n"
        f"        file.write(f'{{seed}} ')\n"
        f"    return f'{prefix} {{seed}}'\n"
    )
    return load_module(file, f"{folder.name}_{name}").text


def test_cases_are_made_once(cache: Path, tmp_path: Path):
    """What the cache holds is read; what is missing is made, and nothing else."""
    text = made(tmp_path)
    assert inputs("sums", text, len, range(3)).texts == ("case 0", "case 1", "case 2")
    found = inputs("sums", text, len, range(1, 5))
    assert found.texts == ("case 1", "case 2", "case 3", "case 4")
    assert (found.cases, found.seconds > 0) == ((6, 6, 6, 6), True)
    assert (tmp_path / "asked").read_text() == "0 1 2 3 4 "
    (folder,) = cache.iterdir()
    assert {path.name for path in folder.iterdir()} == {"lock", *(f"{n}.txt" for n in range(5))}


def test_another_generator_has_other_cases(cache: Path, tmp_path: Path):
    """A generator that was changed does not meet what the one before it made."""
    assert inputs("sums", made(tmp_path), len, range(1)).texts == ("case 0",)
    changed = made(tmp_path, prefix="other", name="changed")
    assert inputs("sums", changed, len, range(1)).texts == ("other 0",)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.usefixtures("cache")
def test_those_who_come_together_make_cases_once(tmp_path: Path):
    """While one makes the cases the others wait; none makes one again."""
    text = made(tmp_path)
    threads = [
        threading.Thread(target=inputs, args=("sums", text, len, range(n, 6))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((tmp_path / "asked").read_text().split()) == list("012345")


# -- judging ---------------------------------------------------------------------------------


def outcome(output: str = "", **given: Any) -> Outcome:
    """Return how a call ended, well unless it is said otherwise."""
    return Outcome(**({"status": "ok", "output": output, "seconds": 0.5} | given))


def half_of(place: int, output: str) -> int:
    """Score an output that is a number: half of it, and the place."""
    if not output.isdigit():
        msg = "no number"
        raise Invalid(msg)
    return place + int(output) // 2


def test_cases_are_summed():
    """The score is the sum; the worst, the best and the slowest are said."""
    judge = Judge(range(7, 10), half_of)
    ends = [outcome("4"), outcome("20", seconds=1.5, cpu_seconds=1.25), outcome("0")]
    assert [judge(end) for end in ends] == [False] * 3
    data = verify({"cases": judge.cases, "inputs_seconds": 0.25})
    assert [case["score"] for case in data["cases"]] == [2, 11, 2]
    scored = score(data)
    assert (scored["value"], scored["per_trial"]) == (15, [6, 33, 6])
    assert scored["metrics"] == {
        "mean": 5.0, "slowest_seconds": 1.5, "slowest_cpu_seconds": 1.25, "inputs_seconds": 0.25,
    }  # fmt: skip
    assert scored["feedback"] == (
        "5.0 a case on average; the least is 2 on case 7, the most 11 on case 8; "
        "the slowest case took 1.50 s"
    )


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (outcome("many"), "case 8: no number"),
        (outcome("4", status="timeout", reason="took 2.1 s"), "case 8: took 2.1 s"),
        (outcome("4", status="memory"), "case 8: memory"),
    ],
)
def test_one_bad_case_makes_all_worthless(end: Outcome, why: str):
    """It ends the row, whatever the others scored, and the refusal names it and says why."""
    judge = Judge(range(7, 10), half_of)
    assert [judge(outcome("100")), judge(end)] == [False, True]
    with pytest.raises(Invalid) as refused:
        verify({"cases": judge.cases, "inputs_seconds": 0.0})
    assert str(refused.value) == why


# -- AHC039 ----------------------------------------------------------------------------------

# mackerels inside, on an edge and outside; sardines on a corner, and just outside
FISH = np.array([[5, 5], [0, 3], [50, 50], [10, 10], [11, 5], [10, 11]])
SQUARE = ((0, 0), (10, 0), (10, 10), (0, 10))


def printed(*polygons: Sequence[tuple[int, int]]) -> str:
    """Return polygons as a program prints them."""
    rows = [f"{len(p)}\n" + "".join(f"{x} {y}\n" for x, y in p) for p in polygons]
    return "".join(rows)


def polygon() -> Any:
    """Return the module that scores polygons."""
    return module("ahc039", "polygon")


def refusal(output: str) -> str:
    """Return why an output is refused."""
    with pytest.raises(Invalid) as refused:
        polygon().score(FISH, output)
    return str(refused.value)


FAR = ((40, 40), (60, 40), (60, 60), (40, 60))


@pytest.mark.parametrize(
    ("output", "scored"),
    [
        (printed(SQUARE), 2),  # 2 mackerels, 1 sardine
        (printed(SQUARE[::-1]), 2),
        (printed(FAR), 2),  # 1 mackerel
        (printed(FAR, SQUARE), 2),
        (printed(SQUARE, ((10, 10), (11, 10), (11, 11), (10, 11))), 0),  # the last counts
        (printed(((0, 0), (4, 0), (10, 0), (10, 10), (0, 10))), 2),  # a vertex within a side
        ("4 0 0 10 0\t10 10\r\n0 10", 2),
        (printed(((0, 0), (100000, 0), (100000, 100000), (0, 100000))), 1),  # 400,000 long
    ],
)
def test_legal_nets_score_what_they_hold(output: str, scored: int):
    """Mackerels less sardines and 1, never below 0; the boundary is inside."""
    assert polygon().score(FISH, output) == scored


@pytest.mark.parametrize(
    ("vertices", "why"),
    [
        (((0, 0), (10, 1), (10, 10), (0, 10)), "the edge from (0, 0) is parallel to no axis"),
        # a bow tie
        (
            ((0, 0), (10, 0), (10, 6), (4, 6), (4, 10), (6, 10), (6, 2), (0, 2)),
            "the polygon touches itself on the edge from (10, 6)",
        ),
        # two squares that meet in a vertex
        (
            ((0, 0), (4, 0), (4, 4), (8, 4), (8, 8), (4, 8), (4, 4), (0, 4)),
            "the polygon touches itself on the edge from (4, 0)",
        ),
        # a side along another
        (
            ((0, 0), (10, 0), (10, 10), (5, 10), (5, 5), (10, 5), (10, 20), (0, 20)),
            "the polygon touches itself on the edge from (10, 0)",
        ),
        # an end of an edge on the middle of another
        (
            ((0, 0), (10, 0), (10, 10), (6, 10), (6, 0), (4, 0), (4, 10), (0, 10)),
            "the polygon touches itself on the edge from (0, 0)",
        ),
        (((0, 0), (10, 0), (5, 0), (5, 5), (0, 5)), "the polygon turns back on itself at (10, 0)"),
        (((0, 0), (10, 0), (5, 0), (2, 0)), "the polygon turns back on itself at (0, 0)"),
        (((0, 0), (0, 0), (10, 0), (10, 9), (0, 9)), "(0, 0) comes twice in a row"),
        (((0, 0), (10, 0), (10, 9), (0, 9), (0, 0)), "(0, 0) comes twice in a row"),
        (
            # one unit up and down a notch more than 400,000
            (
                *((0, 0), (100000, 0), (100000, 100000), (60000, 100000)),
                *((60000, 99999), (50000, 99999), (50000, 100000), (0, 100000)),
            ),
            "the edges are 400002 long, more than 400000",
        ),
        (((0, 0), (100001, 0), (100001, 9), (0, 9)), "a vertex lies off the map, at 100001"),
        (((0, 0), (10, 0), (10, 9)), "a polygon has 4 to 1000 vertices, not 3"),
        (tuple((x, 0) for x in range(1001)), "a polygon has 4 to 1000 vertices, not 1001"),
    ],
)
def test_illegal_nets_are_refused(vertices: Any, why: str):
    """What crosses, touches or turns back on itself, is too long or off the map is refused."""
    assert refusal(printed(vertices)).startswith(why)
    assert refusal(printed(vertices[::-1]))


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("", "the output is empty"),  # the contest's checker gives it 1 point
        (" \n", "the output is empty"),
        ("4 0 0 1_0 0 10 10 0 10", "'1_0' is no integer"),
        ("+4 0 0 10 0 10 10 0 10", "'+4' is no integer"),
        ("4 0 0 -1 0 10 10 0 10", "'-1' is no integer"),
        ("4 0 0 1e1 0 10 10 0 10", "'1e1' is no integer"),
        ("4 0 0 nan 0 10 10 0 10", "'nan' is no integer"),
        ("4 0 0 0000010 0 10 10 0 10", "'0000010' is no integer"),
        ("4 0 0 ١٠ 0 10 10 0 10", "the output is not ASCII"),
        ("4 0 0 10\x1f0 10 10 0 10", "'10\\x1f0' is no integer"),
        ("4 0 0 10 0 10 10 0", "the output ends before the last of 4 vertices"),
        (printed(SQUARE) + "4", "the output ends before"),
        (printed(SQUARE[:3], SQUARE), "a polygon has 4 to 1000 vertices, not 3"),
        (printed(SQUARE) + "3 0 0", "a polygon has 4 to 1000 vertices, not 3"),
    ],
)
def test_what_is_no_polygon_is_refused(output: str, why: str):
    """Every word is an integer in ASCII digits, and every polygon is whole; there is one."""
    assert refusal(output).startswith(why)


def staircase(rng: random.Random) -> list[tuple[int, int]]:
    """Return a random polygon: towers side by side, each with an upper and a lower end."""
    count = rng.randint(1, 9)
    xs = sorted(rng.sample(range(41), count + 1))
    tops = [rng.randint(21, 40) for _ in range(count)]
    bottoms = [rng.randint(0, 19) for _ in range(count)]
    above = [(xs[i + side], tops[i]) for i in range(count) for side in (0, 1)]
    below = [(xs[i + side], bottoms[i]) for i in reversed(range(count)) for side in (1, 0)]
    around = above + below
    return [point for place, point in enumerate(around) if point != around[place - 1]]


def comb(rng: random.Random) -> list[tuple[int, int]]:
    """Return a random polygon that is not convex in x nor in y: teeth, turned at random."""
    teeth = rng.randint(2, 6)
    vertices = [(0, 0), (4 * teeth - 2, 0)]
    for tooth in reversed(range(teeth)):
        vertices += [(4 * tooth + 2, rng.randint(5, 30)), (4 * tooth, 0)]
        vertices[-1] = (4 * tooth, vertices[-2][1])
        if tooth:
            gap = rng.randint(1, 4)
            vertices += [(4 * tooth, gap), (4 * tooth - 2, gap)]
    return [(y, x) for x, y in vertices] if rng.random() < 0.5 else vertices


def edge_by_edge(vertices: Sequence[tuple[int, int]], points: Any) -> Any:
    """Return which points a polygon holds: on an edge, or below an odd number of flat ones."""
    held, odd = np.zeros((2, len(points)), bool)
    for (ax, ay), (bx, by) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        low, high = min(ax, bx), max(ax, bx)
        x, y = points[:, 0], points[:, 1]
        held |= (low <= x) & (x <= high) & (min(ay, by) <= y) & (y <= max(ay, by))
        odd ^= (low <= x) & (x < high) & (y < ay)
    return held | odd


def test_fast_and_plain_ways_agree():
    """300 random polygons hold the same points of a lattice by strips and edge by edge."""
    rng = random.Random(1)
    lattice = np.array([(x, y) for x in range(-1, 42) for y in range(-1, 42)])
    sizes = set()
    for number in range(300):
        vertices = (staircase, comb)[number % 2](rng)
        if rng.random() < 0.5:
            vertices = vertices[::-1]
        array = np.array(vertices)
        polygon().check(array)
        found = polygon().inside(array, lattice)
        assert (found == edge_by_edge(vertices, lattice)).all(), vertices
        sizes.add(int(found.sum()))
    assert len(sizes) > 100  # they are not all alike


# -- AHC058 ----------------------------------------------------------------------------------

MAKES = [1] * 10
COSTS = [[1] * 10, [2] * 10, [3] * 10, [4] * 10]


def played(*actions: tuple[int, int] | None) -> int:
    """Return the apples at the end of a plan that does nothing after these actions."""
    plan = [*actions, *[None] * (500 - len(actions))]
    return int(module("ahc058", "game").played(MAKES, COSTS, plan))


def test_machines_work_level_by_level():
    """By hand: what a level makes counts for the level below from the next turn on."""
    assert played() == 1
    assert played((0, 0)) == 500  # 1 - 1, and 1 in each turn
    # paid at turn 2 with the 2 apples of turns 0 and 1; then 1, 2, 3, ... apples
    assert played((0, 0), None, (1, 0)) == 498 * 499 // 2
    # and one of level 2 for the 3 apples of turns 2 and 3: 1 of the level below grows by 1, 2, ...
    count, machines, apples = 1, 1, 3 - 3
    machines = 3
    for _ in range(4, 500):
        apples, machines, count = apples + machines, machines + count, count + 1
    assert played((0, 0), None, (1, 0), None, (2, 0)) == apples


def test_power_costs_more_each_time():
    """The second power of a machine costs twice as much, and counts twice."""
    # 1 apple; turn 0: -1 +1, turn 1: +1, turn 2: 2 - 2 + 2, and 2 in each of 497 turns
    assert played((0, 0), None, (0, 0)) == 2 * 498
    with pytest.raises(Invalid, match="turn 1: machine 0 0 costs 2 of 1"):
        played((0, 0), (0, 0))


def points(output: str) -> int:
    """Return the score of an output."""
    return int(module("ahc058", "game").score(MAKES, COSTS, output))


def test_score_is_a_logarithm():
    """100,000 times the binary logarithm, rounded; doing nothing is legal, and worth 0."""
    assert points("-1\n" * 500) == 0
    assert points("0 0\n" + "-1\n" * 499) == 896578  # log2(500) = 8.96578428...
    assert points("# wait\n\n" + " -1 \r\n" * 500 + "\n#") == 0


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("", "the output has 0 turns, and not 500"),
        ("-1\n" * 499, "the output has 499 turns"),
        ("-1\n" * 501, "the output has 501 turns"),  # where the contest's checker stops reading
        ("-1\n" * 500 + "all the apples\n", "no turn of the game is 'all the apples'"),
        ("0 1 0\n" + "-1\n" * 499, "no turn of the game is '0 1 0'"),
        ("-1 0\n" + "-1\n" * 499, "no turn of the game is '-1 0'"),
        ("0 -1\n" + "-1\n" * 499, "no turn of the game is '0 -1'"),
        ("4 0\n" + "-1\n" * 499, "no turn of the game is '4 0'"),
        ("0 10\n" + "-1\n" * 499, "no turn of the game is '0 10'"),
        ("+0 0\n" + "-1\n" * 499, "no turn of the game is '+0 0'"),
        ("0_0 0\n" + "-1\n" * 499, "no turn of the game is '0_0 0'"),
        ("nan 0\n" + "-1\n" * 499, "no turn of the game is 'nan 0'"),
        ("٠ 0\n" + "-1\n" * 499, "the output is not ASCII"),
        ("1 0\n" + "-1\n" * 499, "turn 0: machine 1 0 costs 2 of 1"),
    ],
)
def test_what_is_no_plan_is_refused(output: str, why: str):
    """A plan has 500 turns, each in ASCII digits and paid for, and nothing behind them."""
    with pytest.raises(Invalid) as refused:
        points(output)
    assert str(refused.value).startswith(why)


def test_no_apples_have_no_score():
    """A plan that ends without an apple is refused, and no logarithm of 0 is taken."""
    dear = [[1] * 10, [1] * 10, [3] * 10, [4] * 10]
    with pytest.raises(Invalid, match="no apple is left"):
        module("ahc058", "game").score(MAKES, dear, "1 0\n" + "-1\n" * 499)
