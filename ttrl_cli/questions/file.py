"""A file of questions: JSON lines, or one JSON array."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.questions.record import Question, read_question

_SPACE = re.compile(r"[ \t\r\n]*")
_SCANNER = json.JSONDecoder(parse_float=str, parse_int=str, strict=False)


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
    """Read questions from JSON lines, or from a JSON array if the first character is "[".

    Args:
        raw: UTF-8, with or without a byte order mark.
        name: The file, for messages; "<stdin>" for standard input.
        skip_bad: Go on after a bad record, and count it.

    Raises:
        UsageError: Naming file and line (JSON lines) or element (array), if a record is bad and
            not to be skipped; naming the line, if an array is not JSON; naming the file, if no
            question is left.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    is_array = raw.lstrip()[:1] == b"["
    unit = "element" if is_array else "line"
    found: dict[str, Question] = {}
    numbers: dict[str, int] = {}
    bad: list[str] = []
    for number, record in _elements(raw, name) if is_array else _lines(raw):
        try:
            question = read_question(record, default_id=str(number))
            _check_new(question.id, number, numbers, unit)
        except ValueError as error:
            place = f"{name}: element {number}" if is_array else f"{name}:{number}"
            bad.append(f"{place}: {error}")
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


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, line) of every line that is not blank."""
    # not splitlines, which also breaks lines at characters that JSON strings may hold
    for number, line in enumerate(BytesIO(raw), start=1):
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def _elements(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """(number, JSON) of every element of an array."""
    try:
        text = raw.decode()
        for number, (begin, end) in enumerate(_spans(text), start=1):
            yield number, text[begin:end].encode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: is not UTF-8: {error.reason}"
        raise UsageError(msg) from error
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}: {error.msg} (column {error.colno})"
        msg = f"{where}; expected one JSON array of records and nothing after it"
        raise UsageError(msg) from error


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the elements of an array begin and end; what is in them is not judged."""
    place = _after_space(text, text.index("[") + 1)
    more = text[place : place + 1] != "]"
    while more:
        end = _element_end(text, place)
        yield place, end
        place = _after_space(text, end)
        more = text[place : place + 1] == ","
        if more:
            place = _after_space(text, place + 1)
    if text[place : place + 1] != "]":
        why = "Expecting ',' or ']'"
        raise json.JSONDecodeError(why, text, place)
    place = _after_space(text, place + 1)
    if place < len(text):
        why = "Extra data"
        raise json.JSONDecodeError(why, text, place)


def _element_end(text: str, place: int) -> int:
    try:
        return _SCANNER.raw_decode(text, place)[1]
    except RecursionError as error:
        why = "brackets nested too deep"
        raise json.JSONDecodeError(why, text, place) from error


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return place if space is None else space.end()


def _check_new(id_: str, number: int, numbers: Mapping[str, int], unit: str) -> None:
    """Refuse an id that an earlier record has."""
    first = numbers.get(id_)
    if first is not None:
        msg = f"the id {id_!r} comes twice: {unit} {first} has it as well"
        if id_ in (str(number), str(first)):
            msg += f" (a record without an id has the number of its {unit})"
        raise ValueError(msg)
