"""The questions of problems/arithmetic: what they are, and how they are asked."""

from pathlib import Path

import pytest

from tests._helpers import load_module
from ttrl_cli.config import VoteConfig, resolve
from ttrl_cli.questions import load_prompt, load_questions, question_messages

FOLDER = Path(__file__).parent.parent / "problems" / "arithmetic"
SETS = ["one_digit_add", "one_digit_mul", "two_digit_add"]


def compute(question: str) -> str:
    """The answer to "What is A + B?" or "What is A * B?"."""
    a, sign, b = question.removeprefix("What is ").removesuffix("?").split()
    return str({"+": int.__add__, "*": int.__mul__}[sign](int(a), int(b)))


def test_files_are_current():
    """The .jsonl files are what generate.py writes, byte for byte, and there are no others."""
    written = {path.name: path.read_bytes() for path in FOLDER.glob("*.jsonl")}
    generate = load_module(FOLDER / "generate.py", "generate_arithmetic")
    assert written == {name: text.encode() for name, text in generate.files().items()}


@pytest.mark.parametrize("name", SETS)
def test_labels(name: str):
    """Each set has 100 different questions; their labels are right, and their ids are the terms."""
    questions = load_questions(FOLDER / f"{name}.jsonl").questions
    assert len({question.question for question in questions}) == 100
    assert all(q.answer == compute(q.question) for q in questions)
    terms = [q.question.removeprefix("What is ").removesuffix("?") for q in questions]
    assert [q.id for q in questions] == [term.replace(" ", "") for term in terms]


@pytest.mark.parametrize(("name", "sign"), [("one_digit_add", "+"), ("one_digit_mul", "*")])
def test_one_digit_sets_are_complete(name: str, sign: str):
    """The one-digit sets have every ordered pair of digits."""
    questions = load_questions(FOLDER / f"{name}.jsonl").questions
    assert {q.id for q in questions} == {f"{a}{sign}{b}" for a in range(10) for b in range(10)}


@pytest.mark.parametrize("name", SETS)
def test_prompts(name: str):
    """The examples are right, of the set's form, end in an answer line, and give no label away."""
    questions = load_questions(FOLDER / f"{name}.jsonl").questions
    prompt = load_prompt(FOLDER / f"{name}.yaml")
    assert 3 <= len(prompt.examples) <= 6
    assert {e.user for e in prompt.examples}.isdisjoint({q.question for q in questions})
    for example in prompt.examples:
        assert example.assistant.splitlines()[-1] == f"Answer: {compute(example.user)}"
    assert question_messages(questions[0], prompt)[-1].content == questions[0].question


@pytest.mark.parametrize("name", SETS)
def test_run_options(name: str):
    """The run sections are options of a vote, with N = 16 at temperature 1."""
    prompt = load_prompt(FOLDER / f"{name}.yaml")
    config = resolve(VoteConfig, prompt.run, {}, where=name)
    assert (config.group_size, config.temperature) == (16, 1.0)
