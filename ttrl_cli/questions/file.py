"""A file of questions, in any form that can be read without guessing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.questions.encoding import PARQUET, as_utf8, hint
from ttrl_cli.questions.jsons import json_source
from ttrl_cli.questions.literals import NotUtf8Error
from ttrl_cli.questions.record import Question, read_question
from ttrl_cli.questions.source import BadRecord, Record, Source
from ttrl_cli.questions.tables import csv_source, parquet_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A file of questions.

    Attributes:
        questions: The good records, in order; at least one.
        bad: Why each record that was skipped is bad, with file and line.
    """

    questions: tuple[Question, ...]
    bad: tuple[str, ...]


def load_questions(path: Path, *, skip_bad: bool = False) -> Questions:
    """Read a file of questions; see `parse_questions`.

    Raises:
        UsageError: If the file cannot be read, or `parse_questions` raises it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    return parse_questions(raw, str(path), skip_bad=skip_bad)


def parse_questions(raw: bytes, name: str, *, skip_bad: bool = False) -> Questions:
    """Read questions from JSON, CSV or Parquet; detect the format from the first bytes.

    Args:
        raw: UTF-8, with or without a byte order mark, or UTF-16 or UTF-32 with one; or Parquet.
        name: The file, for messages; "<stdin>" for standard input.
        skip_bad: Go on after a bad record, and count it.

    Raises:
        UsageError: If a record is bad and not to be skipped (the message names its line, element or
            row), if the format itself is broken (it names the line), if the file has another format
            (it names that and how to convert it), or if no question is left (it names the file).
        SetupError: If the package that reads the format is not installed.
    """
    raw = as_utf8(raw, name)
    source = _source(raw, name)
    found: dict[str, Question] = {}
    numbers: dict[str, int] = {}
    bad: list[str] = []
    for number, record in source.records:
        try:
            question = _question(record, number, source)
            _check_new(question.id, number, numbers, source.unit)
        except ValueError as error:
            why = f"{error}; {hint(raw, name)}" if isinstance(error, NotUtf8Error) else str(error)
            bad.append(f"{source.place(name, number)}: {why}")
            if not skip_bad:
                raise UsageError(bad[0]) from error
        else:
            found[question.id] = question
            numbers[question.id] = number
    if not found:
        msg = f"{name}: no questions in it"
        msg += f" ({len(bad)} bad, the first: {bad[0]})" if bad else ""
        raise UsageError(msg)
    return Questions(questions=tuple(found.values()), bad=tuple(bad))


def _source(raw: bytes, name: str) -> Source:
    if raw.startswith(PARQUET):
        return parquet_source(raw, name)
    return csv_source(raw, name) or json_source(raw, name)


def _question(record: Record, number: int, source: Source) -> Question:
    if isinstance(record, BadRecord):
        raise ValueError(record.why)
    return read_question(record, default_id=str(number), typed=source.typed)


def _check_new(id_: str, number: int, numbers: Mapping[str, int], unit: str) -> None:
    """Raise if an earlier record has the same id."""
    first = numbers.get(id_)
    if first is not None:
        msg = f"the id {id_!r} comes twice: {unit} {first} has it as well"
        if id_ in (str(number), str(first)):
            msg += f" (a record without an id has the number of its {unit})"
        raise ValueError(msg)
