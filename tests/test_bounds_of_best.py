"""Searches that end by their best score: `--until` and `--patience`."""

import json
from pathlib import Path

import pytest

from tests._helpers import solve, ttrl, write_problem


@pytest.mark.parametrize(
    ("direction", "until", "completions", "steps"),
    [
        ("maximize", 5, ["2", "3", "5", "1", "9", "9"], 2),
        ("maximize", 5, ["2", "7", "9", "9", "9", "9"], 1),  # better than asked for
        ("minimize", -5, ["2", "3", "-5", "1", "-9", "-9"], 2),
        ("maximize", 100, ["2", "3", "5", "1", "9", "9"], 3),  # never reached
    ],
)
def test_a_good_score_ends_a_search(
    tmp_path: Path, direction: str, until: float, completions: list[str], steps: int
):
    """The step that reaches the score is the last one, in either direction."""
    run = {"groups": 1, "group_size": 2, "steps": 3, "workers": 1, "threads": 1}
    problem = write_problem(tmp_path / "p", direction=direction, run=run)
    done = solve(problem, tmp_path / "run", completions, "--until", until)
    assert done.code == 0, done.err
    assert done.json["steps"] == steps
    assert done.json["stopped_by"] == ("steps" if until == 100 else "until")


def test_a_search_ends_without_a_new_best(tmp_path: Path):
    """Two steps after the last new best a search with that patience ends; equal is not better."""
    run = {"groups": 1, "group_size": 2, "steps": 9, "workers": 1, "threads": 1}
    problem = write_problem(tmp_path / "p", run=run)
    completions = ["2", "3", "1", "1", "4", "1", "4", "4", "3", "x", "9", "9"]
    done = solve(problem, tmp_path / "run", completions, "--patience", 2)
    assert (done.json["steps"], done.json["stopped_by"]) == (5, "patience")
    assert done.json["best"]["score"] == 4


def test_a_finished_search_says_what_ended_it(tmp_path: Path):
    """It does nothing when it is resumed, and goes on with another bound."""
    run = {"groups": 1, "group_size": 2, "steps": 3, "workers": 1, "threads": 1}
    problem = write_problem(tmp_path / "p", run=run)
    folder = tmp_path / "run"
    solve(problem, folder, ["2", "3", "5", "1", "9", "9"], "--until", 4)
    status = json.loads((folder / "status.json").read_text())
    assert (status["phase"], status["stopped_by"]) == ("done", "until")
    replay = folder.with_suffix(".replay")
    replay.rename(tmp_path / "away")  # a sampler could not be made: none is
    done = ttrl("resume", folder)
    (tmp_path / "away").rename(replay)
    assert done.code == 0, done.err
    assert "its best score is good enough" in done.err
    assert "Give another --until to go on" in done.err
    done = ttrl("resume", folder, "--until", 8, "--json")
    assert (done.json["steps"], done.json["best"]["score"]) == (3, 9)


def test_a_seed_may_be_good_enough(tmp_path: Path):
    """A search whose seed reaches the score takes no step, and is a success."""
    done = solve(write_problem(tmp_path / "p"), tmp_path / "run", ["2"] * 8, "--until", 1)
    assert done.code == 0, done.err
    assert (done.json["steps"], done.json["stopped_by"]) == (0, "until")


@pytest.mark.parametrize("given", [("--until", "nan"), ("--until", "x"), ("--patience", 0)])
def test_bad_bounds(tmp_path: Path, given: tuple[str, object]):
    """What is no number, and no steps at all, are refused."""
    assert solve(write_problem(tmp_path / "p"), tmp_path / "run", ["2"] * 8, *given).code == 2
