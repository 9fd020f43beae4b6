r"""Numbers that are said again in words: 3 (three) and twelve (12) are 3 and 12."""

import re

from ttrl_cli.equivalence.numerals import NAMES, number_of

_WORD = rf"(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})"  # sixty before six
_WORDS = rf"({_WORD}(?:[\s-]+{_WORD}){{0,12}}+)"
_TEXT = r"(?:\\text\s?\{\s?)?"
_BEHIND = re.compile(
    rf"(?<![\w.,^}}])(\d{{1,3}}(?:,\d{{3}}){{1,3}}|\d{{1,12}})\s?{_TEXT}\(\s?{_TEXT}{_WORDS}\s?\}}?\s?\)\s?\}}?",
    re.IGNORECASE,
)
_BEFORE = re.compile(rf"{_TEXT}{_WORDS}\s?\}}?\s?\(\s?(\d{{1,12}})\s?\)", re.IGNORECASE)


def without_number_words(text: str) -> str:
    """Remove from an answer a number in words that repeats the number beside it, in brackets."""
    if "(" not in text:
        return text
    before = _BEFORE.fullmatch(text)
    if before is not None and _says(before[1], before[2]):
        return before[2]
    return _BEHIND.sub(_without_words, text)


def _without_words(match: re.Match[str]) -> str:
    balanced = match[0].count("{") == match[0].count("}")
    return match[1] if balanced and _says(match[2], match[1]) else match[0]


def _says(words: str, figures: str) -> bool:
    """Decide whether a number in words is the one in figures."""
    return number_of(" ".join(words.lower().split())) == str(int(figures.replace(",", "")))
