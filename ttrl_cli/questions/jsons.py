"""Questions in JSON: a line each, an array, objects over several lines, an array in an object.

Records are cut out here and decoded one by one elsewhere, so that one that is bad can be named, or
skipped.
"""

import codecs
import json
import re
from collections.abc import Iterator
from io import BytesIO

from ttrl_cli.errors import UsageError
from ttrl_cli.questions.keys import fold
from ttrl_cli.questions.record import TEXT_KEYS
from ttrl_cli.questions.source import Source

_SPACE = re.compile(r"[ \t\r\n]*")
_SCANNER = json.JSONDecoder(parse_float=str, parse_int=str, strict=False)
_QUESTION_KEYS = (*TEXT_KEYS, "messages")


def json_source(raw: bytes, name: str) -> Source:
    """Return the records of a file that is JSON, or that can only be meant as JSON.

    Args:
        raw: UTF-8, except for bad bytes, which are reported per record.
        name: The file, for messages.

    Raises:
        UsageError: If an object over several lines is broken, or if several of its arrays may hold
            the questions.
    """
    if raw.lstrip()[:1] == b"[":
        return Source(unit="element", records=_elements(raw, name))
    text = _spread(raw, name)
    array = None if text is None else _array_within(text, name)
    if text is None:
        return Source(unit="line", records=_lines(raw))
    if array is not None:
        return Source(unit="element", records=_counted(text, _spans(text, array, whole=False)))
    if _is_line(text):
        return Source(unit="line", records=_lines(raw))
    return Source(unit="line", records=_objects(text, name))


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) for every line that is not blank."""
    # not splitlines, which also breaks lines at characters that JSON strings may hold
    for number, line in enumerate(BytesIO(raw), start=1):
        if line.strip():
            # files that were put together may have a byte order mark at each beginning
            yield number, line.rstrip(b"\r\n").removeprefix(codecs.BOM_UTF8)


def _elements(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number, JSON) for every element of an array.

    Raises:
        UsageError: If the file is not UTF-8, or not one JSON array.
    """
    try:
        text = raw.decode()
        yield from _counted(text, _spans(text, text.index("["), whole=True))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: is not UTF-8: {error.reason}"
        raise UsageError(msg) from error
    except json.JSONDecodeError as error:
        expected = "expected one JSON array of records and nothing after it"
        raise UsageError(_broken(error, name, expected)) from error


def _counted(text: str, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    for number, (begin, end) in enumerate(spans, start=1):
        yield number, text[begin:end].encode()


def _objects(text: str, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number of its first line, JSON) for each of several objects in a row.

    Raises:
        UsageError: If one of them is broken.
    """
    place, line, seen = _after_space(text, 0), 1, 0
    while place < len(text):
        line += text.count("\n", seen, place)
        seen = place
        try:
            end = _element_end(text, place)
        except json.JSONDecodeError as error:
            expected = "expected JSON objects, one behind the other"
            raise UsageError(_broken(error, name, expected)) from error
        yield line, text[place:end].encode()
        place = _after_space(text, end)


def _broken(error: json.JSONDecodeError, name: str, expected: str) -> str:
    return f"{name}:{error.lineno}: {error.msg} (column {error.colno}); {expected}"


def _spread(raw: bytes, name: str) -> str | None:
    """Return the text of a file of objects over several lines, or of one object; else None.

    A file for which it returns None is read line by line.

    Raises:
        UsageError: If the first object continues on the next line and is broken.
    """
    filled = (line for line in BytesIO(raw) if line.strip())
    first, second = next(filled, b""), next(filled, b"").lstrip()
    whole = _is_whole(first)
    if first.lstrip()[:1] != b"{" or (whole and second):
        return None
    try:
        text = raw.decode()
        _element_end(text, _after_space(text, 0))
    except UnicodeDecodeError:
        return None
    except json.JSONDecodeError as error:
        if whole or second[:1] in (b"{", b"") or not _goes_on(first):
            return None  # a line that is broken, and its neighbours may be good
        expected = "expected JSON objects, over one line or several"
        raise UsageError(_broken(error, name, expected)) from error
    return text


def _is_whole(line: bytes) -> bool:
    """Decide whether a line begins with a whole JSON value, or nests too deep to tell."""
    try:
        text = line.decode("utf-8", "replace")
        _SCANNER.raw_decode(text, _after_space(text, 0))
    except json.JSONDecodeError:
        return False
    except RecursionError:
        return True
    return True


def _goes_on(line: bytes) -> bool:
    """Decide whether the rest of an incomplete JSON value may stand on the next line."""
    text = line.decode("utf-8", "replace").rstrip()
    try:
        _SCANNER.raw_decode(text, _after_space(text, 0))
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or error.msg.startswith("Unterminated string")
    return False


def _is_line(text: str) -> bool:
    """Decide whether a text is one line, not counting blank ones."""
    return "\n" not in text.strip()


def _array_within(text: str, name: str) -> int | None:
    """Return where the array of records begins if the text is one object around it; else None.

    Raises:
        UsageError: If several of its arrays may hold the records.
    """
    begin = _after_space(text, 0)
    if _after_space(text, _element_end(text, begin)) < len(text):
        return None
    arrays: dict[str, int] = {}
    for key, start in _members(text, begin):
        if fold(key) in _QUESTION_KEYS:
            return None
        if text[start] == "[" and text[_after_space(text, start + 1)] == "{":
            arrays[key] = start
    if len(arrays) > 1:
        msg = f"{name}: is one object with several arrays of objects; take out the one that holds "
        msg += f"the questions: jq .KEY FILE > Q.json, where KEY is one of {', '.join(arrays)}"
        raise UsageError(msg)
    return next(iter(arrays.values()), None)


def _members(text: str, begin: int) -> Iterator[tuple[str, int]]:
    """Yield (key, where its value begins) for each member of a valid object."""
    place = _after_space(text, begin + 1)
    while text[place] == '"':
        key, place = _SCANNER.raw_decode(text, place)
        start = _after_space(text, _after_space(text, place) + 1)  # behind the colon
        end = _element_end(text, start)
        yield key, start
        place = _after_space(text, end)
        place = _after_space(text, place + 1) if text[place] == "," else place


def _spans(text: str, begin: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """Yield where each element of an array begins and ends, without validating its contents.

    Args:
        text: JSON.
        begin: Where the array begins.
        whole: Whether nothing may follow the array.

    Raises:
        JSONDecodeError: If the array is broken, or something follows it that may not.
    """
    place = _after_space(text, begin + 1)
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
    if whole and place < len(text):
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
