r"""Quantities of several numbers: 6 ft 2 in, 37°30', 7 R 3, 5 to 2, 2 by 3, 5 and a half."""

import re
from fractions import Fraction

_GAP = r"(?:\s|\\[,;: ])*"
_DEGREE = r"\s?(?:\^\s?\{?\s?\\(?:circ|degree)(?![a-zA-Z])\s?\}?|\\degree(?![a-zA-Z]))" + _GAP
_MARK = _GAP + r"(?:'|\^\s?(?:\{\s?\\prime\s?\}|\\prime(?![a-zA-Z]))|\\text\s?\{\s?min\s?\})"
_SECOND_MARK = r"\s?(?:''|\"|\^\s?\{\s?\\prime\s?\\prime\s?\})"
_NUMBER = r"\d+(?:\.\d+)?"
_MINUTES = re.compile(
    rf"(?<![\d.])(\d+){_DEGREE}({_NUMBER}){_MARK}(?!')(?:\s?({_NUMBER}){_SECOND_MARK})?"
)
_FEET = re.compile(rf"(\d+)\s?'(?!')\s?({_NUMBER})\s?(?:''|\")")

_MEASURE = (
    "ft|feet|foot|in|inch|inches|yds?|yards?|mi|miles?|km|m|cm|mm|met(?:er|re)s?|kg|g|mg|grams?|lbs?"
    "|pounds?|oz|ounces?|h|hrs?|hours?|mins?|minutes?|s|secs?|seconds?|d|days?|weeks?|months?|years?"
    "|yrs?|dollars?|cents?|pence|gal|gallons?|qts?|quarts?|pts?|pints?|cups?|dozens?|tons?"
)
_UNIT = rf"\s?(?:\\text\s?\{{\s?(?:{_MEASURE})\.?\s?\}}|(?:{_MEASURE})\.?(?![a-zA-Z]))"
_MIXED = re.compile(
    rf"{_NUMBER}{_UNIT}(?:\s*+(?:,|and|\\text\s?\{{\s?and\s?\}})?+\s*+{_NUMBER}{_UNIT}){{1,3}}+"
)
_ONE = re.compile(rf"({_NUMBER})(?:\s?\\text\s?\{{\s?|\s?)({_MEASURE})\.?(?![a-zA-Z])")
_DOLLARS = re.compile(
    r"\\?\$\s?(\d+)(?:,|\s|and|\\text\s?\{\s?and\s?\})+(\d+)(\s?(?:\\text\s?\{)?\s?cents?)"
)

_OPEN, _CLOSE = r"[\s~]*+(?:\\text\s?\{\s*+)?+", r"\s*+\}?+[\s~]*+"
_REMAINDER = re.compile(
    rf"(\d+)[\s,]*{_OPEN}(?:[Rr]\.?|rem\.?|(?:with\s)?(?:an?\s|the\s)?remainder(?:\s(?:of|is))?){_CLOSE}(\d+)"
    r"(?:\s*\})?"
)
_TO = re.compile(rf"{_NUMBER}(?:{_OPEN}to{_CLOSE}{_NUMBER}){{1,3}}+")
_WORD_TO = re.compile(rf"{_OPEN}to{_CLOSE}")
_OUT_OF = re.compile(rf"(\d+){_OPEN}(?:out\s?of|over|in\s?every){_CLOSE}(\d+)")
_SHAPES = r"(?:matrix|matrices|grid|board|array|rectangle|table)"
_BY = re.compile(
    rf"({_NUMBER}){_OPEN}by{_CLOSE}({_NUMBER})(?:{_OPEN}{_SHAPES}\s*\}}?)?"
    rf"|({_NUMBER})\s?(?:\\times|[xX])\s?({_NUMBER}){_OPEN}{_SHAPES}\s*\}}?"
)
_PARTS = {
    "half": "1/2", "third": "1/3", "quarter": "1/4", "fourth": "1/4", "two thirds": "2/3",
    "three quarters": "3/4", "three fourths": "3/4", "fifth": "1/5", "tenth": "1/10",
}  # fmt: skip
_AND_A_PART = re.compile(
    rf"(?<![\d.,])(\d+)\s?(?:\\text\s?\{{)?\s?and\s(?:(?:an?|one)\s)?({'|'.join(_PARTS)})(?![a-z])(\s?\}})?"
)
_PREFIXED = re.compile(r"(?<![\w.\\])0(?:[xX]([\dA-Fa-f]+)|[bB]([01]+)|[oO]([0-7]+))(?![\w.])")
_LABEL = re.compile(r"(?:\A|(?<=[\s,;]))\(?([a-h]|i{1,3}|iv|vi{0,3}|[1-9])\)\s*(?=[^\s,;(\[)])")
_LABELS = ("abcdefgh", ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii"), "123456789")
_AND = re.compile(r"[\s,;]+(?:and)?\s*\Z")


def without_marks(text: str) -> str:
    """Rewrite minutes of arc in degrees, and feet and inches, dollars and cents in words."""
    if "$" in text and "cent" in text:
        text = _DOLLARS.sub(r"\1 dollars, \2\3", text)
    if "'" not in text and "prime" not in text and "min" not in text:
        return text
    return _FEET.sub(r"\1 ft, \2 in", _MINUTES.sub(_degrees, text))


def in_one_quantity(text: str) -> str:
    """Rewrite an answer of several numbers and words as one quantity, as a list or as one word."""
    if text[:1] == "0" or ("0" in text and _PREFIXED.search(text)):
        text = _PREFIXED.sub(_in_base, text)
    if "and" in text:
        text = _AND_A_PART.sub(_mixed_number, text)
    if text[:1].isdigit():
        return _of_numbers(text)
    return _parts(text) if ")" in text else text


def _of_numbers(text: str) -> str:
    """Rewrite an answer that begins with a number and has others behind words."""
    if not text[-1:].isdigit() and not text.endswith("}") and not text[-1:].isalpha():
        return text
    if _MIXED.fullmatch(text):
        return ", ".join(f"{one[1]} {one[2]}" for one in _ONE.finditer(text))
    if match := _REMAINDER.fullmatch(text):
        return rf"\text{{@{match[1]} R {match[2]}}}"
    if match := _BY.fullmatch(text):
        return rf"\text{{@{match[1] or match[3]} by {match[2] or match[4]}}}"
    if match := _OUT_OF.fullmatch(text):
        return rf"\frac{{{match[1]}}}{{{match[2]}}}"
    return _WORD_TO.sub(":", text) if _TO.fullmatch(text) else _parts(text)


def _degrees(match: re.Match[str]) -> str:
    value = int(match[1]) + Fraction(match[2]) / 60 + Fraction(match[3] or 0) / 3600
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}^\circ "


def _mixed_number(match: re.Match[str]) -> str:
    top, bottom = _PARTS[match[2]].split("/")
    opened = r"\text{" if r"\text" in match[0] and not match[3] else ""
    return rf"{match[1]}\frac{{{top}}}{{{bottom}}}{opened}"


def _in_base(match: re.Match[str]) -> str:
    numeral = match[match.lastindex or 0].upper().lstrip("0") or "0"
    return rf"\text{{@{numeral} base {(16, 2, 8)[(match.lastindex or 1) - 1]}}}"


def _parts(text: str) -> str:
    """Rewrite the answers to the parts of a question, (a) 3 (b) 5, as named values."""
    labels = list(_LABEL.finditer(text))
    names = [label[1] for label in labels]
    if (
        len(names) < 2
        or labels[0].start()
        or not any(names == list(of[: len(names)]) for of in _LABELS)
    ):
        return text
    ends = [*(label.start() for label in labels[1:]), len(text)]
    values = [
        _AND.sub("", text[label.end() : end]).strip()
        for label, end in zip(labels, ends, strict=True)
    ]
    if not all(values) or any("," in value or ";" in value for value in values):
        return text
    return ", ".join(
        value if "=" in value else rf"\text{{part {name}}} = {value}"
        for name, value in zip(names, values, strict=True)
    )
