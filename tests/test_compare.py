"""`ttrl compare` and `ttrl ls`: the evidence pages' figures, and runs made anew."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, solve, ttrl, write_problem
from ttrl_cli.cli.compare import _fitting
from ttrl_cli.report.measures import digits_for
from ttrl_cli.report.plot import Series, plot, spark, table

EVIDENCE = Path(__file__).parents[1] / "docs" / "evidence"
PAGE = (EVIDENCE.parent / "evidence.md").read_text(encoding="utf-8")
TITLES = (
    "Best score",
    "Area under the best-so-far curve",
    "Valid and distinct, all steps",
    "Valid and distinct, last third of the steps",
)


def compare(*arguments: object) -> Any:
    """What `ttrl compare --json` prints."""
    done = ttrl("compare", *arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def arms(facts: Any, title: str) -> dict[str, Any]:
    """The rows of one measure by arm."""
    (measure,) = [one for one in facts["measures"] if one["title"] == title]
    return {row["label"]: row for row in measure["arms"]}


@pytest.mark.parametrize("name", ["erdos_overlap_16", "ac1_16", "sidon_100"])
def test_the_figures_of_the_evidence_page(name: str):
    """Every row of the page's four tables, digit by digit, from the same file."""
    done = ttrl("compare", EVIDENCE / f"{name}.json")
    assert done.code == 0, done.err
    printed = [re.split(r" {2,}", line) for line in done.out.splitlines()]
    for title in TITLES:
        table = PAGE.partition(f"### {title}\n\n")[2].partition("\n\n")[0]
        start = printed.index([title]) + 2
        ours = {cells[0]: cells for cells in printed[start : printed.index([""], start)]}
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        checked = [cells for cells in rows if cells[0] == name]
        assert len(checked) == 3
        for _, arm, *figures, _holm in checked:  # Holm's family is that of the page's table
            assert ours[arm][1 : 1 + len([f for f in figures if f])] == [f for f in figures if f]


def test_the_votes_of_the_evidence_page():
    """Points gained by the runs that learned; runs that did not learn gained nothing to compare."""
    gained = arms(compare(EVIDENCE / "one_digit_add.json"), "pass@1 gained")
    assert set(gained) == {"vote"}
    assert "| one_digit_add | pass@1 | 3 | +31.5 | +18.1 to +38.6 |" in PAGE
    spread = gained["vote"]["spread"]
    found = [round(100 * spread[key], 1) for key in ("median", "low", "high")]
    assert found == [31.5, 18.1, 38.6]
    final = arms(compare(EVIDENCE / "one_digit_add.json"), "pass@1, final pass")
    assert set(final) == {"vote", "untrained-T0.6", "untrained-T0.01"}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs on scripted completions: two seeds of one arm, and another arm."""
    folder = tmp_path_factory.mktemp("three")
    write_problem(folder / "p", best_known=9)
    (folder / "runs").mkdir()
    made: dict[str, tuple[list[str], list[object]]] = {
        "a0": (["3", "5"], ["--seed", 0]),
        "a1": (["3", "7"], ["--seed", 1]),
        "b0": (["2", "2"], ["--seed", 0, "--search", "best-of-n"]),
    }
    for name, (script, options) in made.items():
        done = solve(folder / "p", folder / "runs" / name, script, "--steps", 1, *options)
        assert done.code == 0, done.err
        (folder / "runs" / f"{name}.replay").unlink()
    return folder / "runs"


def test_runs_made_anew(three: Path):
    """Two runs that differ in their seed are one arm; by hand, it is 6 in the mean, and 4 better.

    Of the three ways to take two runs of 5, 7 and 2, the one seen is the most extreme: p = 1/3.
    """
    facts = compare(three / "a0", three / "a1", three / "b0")
    assert [arm["label"] for arm in facts["arms"]] == ["search puct", "search best-of-n"]
    assert [arm["seeds"] for arm in facts["arms"]] == [[0, 1], [0]]
    best = arms(facts, "Best score")
    assert best["search puct"]["values"] == [5, 7]
    other = best["search best-of-n"]
    assert other["outcome"]["effect"] == 4
    assert other["outcome"]["p"] == pytest.approx(1 / 3)
    assert other["outcome"]["exact"] is True
    assert other["holm"] == pytest.approx(1 / 3)


def test_one_arm_is_no_comparison(three: Path):
    """Runs of one arm have a spread, and nothing that they are held against."""
    facts = compare(three / "a0", three / "a1")
    assert [arm["label"] for arm in facts["arms"]] == ["all runs"]
    assert arms(facts, "Best score")["all runs"]["outcome"] is None


def refused(*arguments: object) -> str:
    """The one sentence of a comparison that is refused."""
    done: Done = ttrl("compare", *arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    return done.err


def test_different_problems_are_refused(three: Path):
    """Runs of two problems are named, with what they are of."""
    said = refused(three / "a0", EVIDENCE / "ac1_16.json")
    assert "problem number" in said
    assert "ac1_16: runs of different problems" in said
    assert "cannot be compared" in refused(
        EVIDENCE / "ac1_16.json", EVIDENCE / "one_digit_add.json"
    )


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 1}', "no JSON"])
def test_what_is_no_run_is_refused(tmp_path: Path, text: str):
    """A file without records is one sentence with its name."""
    (tmp_path / "x.json").write_text(text)
    assert "x.json" in refused(tmp_path / "x.json")


def test_the_plot_is_over_what_is_asked(three: Path):
    """Samples by default; tokens and seconds on request."""
    assert "over samples" in ttrl("compare", three / "a0").out
    assert "over seconds" in ttrl("compare", three / "a0", "--over", "seconds").out


def test_a_narrow_terminal_has_fewer_columns():
    """The interval of the mean goes first, then the range; a pipe and a wide terminal have all."""
    heads = ["arm", "runs", "median", "smallest to largest", "mean (95%)", "p"]
    rows = [heads, ["a", "2", "1", "1 to 2", "1.5 (1 to 2)", "0.3"]]
    assert _fitting(rows, None) == _fitting(rows, 120) == rows
    assert _fitting(rows, 50)[0] == [*heads[:4], "p"]
    assert _fitting(rows, 30)[0] == [*heads[:3], "p"]


# -- ls --------------------------------------------------------------------------------------------


def test_runs_of_a_folder(three: Path):
    """Each run is a line: problem, status, steps, best, gap."""
    done = ttrl("ls", three, "--json")
    facts = [json.loads(line) for line in done.out.splitlines()]
    assert {Path(one["run"]).name: (one["best"], one["gap"]) for one in facts} == {
        "a0": (5, 4),
        "a1": (7, 2),
        "b0": (2, 7),
    }
    assert {(one["problem"], one["status"], one["steps"], one["planned"]) for one in facts} == {
        ("number", "done", 1, 1)
    }
    head, *rows = ttrl("ls", three).out.splitlines()
    assert head.split() == ["run", "problem", "status", "steps", "best", "gap", "age"]
    assert len(rows) == 3


def test_a_run_that_cannot_be_read_is_named(tmp_path: Path):
    """A run that died before its status is a warning, and no end of the list; no run says so."""
    assert "no run" in ttrl("ls", tmp_path).err
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "provenance.json").write_text("{}")
    done = ttrl("ls", tmp_path)
    assert (done.code, "dead" in done.err) == (0, True)
    assert ttrl("ls", tmp_path / "nowhere").code == 2


# -- plots -----------------------------------------------------------------------------------------


def test_a_plot_by_hand():
    """A score holds until the next one; the level is drawn; every line fits the width."""
    lines = plot(
        [Series(label="best", points=[(0, 0), (5, 5), (10, 10)])],
        x_label="samples",
        width=40,
        height=3,
        level=("known", 10.0),
        ascii_only=True,
    )
    canvas = [line.partition("|")[2] for line in lines[:3]]
    assert canvas[2].strip("*") == ""
    assert canvas[1].strip() == "*" * len(canvas[1].strip())
    assert canvas[0].endswith("*")
    assert canvas[0].startswith("-")
    assert all(len(line) <= 40 for line in lines[:5])
    assert all(line.isascii() for line in lines)
    assert lines[4].split() == ["0", "10", "samples"]
    assert plot([], x_label="", width=40) == []
    assert plot([Series(label="", points=[(0, float("nan"))])], x_label="", width=40) == []


def test_a_sparkline_by_hand():
    """From 0 up; gaps are blank; more values than columns are pooled by their means."""
    assert spark([0.0, None, 1.0], width=9, high=1.0, ascii_only=True) == "_ #"
    assert spark([0.0, 1.0, 1.0, 1.0], width=2, high=1.0) == "▅█"
    assert spark([0.0, 0.0], width=5) == "▁▁"
    assert spark([], width=5) == ""


def test_a_table_has_a_line_per_row():
    """What would break a line, or hide, is escaped before columns are aligned."""
    assert table([["a", "b"], ["x\ny", "\x1b"], ["long label", "1"]]) == [
        "a           b",
        "x\\ny        \\x1b",
        "long label  1",
    ]


def test_a_long_label_is_cut_to_the_width():
    """A legend is no wider than its plot, however long an option is."""
    drawn = plot([Series(label="x" * 500, points=[(0, 1), (1, 2)])], x_label="", width=50)
    assert max(map(len, drawn)) <= 50


def test_a_run_named_twice_counts_once(tmp_path: Path):
    """The same folder in two spellings is one run, and that is said."""
    run = tmp_path / "run"
    solve(write_problem(tmp_path / "p"), run, ["3", "x", "17", "5", "9", "4", "-2", "1"])
    done = ttrl("compare", run, tmp_path / "p" / ".." / "run", "--json")
    assert len(done.json["arms"][0]["seeds"]) == 1
    assert "named twice count once" in done.err


def test_runs_of_one_seed_are_no_independent_runs(tmp_path: Path):
    """Two runs of an arm with one seed are compared, with a warning."""
    problem = write_problem(tmp_path / "p")
    for name in ("a", "b"):
        solve(problem, tmp_path / name, ["3", "x", "17", "5", "9", "4", "-2", "1"])
    done = ttrl("compare", tmp_path / "a", tmp_path / "b")
    assert "several runs of one arm have the same seed (0)" in done.err


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ([1.75, 1.80], 4),
        ([2.635953, 2.635853], 7),  # a span of 1e-4 of 2.6: 4.4 digits shared, two more
        ([2.0, 2.0], 7),
        ([1e6, 1e6 + 1e-9], 10),
        ([], 7),
    ],
)
def test_as_many_digits_as_tell_values_apart(values: list[float], digits: int):
    """Tables show two digits more than all values share, four at least and ten at most."""
    assert digits_for(values) == digits
