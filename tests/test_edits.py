"""Solutions as edits of their parent, and regions that alone may change."""

from pathlib import Path

import pytest

from tests._helpers import read_lines, solve, ttrl, write_problem
from ttrl_cli.completions.edits import (
    Edit,
    EditError,
    edited,
    fault_of_regions,
    find_edits,
    has_edits,
    require_same_outside,
)


def block(search: str, replace: str) -> str:
    """Return an edit as a completion writes it."""
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE"


def made(parent: str, *pairs: tuple[str, str]) -> str:
    """Return a parent with edits made to it."""
    return edited(parent, find_edits("\n".join(block(*pair) for pair in pairs)))


PARENT = "a = 1\nb = 2\n\ndef run():\n    return a + b\n\nb = 2"


def test_an_edit_replaces_lines():
    """One line by two, in the place where it stands; what is around the edit does not count."""
    change = block("a = 1", "a = 3\nc = 4")
    text = f"I change a.\n```python\n{change}\n```\nDone."
    assert edited(PARENT, find_edits(text)) == PARENT.replace("a = 1", "a = 3\nc = 4")


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("b = 2\n\ndef run():", "def run():")], "a = 1\ndef run():\n    return a + b\n\nb = 2"),
        ([("a = 1", "x = 1"), ("x = 1", "y = 1")], PARENT.replace("a = 1", "y = 1")),
        ([("    return a + b", "")], PARENT.replace("    return a + b", "")),
        ([("a = 1   ", "a = 5")], PARENT.replace("a = 1", "a = 5")),  # blanks at the end
    ],
)
def test_edits_that_can_be_made(pairs: list[tuple[str, str]], expected: str):
    """Several lines, one edit behind another, nothing in the place of a line, trailing blanks."""
    assert made(PARENT, *pairs) == expected


def test_an_exact_match_comes_first():
    """Of two lines that differ in blanks at their ends, the one that is equal is meant."""
    assert made("x \nx", ("x ", "y")) == "y\nx"


def test_an_empty_replacement_removes_lines():
    """A REPLACE part without any line leaves none."""
    text = "<<<<<<< SEARCH\nb\n=======\n>>>>>>> REPLACE"
    assert edited("a\nb\nc", find_edits(text)) == "a\nc"


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("z = 1", "z = 2"), "edit 1: its SEARCH part is not in the solution, from 'z = 1' on"),
        (("b = 2", "b = 3"), "edit 1: its SEARCH part stands 2 times"),
        ((" return a + b", ""), "is not in the solution"),  # other indentation is another line
        (("", "x"), "edit 1: its SEARCH part is empty"),
        (("  \n", "x"), "edit 1: its SEARCH part is empty"),
    ],
)
def test_edits_that_cannot_be_made(pair: tuple[str, str], reason: str):
    """What is missing, ambiguous or empty is refused with a reason."""
    with pytest.raises(EditError, match=reason.replace("(", r"\(")):
        made(PARENT, pair)


def test_overlapping_places_are_several():
    """A text that repeats itself stands in overlapping places, too."""
    with pytest.raises(EditError, match="stands 2 times"):
        made("x\nx\nx", ("x\nx", "y"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<<<<<<< SEARCH\na = 1", "edit 1 has no ======= line"),
        ("<<<<<<< SEARCH\na = 1\n=======\na = 2", "edit 1 has no >>>>>>> REPLACE line"),
        (block("a = 1", "a = 2") + "\n<<<<<<< SEARCH\nb", "edit 2 has no ======= line"),
    ],
)
def test_edits_that_were_cut(text: str, reason: str):
    """An edit without its middle or its end is refused, and so are those before it."""
    assert has_edits(text)
    with pytest.raises(EditError, match=reason):
        find_edits(text)


def test_marks_are_read_generously():
    """Case, indentation and the number of signs do not matter."""
    text = "  <<<<<< search\na\n  =====\nb\n >>>>>>>> Replace "
    assert find_edits(text) == [Edit(search=("a",), replace=("b",))]
    assert not has_edits("x << SEARCH\n<<<<<<< HEAD")


def test_many_repeating_lines_are_searched_in_linear_time():
    """A hundred thousand equal lines, and half of them searched for."""
    lines = ["x"] * 100_000
    search = [*lines[:50_000], "y"]
    with pytest.raises(EditError, match="not in the solution"):
        made("\n".join(lines), ("\n".join(search), "z"))


REGION = "import math\n# EVOLVE-BLOCK-START\nK = 1\n# EVOLVE-BLOCK-END\n\ndef run():\n    return K"


@pytest.mark.parametrize(
    "child",
    [
        REGION.replace("K = 1", "K = 2\nL = 3"),
        REGION.replace("K = 1\n", ""),
        "\n" + REGION.replace("K = 1", "K = 2") + "\n\n",
        REGION.replace("import math", "import math  "),
    ],
)
def test_changes_within_a_region(child: str):
    """What is between the marks may change; blanks at the ends of lines do not count."""
    require_same_outside(REGION, child)


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (REGION.replace("math", "os"), "a line outside of the regions was changed: 'import math'"),
        (REGION + "\nK = 9", "were added or removed"),
        (REGION.replace("# EVOLVE-BLOCK-END\n", ""), "has no EVOLVE-BLOCK-END"),
        (REGION.replace("# EVOLVE-BLOCK-START\n", ""), "EVOLVE-BLOCK-END without"),
        ("K = 1", "no line has EVOLVE-BLOCK-START"),
        (REGION + "\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END", "were added or removed"),
        (
            REGION.replace("K = 1", "K = 1\n# EVOLVE-BLOCK-END\nimport os\n# EVOLVE-BLOCK-START"),
            "a line outside of the regions was changed",
        ),
        (
            REGION.replace("# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-START; import os"),
            "a line outside of the regions was changed",
        ),
        (REGION.replace("    return K", "  return K"), "was changed: 'return K'"),
    ],
)
def test_changes_outside_of_regions_are_refused(child: str, reason: str):
    """A changed, added or moved line outside, or a mark that was touched, is refused."""
    with pytest.raises(EditError, match=reason):
        require_same_outside(REGION, child)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x", "no line has EVOLVE-BLOCK-START"),
        ("EVOLVE-BLOCK-START\nEVOLVE-BLOCK-START\nEVOLVE-BLOCK-END", "line 2 has"),
        ("EVOLVE-BLOCK-START EVOLVE-BLOCK-END", "line 1 has both"),
        (REGION, ""),
    ],
)
def test_marks_of_regions(text: str, fault: str):
    """Marks come in pairs, one behind the other."""
    assert fault in fault_of_regions(text)
    assert bool(fault) == bool(fault_of_regions(text))


RUN = "# fixed\n# EVOLVE-BLOCK-START\nK = 1\n# EVOLVE-BLOCK-END\n\ndef run():\n    return K\n"
VERIFY = "def verify(data): return data\ndef score(data): return data\n"


def write_program(folder: Path, **solution: object) -> Path:
    """Write a problem whose program returns a number that is its score."""
    return write_problem(
        folder,
        VERIFY,
        seed=RUN,
        solution={"kind": "program"} | solution,
        run={"groups": 1, "group_size": 4, "steps": 1, "workers": 1, "threads": 1},
    )


def test_a_run_on_edits(tmp_path: Path):
    """Edits, a whole program, a missing line and a line outside of the region, from the command."""
    problem = write_program(tmp_path / "p", edit="diff", region=True)
    whole = RUN.replace("K = 1", "K = 7")
    completions = [
        block("K = 1", "K = 5"),
        f"```python\n{whole}```",
        block("K = 8", "K = 9"),
        block("    return K", "    return 100"),
    ]
    run = tmp_path / "run"
    done = solve(problem, run, completions)
    assert done.json["best"]["score"] == 7
    verdicts = [line["verdict"] for line in read_lines(run / "attempts.jsonl")]
    assert [v["status"] for v in verdicts] == ["ok", "ok", "invalid", "invalid"]
    assert [v["score"] for v in verdicts[:2]] == [5, 7]
    assert (verdicts[0]["rule"], verdicts[1]["rule"]) == ("edits", "block")
    assert "its SEARCH part is not in the solution" in verdicts[2]["reason"]
    assert "a line outside of the regions was changed" in verdicts[3]["reason"]
    assert ttrl("best", run).out == whole


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"solution": {"kind": "json", "edit": "diff"}}, "solution.edit"),
        ({"solution": {"kind": "program", "edit": "patch"}}, "solution.edit"),
        ({"solution": {"kind": "text", "region": True}}, "seeds[0]"),
        ({"solution": {"kind": "text", "edit": "diff"}, "render": "verify.py:score"}, "render"),
    ],
)
def test_edits_that_make_no_sense_are_refused(tmp_path: Path, keys: dict[str, object], said: str):
    """Data, seeds without regions and rendered solutions are refused with file and key."""
    done = ttrl("check", write_problem(tmp_path / "p", **keys))
    assert done.code == 2
    assert said in done.err
    assert "problem.yaml" in done.err
