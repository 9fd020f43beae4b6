r"""JSON values in the text of a completion, for one that fences none.

A list or an object counts wherever it stands: the last that parses, one in an answer tag before
others, then one that the text calls the answer ("Answer: [1, 2]", "the solution is [1, 2]",
\boxed{[1, 2]}), unless it is an earlier one's ("old solution: [3]"). A number, a text or a truth
value is a part of many sentences, and counts only where the text says that it is the answer: in an
answer tag, or alone behind "Answer:", "Solution:" or "Result:" on its line. What is parsed is
bounded, and every step is linear in the length of the text.
"""

import re
from collections.abc import Iterable, Iterator

from ttrl_cli.completions import names
from ttrl_cli.records import Json
from ttrl_cli.sandbox.protocol import MalformedError, read_json

CONTAINERS = frozenset({"list", "dict"})
_TAG = re.compile(
    r"<(?:final[_-])?answer\s?>((?:(?!</?(?:final[_-])?answer)[\s\S])*+)</(?:final[_-])?answer\s?>",
    re.IGNORECASE,
)
_CALLED = re.compile(
    rf"(?:\b(?P<which>\w+)\s)?(?:\b(?:{names.EN}|solutions?|results?|{names.FR}|{names.DE}|{names.ES})"
    r"|(?P<zh>答案|解))[*_`\"'\s]{0,4}(?:(?:is|are|est|ist|es|lautet)\b|[:：=]|是|为)(?P<between>[^\[\]{}.;!?]{0,40})\Z"
    r"|\\boxed\s?\{[\s$]*\Z|\[(?:ANSWER|JSON)\]\s*\Z|<(?:json|final)>\s*\Z",
    re.IGNORECASE,
)
_NOT_IT = re.compile(
    r"\b(?:not|never|old|initial|previous|earlier|current|first|naive|bad|wrong|other|another|alternative"
    r"|worse|starting|given|parent|seed|invalid|no|example|baseline)\b",
    re.IGNORECASE,
)
_BEFORE = 120  # characters before a value in which it may be called the answer
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
_MOST_CALLED = 2048  # values, the last ones, before which it is looked whether they are the answer
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
    """Return the last list or object of an expected kind that is in no value of another kind.

    One that the text calls the answer goes before others.
    """
    spans = list(_outermost_last(text))
    called = [span for span in spans[:_MOST_CALLED] if _is_called_answer(text, span[0])]
    return _last_of(text, called, expected) or _last_of(text, spans, expected)


def _is_called_answer(text: str, start: int) -> bool:
    """Decide whether the text before a value says that it is the answer."""
    before = text[max(0, start - _BEFORE) : start].rstrip(" \t\n*`$\\[(")
    called = _CALLED.search(before)
    return called is not None and not _NOT_IT.search(called[0])


def _last_of(text: str, spans: Iterable[tuple[int, int]], expected: frozenset[str]) -> str | None:
    left, tries = _MOST_PARSED, _MOST_TRIES
    within = len(text)  # where the last value of another kind begins
    for start, end in spans:
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
