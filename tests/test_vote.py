"""Whole runs of `ttrl vote`: on scripted completions, and learning with a tiny model."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests._helpers import (
    PATIENCE,
    Done,
    digest,
    end_fork_servers,
    read_lines,
    spawn,
    ttrl,
    wait,
    write_lines,
)
from ttrl_cli.questions import load_questions
from ttrl_cli.report.votes import answers, write_results
from ttrl_cli.rundir import RunDir

QUESTIONS = [
    {"question": "1 + 1?", "id": "one", "answer": "2.0", "source": "book", "votes": "ours"},
    {"problem": "2 + 2?", "id": "two", "answer": "5"},
    {"prompt": "3 + 3?", "id": "three"},
]
REPLAY = [
    {"text": "Answer: 6", "key": "three", "logprob": -1.5},
    {"text": "Answer: 2", "key": "one"},
    {"text": "no idea", "key": "three"},
    {"text": "Answer: 4", "key": "two"},
    {"text": "Answer: 3", "key": "one"},
    {"text": "Answer: 7", "key": "three", "logprob": -0.5},
    {"text": "Answer: 2", "key": "one"},
    {"text": "\\boxed{4}", "key": "two"},
    {"text": "Answer: 4.0", "key": "two"},
]


def run_vote(
    folder: Path, out: str, *options: object, questions: Any = QUESTIONS, replay: Any = REPLAY
) -> Done:
    """Run `ttrl vote` on scripted answers, 3 samples a question; `--steps 0` unless given."""
    asked = write_lines(folder / f"{out}.jsonl", questions)
    script = write_lines(folder / f"{out}.replay", replay)
    given = ["--n", 3, "--out", folder / out, "--sampler", f"replay:{script}", *options]
    steps = [] if "--steps" in options or "--epochs" in options else ["--steps", 0]
    return ttrl("vote", asked, *steps, *given)


def lines(done: Done) -> list[Any]:
    """The lines that a vote printed."""
    return [json.loads(line) for line in done.out.splitlines()]


def summary(run: Path) -> Any:
    """The contents of a run's summary.json."""
    return json.loads((run / "summary.json").read_text())


def stages(run: Path) -> str:
    """The stages of a run's steps, as their first letters."""
    return "".join(line["stage"][0] for line in read_lines(run / "metrics.jsonl"))


# -- voting only -----------------------------------------------------------------------------


def test_vote(tmp_path: Path):
    """Each question's majority is one JSON line, in the order of the file."""
    done = run_vote(tmp_path, "run", "--groups", 2)
    assert done.code == 0, done.err
    one, two, three = lines(done)
    low, high = one.pop("interval")
    # Wilson's interval of 2 of 3, z = 1.96: centre 0.5724..., half width 0.3647...
    assert (low, high) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))
    assert one == {
        "id": "one",
        "answer": "2",
        "votes": 2,
        "n": 3,
        "share": 2 / 3,
        "tie": False,
        "clusters": [["2", 2], ["3", 1]],
        "parsed": 3,
        "correct": True,  # 2 is 2.0
        "source": "book",  # what else the record held; its "votes" gave way to ours
    }
    # 4, \boxed{4} and 4.0 are one answer
    assert (two["id"], two["answer"], two["votes"], two["correct"]) == ("two", "4", 3, False)
    # 6 and 7 have a vote each; 7 is the likelier one; "no idea" is no vote
    assert (three["answer"], three["tie"], three["parsed"]) == ("7", True, 2)
    assert three["correct"] is None
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["kind"], status["phase"], status["totals"]["steps"]) == ("vote", "done", 2)
    attempts = read_lines(tmp_path / "run" / "attempts.jsonl")
    assert [a["parent"] for a in attempts] == ["one"] * 3 + ["two"] * 3 + ["three"] * 3
    rewards = [a["verdict"]["reward"] for a in attempts]
    assert rewards == [1.0, None, 1.0, 1.0, 1.0, 1.0, None, None, 1.0]
    found = [(a["verdict"].get("answer"), a["verdict"].get("rule")) for a in attempts]
    assert found[4:8] == [
        ("4", "boxed"),
        ("4.0", "answer-line"),
        ("6", "answer-line"),
        (None, None),
    ]
    assert [read_lines(tmp_path / "run" / "votes.jsonl")[1]["rules"]] == [
        {"answer-line": 2, "boxed": 1}
    ]


def test_figures_without_training(tmp_path: Path):
    """summary.json holds the figures of the one pass, and stderr tells them."""
    done = run_vote(tmp_path, "run")
    figures = summary(tmp_path / "run")
    assert (figures["questions"], figures["labelled"], figures["samples"]) == (3, 2, 9)
    # question one: 2 of 3 right; question two: 0 of 3
    assert figures["pass@1"] == pytest.approx(1 / 3)
    # pass@2 of 2 right in 3: 1 - C(1,2)/C(3,2) = 1; of none: 0
    assert figures["pass@k"] == {"1": pytest.approx(1 / 3), "2": 0.5, "3": 0.5}
    assert figures["maj@n"] == figures["label_accuracy"] == 0.5
    # one: rewards 1 0 1 and truth 1 0 1 agree; two: rewards 1 1 1 and truth 0 0 0 do not
    assert figures["reward_accuracy"] == 0.5
    assert figures["majority_ratio"] == pytest.approx((2 / 3 + 1 + 1 / 3) / 3)
    assert figures["parsed"] == pytest.approx(8 / 9)
    assert "before" not in figures
    assert "33.3%" in done.err
    assert "maj@n" in done.err


def test_labels_change_correct_alone(tmp_path: Path):
    """Other labels, or none, change `correct` and nothing else."""
    labelled = run_vote(tmp_path, "a")
    bare = [{k: v for k, v in q.items() if k != "answer"} for q in QUESTIONS]
    unlabelled = run_vote(tmp_path, "b", questions=bare)
    known, unknown = lines(labelled), lines(unlabelled)
    assert [line.pop("correct") for line in known] == [True, False, None]
    assert [line.pop("correct") for line in unknown] == [None] * 3
    assert known == unknown
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert summary(tmp_path / "b")["pass@1"] is None


def test_resume_of_a_vote(tmp_path: Path):
    """A vote that its budget ended goes on to what a whole one gives; a finished one is left."""
    whole = run_vote(tmp_path, "whole", "--groups", 1)
    part = run_vote(tmp_path, "part", "--groups", 1, "--samples", 3)
    assert [line["id"] for line in lines(part)] == ["one"]
    rest = ttrl("resume", tmp_path / "part", "--samples", 99)
    assert rest.code == 0, rest.err
    assert lines(rest) == lines(whole)
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")
    again = ttrl("resume", tmp_path / "part")
    assert again.code == 0
    assert "was finished already" in again.err
    assert lines(again) == lines(whole)


def test_questions_cut_by_a_budget_are_voted_on_later(tmp_path: Path):
    """Questions that a budget cut out of a round get their votes when the run goes on."""
    part = run_vote(tmp_path, "part", "--groups", 3, "--samples", 4)
    assert [line["id"] for line in lines(part)] == ["one", "two"]
    rest = ttrl("resume", tmp_path / "part", "--samples", 99)
    assert [line["id"] for line in lines(rest)] == [q["id"] for q in QUESTIONS]


def test_vote_without_any_answer(tmp_path: Path):
    """A vote in which no sample has an answer prints its lines and ends with exit code 4."""
    done = run_vote(tmp_path, "run", questions=QUESTIONS[:1], replay=["no idea", ""])
    assert done.code == 4
    (line,) = lines(done)
    assert (line["answer"], line["votes"], line["parsed"], line["correct"]) == (None, 0, 0, False)
    shown = ttrl("show", tmp_path / "run", "--json").json
    assert (shown["status"], shown["figures"]["parsed"]) == ("done", 0.0)
    assert "majority ratio" in ttrl("show", tmp_path / "run").out


def test_choices(tmp_path: Path):
    """The answer to a multiple-choice question is a letter, however it is given."""
    asked = [{"question": "Capital?", "choices": ["Rome", "Paris"], "answer": "Paris"}]
    replay = ["Answer: (B)", "The answer is Paris.", "\\boxed{A}"]
    (line,) = lines(run_vote(tmp_path, "run", questions=asked, replay=replay))
    assert line["clusters"] == [["B", 2], ["A", 1]]
    assert (line["id"], line["correct"]) == ("1", True)


def test_standard_input(tmp_path: Path):
    """`-` reads the questions from a pipe; the answers alone go to stdout."""
    script = write_lines(tmp_path / "replay", ["Answer: 1"])
    asked = write_lines(tmp_path / "q.jsonl", [{"question": "1?", "answer": 1}])
    command = ["vote", "-", "--steps", 0, "--n", 2, "--sampler", f"replay:{script}"]
    process = spawn(*command, "--out", tmp_path / "run", stdin=asked)
    done = wait(process)
    assert done.code == 0, done.err
    (line,) = lines(done)
    assert (line["answer"], line["votes"], line["correct"]) == ("1", 2, True)
    assert (tmp_path / "run" / "questions.jsonl").read_text() == asked.read_text()


def test_bad_records(tmp_path: Path):
    """A bad line ends the command by file and line; --skip-bad goes on and counts it."""
    asked = [QUESTIONS[0], {"question": 3}, QUESTIONS[2]]
    refused = run_vote(tmp_path, "a", questions=asked)
    assert refused.code == 2
    assert f"{tmp_path}/a.jsonl:2: " in refused.err
    assert not (tmp_path / "a").exists()
    skipped = run_vote(tmp_path, "b", "--skip-bad", questions=asked)
    assert [line["id"] for line in lines(skipped)] == ["one", "three"]
    assert summary(tmp_path / "b")["bad"] == 1
    assert "1 bad record" in skipped.err
    again = ttrl("resume", tmp_path / "b")
    assert lines(again) == lines(skipped)


def test_comparison_that_cannot_end(tmp_path: Path):
    """A tower of powers neither stalls the vote nor wins it."""
    replay = [r"\boxed{9^{9^{9^{9}}}}", r"\boxed{x + 1}", r"\boxed{1+x}"]
    (line,) = lines(run_vote(tmp_path, "run", questions=QUESTIONS[:1], replay=replay))
    assert line["clusters"] == [["x + 1", 2], ["9^{9^{9^{9}}}", 1]]


@pytest.fixture(scope="module", autouse=True)
def _preloaded() -> None:
    """A fork server that has what comparisons need."""
    end_fork_servers()


TOWER = r"\sum_{k=1}^{2} 9^{9^{9}}"
"""Hangs math-verify."""
CUT_OFF = [
    {"text": text, "key": key}
    for key, texts in {"one": [TOWER, "5", "5"], "two": ["7", "7", TOWER]}.items()
    for text in (rf"\boxed{{{text}}}" for text in texts)
]


def test_comparisons_that_were_cut_off_are_said(tmp_path: Path):
    """They are counted in summary.json, and told by the vote and by `ttrl show`."""
    questions = [{"question": "1 + 1?", "id": "one"}]
    run = tmp_path / "run"
    done = run_vote(tmp_path, "run", questions=questions, replay=CUT_OFF[:3])
    (line,) = lines(done)
    assert line["clusters"] == [["5", 2], [TOWER, 1]]
    said = "1 comparison of answers was cut off"
    assert said in done.err
    assert summary(run)["cut_off"] == 1
    assert said in ttrl("show", run).out
    assert json.loads(ttrl("show", run, "--json").out)["figures"]["cut_off"] == 1
    (metrics,) = read_lines(run / "metrics.jsonl")
    assert metrics["vote/timeouts"] == 1


def test_a_label_may_be_cut_off(tmp_path: Path):
    """Comparisons with labels count, too; a run without any that was cut off says nothing."""
    questions = [{"question": "1 + 1?", "id": "one", "answer": TOWER}]
    replay = [r"\boxed{5}"] * 3
    done = run_vote(tmp_path, "a", questions=questions, replay=replay)
    assert summary(tmp_path / "a")["cut_off"] == 1
    assert "1 comparison of answers was cut off" in done.err
    assert lines(done)[0]["correct"] is False
    done = run_vote(tmp_path, "b", questions=[questions[0] | {"answer": "5.0"}], replay=replay)
    assert summary(tmp_path / "b")["cut_off"] == 0
    assert "cut off" not in done.err


def test_a_resumed_vote_knows_what_was_cut_off(tmp_path: Path):
    """An answer that was given up before a run stopped is not tried again when it goes on."""
    questions = [{"question": "1 + 1?", "id": "one"}, {"question": "2 + 2?", "id": "two"}]
    asked: dict[str, Any] = {"questions": questions, "replay": CUT_OFF}
    whole = run_vote(tmp_path, "whole", "--groups", 1, **asked)
    run_vote(tmp_path, "part", "--groups", 1, "--samples", 3, **asked)
    assert summary(tmp_path / "part")["cut_off"] == 1
    rest = ttrl("resume", tmp_path / "part", "--samples", 100)
    assert lines(rest) == lines(whole)
    for run in (tmp_path / "whole", tmp_path / "part"):
        votes = read_lines(run / "votes.jsonl")
        assert [line["answers"] for line in votes if line["event"] == "cut_off"] == [
            [[TOWER], [TOWER, "5"]],
            [["7", TOWER]],
        ]
        assert summary(run)["cut_off"] == 2
    assert digest(tmp_path / "part") == digest(tmp_path / "whole")


def test_prompt_beside_the_questions(tmp_path: Path):
    """A YAML of the questions' name gives examples and options; options of the command win."""
    prompt = {
        "system": "Be brief.",
        "examples": [{"user": "0?", "assistant": "Answer: 0"}],
        "run": {"group_size": 2, "temperature": 0.5, "steps": 0},
    }
    (tmp_path / "q.yaml").write_text(yaml.safe_dump(prompt))
    asked = write_lines(tmp_path / "q.jsonl", QUESTIONS)
    script = write_lines(tmp_path / "replay", ["Answer: 1"])
    options = ["--sampler", f"replay:{script}", "--temperature", 0.7, "--out", tmp_path / "run"]
    done = ttrl("vote", asked, *options, "--system", "Be long.")
    assert done.code == 0, done.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["group_size"], config["temperature"], config["steps"]) == (2, 0.7, 0)
    kept = yaml.safe_load((tmp_path / "run" / "prompt.yaml").read_text())
    assert kept == prompt | {"system": "Be long."}
    (tmp_path / "other.yaml").write_text("run: {group_sise: 2}")
    refused = ttrl("vote", asked, "--prompt", tmp_path / "other.yaml", *options[:2])
    assert refused.code == 2
    assert "other.yaml: run.group_sise: " in refused.err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--n", 1], "--n: "),
        (["--n", 4, "--train-n", 5], "--train-n: must be at most N, the samples of a question: 4"),
        (["--epochs", 2, "--steps", 3], "give one of them"),
        (["--reward", "medium"], "--reward: "),
        (["--min-share", 2], "--min-share: "),
    ],
)
def test_bad_options(tmp_path: Path, options: list[object], why: str):
    """A wrong option is refused by its own name, and no run is left behind."""
    done = run_vote(tmp_path, "run", *options)
    assert done.code == 2
    assert why in done.err
    assert not (tmp_path / "run").exists()


# -- the stages of training, on scripted answers ---------------------------------------------


def test_stages(tmp_path: Path):
    """One pass, then the epochs, then a fresh pass, which alone is printed."""
    replay = [{"text": f"Answer: {i}", "key": q["id"]} for q in QUESTIONS for i in (1, 1, 2)]
    done = run_vote(tmp_path, "run", "--epochs", 2, "--groups", 2, replay=[*replay, "Answer: 9"])
    assert done.code == 0, done.err
    assert stages(tmp_path / "run") == "bb" + "tttt" + "aa"
    # the scripted answers are used up by the first pass
    assert [line["answer"] for line in lines(done)] == ["9", "9", "9"]
    figures = summary(tmp_path / "run")
    assert figures["before"]["majority_ratio"] == pytest.approx(2 / 3)
    assert figures["after"]["majority_ratio"] == 1.0
    training = figures["training"]
    assert (training["steps"], training["questions"]) == (4, 6)
    assert (training["unanimous"], training["ended_by"], training["why"]) == (6, "steps", "")
    votes = read_lines(tmp_path / "run" / "votes.jsonl")
    asked = [line["id"] for line in votes if line.get("stage") == "train"]
    # each epoch goes through all questions once
    assert sorted(asked[:3]) == sorted(asked[3:]) == sorted(q["id"] for q in QUESTIONS)


@pytest.mark.parametrize(
    ("options", "rewards", "left_out"),
    [
        ([], [1.0, 1.0, None, None, None], {}),
        (["--reward", "soft"], [0.4, 0.4, 0.2, 0.2, None], {}),
        (["--min-share", 0.5], [1.0, 1.0, None, None, None], {"under_min_share": 1}),
    ],
)
def test_rewards(tmp_path: Path, options: list[object], rewards: list[Any], left_out: Any):
    """hard: 1 for the majority's class; soft: the class's share of all samples; or gated."""
    texts = ["Answer: 1/2", "Answer: 0.5", "Answer: 3", "Answer: 4", "none"]
    given = ["--n", 5, "--steps", 1, "--train-n", 4, *options]
    run_vote(tmp_path, "run", *given, questions=QUESTIONS[:1], replay=texts)
    attempts = [a for a in read_lines(tmp_path / "run" / "attempts.jsonl") if a["step"] == 2]
    assert [a["verdict"]["reward"] for a in attempts] == rewards
    advantages = [a["advantage"] for a in attempts]
    if left_out:
        assert advantages == [None] * 5
    else:
        # the first 4 of 5, normalised among themselves
        assert advantages[4] is None
        assert sum(advantages[:4]) == pytest.approx(0.0)
        assert advantages[0] == pytest.approx(advantages[1])
        assert advantages[0] > 0 > advantages[3]
    training = summary(tmp_path / "run")["training"]
    assert training["under_min_share"] == left_out.get("under_min_share", 0)


def test_the_watch_stops_a_training(tmp_path: Path):
    """When nobody disagrees any more, training stops early, says so, and answers."""
    done = run_vote(tmp_path, "run", "--steps", 9, "--patience", 3, replay=["Answer: 1"])
    assert done.code == 0, done.err
    assert stages(tmp_path / "run") == "b" + "ttt" + "a"
    training = summary(tmp_path / "run")["training"]
    assert (training["ended_by"], training["steps"]) == ("collapse", 3)
    assert "3 steps in a row: the votes are all but unanimous" in training["why"]
    assert "collapsing" in done.err
    assert json.loads((tmp_path / "run" / "status.json").read_text())["stopped_by"] == "collapse"
    # it is final until more steps are asked for
    assert "finished already" in ttrl("resume", tmp_path / "run").err
    ttrl("resume", tmp_path / "run", "--steps", 10)
    assert stages(tmp_path / "run") == "b" + "ttt" + "a" + "ttt" + "a"


def test_a_vote_is_extended(tmp_path: Path):
    """--steps takes a finished vote on: its pass is the one before, and a new one ends it."""
    replay = ["Answer: 1", "Answer: 2", "Answer: 2", "none"]
    run_vote(tmp_path, "run", replay=replay)
    first = lines(ttrl("resume", tmp_path / "run"))
    done = ttrl("resume", tmp_path / "run", "--steps", 2)
    assert done.code == 0, done.err
    assert stages(tmp_path / "run") == "b" + "tt" + "a"
    assert summary(tmp_path / "run")["before"]["questions"] == 3
    assert [line["id"] for line in lines(done)] == [line["id"] for line in first]
    ttrl("resume", tmp_path / "run", "--epochs", 3)
    assert stages(tmp_path / "run") == "b" + "tt" + "a" + "t" + "a"


def test_a_budget_leaves_room_for_the_answers(tmp_path: Path):
    """Training ends when what is left is what the final pass needs, which is then taken."""
    replay = ["Answer: 1", "Answer: 2", "Answer: 2", "none"]
    options = ["--steps", 50, "--samples", 9 + 9 + 14]
    done = run_vote(tmp_path, "run", *options, replay=replay)
    assert done.code == 0, done.err
    # 9 for the first pass, 9 and 5 for training, 9 for the answers
    assert stages(tmp_path / "run") == "b" + "tt" + "a"
    assert len(lines(done)) == 3
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["stopped_by"], status["totals"]["samples"]) == ("samples", 32)
    assert summary(tmp_path / "run")["training"]["ended_by"] == "samples"
    assert "finished already" in ttrl("resume", tmp_path / "run").err
    more = ttrl("resume", tmp_path / "run", "--samples", 32 + 9 + 9)
    assert more.code == 0, more.err
    assert stages(tmp_path / "run") == "b" + "tt" + "a" + "t" + "a"


# -- learning, with a tiny model -------------------------------------------------------------

TINY = [
    *["--last-number", "--n", 16, "--groups", 2, "--steps", 4, "--max-tokens", 3],
    *["--lora-rank", 4, "--lr", 0.001, "--temperature", 1.0, "--dtype", "float32", "--threads", 1],
]


def learn(
    folder: Path, out: str, model: Path, *options: object, questions: Any = QUESTIONS
) -> Done:
    """Run `ttrl vote` with a random model that writes numbers."""
    asked = write_lines(folder / f"{out}.jsonl", questions)
    return ttrl("vote", asked, "--model", model, "--out", folder / out, *TINY, *options)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, counting_model: Path) -> Path:
    """A vote run that learned, never stopped."""
    folder = tmp_path_factory.mktemp("learned")
    done = learn(folder, "run", counting_model)
    assert done.code == 0, done.err
    return folder / "run"


def test_learning(learned: Path):
    """Every training step takes one optimiser step a question, on the first half of its samples."""
    steps = read_lines(learned / "metrics.jsonl")
    assert "".join(step["stage"][0] for step in steps) == "bb" + "tttt" + "aa"
    trained = [step for step in steps if step["stage"] == "train"]
    # 2 questions, then the third one, and so on: an epoch of 3 questions is 2 rounds
    assert [step["sample/completions"] for step in trained] == [32, 16, 32, 16]
    attempts = read_lines(learned / "attempts.jsonl")
    taught = [taught_by(attempts, step["step"]) for step in trained]
    assert [step.get("train/updates", 0) for step in trained] == list(map(len, taught))
    assert [step.get("train/rows", 0) for step in trained] == [8 * len(of) for of in taught]
    assert any(taught)
    assert all("train/rows" not in step for step in steps if step["stage"] != "train")
    # the rate comes down a half cosine
    rates = [step["train/lr"] for step in trained if "train/lr" in step]
    assert sorted(rates, reverse=True) == rates
    assert rates[-1] < 0.001
    assert {a["policy"] for a in attempts if a["step"] <= 3} == {0}
    assert {a["policy"] for a in attempts if a["step"] > 7} == {6}
    second = [a for a in attempts if 3 <= a["step"] <= 6 and a["index"] >= 8]
    assert {a["advantage"] for a in second} == {None}


def taught_by(attempts: list[Any], step: int) -> list[int]:
    """The groups of a step that teach: rewards differ within the first half of the samples."""
    rewards: dict[int, set[float]] = {}
    for a in attempts:
        if a["step"] == step and a["index"] < 8:
            rewards.setdefault(a["group"], set()).add(a["verdict"]["reward"])
    return [group for group, given in rewards.items() if len(given) > 1]


def test_labels_are_not_learned_from(learned: Path, tmp_path: Path, counting_model: Path):
    """Training without labels makes the same attempts, votes and weights."""
    bare = [{k: v for k, v in q.items() if k != "answer"} for q in QUESTIONS]
    learn(tmp_path, "bare", counting_model, questions=bare)
    assert digest(tmp_path / "bare") == digest(learned)
    weights = "checkpoints/step_000009/adapter_model.safetensors"
    assert (tmp_path / "bare" / weights).read_bytes() == (learned / weights).read_bytes()


def test_the_rest_of_a_vote_is_the_same(learned: Path, tmp_path: Path, counting_model: Path):
    """A training that a budget of steps ended, taken on by larger ones, learns the same.

    The rate hangs on how many steps there are to be, so it is held constant here.
    """
    options = ["--schedule", "constant"]
    learn(tmp_path, "whole", counting_model, *options)
    assert digest(tmp_path / "whole") != digest(learned)
    interrupted = learn(tmp_path, "part", counting_model, *options, "--samples", 48 + 32)
    assert interrupted.code == 0
    assert stages(tmp_path / "part") == "bb" + "a"  # nothing is left over for training
    ttrl("resume", tmp_path / "part", "--samples", 9999)
    assert stages(tmp_path / "part") == "bb" + "a" + "tttt" + "aa"


def test_training_after_a_mere_vote(learned: Path, tmp_path: Path, counting_model: Path):
    """A run of --steps 0 that is taken on goes through what a training run goes through."""
    assert learn(tmp_path, "run", counting_model, "--steps", 0).code in (0, 4)
    done = ttrl("resume", tmp_path / "run", "--steps", 4)
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == digest(learned)


def test_weights_before_the_collapse_are_kept(tmp_path: Path, counting_model: Path):
    """After a collapse the answers come from the weights that were last seen healthy."""
    # every step counts as a collapse: the floor is above what any vote can have
    (tmp_path / "p.yaml").write_text("run: {entropy_floor: 99, patience: 2}")
    done = learn(tmp_path, "run", counting_model, "--prompt", tmp_path / "p.yaml")
    assert done.code == 0, done.err
    assert stages(tmp_path / "run") == "bb" + "tt" + "aa"
    training = summary(tmp_path / "run")["training"]
    assert (training["ended_by"], training["policy"]) == ("collapse", 0)
    attempts = read_lines(tmp_path / "run" / "attempts.jsonl")
    assert {a["policy"] for a in attempts if a["step"] > 4} == {0}


def test_a_killed_vote_goes_on_the_same(learned: Path, tmp_path: Path, counting_model: Path):
    """Killed in the middle of the training, and in the final pass: the same digest in the end."""
    asked = write_lines(tmp_path / "q.jsonl", QUESTIONS)
    command = ["vote", asked, "--model", counting_model, "--out", tmp_path / "run", *TINY]
    for steps in (4, 7):
        process = spawn(*command) if steps == 4 else spawn("resume", tmp_path / "run")
        log = tmp_path / "run" / "metrics.jsonl"
        while process.poll() is None and not (log.exists() and len(read_whole(log)) >= steps):
            time.sleep(0.02)
        process.kill()
        wait(process)
    done = ttrl("resume", tmp_path / "run")
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == digest(learned)
    assert lines(done) == lines(ttrl("resume", learned))


def read_whole(path: Path) -> list[str]:
    """The complete lines of a file that is being written."""
    return path.read_text().splitlines(keepends=True)


def test_answers_stay_until_there_are_new_ones(tmp_path: Path):
    """An extension that ends before its final pass leaves the answers that there were."""
    replay = ["Answer: 1", "Answer: 2", "Answer: 2", "none"]
    first = lines(run_vote(tmp_path, "run", "--steps", 1, replay=replay))
    assert len(first) == 3
    files = [tmp_path / "run" / name for name in ("answers.jsonl", "votes.jsonl")]
    more = ttrl("resume", tmp_path / "run", "--steps", 3, "--samples", 27 + 9)
    assert stages(tmp_path / "run") == "b" + "t" + "a"  # no room for a step and a pass
    assert lines(more) == first
    assert "finished already (samples)" in ttrl("resume", tmp_path / "run").err
    kept = [line for line in read_lines(files[1]) if line["event"] == "kept"]
    assert [line["reason"] for line in kept] == ["steps", "samples"]
    assert summary(tmp_path / "run")["training"]["ended_by"] == "samples"


def test_learning_on_takes_no_answers_away(tmp_path: Path):
    """Steps taken after a final pass leave its answers; here the script ends in the second one."""
    replay = [{"text": f"Answer: {i % 2}", "key": q["id"]} for q in QUESTIONS for i in range(12)]
    first = lines(run_vote(tmp_path, "run", "--steps", 1, replay=replay))
    assert len(first) == 3
    assert "nothing left to replay" in ttrl("resume", tmp_path / "run", "--steps", 3).err
    assert stages(tmp_path / "run") == "b" + "t" + "a" + "t"
    run = RunDir.open(tmp_path / "run")
    questions = load_questions(tmp_path / "run" / "questions.jsonl")
    write_results(run, questions, lambda pairs: [False] * len(pairs))
    assert [line["answer"] for line in answers(run)] == [line["answer"] for line in first]


def test_a_budget_that_ends_in_the_first_pass(tmp_path: Path):
    """What the untrained model said is printed, and that it is not everything is said."""
    done = run_vote(tmp_path, "run", "--steps", 3, "--groups", 1, "--samples", 6)
    assert done.code == 0, done.err
    assert [line["id"] for line in lines(done)] == ["one", "two"]
    assert "answers for 2 of 3 questions (samples)" in done.err


def test_an_extension_that_died_at_once(tmp_path: Path, counting_model: Path):
    """A mere vote that was to be trained and died before its first step can be taken on again."""
    assert learn(tmp_path, "run", counting_model, "--steps", 0).code in (0, 4)
    config = tmp_path / "run" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"steps": 1, "train": True}))
    status = tmp_path / "run" / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"phase": "running"}))
    done = ttrl("resume", tmp_path / "run")
    assert done.code == 0, done.err
    assert stages(tmp_path / "run") == "bb" + "t" + "aa"


def test_a_reader_that_has_had_enough(tmp_path: Path):
    """A pipe that closes is no error, and the summary is still told."""
    script = write_lines(tmp_path / "replay", ["Answer: 1"])
    asked = write_lines(tmp_path / "q.jsonl", [{"question": f"{i}?"} for i in range(5000)])
    command = ["vote", asked, "--steps", 0, "--n", 2, "--groups", 5000, "--out", tmp_path / "run"]
    process = spawn(*command, "--sampler", f"replay:{script}")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().decode()
    assert process.wait(PATIENCE) == 0
    assert "majority ratio" in err
    process.stderr.close()


def test_best_of_a_vote(tmp_path: Path):
    """A vote has answers, not a best solution."""
    run_vote(tmp_path, "run")
    done = ttrl("best", tmp_path / "run")
    assert done.code == 2
    assert "answers.jsonl" in done.err


def test_export(learned: Path, tmp_path: Path, counting_model: Path):
    """The exported adapter, loaded by peft alone, gives the weights of the last commit."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    done = ttrl("export", learned, tmp_path / "adapter")
    assert (done.code, done.out.strip()) == (0, str(tmp_path / "adapter"))
    base = AutoModelForCausalLM.from_pretrained(counting_model, dtype=torch.float32)
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        before = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, tmp_path / "adapter")(tokens).logits
    assert (before - adapted).abs().max() > 1e-3
    again = ttrl("export", learned, tmp_path / "adapter")
    assert again.code == 2
    assert "exists already" in again.err


def test_nothing_to_export(tmp_path: Path):
    """A run that learned nothing has no adapter."""
    run_vote(tmp_path, "run")
    done = ttrl("export", tmp_path / "run", tmp_path / "adapter")
    assert done.code == 2
    assert "nothing was learned" in done.err
    assert not (tmp_path / "adapter").exists()
