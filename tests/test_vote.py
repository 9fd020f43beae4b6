"""Voting: extraction, the majority, and whole runs of `ttrl vote` on scripted completions."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, digest, read_lines, ttrl, write_lines
from ttrl_cli.errors import UsageError
from ttrl_cli.questions import load_questions, question_messages
from ttrl_cli.voting.extract import extract_answer
from ttrl_cli.voting.majority import majority


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", None),
        ("forty-two", None),
        (r"so \boxed{42}.", "42"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{7} and then \boxed{8", "7"),
        (r"\boxed{}", None),
        (r"\boxed{ }", None),
        ("Answer: 42", "42"),
        ("Answer: 1\nwait\nanswer: 2", "2"),
        ("**Final answer:** 3/4", "3/4"),
        ("The answer is near: 4", None),
        ("Answer:", None),
        ("Answer: 5\n\\boxed{6}", "6"),
        ("<think>\\boxed{1}</think>\\boxed{2}", "2"),
        ("<think>\\boxed{1}</think> done", None),
        ("<think>Answer: 1", None),
        ("<think>a</think>Answer: 1<think>Answer: 2</think>", "1"),
        ("Answer: caf\u00e9", "caf\u00e9"),
    ],
)
def test_extraction(text: str, answer: str | None):
    """The answer is the last closed box, else the last answer line, outside of thinking."""
    assert extract_answer(text) == answer


def vote(answers: list[str | None], logprobs: Iterable[float | None] | None = None):
    """A vote by exact match."""
    given = [None] * len(answers) if logprobs is None else list(logprobs)
    return majority(answers, given, key=str.strip)


def test_majority():
    """The most frequent answer wins; shares are of all samples, unparsed ones included."""
    result = vote(["7", "8", None, " 7", "9"])
    assert (result.answer, result.votes, result.n, result.parsed) == ("7", 2, 5, 4)
    assert result.share == 0.4
    assert not result.tie
    assert result.clusters == (("7", 2), ("8", 1), ("9", 1))
    assert result.agrees_G == (True, False, False, True, False)


def test_no_answer_cannot_win():
    """Where most samples have no answer, the one that is there wins; where all have none, none."""
    result = vote([None, None, None, "5"])
    assert (result.answer, result.votes, result.share, result.tie) == ("5", 1, 0.25, False)
    nothing = vote([None, None])
    assert (nothing.answer, nothing.votes, nothing.n, nothing.parsed) == (None, 0, 2, 0)
    assert (nothing.tie, nothing.clusters, nothing.agrees_G) == (False, (), (False, False))
    assert vote([]).share == 0.0


@pytest.mark.parametrize(
    ("logprobs", "winner"),
    [
        (None, "a"),  # nobody knows: the first to appear
        ([-1.0, -2.0, -3.0, -1.0], "b"),  # a: -1 - 3 = -4;  b: -2 - 1 = -3
        ([-1.0, -2.0, None, -1.0], "a"),  # one of a's is unknown: the first to appear
        ([-1.0, -1.0, -1.0, -1.0], "a"),  # equal sums: the first to appear
    ],
)
def test_ties(logprobs: list[float | None] | None, winner: str):
    """A tie goes to the higher sum of log-probabilities if all are known, else to the earlier."""
    result = vote(["a", "b", "a", "b"], logprobs)
    assert (result.answer, result.tie) == (winner, True)


def test_log_probabilities_break_ties_alone():
    """A high log-probability does not beat a vote more."""
    assert vote(["a", "a", "b"], [-90.0, -90.0, -0.1]).answer == "a"


# -- the file of questions -------------------------------------------------------------------


def test_questions(tmp_path: Path):
    """Ids and answers may be numbers or absent; an absent id is the line's number."""
    path = tmp_path / "q.jsonl"
    # an unescaped line separator (U+2028) stands inside the last one's text
    path.write_text(
        '{"question": "1 + 1?", "id": 7, "answer": 2}\n\n'
        '{"question": "2 + 2?", "source": "book"}\n'
        '{"question": "3\u2028+ 3?", "id": "c"}\n',
        encoding="utf-8",
    )
    questions = load_questions(path)
    assert [(q.id, q.answer) for q in questions] == [("7", "2"), ("3", None), ("c", None)]
    assert questions[2].question == "3\u2028+ 3?"
    (message,) = question_messages(questions[0])
    expected = '1 + 1?\n\nEnd with one line "Answer: ..." that holds the final answer.'
    assert (message.role, message.content) == ("user", expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"question": "a"}\n{"question": \n', "q.jsonl:2: Expecting value"),
        ('{"question": "a"}\n\n{"id": "b"}\n', "q.jsonl:3: Field required"),
        ('{"question": ["a"]}\n', "q.jsonl:1: Input should be a valid string"),
        ('"a"\n', "q.jsonl:1: Input should be a valid dictionary"),
        (
            '{"question": "a", "id": "x"}\n{"question": "b", "id": "x"}\n',
            "q.jsonl:2: the id 'x' comes twice",
        ),
        ("\n \n", "q.jsonl: no questions in it"),
        ("[" * 100_000, "q.jsonl:1: "),
        ('{"question": ' + "1" * 5000 + "}", "q.jsonl:1: "),
    ],
    ids=["json", "no question", "type", "no mapping", "twice", "empty", "deep", "long number"],
)
def test_bad_questions(tmp_path: Path, text: str, why: str):
    """A bad line is refused by file, line and reason."""
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_questions(tmp_path / "q.jsonl")
    assert str(caught.value).startswith(f"{tmp_path}/{why}")
    done = ttrl("vote", tmp_path / "q.jsonl", "--out", tmp_path / "run")
    assert done.code == 2
    assert not (tmp_path / "run").exists()


# -- whole runs ------------------------------------------------------------------------------

QUESTIONS = [
    {"question": "1 + 1?", "id": "one", "answer": "2"},
    {"question": "2 + 2?", "id": "two", "answer": "5"},
    {"question": "3 + 3?", "id": "three"},
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
    {"text": "Answer: 4", "key": "two"},
]


def run_vote(folder: Path, out: str, *options: object, questions: Any = QUESTIONS) -> Done:
    """Run `ttrl vote` on the scripted answers."""
    asked = write_lines(folder / f"{out}.jsonl", questions)
    replay = write_lines(folder / f"{out}.replay", REPLAY)
    given = ["--n", 3, "--out", folder / out, "--sampler", f"replay:{replay}", *options]
    return ttrl("vote", "--steps", 0, asked, *given)


def lines(done: Done) -> list[Any]:
    """The lines that a vote printed."""
    return [json.loads(line) for line in done.out.splitlines()]


def test_vote(tmp_path: Path):
    """Each question's majority is one JSON line, in the order of the file."""
    done = run_vote(tmp_path, "run", "--groups", 2)
    assert done.code == 0, done.err
    one, two, three = lines(done)
    assert one == {
        "id": "one",
        "answer": "2",
        "votes": 2,
        "n": 3,
        "share": 2 / 3,
        "tie": False,
        "clusters": [["2", 2], ["3", 1]],
        "parsed": 3,
        "correct": True,
    }
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


def test_labels_change_correct_alone(tmp_path: Path):
    """Other labels, or none, change `correct` and nothing else."""
    labelled = run_vote(tmp_path, "a")
    bare = [{key: q[key] for key in ("question", "id")} for q in QUESTIONS]
    unlabelled = run_vote(tmp_path, "b", questions=bare)
    known, unknown = lines(labelled), lines(unlabelled)
    assert [line.pop("correct") for line in known] == [True, False, None]
    assert [line.pop("correct") for line in unknown] == [None] * 3
    assert known == unknown
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


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
    asked = write_lines(tmp_path / "q.jsonl", QUESTIONS[:1])
    replay = write_lines(tmp_path / "q.replay", ["no idea", ""])
    options = ["--n", 2, "--out", tmp_path / "run", "--sampler", f"replay:{replay}"]
    done = ttrl("vote", asked, *options)
    assert done.code == 4
    (line,) = lines(done)
    assert (line["answer"], line["votes"], line["parsed"], line["correct"]) == (None, 0, 0, False)
    assert ttrl("show", tmp_path / "run", "--json").json["status"] == "done"


def test_vote_with_a_model(tmp_path: Path, tiny_model: Path):
    """The same loop samples from a model: N completions a question, with log-probabilities."""
    asked = write_lines(tmp_path / "q.jsonl", QUESTIONS)
    options = ["--n", 2, "--max-tokens", 8, "--dtype", "float32", "--threads", 1]
    out = tmp_path / "run"
    done = ttrl("vote", asked, "--model", tiny_model, "--out", out, *options)
    assert done.code == 4  # a random model's text holds no answer
    attempts = read_lines(out / "attempts.jsonl")
    assert len(attempts) == 6
    assert all(a["logprob"] < 0 and a["policy"] == 0 for a in attempts)


def test_learning_is_refused(tmp_path: Path):
    """Steps above 0 are refused for now, by the option's name."""
    asked = write_lines(tmp_path / "q.jsonl", QUESTIONS)
    done = ttrl("vote", asked, "--steps", 1, "--out", tmp_path / "run")
    assert done.code == 2
    assert "--steps 0" in done.err
