"""Numbers in words: 2.5 million, 3 dozen, forty-two, three quarters."""

import re
from fractions import Fraction

_UNITS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_SMALL = {word: value for value, word in enumerate(_UNITS.split())}
_TEN_NAMES = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS = {word: 10 * tens for tens, word in enumerate(_TEN_NAMES, start=2)}
_DOZEN, _HUNDRED = 12, 100
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MULTIPLES = {"dozen": _DOZEN, "hundred": _HUNDRED, **_SCALES}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "hundredth": 100,
    "thousandth": 1000,
}  # fmt: skip
_PLURALS = {"halves": 2, **{f"{part}s": value for part, value in _PARTS.items() if part != "half"}}
NAMES = (*_SMALL, *_TENS, *_MULTIPLES, "and")
"""Words that whole numbers are made of."""
_MOST_PARTS = 19  # forty fifths, but forty-fifth
_MOST_WORDS = 16
_WORDS = re.compile(r"[a-z]+(?:[ -][a-z]+)*")
_IN_FIGURES = re.compile(
    r"(\A-?|(?<=[=;(,])\s*-?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s?(\\text\s?\{\s?)?"
    rf"((?:{'|'.join(_MULTIPLES)})(?:\s(?:{'|'.join(_MULTIPLES)}))?)(?![\w-])"
)


def in_figures(text: str) -> str:
    """Write out the multiples behind numbers: 2.5 million is 2500000, 3 dozen eggs are 36 eggs."""
    if not any(word in text for word in _MULTIPLES):
        return text
    return _IN_FIGURES.sub(_product, text)


def _product(match: re.Match[str]) -> str:
    value = Fraction(match[2].replace(",", "") + (match[3] or ""))
    for word in match[5].split():
        value *= _MULTIPLES[word]
    if value.denominator != 1:
        return match[0]
    return f"{match[1]}{value.numerator}{match[4] or ''}"


def number_of(words: str) -> str:
    """Return the LaTeX of a number in words, in lower case; "" for other words."""
    if not _WORDS.fullmatch(words):
        return ""
    sign = "-" if words.startswith(("minus ", "negative ")) else ""
    parts = re.split("[ -]", words)[bool(sign) :]
    if len(parts) > _MOST_WORDS:
        return ""
    value = _value(parts)
    if value is None:
        return ""
    if value.denominator == 1:
        return f"{sign}{value.numerator}"
    return rf"{sign}\frac{{{value.numerator}}}{{{value.denominator}}}"


def _value(words: list[str]) -> Fraction | None:
    """Return the value of a whole number, a fraction, or both joined by "and"."""
    whole = _whole(words)
    if whole is not None:
        return Fraction(whole)
    if "and" in words:
        place = len(words) - 1 - words[::-1].index("and")
        whole, part = _whole(words[:place]), _fraction(words[place + 1 :])
        return None if whole is None or part is None or part >= 1 else whole + part
    return _fraction(words)


def _fraction(words: list[str]) -> Fraction | None:
    if len(words) < 2:
        return None
    top = 1 if words[:-1] in (["a"], ["an"]) else _whole(words[:-1])
    if top is None or not 0 < top <= _MOST_PARTS:
        return None
    bottom = (_PARTS if top == 1 else _PLURALS).get(words[-1])
    return Fraction(top, bottom) if bottom else None


def _whole(words: list[str]) -> int | None:
    """Return the value of a whole number: two thousand one hundred and five; None for no number."""
    if words[:1] in (["a"], ["an"]) and len(words) > 1 and words[1] in _MULTIPLES:
        words = ["one", *words[1:]]
    if words[-1:] == ["dozen"]:
        count = _below_hundred(words[:-1])
        return None if not count else count * _DOZEN
    total, limit, group = 0, max(_SCALES.values()) * 1000, []
    for word in words:
        if word not in _SCALES:
            group.append(word)
            continue
        count = _below_thousand(group)
        if not count or _SCALES[word] >= limit:
            return None
        limit = _SCALES[word]
        total, group = total + count * limit, []
    if total and group[:1] == ["and"]:
        group = group[1:]
    if total and not group:
        return total if words[-1] in _SCALES else None
    rest = _below_thousand(group)
    return None if rest is None or (total and not rest) else total + rest


def _below_thousand(words: list[str]) -> int | None:
    if "hundred" not in words:
        return _below_hundred(words)
    place = words.index("hundred")
    count, rest = _below_hundred(words[:place]), words[place + 1 :]
    if rest[:1] == ["and"]:
        rest = rest[1:] or ["and"]
    small = _below_hundred(rest) if rest else 0
    return None if not count or small is None else count * _HUNDRED + small


def _below_hundred(words: list[str]) -> int | None:
    if len(words) == 1:
        return _SMALL.get(words[0], _TENS.get(words[0]))
    if len(words) == 2 and words[0] in _TENS and 0 < _SMALL.get(words[1], 0) < 10:
        return _TENS[words[0]] + _SMALL[words[1]]
    return None
