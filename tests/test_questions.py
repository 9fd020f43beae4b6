"""Files of questions and the prompts that ask them: what is taken, what is refused and how."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttrl_cli.errors import UsageError
from ttrl_cli.questions import (
    Question,
    VotePrompt,
    load_prompt,
    load_questions,
    parse_questions,
    question_messages,
)


def parse_one(**record: Any) -> Question:
    """The question of one record."""
    (question,) = parse_questions(json.dumps(record).encode(), "q.jsonl").questions
    return question


def refusal(raw: bytes, name: str = "q.jsonl") -> str:
    """Why a file is refused."""
    with pytest.raises(UsageError) as caught:
        parse_questions(raw, name)
    return str(caught.value)


# -- the file --------------------------------------------------------------------------------


def test_json_lines():
    """A record is a line; blank lines count as lines, a missing id is the line's number."""
    raw = (
        '{"question": "1 + 1?", "id": 7, "answer": 2}\r\n\r\n'
        '{"prompt": "2 + 2?", "source": "book", "level": [1, null]}\n'
        # an unescaped line separator (U+2028) stands inside the text
        '{"problem": "3\u2028+ 3?", "id": "c", "prompt": null}'
    )
    asked = parse_questions(raw.encode(), "q.jsonl")
    assert asked.bad == ()
    assert asked.questions == (
        Question(question="1 + 1?", id="7", answer="2"),
        Question(question="2 + 2?", id="3", extra={"source": "book", "level": [1, None]}),
        Question(question="3\u2028+ 3?", id="c", extra={"prompt": None}),
    )


def test_array():
    """A file that begins with a bracket is an array; a missing id is the place in it."""
    raw = b'\xef\xbb\xbf\n [\n {"question": "a", "id": "x"},\n\n {"question":\n "b"}\n ]\n'
    asked = parse_questions(raw, "q.json").questions
    assert [(q.question, q.id) for q in asked] == [("a", "x"), ("b", "2")]


RECORDS = st.lists(
    st.fixed_dictionaries(
        {"question": st.text(min_size=1).filter(str.strip)},
        optional={
            "answer": st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
            "source": st.text() | st.lists(st.booleans()),
        },
    ),
    min_size=1,
)


@given(records=RECORDS)
def test_forms_are_one(records: list[Any]):
    """The same records are the same questions as lines, as an array and as an indented array."""
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    asked = parse_questions(lines.encode(), "q")
    assert [q.question for q in asked.questions] == [record["question"] for record in records]
    assert parse_questions(json.dumps(records).encode(), "q") == asked
    assert parse_questions(json.dumps(records, indent=2).encode(), "q") == asked


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\n \n", "q.jsonl: no questions in it"),
        (b"[]", "q.jsonl: no questions in it"),
        (b'{"question": "a"}\n{"question": \n', "q.jsonl:2: Expecting value (column 14)"),
        (b'{"question": "a"} {"question": "b"}', "q.jsonl:1: Extra data"),
        (b'{"question": "a"}\n\n"a"\n', "q.jsonl:3: expected an object"),
        (b'{"question": "a"}\n{"question": "\xff"}', "q.jsonl:2: is not UTF-8: invalid start byte"),
        (b'{"question": "a", "x": [' + b"[" * 100_000, "q.jsonl:1: brackets nested too deep"),
        (b'{"question": "a", "x": ' + b"1" * 5000 + b"}", "q.jsonl:1: a number of 5000 digits"),
        (b'{"question": "a", "x": 1e999}', "q.jsonl:1: the number 1e999 is too large"),
        (b'{"question": "a", "x": [NaN]}', "q.jsonl:1: NaN is not a JSON value"),
        (b'{"question": "a", "x": -Infinity}', "q.jsonl:1: -Infinity is not a JSON value"),
        (b'{"question": "a\\ud800"}', "q.jsonl:1: half of a surrogate pair"),
        (b'{"question": "a", "x": {"\\uDFFF": 1}}', "q.jsonl:1: half of a surrogate pair"),
        (b'{"question": "a", "x": {"y": 1, "y": 1}}', "q.jsonl:1: the key 'y' comes twice"),
        (b"[" * 100_000, "q.jsonl:1: brackets nested too deep"),
        (b'[{"question": "a"}\n', "q.jsonl:2: Expecting ',' or ']'"),
        (b'[{"question": "a"},\n]', "q.jsonl:2: Expecting value"),
        (b'[{"question": "a"}]\n{"question": "b"}', "q.jsonl:2: Extra data"),
        (b'[{"question":\n "\xff"}]', "q.jsonl:2: is not UTF-8"),
        (b'[{"question": "a\tb"}]', "q.jsonl: element 1: Invalid control character"),
        (b'[{"question": "a", "x": ' + b"1" * 5000 + b"}]", "q.jsonl: element 1: a number of 5000"),
        (b'[{"question": "a"},\n 3]', "q.jsonl: element 2: expected an object"),
        (b'[{"question": "a"},\n {"question": NaN}]', "q.jsonl: element 2: NaN is not"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_bad_files(raw: bytes, why: str):
    """What is not JSON of this form is refused by file, by line or element, and by reason."""
    assert refusal(raw).startswith(why)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (
            b'{"question": "a", "id": "x"}\n\n{"question": "b", "id": "x"}',
            "q.jsonl:3: the id 'x' comes twice: line 1 has it as well",
        ),
        (
            b'{"question": "a"}\n{"question": "b", "id": 1}',
            "q.jsonl:2: the id '1' comes twice: line 1 has it as well"
            " (a record without an id has the number of its line)",
        ),
        (
            b'[{"question": "a", "id": "2"}, {"question": "b", "id": null}]',
            "q.jsonl: element 2: the id '2' comes twice: element 1 has it as well"
            " (a record without an id has the number of its element)",
        ),
    ],
    ids=["two", "given after number", "number after given"],
)
def test_ids_that_come_twice(raw: bytes, why: str):
    """An id that comes twice is refused naming both records, and where a number came from."""
    assert refusal(raw) == why


def test_skip_bad():
    """Bad records are skipped and listed; of records with one id the first is kept."""
    raw = b'{"question": "a", "id": "x"}\nno\n{"question": "b", "id": "x"}\n{"question": "c"}'
    asked = parse_questions(raw, "q.jsonl", skip_bad=True)
    assert [(q.question, q.id) for q in asked.questions] == [("a", "x"), ("c", "4")]
    assert [why[:11] for why in asked.bad] == ["q.jsonl:2: ", "q.jsonl:3: "]
    array = b'[{"question": "a"}, {"question": NaN}, {"question": "c"}]'
    asked = parse_questions(array, "q.json", skip_bad=True)
    assert [q.id for q in asked.questions] == ["1", "3"]
    assert asked.bad == ("q.json: element 2: NaN is not a JSON value",)


def test_nothing_but_bad_records():
    """A file without a good record is refused even if bad ones are skipped, with their number."""
    with pytest.raises(UsageError, match=r"^q: no questions in it \(2 bad, the first: q:1: Expect"):
        parse_questions(b"no\n[]\n", "q", skip_bad=True)


def test_broken_array_cannot_be_skipped():
    """Where an array is broken, nobody knows what follows: it is refused as a whole."""
    with pytest.raises(UsageError, match=r"^q:1: Expecting value"):
        parse_questions(b'[{"question": "a"}, no, {"question": "c"}]', "q", skip_bad=True)


def test_load_questions(tmp_path: Path):
    """A file is named in messages as it was given; one that is not there is the user's error."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a"}\nno')
    assert load_questions(path, skip_bad=True).questions == (Question(question="a", id="1"),)
    with pytest.raises(UsageError, match=f"^{path}:2: Expecting value"):
        load_questions(path)
    with pytest.raises(UsageError, match=r"missing\.jsonl: cannot be read: No such file"):
        load_questions(tmp_path / "missing.jsonl")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_questions(tmp_path)


def test_100_000_questions():
    """A file of 100,000 questions loads whole, in the order of the file."""
    raw = b"".join(
        b'{"question": "What is %d + 1?", "answer": %d}\n' % (i, i) for i in range(10**5)
    )
    asked = parse_questions(raw, "q.jsonl").questions
    assert len(asked) == 10**5
    assert asked[-1] == Question(question="What is 99999 + 1?", id="100000", answer="99999")


# -- a record --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (
            {"id": "b", "text": "a"},
            "holds no question; expected the key question, prompt or problem",
        ),
        ({"prompt": None}, "holds no question"),
        ({"question": "a", "problem": "b"}, "question and problem are both given"),
        (
            {"question": ["a"]},
            'question: expected the question as one string that is not blank (got ["',
        ),
        ({"problem": " \n"}, "problem: expected the question as one string that is not blank"),
        ({"prompt": [{"role": "user"}]}, "prompt: expected the question as one string"),
        ({"question": "a", "id": 1.0}, "id: expected a string or an integer (got 1.0)"),
        ({"question": "a", "id": True}, "id: expected a string or an integer (got true)"),
        ({"question": "a", "id": ["b"]}, 'id: expected a string or an integer (got ["b"])'),
        ({"question": "a", "answer": True}, "answer: expected text or a number (got true)"),
        ({"question": "a", "answer": ["2"]}, 'answer: expected text or a number (got ["2"])'),
    ],
)
def test_bad_records(record: dict[str, Any], why: str):
    """A record that is no question is refused by key, with what was expected and what was there."""
    assert refusal(json.dumps(record).encode()).startswith(f"q.jsonl:1: {why}")


@pytest.mark.parametrize(
    ("literal", "answer"),
    [
        ("2", "2"),
        ("-7", "-7"),
        ("0.10", "0.10"),
        ("142.0", "142.0"),
        ("1e5", "1e5"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.1234567890123456789012", "0.1234567890123456789012"),
        ('" 3/4 "', " 3/4 "),
        ("null", None),
        ('""', None),
        ('" "', None),
    ],
)
def test_answers_are_kept_as_written(literal: str, answer: str | None):
    """A number keeps its digits; null and blank are no label."""
    raw = f'{{"question": "a", "answer": {literal}}}'.encode()
    assert parse_questions(raw, "q").questions[0].answer == answer


def test_passed_through_numbers_are_numbers():
    """What is passed through goes out as JSON of the same value."""
    raw = b'{"question": "a", "weight": 0.50, "more": {"n": [1e2, 12345678901234567890]}}'
    extra = parse_questions(raw, "q").questions[0].extra
    assert json.dumps(extra) == '{"weight": 0.5, "more": {"n": [100.0, 12345678901234567890]}}'


def test_blank_id_is_none():
    """An empty id is a missing one."""
    assert parse_one(question="a", id=" ").id == "1"


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["red", 2, 0.5], {"A": "red", "B": "2", "C": "0.5"}),
        ({"b": "red", "A": "blue"}, {"B": "red", "A": "blue"}),
        ([str(i) for i in range(26)], {chr(65 + i): str(i) for i in range(26)}),
        (None, {}),
    ],
    ids=["list", "letters", "26", "null"],
)
def test_choices(choices: Any, expected: dict[str, str]):
    """Texts of a list are lettered from A; letters of an object are capitals, in its order."""
    question = parse_one(question="a", choices=choices)
    assert list(question.choices.items()) == list(expected.items())
    assert question.extra == {}


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        (["red"], "expected 2 to 26 texts"),
        ([str(i) for i in range(27)], "expected 2 to 26 texts"),
        ("red, blue", "expected 2 to 26 texts"),
        (["red", " red"], 'the text "red" comes twice'),
        (["red", " "], "expected texts that are not blank"),
        (["red", ["blue"]], 'expected text or a number (got ["blue"])'),
        (["red", False], "expected text or a number (got false)"),
        ({"A": "red", "a": "blue"}, 'the letter "A" comes twice'),
        ({"A": "red", "AB": "blue"}, 'expected single letters, A to Z (got "AB")'),
        ({"A": "red", "1": "blue"}, 'expected single letters, A to Z (got "1")'),
        ({"A": "red", "\u0131": "blue"}, 'expected single letters, A to Z (got "\u0131")'),
    ],
)
def test_bad_choices(choices: Any, why: str):
    """Choices that cannot be told apart, or be named by a letter, are refused."""
    raw = json.dumps({"question": "a", "choices": choices}).encode()
    assert refusal(raw).startswith(f"q.jsonl:1: choices: {why}")


@pytest.mark.parametrize(
    ("choices", "label", "letter"),
    [
        (["red", "blue"], "B", "B"),
        (["red", "blue"], " b ", "B"),
        (["red", "blue"], "blue", "B"),
        (["red ", "blue"], "red", "A"),
        (["red", "blue"], "Blue", "B"),
        ([10, 2.50], 10, "A"),
        (["A", "B"], "B", "B"),  # letter and text of the same choice
        (["red", "blue"], "", None),
        (["red", "blue"], None, None),
    ],
)
def test_label_of_a_choice(choices: Any, label: Any, letter: str | None):
    """The label is the letter, whether the letter or the text was given."""
    assert parse_one(question="a", choices=choices, answer=label).answer == letter


@pytest.mark.parametrize(
    ("choices", "label", "why"),
    [
        (["red", "blue"], "C", '"C" is no choice; expected a letter (A, B) or a text'),
        (["red", "blue"], 1, '"1" is no choice'),
        (["B", "A"], "A", '"A" is the letter of one choice and the text of another'),
    ],
)
def test_bad_label_of_a_choice(choices: Any, label: Any, why: str):
    """A label that names no choice, or could name two, is refused."""
    raw = json.dumps({"question": "a", "choices": choices, "answer": label}).encode()
    assert refusal(raw).startswith(f"q.jsonl:1: answer: {why}")


# -- the prompt ------------------------------------------------------------------------------

FREE = Question(question="  What is 1 + 1?\n", id="a")
CHOICE = Question(question="Which is red?", id="b", choices={"A": "blood", "B": "{{ grass }}"})


def turns(question: Question, prompt: VotePrompt | None = None) -> list[tuple[str, str]]:
    """The conversation, as pairs."""
    asked = question_messages(question) if prompt is None else question_messages(question, prompt)
    return [(message.role, message.content) for message in asked]


def test_default_prompt():
    """Without a prompt file the question is followed by a request for an answer line."""
    free = 'What is 1 + 1?\n\nEnd with one line "Answer: ..." that holds the final answer.'
    assert turns(FREE) == [("user", free)]
    choice = """\
Which is red?

A) blood
B) {{ grass }}

End with one line "Answer: ..." that holds the letter of your choice."""
    assert turns(CHOICE) == [("user", choice)]


def test_examples_show_the_form(tmp_path: Path):
    """Examples are earlier turns, word for word; the bare question follows them."""
    path = tmp_path / "q.yaml"
    path.write_text(
        "system: Add.\nexamples:\n- {user: '{{ 1 }}?', assistant: 'Answer: 3'}\n"
        "run: {group_size: 16}\n"
    )
    prompt = load_prompt(path)
    earlier = [("system", "Add."), ("user", "{{ 1 }}?"), ("assistant", "Answer: 3")]
    assert turns(FREE, prompt) == [*earlier, ("user", "What is 1 + 1?")]
    assert turns(CHOICE, prompt)[-1][1] == "Which is red?\n\nA) blood\nB) {{ grass }}"
    assert prompt.run == {"group_size": 16}


def test_template(tmp_path: Path):
    """A template makes the user message; text of the question is never taken for a template."""
    path = tmp_path / "q.yaml"
    path.write_text("""\
template: |
  Q: {{ question }}
  {% for letter, text in choices.items() -%}
  ({{ letter }}) {{ text }}
  {% endfor %}
examples: [{user: a, assistant: b}]
""")
    prompt = load_prompt(path)
    assert turns(FREE, prompt) == [("user", "a"), ("assistant", "b"), ("user", "Q: What is 1 + 1?")]
    assert turns(CHOICE, prompt)[-1][1] == "Q: Which is red?\n(A) blood\n(B) {{ grass }}"


def test_template_that_does_not_render_for_a_question(tmp_path: Path):
    """A template that needs choices is refused with the id of the first question without them."""
    (tmp_path / "q.yaml").write_text("template: '{{ question }} {{ choices.B }}'")
    prompt = load_prompt(tmp_path / "q.yaml")
    assert turns(CHOICE, prompt) == [("user", "Which is red? {{ grass }}")]
    with pytest.raises(
        UsageError, match=r"^question 'a': template: 'dict object' has no attribute"
    ):
        question_messages(FREE, prompt)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a mapping of keys such as system, examples, template"),
        ("- a", "expected a mapping of keys"),
        ("a: [", "is not YAML: while parsing"),
        ("system: a\nsystem: b", "is not YAML: the key 'system' comes twice (line 2)"),
        ("? [a]\n: b", "is not YAML: "),
        ("sytem: a", "sytem: unknown key"),
        ("system: 3", "system: Input should be a valid string (got 3)"),
        ("examples: [{user: a}]", "examples.0.assistant: is missing"),
        ("examples: [{user: '', assistant: a}]", "examples.0.user: String should have at least 1"),
        ("run: [a]", "run: Input should be a valid dictionary"),
        ("template: '{{ question }} {{ qestion }}'", "template: 'qestion' is undefined"),
        ("template: '{{ question'", "template: unexpected end of template"),
        ("template: '{{ question }}{{ 1 / 0 }}'", "template: division by zero"),
        ("template: '{{ question }}{{ 1 | dictsort }}'", "template: 'int' object has no"),
        ("template: '{{ question }}{{ \"%(a)s\" | format(b=1) }}'", "template: 'a'"),
        (
            "template: '{{ question }}{{ question.__class__.mro() }}'",
            "template: access to attribute",
        ),
        (
            "template: What is it?",
            "template: leaves the question out; expected {{ question }} in it",
        ),
        ('system: "\\ud800"', "'utf-8' codec can't encode character"),
    ],
)
def test_bad_prompt_files(tmp_path: Path, text: str, why: str):
    """A prompt file is refused by file and key, before a question is asked."""
    path = tmp_path / "q.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_prompt(path)
    assert str(caught.value).startswith(f"{path}: {why}")


def test_prompt_file_that_cannot_be_read(tmp_path: Path):
    """A prompt file that is not there, or not text, is the user's error."""
    with pytest.raises(UsageError, match=r"q\.yaml: cannot be read: .*No such file"):
        load_prompt(tmp_path / "q.yaml")
    (tmp_path / "q.yaml").write_bytes(b"system: \xff")
    with pytest.raises(UsageError, match=r"q\.yaml: cannot be read: 'utf-8' codec"):
        load_prompt(tmp_path / "q.yaml")
