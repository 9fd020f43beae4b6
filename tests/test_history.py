"""The history of runs: read from runs that are whole, killed, empty, old or under way."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import read_lines, solve, ttrl, write_lines, write_problem
from ttrl_cli.errors import UsageError
from ttrl_cli.report.history import StepRow, read_history, read_texts
from ttrl_cli.report.standing import Progress, progress, read_standing, vote_stages
from ttrl_cli.report.vote_history import read_vote_history
from ttrl_cli.rundir import RunDir, Totals

ROOT = Path(__file__).parents[1]
# two groups of two: the first step finds 5, the second improves on it with 9, from 5
REPLAY = ["3", "5", "bad", "4", "9", "5", "6", "8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of two steps on scripted completions."""
    folder = tmp_path_factory.mktemp("history")
    done = solve(write_problem(folder / "p"), folder / "run", REPLAY)
    assert done.code == 0, done.err
    return RunDir.open(folder / "run")


def copy(run: RunDir, to: Path) -> Path:
    """A copy of a run, to be damaged."""
    shutil.copytree(run.path, to, symlinks=True)
    return to


def test_the_attempts_of_a_run(run: RunDir):
    """Attempts are numbered over all steps; what is not valid has no score and says why."""
    found = read_history(run).attempts
    assert [a.number for a in found] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [a.id for a in found][2:5] == ["1.1.0", "1.1.1", "2.0.0"]
    assert [a.score for a in found] == [3, 5, None, 4, 9, 5, 6, 8]
    assert [a.valid for a in found][1:3] == [True, False]
    assert (found[2].status, found[2].reason) == ("invalid", "not a whole number")
    assert {a.parent for a in found[:2]} == {"seed.0"}
    assert all(a.seconds >= 0 and a.tokens == 0 for a in found)


def test_the_points_of_a_run(run: RunDir):
    """Best so far, step's best and step's mean over samples: by hand from the script."""
    points = read_history(run).points
    assert [(p.step, p.samples, p.best) for p in points] == [(0, 0, 1), (1, 4, 5), (2, 8, 9)]
    assert [p.step_best for p in points] == [None, 5, 9]
    assert [p.step_mean for p in points] == [None, 4, 7]
    assert points[0].seconds == 0 < points[1].seconds <= points[2].seconds


def test_the_lineage_of_the_best(run: RunDir):
    """The best of step 2 came from an attempt of step 1, which came from a seed."""
    history = read_history(run)
    line = history.lineage("2.0.0")
    assert [node.score for node in line] == [9, 5, 1]
    assert [node.number for node in line] == [5, 2, None]
    assert line[-1].parent is None
    assert "2.0.0" in history.children()[line[1].id]
    assert history.lineage("3.0.0") == ()


def test_the_lineage_of_what_was_not_kept(run: RunDir):
    """An attempt that is not valid, or lost its place in the archive, has its ancestors too."""
    history = read_history(run)
    assert [node.kept for node in history.lineage("1.1.0")] == [False, True]
    assert [node.score for node in history.lineage("1.1.0")] == [None, 1]


def test_the_records_of_a_run(run: RunDir):
    """Those that beat all before them; downwards none beats the seed."""
    history = read_history(run)
    assert [a.score for a in history.records("maximize")] == [3, 5, 9]
    assert history.records("minimize") == ()


def test_texts_of_solutions(run: RunDir):
    """Wanted texts alone are read, or those of all states."""
    assert read_texts(run, {"2.0.0"})["2.0.0"].solution == "9"
    assert set(read_texts(run)) >= {"seed.0", "1.0.1", "2.0.0"}


def test_a_warm_start_has_the_ancestors_of_the_other_run(run: RunDir, tmp_path: Path):
    """What came from another run's state goes back to that run's seed, and is numbered anew."""
    done = solve(
        run.path / "problem", tmp_path / "next", ["10", "11"], "--from", run.path, "--steps", 1
    )
    assert done.code == 0, done.err
    history = read_history(RunDir.open(tmp_path / "next"))
    line = history.lineage("1.0.1")
    assert [node.id for node in line][:2] == ["1.0.1", "run/2.0.0"]
    assert [node.score for node in line] == [11, 9, 5, 1]
    assert [node.number for node in line] == [2, None, None, None]
    assert [a.score for a in history.records("maximize")] == [10, 11]


def test_what_is_not_committed_is_no_history(run: RunDir, tmp_path: Path):
    """A killed run's half written step is left out; it counts as interrupted."""
    killed = copy(run, tmp_path / "killed")
    for log in ("attempts.jsonl", "archive.jsonl", "metrics.jsonl"):
        with (killed / log).open("a") as file:
            file.write('{"half": ')
    status = json.loads((killed / "status.json").read_text())
    (killed / "status.json").write_text(json.dumps(status | {"phase": "running"}))
    opened = RunDir.open(killed)
    assert read_history(opened) == read_history(run)
    assert read_standing(opened).summary.status == "interrupted"


def test_a_run_without_a_commit(run: RunDir, tmp_path: Path):
    """A run that died before its first commit has no steps, no attempts and no best."""
    empty = copy(run, tmp_path / "empty")
    shutil.rmtree(empty / "checkpoints")
    shutil.rmtree(empty / ".best")
    (empty / "best").unlink()
    status = json.loads((empty / "status.json").read_text())
    nothing = {"steps": 0, "samples": 0, "valid": 0, "tokens": 0, "seconds": 0.0}
    fresh = {"phase": "running", "totals": nothing, "seed_score": None}
    (empty / "status.json").write_text(json.dumps(status | fresh))
    opened = RunDir.open(empty)
    history = read_history(opened)
    assert (history.steps, history.attempts, dict(history.nodes)) == ((), (), {})
    assert [point.best for point in history.points] == [None]
    standing = read_standing(opened)
    assert standing.gap is None
    assert standing.progress == Progress(share=0.0, bound="steps", steps=2, left=None)


def test_a_run_of_an_older_release():
    """A run that was made with an option that is gone has its history."""
    old = RunDir.open(ROOT / "tests" / "fixtures" / "run_with_deepspeed")
    history = read_history(old)
    assert len(history.attempts) == 9
    assert history.attempts[0].rule == ""
    assert [node.id for node in history.lineage("1.1.0")][-1].startswith("seed.")
    assert read_standing(old).progress.share == 1.0


@pytest.mark.parametrize(
    ("log", "content", "says"),
    [
        ("attempts.jsonl", None, "No such file"),
        ("metrics.jsonl", b"", "is damaged"),
        ("archive.jsonl", b"\xff" * 9000, "is damaged"),
    ],
)
def test_a_damaged_log_is_named(
    run: RunDir, tmp_path: Path, log: str, content: bytes | None, says: str
):
    """A log that is gone, cut or overwritten is one sentence, with the file in it."""
    damaged = copy(run, tmp_path / "damaged")
    (damaged / log).unlink()
    if content is not None:
        (damaged / log).write_bytes(content)
    with pytest.raises(UsageError, match=says) as raised:
        read_history(RunDir.open(damaged))
    assert log in str(raised.value)


def test_a_commit_that_is_removed_while_it_is_read(run: RunDir, tmp_path: Path):
    """A damaged commit is an error, one that the run has replaced meanwhile is not."""
    moving = RunDir.open(copy(run, tmp_path / "moving"))
    newest = moving.last_checkpoint()
    assert newest is not None
    (newest / "commit.json").unlink()
    with pytest.raises(UsageError, match=r"commit\.json"):
        moving.lengths()


# -- progress --------------------------------------------------------------------------------------


def steps(*seconds: float, stages: str = "") -> list[StepRow]:
    """Steps that took so many seconds, of 10 samples and 100 tokens each."""
    names = {"b": "before", "t": "train", "a": "after"}
    return [
        StepRow(
            step=number,
            stage=names[stages[number - 1]] if stages else "",
            samples=10 * number,
            tokens=100 * number,
            seconds=sum(seconds[:number]),
            metrics={"time/step": took, "sample/completions": 10, "sample/tokens": 100},
        )
        for number, took in enumerate(seconds, start=1)
    ]


USED = Totals(steps=2, samples=20, tokens=200, seconds=6.0)


@pytest.mark.parametrize(
    ("bounds", "idle", "expected"),
    [
        # steps of 2 s and 4 s: eight more at 3 s
        ({"steps": 10}, 0.0, (0.2, "steps", 24.0)),
        ({"steps": 10}, 5.0, (0.2, "steps", 19.0)),
        ({"steps": 10, "seconds": 12.0}, 0.0, (0.5, "seconds", 6.0)),
        ({"steps": 10, "seconds": 12.0}, 3.0, (0.75, "seconds", 3.0)),
        # 60 samples more at 20 in 6 s
        ({"steps": 99, "samples": 80}, 0.0, (0.25, "samples", 18.0)),
        ({"steps": 99, "tokens": 250}, 0.0, (0.8, "tokens", 1.5)),
        ({"steps": 2}, 0.0, (1.0, "steps", 0.0)),
    ],
)
def test_progress_of_a_search(
    run: RunDir, bounds: dict[str, Any], idle: float, expected: tuple[float, str, float]
):
    """The nearest bound says how far a run is, and what is left at the pace so far."""
    config = run.config.model_copy(update=bounds)
    planned = {"": bounds["steps"] - 2}
    found = progress(config, USED, steps(2.0, 4.0), planned, done=False, idle=idle)
    assert (found.share, found.bound, found.left) == (
        pytest.approx(expected[0]),
        expected[1],
        pytest.approx(expected[2]),
    )


def test_stages_have_paces_of_their_own(run: RunDir):
    """Two training steps more at 4 s, and two of the final pass, at the mean of all, 3 s."""
    planned = {"before": 0, "train": 2, "after": 2}
    config = run.config.model_copy(update={"steps": 3})
    found = progress(config, USED, steps(2.0, 4.0, stages="bt"), planned, done=False)
    assert found.left == pytest.approx(14.0)
    assert found.share == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("taken", "training", "left"),
    [
        ("", 3, (2, 3, 2)),
        ("b", 3, (1, 3, 2)),
        ("bbtt", 3, (0, 1, 2)),
        # learning has ended early
        ("bbtta", 3, (0, 0, 1)),
        ("bbtttaa", 3, (0, 0, 0)),
        # more steps were asked for when it was resumed: what was answered is asked again
        ("bbtttaat", 5, (0, 1, 2)),
    ],
)
def test_what_a_vote_still_has(taken: str, training: int, left: tuple[int, int, int]):
    """Of passes of two steps and so many of training, these are left."""
    names = [{"b": "before", "t": "train", "a": "after"}[letter] for letter in taken]
    assert tuple(vote_stages(names, 2, training).values()) == left


def test_a_vote_without_training_has_one_pass():
    """Without training steps there is one pass and no other."""
    assert vote_stages(["before"], 2, 0) == {"before": 1}


# -- votes -----------------------------------------------------------------------------------------


def test_the_history_of_a_vote(tmp_path: Path):
    """Votes by question, marked by the labels; 4.0 and 4 are one answer, and 5 is another."""
    asked = [
        {"question": "1 + 1?", "id": "one", "answer": "2.0", "level": 1},
        {"question": "2 + 2?", "id": "two", "answer": "5"},
        {"question": "3 + 3?", "id": "three"},
    ]
    said = {"one": ("2", "3", "2"), "two": ("4", "4.0", "5"), "three": ("6", "no", "idea")}
    script = [
        {"text": f"Answer: {text}" if text[0].isdigit() else text, "key": key}
        for key, texts in said.items()
        for text in texts
    ]
    questions = write_lines(tmp_path / "q.jsonl", asked)
    replay = write_lines(tmp_path / "q.replay", script)
    options = ["--n", 3, "--groups", 2, "--steps", 0, "--sampler", f"replay:{replay}"]
    done = ttrl("vote", questions, "--out", tmp_path / "run", *options)
    assert done.code == 0, done.err
    history = read_vote_history(RunDir.open(tmp_path / "run"))
    one, two, three = history.questions
    assert (one.question.id, one.question.extra) == ("one", {"level": 1})
    assert one.before is not None
    assert (one.before.answer, one.before.clusters) == ("2", (("2", 2), ("3", 1)))
    assert (one.before.right, one.before.correct) == ((True, False), True)
    assert two.before is not None
    assert (two.before.right, two.before.correct) == ((False, True), False)
    assert three.before is not None
    assert (three.before.correct, three.before.parsed) == (None, 1)
    assert [(q.train, q.after) for q in history.questions] == [((), None)] * 3
    first, second = history.votes
    assert (first.step, first.stage, first.questions, first.labelled) == (1, "before", 2, 2)
    assert first.label_accuracy == 0.5
    assert first.truth_ratio == pytest.approx(3 / 6)  # 2 2 of one, 5 of two
    # one: rewards 1 0 1 and truth 1 0 1; two: rewards 1 1 0 and truth 0 0 1
    assert first.reward_accuracy == pytest.approx(3 / 6)
    assert (second.labelled, second.label_accuracy) == (0, None)
    assert second.parsed == pytest.approx(1 / 3)
    assert [step.stage for step in history.steps] == ["before", "before"]
    summed = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summed["maj@n"] == 0.5
    assert len(read_lines(tmp_path / "run" / "votes.jsonl")) == 3
    assert read_standing(RunDir.open(tmp_path / "run")).progress.share == 1.0


def test_a_vote_that_was_not_begun(tmp_path: Path):
    """A vote without a commit has its questions, and no votes on them."""
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1 + 1?"}])
    replay = write_lines(tmp_path / "q.replay", ["Answer: 2"])
    options = ["--n", 2, "--steps", 0, "--sampler", f"replay:{replay}"]
    ttrl("vote", questions, "--out", tmp_path / "run", *options)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    history = read_vote_history(RunDir.open(tmp_path / "run"))
    assert [(q.question.id, q.before, q.after) for q in history.questions] == [("1", None, None)]
    assert (history.votes, history.steps) == ((), ())
