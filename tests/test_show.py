"""`ttrl show`: what people and scripts are told of a run; following one; trackers."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests._helpers import Done, read_lines, solve, spawn, ttrl, until, wait, write_problem
from tests.test_terminal import ATTACK, SHOWN, controls
from ttrl_cli.api.tracking import PACKAGES
from ttrl_cli.cli.main import app
from ttrl_cli.cli.seen import ancestry
from ttrl_cli.report.history import Node

SLOW = """
import time

def verify(text):
    time.sleep(0.3)
    return text

def score(text):
    return len(text)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps whose best, 9, came from the 5 of its first step."""
    folder = tmp_path_factory.mktemp("show")
    script = ["3", "5", "bad", "4", "9", "5", "6", "8"]
    done = solve(write_problem(folder / "p", best_known=12), folder / "run", script)
    assert done.code == 0, done.err
    return folder / "run"


def test_what_is_shown_of_a_search(run: Path):
    """Status, progress, gap, the best under its ancestors, a plot and shares by step."""
    done = ttrl("show", run)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"number: done, {run}"
    assert lines[1] == "  progress     2 of 2 steps, 100%"
    assert "  gap          3" in lines
    at = lines.index("  ancestry of the best")
    parent = "seed.0" if "seed.0" in lines[at + 1] else "seed.1"
    assert lines[at + 1 : at + 4] == [
        f"    1  ({parent})",
        "    └─ 5  (step 1, 1.0.1, sample 2)",
        "      └─ 9  (step 2, 2.0.0, sample 5)",
    ]
    assert "best known 12" in lines[-3]
    assert lines[-2].startswith("  valid        ▆█ 75% to 100%")
    assert all(len(line) <= 80 for line in lines[at:])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_width_of_a_terminal_is_kept(run: Path, monkeypatch: pytest.MonkeyPatch, width: int):
    """Ancestry, plot and sparklines are no wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    _, _, drawn = ttrl("show", run).out.partition("  ancestry")
    assert max(map(len, drawn.splitlines())) <= width


def test_what_scripts_are_told(run: Path):
    """The keys of before are those that a search prints; lineage and points are added."""
    facts = ttrl("show", run, "--json").json
    assert (facts["status"], facts["steps"], facts["best"]["score"]) == ("done", 2, 9)
    assert facts["progress"] == {"share": 1.0, "bound": "steps", "steps": 2, "left": None}
    assert (facts["kind"], facts["direction"], facts["gap"]) == ("solve", "maximize", 3)
    assert [node["score"] for node in facts["lineage"]] == [9, 5, 1]
    assert [(point["samples"], point["best"]) for point in facts["points"]] == [
        (0, 1),
        (4, 5),
        (8, 9),
    ]


def test_a_best_whose_step_is_not_committed(run: Path, tmp_path: Path):
    """The best is written at once; until its step is committed, nobody knows where it is from."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy, symlinks=True)
    verdict = json.loads((copy / "best" / "verdict.json").read_text())
    ahead = verdict | {"id": "3.0.0", "step": 3, "score": 11}
    (copy / "best" / "verdict.json").write_text(json.dumps(ahead))
    assert "not known until its step is committed" in ttrl("show", copy).out
    assert ttrl("show", copy, "--json").json["lineage"] == []


def test_many_ancestors_are_abridged():
    """Of forty the seed and the last ten are shown, and how many are between."""
    line = [
        Node(id=str(n), parent=str(n - 1), step=n, score=float(n), kept=True, number=n)
        for n in range(40, 0, -1)
    ]
    lines = ancestry(line, ascii_only=True)
    assert len(lines) == 1 + 12
    assert lines[2].endswith("(29 between)")
    assert lines[1].startswith("    1  (step 1")
    assert lines[-1].strip().startswith("`- 40  (step 40")
    assert all(one.isascii() for one in lines)


def test_a_stream_of_ascii(run: Path):
    """Where standard output holds ASCII alone, marks are of ASCII and nothing is escaped."""
    done = wait(spawn("show", run, PYTHONIOENCODING="ascii"))
    assert done.code == 0, done.err
    assert done.out.isascii()
    assert "\\u" not in done.out
    assert "`- 5" in done.out


def test_hostile_names_do_nothing(run: Path, tmp_path: Path):
    """Names and ids in a run's files that a terminal would obey are escaped."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy, symlinks=True)
    for name, key in (("status.json", "name"), ("best/verdict.json", "id")):
        raw = json.loads((copy / name).read_text())
        (copy / name).write_text(json.dumps(raw | {key: ATTACK}))
    for words in (["show", copy], ["ls", tmp_path], ["compare", copy], ["show", copy, "--json"]):
        done = ttrl(*words)
        assert done.code == 0, done.err
        assert controls(done.out + done.err) == set()
    assert SHOWN in ttrl("show", copy).out


def test_a_run_is_followed_to_its_end(tmp_path: Path):
    """In a pipe each step is a line of JSON, and the end of the run ends the command."""
    run = tmp_path / "run"
    script = tmp_path / "s.replay"
    script.write_text("".join(json.dumps({"text": "x" * n}) + "\n" for n in range(1, 9)))
    problem = write_problem(tmp_path / "p", SLOW)
    options = ["--sampler", f"replay:{script}", "--steps", 4, "--out", run]
    solving = spawn("solve", problem, *options)
    try:
        until(lambda: (run / "metrics.jsonl").exists() and read_lines(run / "metrics.jsonl"))
        followed = wait(spawn("show", run, "--follow", "--json"))
    finally:
        ended = wait(solving)
    assert (ended.code, followed.code) == (0, 0)
    steps = [json.loads(line)["steps"] for line in followed.out.splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == 4
    assert json.loads(followed.out.splitlines()[-1])["status"] == "done"


def test_an_interrupt_leaves_the_run_alone(tmp_path: Path):
    """Ctrl-C ends the view with 130 and a sentence; the run goes on to its end."""
    run = tmp_path / "run"
    script = tmp_path / "s.replay"
    script.write_text(json.dumps({"text": "x"}) + "\n")
    problem = write_problem(tmp_path / "p", SLOW)
    options = ["--sampler", f"replay:{script}", "--steps", 500, "--out", run]
    solving = spawn("solve", problem, *options)
    try:
        until(lambda: (run / "metrics.jsonl").exists() and read_lines(run / "metrics.jsonl"))
        view = spawn("show", run, "--follow")
        assert view.stdout is not None
        assert view.stdout.readline()
        view.send_signal(signal.SIGINT)
        seen = wait(view)
        before = len(read_lines(run / "metrics.jsonl"))
        until(lambda: len(read_lines(run / "metrics.jsonl")) > before)
    finally:
        solving.send_signal(signal.SIGINT)
        ended = wait(solving)
    assert (seen.code, ended.code) == (130, 130)
    assert "goes on without this view" in seen.err
    assert "Traceback" not in seen.err


# -- trackers and help -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(PACKAGES))
def test_a_tracker_that_is_not_installed(tmp_path: Path, name: str):
    """It is one sentence with its extra, before a run is made."""
    import importlib.util

    if any(importlib.util.find_spec(package) for package in PACKAGES[name]):
        pytest.skip(f"{name} is installed")
    problem = write_problem(tmp_path / "p")
    done: Done = solve(problem, tmp_path / "run", ["3"], "--report-to", name)
    assert done.code == 3
    assert f"{name} is not installed; pip install 'ttrl-cli[{name}]'" in done.err
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_the_metrics(tmp_path: Path):
    """Each step's metrics are scalars of its event file, at the step's number."""
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    problem = write_problem(tmp_path / "p")
    done = solve(problem, tmp_path / "run", ["3", "4", "7", "9"], "--report-to", "tensorboard")
    assert done.code == 0, done.err
    (file,) = (tmp_path / "run" / "tracker").rglob("events.*")
    events = loading.EventAccumulator(str(file)).Reload()
    found = [(event.step, event.value) for event in events.Scalars("train/solve/best_score")]
    assert found == [(1, 9.0), (2, 9.0)]
    assert events.Tags()["tensors"] == ["args/text_summary"]


def commands(group: Any, path: str = "ttrl") -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, f"{path} {name}")
        else:
            yield f"{path} {name}", one


def test_every_help_has_an_example():
    """An example begins with the words of its own command."""
    for words, one in commands(typer.main.get_command(app)):
        assert f"Example: {words}" in (one.help or ""), words


def test_a_digest_is_not_followed(tmp_path: Path):
    """A digest is of the run as it stands."""
    run = tmp_path / "run"
    solve(write_problem(tmp_path / "p"), run, ["3"] * 8)
    done = ttrl("show", run, "--digest", "--follow")
    assert done.code == 2
    assert "leave out --follow" in done.err


def test_a_run_of_no_steps(tmp_path: Path):
    """Progress of a run that was to take no step names no bound."""
    run = tmp_path / "run"
    solve(write_problem(tmp_path / "p"), run, ["3"] * 8, "--steps", 0)
    assert "0 steps, 100%\n" in ttrl("show", run).out
