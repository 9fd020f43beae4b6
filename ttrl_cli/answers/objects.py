r"""Answers in JSON objects: {"reasoning": "...", "answer": 42}, also as Python writes them.

Only the pair of a key that is called an answer and its value is read, so that an object may be
broken elsewhere. LaTeX in a string may have one backslash or, as JSON demands, two.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_KEY = re.compile(
    r"(?<=[{,\s])(?P<quote>[\"'])(?:(?:final|correct|right|selected|chosen|best|my|predicted)[_\s-]?)?"
    r"(?:answers?|choice|option)(?:[_\s-]?(?:letter|choice|text|value|key))?(?P=quote)\s*+:\s*+",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"[{,]\s*\Z")
_STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*+)\"|'((?:[^'\\\n]|\\.)*+)'")
_BARE = re.compile(
    r"(?:[-+]?\d[\d.]*(?:e[-+]?\d+)?(?:/\d+)?%?|true|false|null|none|[a-z])(?=\s*(?:[,}\n]|\Z))",
    re.IGNORECASE,
)
_NOTHING = ("null", "none")
_ESCAPED = re.compile(r"\\([\"'\\/])")
_DECODER = json.JSONDecoder()
_MOST_SPACE = 40  # characters before a key in which its comma or brace is sought
_MOST_PAIRS = 64
_LONGEST = 20_000  # characters of a list or an object as a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An answer in an object, empty for null; where its key begins, and where its value ends."""

    value: str
    start: int
    end: int


def pairs(text: str) -> Iterator[Pair]:
    """Yield the answers that a text's objects hold, the last first."""
    if "{" not in text:
        return
    for key in list(_KEY.finditer(text))[: -_MOST_PAIRS - 1 : -1]:
        if not _BEFORE.search(text, max(0, key.start() - _MOST_SPACE), key.start()):
            continue
        found = _value(text, key.end())
        if found is not None:
            value, end = found
            yield Pair(value=value, start=key.start(), end=end)


def _value(text: str, start: int) -> tuple[str, int] | None:
    """Return the value that begins at `start`, as it is to be read, and its end."""
    if string := _STRING.match(text, start):
        inner = string[1] if string[1] is not None else string[2]
        return _ESCAPED.sub(r"\1", inner), string.end()
    if text[start : start + 1] in ("[", "{"):
        try:
            _, end = _DECODER.raw_decode(text[start : start + _LONGEST])
        except (ValueError, RecursionError):
            return None
        return text[start : start + end], start + end
    bare = _BARE.match(text, start)
    if bare is None:
        return None
    return ("" if bare[0].lower() in _NOTHING else bare[0]), bare.end()
