r"""Numbers that are said again in words: 3 (three) and twelve (12) are 3 and 12."""

import re

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_NAMES = sorted((*_VALUES, *_SCALES, "hundred", "and"), key=len, reverse=True)  # sixty before six
_WORD = rf"(?:{'|'.join(_NAMES)})"
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
    if before is not None and _value(before[1]) == int(before[2]):
        return before[2]
    return _BEHIND.sub(_without_words, text)


def _without_words(match: re.Match[str]) -> str:
    balanced = match[0].count("{") == match[0].count("}")
    return match[1] if balanced and _value(match[2]) == int(match[1].replace(",", "")) else match[0]


def _value(text: str) -> int:
    """Return the value of a number in words: two hundred and five is 205."""
    total = group = 0
    for word in re.findall("[a-z]+", text.lower()):
        if word in _SCALES:
            total += max(group, 1) * _SCALES[word]
            group = 0
        elif word == "hundred":
            group = max(group, 1) * 100
        else:
            group += _VALUES.get(word, 0)
    return total + group
