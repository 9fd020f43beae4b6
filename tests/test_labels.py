"""Labels of the usual benchmark files: read as completions are, or refused by line and key."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import ttrl, write_lines
from ttrl_cli.errors import UsageError
from ttrl_cli.questions import Question, parse_questions

COLOURS = ["red", "blue", "green", "black"]


def read(**record: Any) -> Question:
    """The question of one record."""
    (question,) = parse_questions(json.dumps({"question": "a", **record}).encode(), "q").questions
    return question


def refusal(**record: Any) -> str:
    """Why a record is refused, on the second line of a file."""
    raw = b'{"question": "b"}\n' + json.dumps({"question": "a", **record}).encode()
    with pytest.raises(UsageError) as caught:
        parse_questions(raw, "q.jsonl")
    return str(caught.value)


@pytest.mark.parametrize(
    ("label", "answer"),
    [
        ("Ann had 9 and gave 5 away.\nThat leaves 9 - 5 = <<9-5=4>>4.\n#### 4", "4"),
        ("It costs 3 * $480.\n#### 1,440", "1,440"),
        ("The two are alike.\n#### yes\n", "yes"),
        ("#### -7", "-7"),
        ("We get $x = \\boxed{\\frac{3}{4}}$.", "\\frac{3}{4}"),
        ("Adding up, we have\n\\[ 2 + 5 = \\boxed{7}. \\]", "7"),
        ("First 2, then 3.\nThe answer is 5.", "5"),
        ("Answer: 12", "12"),
        ("2 and 2 make\n**Final Answer:** 4", "4"),
        ("<answer>8</answer>", "8"),
        # a bare answer is kept as it was written
        ("142.0", "142.0"),
        ("x^2 + 1", "x^2 + 1"),
        ("5 apples", "5 apples"),
        ("all real numbers except 0", "all real numbers except 0"),
        ("\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\\n2 \\end{pmatrix}"),
        ("\\text{no solution}", "\\text{no solution}"),
        ("John Smith Jr.", "John Smith Jr."),
    ],
)
def test_solutions(label: str, answer: str):
    """Of a worked solution the final answer is the label; a bare answer stays as it is."""
    assert read(answer=label).answer == answer


@pytest.mark.parametrize(
    "label",
    [
        "Ann had 9.\nNow she has 4 of them.",
        "9 - 5 = 4, so Ann has 4 of them.",
        "9-5=<<9-5=4>>4 left",
        "Add the two numbers and then take away what she gave to each one of her friends",
        "She had 9 of them. Now she has 4",
    ],
)
def test_solutions_that_mark_no_answer(label: str):
    """A solution whose answer cannot be told is refused by file, line and key."""
    assert refusal(answer=label).startswith("q.jsonl:2: answer: no final answer can be read from ")


@pytest.mark.parametrize("key", ["choices", "options", "Options"])
@pytest.mark.parametrize(
    ("label", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("blue", "B"),
        ("Blue", "B"),
        ("C. green", "C"),
        ("The answer is (D).", "D"),
        ("\\boxed{A}", "A"),
        ("It is the colour of grass.\nAnswer: C", "C"),
        ("No blood is blue.\n#### B", "B"),
    ],
)
def test_labels_of_choices(key: str, label: str, letter: str):
    """The label is the letter, however a completion could have said it; options are choices."""
    question = read(**{key: COLOURS, "answer": label})
    assert question.answer == letter
    assert list(question.choices.items()) == list(zip("ABCD", COLOURS, strict=True))
    assert question.extra == {}


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_a_number_beside_choices_is_ambiguous(number: int):
    """It may count from 0 or from 1: the message says what the file is to say."""
    said = refusal(choices=COLOURS, answer=number)
    assert said.startswith(f'q.jsonl:2: answer: "{number}" is no choice')
    assert "ambiguous" in said
    assert "give the letter, or call the key answer_index if it counts from 0" in said


@pytest.mark.parametrize(
    ("choices", "number", "letter"),
    [
        (["1", "2", "3"], 2, None),  # the text of B, the second from 1, the third from 0
        (["2", "4", "6"], 2, None),
        (["0", "7"], 0, None),
        (["3", "4", "5"], 4, "B"),  # there is no fourth choice: it can only be a text
        ([10, 2.5], 10, "A"),
    ],
)
def test_a_number_that_is_a_text(choices: list[Any], number: int, letter: str | None):
    """A number that is a choice's text and could be a place is refused; else it is the text."""
    if letter is not None:
        assert read(choices=choices, answer=number).answer == letter
    else:
        assert "is ambiguous: the text of choice" in refusal(choices=choices, answer=number)


@pytest.mark.parametrize(
    ("record", "letter"),
    [
        ({"answer_index": 2}, "C"),
        ({"answer_index": 0, "answer": None}, "A"),
        ({"answerIndex": 3, "answer": "D"}, "D"),
        ({"answer_index": 1, "answer": "blue"}, "B"),
        ({"answer_index": 1, "answer": 1}, "B"),
        ({"answer_index": 1, "answer": 2}, "B"),  # counted from 1, and the same
        ({"answer_idx": "B", "answer": "blue"}, "B"),
        ({"answerKey": "C"}, "C"),
    ],
)
def test_a_file_that_says_what_its_number_is(record: dict[str, Any], letter: str):
    """A key that says that it is an index counts from 0, and a label beside it confirms it."""
    question = read(options=COLOURS, **record)
    assert question.answer == letter
    assert question.extra == {}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"answer_index": 4}, "answer_index: 4 is no place among 4 choices, counted from 0"),
        ({"answer_index": -1}, "answer_index: -1 is no place"),
        (
            {"answer_index": 2, "answer": "B"},
            'answer: "B" and answer_index: 2 are two different choices',
        ),
        ({"answer_index": True}, "answer_index: expected text or a number"),
        ({"answer": "E"}, 'answer: "E" is no choice; expected a letter (A, B, C, D) or a text'),
        ({"answer": "2"}, 'answer: "2" is no choice'),
        ({"answer": ["B"]}, "answer: expected text or a number"),
        ({"answer": "B", "answerKey": "B"}, "answer and answerKey are both given"),
        ({"choices": COLOURS}, "choices and options are both given"),
    ],
)
def test_bad_labels_of_choices(record: dict[str, Any], why: str):
    """A label that is no choice, or two, is refused by line and key."""
    assert refusal(options=COLOURS, **record).startswith(f"q.jsonl:2: {why}")


def test_an_index_into_nothing():
    """An index without choices is refused, unless the record has a label as well."""
    assert refusal(answer_index=2).startswith("q.jsonl:2: answer_index: is a place among choices")
    question = read(answer_index=2, answer="5")
    assert (question.answer, question.extra) == ("5", {"answer_index": 2})


@pytest.mark.parametrize(
    ("record", "letter"),
    [
        ({"choices": {"text": COLOURS, "label": ["A", "B", "C", "D"]}, "answerKey": "D"}, "D"),
        ({"choices": {"text": COLOURS, "label": ["1", "2", "3", "4"]}, "answerKey": "3"}, "C"),
        ({"choices": {"text": COLOURS, "label": ["1", "2", "3", "4"]}, "answer": 3}, "C"),
        (
            {"choices": [{"label": x, "text": t} for x, t in zip("ABCD", COLOURS, strict=True)]}
            | {"answer": "blue"},
            "B",
        ),
        ({**dict(zip("ABCD", COLOURS, strict=True)), "answer": "C"}, "C"),
        ({"options": dict(zip("ABCD", COLOURS, strict=True)), "answer": "C"}, "C"),
    ],
)
def test_names_and_texts_of_choices(record: dict[str, Any], letter: str):
    """Choices may be named beside their texts; a name of the file's own is no ambiguous number."""
    question = read(**record)
    assert question.answer == letter
    assert list(question.choices.values()) == COLOURS
    assert question.extra == {}


def test_letters_that_are_no_choices():
    """One key A is no choice, and neither are letters that do not begin with it."""
    assert read(A="x", answer="3").choices == {}
    assert read(B="x", C="y").extra == {"B": "x", "C": "y"}


SHAPES = [
    ({"reward_model": {"ground_truth": "7", "style": "rule"}}, "7"),
    ({"reward_model": {"ground_truth": 7}}, "7"),
    ({"reward_model": {"ground_truth": '["7"]'}}, "7"),
    ({"reward_model": {"style": "rule"}, "extra_info": {"answer": "9 - 2 = 7\n#### 7"}}, "7"),
    ({"extra_info": {"split": "test", "ground_truth": "7"}}, "7"),
    ({"solution": "First \\boxed{2}. Then we add 5.\nSo \\boxed{7}."}, "7"),
    ({"solution": "7"}, "7"),
    ({"final_answer": "7"}, "7"),
    ({"finalAnswer": ["7"]}, "7"),
    ({"ground_truth": 7}, "7"),
    ({"target": "7"}, "7"),
    ({"gold": "7"}, "7"),
    ({"label": "7"}, "7"),
    ({"expected_answer": "7"}, "7"),
    ({"Correct Answer": "7"}, "7"),
    ({"answers": {"text": ["7", "7"], "answer_start": [3, 9]}}, "7"),
    ({"answers": ["7"]}, "7"),
    ({"answer": "", "ground_truth": "7"}, "7"),
    ({"answer": "7", "solution": "It is \\boxed{8}.", "target": "8"}, "7"),
    ({"answer": "7", "solution": "A proof.\nWithout a box."}, "7"),
    ({"ground_truth": "7", "solution": "It is \\boxed{8}."}, "7"),
    ({"solution": " ", "answers": []}, None),
    ({"reward_model": {"style": "rule"}}, None),
    ({"choices": COLOURS, "target": "green"}, "C"),
    ({"choices": COLOURS, "correct_answer": ["C"]}, "C"),
    ({"choices": COLOURS, "solution": "The answer is (C)."}, "C"),
    ({"choices": COLOURS, "answer_index": 2, "solution": "Without an answer.\nNone."}, "C"),
]


@pytest.mark.parametrize(("record", "label"), SHAPES)
def test_labels_under_other_keys(record: dict[str, Any], label: str | None):
    """Where `answer` is not given, the label is read from the keys of the usual files."""
    assert read(**record).answer == label


def test_other_keys_are_passed_through():
    """A key that gives the label and is not ours stays in the output."""
    record = {"solution": "So \\boxed{7}.", "reward_model": {"ground_truth": "7"}}
    assert read(**record).extra == record


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"answer": ["7"]}, 'answer: expected text or a number (got ["7"])'),
        ({"answers": ["7", "8"]}, 'answers: expected one answer (got ["7", "8"])'),
        ({"final_answer": ["7", "8"]}, 'final_answer: expected one answer (got ["7", "8"])'),
        ({"reward_model": {"ground_truth": {"a": 1}}}, "reward_model.ground_truth: expected text"),
        ({"solution": "We add.\nThat is all."}, "solution: no final answer can be read from"),
        ({"choices": COLOURS, "label": 1}, 'label: "1" is no choice'),
        ({"ground_truth": True}, "ground_truth: expected text or a number (got true)"),
    ],
)
def test_labels_that_cannot_be_read_are_refused(record: dict[str, Any], why: str):
    """A well known key whose value is no label is named, and not left out in silence."""
    assert refusal(**record).startswith(f"q.jsonl:2: {why}")


def test_figures_of_worked_solutions(tmp_path: Path):
    """Samples that say what a worked solution ends with are right, and what it holds is not."""
    solution = "Ann had 9 and gave 5 away.\nThat leaves 9 - 5 = <<9-5=4>>4.\n#### 4"
    asked = write_lines(
        tmp_path / "q.jsonl",
        [
            {"question": "Ann?", "answer": solution},
            {"question": "Sky?", "options": COLOURS, "answer_index": 1},
            {"question": "Bad?", "answer": "Ann had 9.\nNow she has 4 of them."},
        ],
    )
    script = write_lines(
        tmp_path / "replay",
        [{"text": "So 4.\n#### 4", "key": "1"}] * 2 + [{"text": "Answer: blue", "key": "2"}] * 2,
    )
    command = ["vote", asked, "--steps", 0, "--n", 2, "--sampler", f"replay:{script}"]
    refused = ttrl(*command, "--out", tmp_path / "a")
    assert refused.code == 2
    assert f"{asked}:3: answer: no final answer can be read" in refused.err
    done = ttrl(*command, "--out", tmp_path / "b", "--skip-bad")
    assert [json.loads(line)["correct"] for line in done.out.splitlines()] == [True, True]
    figures = json.loads((tmp_path / "b" / "summary.json").read_text())
    assert (figures["bad"], figures["maj@n"]) == (1, 1.0)
