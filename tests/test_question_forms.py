"""Forms in which files of questions come: those that are read, and those that are only named."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import command, ttrl, write_lines
from ttrl_cli.errors import UsageError
from ttrl_cli.questions import (
    Question,
    VotePrompt,
    load_questions,
    parse_questions,
    question_messages,
)

RECORDS: list[dict[str, Any]] = [
    {"question": "How many caf\u00e9s?", "id": "a", "answer": "3"},
    {"question": "And \u6570?", "id": "b", "answer": "0.50", "source": "ours"},
]
READ = (
    Question(question="How many caf\u00e9s?", id="a", answer="3"),
    Question(question="And \u6570?", id="b", answer="0.50", extra={"source": "ours"}),
)
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)


def refusal(raw: bytes, name: str = "q.jsonl") -> str:
    """Why a file is refused: by exit code 2, in one line."""
    with pytest.raises(UsageError) as caught:
        parse_questions(raw, name)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def table(delimiter: str) -> str:
    """The records as a table, with a number of each row in front as pandas writes it."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["", "question", "id", "answer", "source"])
    for place, record in enumerate(RECORDS):
        cells = [record.get(key, "") for key in ("question", "id", "answer", "source")]
        writer.writerow([place, *cells])
    return text.getvalue()


FORMS = {
    "lines": LINES.encode(),
    "UTF-8 with a mark": LINES.encode("utf-8-sig"),
    "UTF-16 of PowerShell": LINES.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + LINES.encode("utf-16-be"),
    "UTF-32": LINES.encode("utf-32"),
    "two files put together": "".join(f"\ufeff{x}\n" for x in LINES.splitlines()).encode(),
    "over many lines": "\n".join(json.dumps(r, indent=4) for r in RECORDS).encode(),
    "objects without a line between": "".join(json.dumps(r, indent=1) for r in RECORDS).encode(),
    "an array": json.dumps(RECORDS, indent=2).encode(),
    "an array within": json.dumps({"version": 1, "tags": ["x"], "data": RECORDS}).encode(),
    "an array within, over many lines": json.dumps({"questions": RECORDS}, indent=2).encode(),
    "CSV": table(",").encode(),
    "CSV of Excel": table(";").encode("utf-8-sig"),
    "TSV": table("\t").encode(),
    "capitals": LINES.replace('"question"', '"Question"').replace('"id"', '"ID"').encode(),
    "more capitals": LINES.replace('"question"', '"PROMPT"').replace('"ans', '"Ans').encode(),
    "a turn": LINES.replace(
        '"question": "How many caf\u00e9s?"',
        '"prompt": [{"role": "user", "content": "How many caf\u00e9s?"}]',
    ).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_are_read(form: str, tmp_path: Path):
    """One file in many forms gives the same questions, labels and extras, whatever its name."""
    path = tmp_path / "q.data"
    path.write_bytes(FORMS[form])
    assert load_questions(path).questions == READ


def test_parquet():
    """A Parquet file is read with its lists and floats; what is not a number is nothing."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "Question": ["a", "b", "c"],
        "choices": [["x", "y"], None, ["u", "v"]],
        "answer": ["B", "2.50", None],
        "weight": [0.5, float("nan"), None],
    }
    raw = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), raw)
    assert parse_questions(raw.getvalue(), "q.parquet").questions == (
        Question(
            question="a", id="1", answer="B", choices={"A": "x", "B": "y"}, extra={"weight": 0.5}
        ),
        Question(question="b", id="2", answer="2.50", extra={"weight": None}),
        Question(question="c", id="3", choices={"A": "u", "B": "v"}, extra={"weight": None}),
    )


def test_classes_of_a_parquet_file():
    """Numbers that the file itself explains are what it says that they are."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    plain = pyarrow.table({"question": ["a"], "choices": [["x", "y"]], "answer": [1]})
    features = {"answer": {"names": ["A", "B"], "_type": "ClassLabel"}, "choices": ["string"]}
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    found = []
    for written in (plain, plain.replace_schema_metadata(said)):
        raw = io.BytesIO()
        parquet.write_table(written, raw)
        found.append(raw.getvalue())
    assert refusal(found[0], "q.parquet").startswith('q.parquet: row 1: answer: "1" is no choice')
    assert parse_questions(found[1], "q.parquet").questions[0].answer == "B"
    assert refusal(b"PAR1 and no more", "q.parquet").startswith("q.parquet: is a Parquet file that")


def test_numbers_of_records():
    """A record without an id has the number of the line that it begins on, or of its place."""
    spread = b'{\n"question": "a"\n}\n\n{"question":\n"b"} {"question": "c", "id": "x"}'
    assert [q.id for q in parse_questions(spread, "q").questions] == ["1", "5", "x"]
    rows = b'question,answer\n"a\nb",1\n\n,\nc,2\n'
    asked = parse_questions(rows, "q").questions
    assert [(q.id, q.question) for q in asked] == [("2", "a\nb"), ("6", "c")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{\n "question": "a",\n "answer": 1,,\n}\n', "q.jsonl:3: Expecting property name"),
        (b'{\n "question": "a"\n}\n{\n "question": 3\n}\n', "q.jsonl:4: question: expected the"),
        (b'{\n "question": "a"\n}\nand more\n', "q.jsonl:4: Expecting value"),
        (b'{"data": [{"question": "a"}, {"question": 3}]}', "q.jsonl: element 2: question: "),
        (b'{"test": [{"question": "a"}], "dev": [{}]}', "q.jsonl: is one object with several"),
        (b"question,answer\na,1,2\n", "q.jsonl:2: expected 2 cells, as in the first row (got 3)"),
        (b'question,answer\n"a,1\n', "q.jsonl:2: is not CSV: "),
        (b"question,a,a\n", 'q.jsonl:1: the column "a" comes twice'),
        (b"question,choices\na,red or blue\n", "q.jsonl:2: choices: expected 2 to 26 texts"),
        (b"question,choices\na,\"['x', 'y']\"\n", "q.jsonl:2: choices: expected a JSON list"),
        (b'{"Question": "a", "question": "b"}', "q.jsonl:1: Question and question are both given"),
        (b'{"question": "a", "ID": 1, "id": 2}', "q.jsonl:1: ID and id are both given"),
        (
            b'{"prompt": [{"role": "user", "content": "a"},'
            b' {"role": "assistant", "content": "b"}]}',
            "q.jsonl:1: prompt: expected one user turn, with a system turn before it or none "
            "(got ['user', 'assistant']); earlier turns of a conversation stand in the prompt file",
        ),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
            "q.jsonl:1: messages: expected the question as one string",
        ),
    ],
)
def test_forms_that_are_broken(raw: bytes, why: str):
    """What is broken is named by line, element or row."""
    assert refusal(raw).startswith(why)


def test_rows_that_are_bad_are_skipped():
    """A row with too many cells, or a label that cannot be read, is left out and counted."""
    raw = b'question,answer\na,1,2\nb,"He has 2.\nThen 3."\nc,5\n'
    asked = parse_questions(raw, "q.csv", skip_bad=True)
    assert [q.question for q in asked.questions] == ["c"]
    assert [why[:9] for why in asked.bad] == ["q.csv:2: ", "q.csv:3: "]


@pytest.mark.parametrize(
    ("raw", "name", "what", "remedy"),
    [
        (
            b'{"question": "a"}\n{"question": "caf\xe9?"}\n',
            "my q.jsonl",
            "my q.jsonl:2: is not UTF-8",
            "iconv -f cp1252 -t utf-8 'my q.jsonl' > 'my q.utf8.jsonl'",
        ),
        (
            b"question,answer\na,1\nna\xefve?,2\n",
            "q.csv",
            "q.csv:3: is not UTF-8",
            "iconv -f cp1252 -t utf-8 q.csv > q.utf8.csv",
        ),
        (
            '{"question": "\u4e00\u52a0\u4e00"}\n'.encode("gb18030"),
            "q.jsonl",
            "q.jsonl:1: is not UTF-8",
            "iconv -f gb18030 -t utf-8 q.jsonl > q.utf8.jsonl",
        ),
        (
            LINES.encode("utf-16-le"),
            "q.jsonl",
            "q.jsonl: looks like UTF-16LE without a byte order mark",
            "iconv -f utf-16le -t utf-8 q.jsonl > q.utf8.jsonl",
        ),
        (
            b"\x1f\x8b\x08\x00\x00",
            "q.jsonl.gz",
            "q.jsonl.gz: is a gzip file",
            "gunzip -c q.jsonl.gz > q.jsonl",
        ),
        (b"\x28\xb5\x2f\xfd\x04", "q.zst", "q.zst: is a zstd file", "zstd -dc q.zst > q"),
        (b"BZh91AY", "<stdin>", "<stdin>: is a bzip2 file", "bunzip2 -c FILE > Q.jsonl"),
        (
            b"PK\x03\x04\x14\x00[Content_Types].xml ... xl/workbook.xml",
            "q.xlsx",
            "q.xlsx: is an Excel file",
            "soffice --headless --convert-to csv q.xlsx",
        ),
        (b"PK\x03\x04\x14\x00q.jsonl", "q.zip", "q.zip: is a zip file", "unzip q.zip"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "q.jsonl",
            "q.jsonl: is a Git LFS pointer",
            "git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html>", "q.jsonl", "q.jsonl: is a page of HTML", "fetch the file"),
        (b"- question: a\n  answer: 1\n", "q.yaml", "q.yaml: looks like YAML", "yaml.safe_load"),
        (b"{'question': 'a'}\n", "q.jsonl", "q.jsonl:1: ", "ast.literal_eval"),
        (b"What is 1 + 1?\n", "q.txt", "q.txt:1: ", "jq -cR '{question: .}' FILE"),
        (
            b'{"question": ["a", "b"], "answer": [1, 2]}',
            "q.json",
            "q.json:1: question: expected the question as one string",
            "$t.question | keys_unsorted[]",
        ),
        (
            b'{"q1": {"question": "a"}, "q2": {"question": "b"}}',
            "q.json",
            "q.json:1: holds no question",
            "jq -c 'to_entries[] | {id: .key} + .value' FILE > Q.jsonl",
        ),
        (b"topic,text\nx,y\n", "q.csv", "q.csv:1: the first row names no column", "above it"),
        (b"\x00\x01\x02\xff", "q.bin", "q.bin: is a binary file", "expected JSON, CSV or Parquet"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_forms_that_are_named(raw: bytes, name: str, what: str, remedy: str):
    """What is not read is refused in one sentence: what it looks like, and what converts it."""
    said = refusal(raw, name)
    assert said.startswith(what)
    assert remedy in said


def test_a_mark_that_lies():
    """A file with the mark of UTF-16 that is none is refused by name."""
    assert refusal(b"\xff\xfea").startswith("q.jsonl: has the byte order mark of UTF-16 and is not")


def test_a_line_that_is_cut_is_one_bad_line():
    """A first line that is cut off does not make the file one of objects over several lines."""
    raw = b'{"question": "a\n{"question": "b"}\n'
    asked = parse_questions(raw, "q", skip_bad=True)
    assert [(q.id, q.question) for q in asked.questions] == [("2", "b")]


def test_a_turn_of_the_system():
    """A system turn goes before the question, unless the prompt file has a system message."""
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a?"}]
    (question,) = parse_questions(json.dumps({"messages": turns}).encode(), "q").questions
    assert (question.system, question.question) == ("Be brief.", "a?")

    def asked(prompt: VotePrompt) -> list[tuple[str, str]]:
        return [(m.role, m.content) for m in question_messages(question, prompt)]

    assert asked(VotePrompt(template="{{ question }}")) == [("system", "Be brief."), ("user", "a?")]
    ours = VotePrompt(template="{{ question }}", system="Be long.")
    assert asked(ours) == [("system", "Be long."), ("user", "a?")]


@pytest.mark.parametrize("form", ["UTF-16 of PowerShell", "CSV", "an array within"])
def test_a_vote_on_a_form(form: str, tmp_path: Path):
    """A vote reads any form, keeps it byte by byte, and reads that again when it is resumed."""
    path, script = tmp_path / "q.data", write_lines(tmp_path / "replay", ["Answer: 1/2"])
    path.write_bytes(FORMS[form])
    options = ["--steps", 0, "--n", 2, "--groups", 1, "--sampler", f"replay:{script}"]
    part = ttrl("vote", path, *options, "--samples", 2, "--out", tmp_path / "run")
    assert part.code == 0, part.err
    assert (tmp_path / "run" / "questions.jsonl").read_bytes() == FORMS[form]
    done = ttrl("resume", tmp_path / "run", "--samples", 4)
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["id"], line["correct"]) for line in found] == [("a", False), ("b", True)]
    assert found[1]["source"] == "ours"


def test_the_exit_code_of_another_form(tmp_path: Path):
    """The command ends with exit code 2 and the sentence, and leaves nothing behind."""
    (tmp_path / "q.gz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    done = command("vote", "q.gz", cwd=tmp_path)
    assert done.code == 2
    assert "q.gz: is a gzip file; convert it: gunzip -c q.gz > q" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["q.gz"]
