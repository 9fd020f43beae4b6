r"""JSON values in the text of a completion, for one that fences none.

A list or an object counts wherever it stands: the last that parses, one in an answer tag before
others. A number, a text or a truth value is a part of many sentences, and counts only where the
text says that it is the answer: in an answer tag, or alone behind "Answer:", "Solution:" or
"Result:" on its line. What is parsed is bounded, and every step is linear in the length of the
text.
"""

import re
from collections.abc import Iterator

from ttrl_cli.records import Json
from ttrl_cli.sandbox.protocol import MalformedError, read_json

CONTAINERS = frozenset({"list", "dict"})
_TAG = re.compile(r"<answer\s?>((?:(?!</?answer)[\s\S])*+)</answer\s?>", re.IGNORECASE)
_LINE = re.compile(
    r"^[^\w\n]{0,8}(?:final\s)?(?:answer|solution|result)[^\w\n:=]{0,4}[:=](?!=)(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_LETTER = re.compile(r"[^\W\d_]")
_OUTSIDE = re.compile(r"[\[{]")
_INSIDE = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[\[\]{}]')
_OPENING = {"]": "[", "}": "{"}
_AROUND = " \t\r\n.*`$"  # what may stand around a value on its line
_MOST_TRIES = 32
_MOST_PARSED = 2_000_000  # characters


def kind_of(value: Json) -> str:
    """Name the kind of a JSON value; all numbers have the same kind."""
    return "number" if type(value) in (int, float) else type(value).__name__


def read_value(text: str) -> tuple[str, str]:
    """Return the text that parses as JSON and its value's kind; the kind is empty if none does."""
    plain = text.strip()
    for variant in dict.fromkeys([plain, plain.replace("\u00a0", " ")]):
        try:
            return variant, kind_of(read_json(variant))
        except MalformedError:
            continue
    return plain, ""


def last_value(text: str, expected: frozenset[str]) -> str | None:
    """Return the last value of an expected kind in a text; None if there is none."""
    value, kind = read_value(text.strip(_AROUND))
    if kind in expected & CONTAINERS:
        return value
    if not _LETTER.search(text):
        return None  # no prose, but JSON that is broken
    tags = [found[1] for found in _TAG.finditer(text)][-_MOST_TRIES:]
    lines = [found[1] for found in _LINE.finditer(text)][-_MOST_TRIES:]
    for content in [*lines, *tags][::-1]:
        value, kind = read_value(content.strip(_AROUND))
        if kind in expected - CONTAINERS:
            return value
    if expected.isdisjoint(CONTAINERS):
        return None
    places = [*tags[::-1], text]
    return next(filter(None, (_last_container(place, expected) for place in places)), None)


def _last_container(text: str, expected: frozenset[str]) -> str | None:
    """Return the last list or object of an expected kind that is in no value of another kind."""
    left, tries = _MOST_PARSED, _MOST_TRIES
    within = len(text)  # where the last value of another kind begins
    for start, end in _outermost_last(text):
        if start > within:
            continue
        left, tries = left - (end - start), tries - 1
        if left < 0 or tries < 0:
            break
        value, kind = read_value(text[start:end])
        if kind in expected:
            return value
        within = start if kind else within
    return None


def _outermost_last(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of matching brackets: the last first, an outer pair before inner ones."""
    opened: list[tuple[str, int]] = []
    spans: list[tuple[int, int]] = []
    place = 0
    while found := (_INSIDE if opened else _OUTSIDE).search(text, place):
        mark, place = found[0], found.end()
        if mark in ("[", "{"):
            opened.append((mark, found.start()))
        elif opened and _OPENING.get(mark) == opened[-1][0]:
            spans.append((opened.pop()[1], place))
    return reversed(spans)
