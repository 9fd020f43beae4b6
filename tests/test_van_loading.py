"""The problem from work: what counts as loaded, and that its README is all that one needs."""

import json
import os
import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests._helpers import PATIENCE, load_module, ttrl
from ttrl_cli import Invalid

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "problems" / "van_loading"


def _load(name: str) -> Any:
    return load_module(FOLDER / f"{name}.py", f"van_loading_{name}")


def _figures(vans: Any, sizes: tuple[int, ...] = (6, 5, 4)) -> Any:
    return _load("verify").figures({"sizes": list(sizes), "capacity": 10}, vans)


def test_vans_are_counted() -> None:
    """Parcels of one number share a van; the bound is the sum over the capacity, rounded up."""
    found = [_figures([0, 1, 0]), _figures([7, 3, 5]), _figures(np.zeros(2, np.int8), (5, 5))]
    assert found == [
        {"vans": 2, "filled": 2},
        {"vans": 3, "filled": 2},
        {"vans": 1, "filled": 1},
    ]
    assert _load("verify").verify(found) is found


def test_score_is_the_mean_ratio() -> None:
    """The score is the mean of vans over the bound; each sort has its own as a metric."""
    figures = [{"vans": vans, "filled": 4} for vans in (4, 5, 6, 5, 5, 6)]
    scored = _load("verify").score(figures)
    assert scored["value"] == pytest.approx(float(Fraction(31, 24)))
    assert scored["metrics"] == {"mixed": 1.125, "pallets": 1.25, "triplets": 1.5}
    assert "triplets: 1.5" in scored["feedback"]


@pytest.mark.parametrize(
    ("vans", "why"),
    [
        ([0, 0, 0], "van 0 holds 11, more than 10"),
        ([0, 0, 1], "van 0 holds 11"),
        ([0, 1], "expected a list of 3 vans"),
        ([0, 1, 2, 3], "expected a list of 3 vans"),
        ([0, 1, -1], "the van of parcel 2 must be an integer"),
        ([0, 1, 0.0], "the van of parcel 2 must be an integer"),
        ([0, 1, True], "the van of parcel 2 must be an integer"),
        ([0, 1, "0"], "the van of parcel 2 must be an integer"),
        ([0, 1, [0]], "the van of parcel 2 must be an integer"),
        (None, "expected a list of 3 vans"),
        ({"0": 1}, "expected a list of 3 vans"),
        ("012", "expected a list of 3 vans"),
        (np.zeros(4, np.int8), "expected a list of 3 vans"),
        (np.zeros((1, 3), np.int8), "expected a list of 3 vans"),
        (np.zeros((3, 1), np.int8), "expected a list of 3 vans"),
        (np.array(0), "expected a list of 3 vans"),
        (np.zeros(3), "the van of parcel 0 must be an integer"),
        (np.zeros(3, bool), "the van of parcel 0 must be an integer"),
    ],
)
def test_what_is_no_loading_is_refused(vans: Any, why: str) -> None:
    """An answer of the wrong form, and a van that is too full, are refused by the list's number."""
    with pytest.raises(Invalid, match=re.escape(why)):
        _load("verify").verify([_figures([0, 1, 0]), _figures(vans)])


def test_list_that_failed_is_refused() -> None:
    """A program that failed on one list is not valid, whatever it answered on others."""
    with pytest.raises(Invalid, match="list 2: too late"):
        _load("verify").verify([_figures([0, 1, 0]), {"failed": "too late"}])


def test_lists_are_as_the_statement_says() -> None:
    """Sizes are in bounds, triplets fill vans of three, and a seed gives the same lists again."""
    generate = _load("generate")
    cases = generate.cases(np.random.default_rng(1), 6, 120)
    again = generate.cases(np.random.default_rng(1), 6, 120)
    assert cases == again
    mixed, pallets, triplets = cases[3:]
    assert (mixed["capacity"], len(mixed["sizes"])) == (150, 120)
    assert set(mixed["sizes"]) <= set(range(20, 101))
    assert len(set(pallets["sizes"])) <= 8
    assert set(pallets["sizes"]) <= set(range(100, 601))
    assert sum(triplets["sizes"]) == 40 * 1000
    assert min(triplets["sizes"]) >= 250
    assert max(triplets["sizes"]) < 500
    examples = json.loads((FOLDER / "examples.json").read_text())
    generator = np.random.default_rng(2026)
    assert examples == {sort.__name__: sort(generator, 120) for sort in generate.SORTS}


ARRAY = """
import json, os
import numpy as np

def load(sizes, capacity):
    assert json.load(open("examples.json"))["mixed"]["capacity"] == 150
    return np.arange(len(sizes))
"""


def test_program_may_answer_with_an_array(tmp_path: Path) -> None:
    """An array of integers counts as a list; a van for each parcel is valid, and no better."""
    file = tmp_path / "array.py"
    file.write_text(ARRAY)
    done = ttrl("measure", "van_loading", file, "--json", "--set", "cases=3", "--set", "parcels=9")
    assert (done.code, done.json["valid"], len(done.json["calls"])) == (0, True, 3)
    assert [case["vans"] for case in done.json["data"]] == [9, 9, 9]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("np.zeros(16_000_000, np.int8)", "list 1: returned more than 1 MiB"),
        ("np.zeros(1_000_000, np.int8)", "list 1: expected a list of 9 vans"),
        ("np.broadcast_to(np.int8(0), (9, 100_000))", "list 1: expected a list of 9 vans"),
    ],
)
def test_answer_of_any_size_is_refused_at_once(tmp_path: Path, answer: str, why: str) -> None:
    """An answer that is too long is refused by its length, and none is kept."""
    file = tmp_path / "long.py"
    file.write_text(f"import numpy as np\n\ndef load(sizes, capacity):\n    return {answer}\n")
    done = ttrl("measure", "van_loading", file, "--json", "--set", "cases=3", "--set", "parcels=9")
    assert done.code == 4
    assert why in done.json["reason"]
    assert len(json.dumps(done.json)) < 10_000


def test_held_out_lists_are_others(tmp_path: Path) -> None:
    """Held-out lists are five times as many, and none of them is one of the search."""
    secret = tmp_path / "secret"
    secret.write_text("of a test, and of nothing else")
    file = tmp_path / "telling.py"
    file.write_text(
        "def load(sizes, capacity):\n    print(sizes)\n    return [*range(len(sizes))]\n"
    )
    options = ["--secret-file", secret, "--set", "cases=3", "--set", "parcels=30", "--json"]
    search, held, again = (
        [
            call["output"]
            for call in ttrl("measure", "van_loading", file, *options, *split).json["calls"]
        ]
        for split in ([], ["--split", "held-out"], [])
    )
    assert (len(search), len(held), search == again) == (3, 15, True)
    assert not [sizes for sizes in held if sizes in search]


def test_program_that_fails_is_stopped(tmp_path: Path) -> None:
    """A program that fails on a list is not run on all the others, and is told what went wrong."""
    file = tmp_path / "failing.py"
    file.write_text("def load(sizes, capacity):\n    raise ValueError('no van at hand')\n")
    done = ttrl("measure", "van_loading", file, "--json", "--set", "cases=30")
    assert (done.code, len(done.json["calls"]) < 30) == (4, True)
    assert "list 1: " in done.json["reason"]
    assert "no van at hand" in done.json["reason"]


def _commands(page: Path) -> str:
    """Return the commands of a page's console blocks, as a script."""
    blocks = re.findall(
        r"^```console\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return re.sub(r"^\$ ", "", "".join(blocks), flags=re.MULTILINE)


def test_readme_is_all_that_a_newcomer_needs(tmp_path: Path) -> None:
    """The README's commands, as they stand, check the problem, solve it and measure what came."""
    python = shlex.quote(sys.executable)
    script = f'ttrl() {{ {python} -m ttrl_cli "$@"; }}\n{_commands(FOLDER / "README.md")}'
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    shown = ttrl("show", tmp_path / "loading", "--json").json
    assert (shown["best"]["id"], shown["valid"]) == ("1.0.1", 2)
    assert 1 <= shown["best"]["score"] < shown["seed_score"]
    assert (tmp_path / "best.py").read_text() == (
        tmp_path / "loading" / "best" / "solution.py"
    ).read_text() + "\n" * (not (tmp_path / "loading/best/solution.py").read_text().endswith("\n"))
