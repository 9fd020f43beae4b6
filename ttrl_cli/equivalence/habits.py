r"""Notations of one country, course or book, in the form that is read everywhere.

]2, 5[ is (2, 5), \mathbb{R}^+ is (0, \infty), \langle 3, -1 \rangle is (3, -1).
"""

import re

from ttrl_cli.equivalence.spellings import replaced, steps

_REALS = r"\\mathbb\s?\{?\s?R\s?\}?\s?"
_POSITIVE = r"\^\s?\{?\s?\+\s?\}?|_\s?\{?\s?\+\s?\}?|_\s?\{\s?>\s?0\s?\}"
_ELEMENTARY = r"(?:sin|cos|tan|sec|csc|cot|ln|log|arcsin|arctan|exp)"
_STEPS = steps((
    ("mathcal", r"\\math(?:cal|scr)\s?\{?\s?O\s?\}?\s?(?=\()", "O"),
    ("overline", r"\\overline\s?\{\s?([A-Z]{2})\s?\}\s?(?==)", r"\1 "),
    ("mathbb", r"\\mathbb\s?\{\s?P\s?\}\s?(?=[(\[])", "P"),
    ("Pr", r"\\Pr(?![a-zA-Z])\s?(?=[(\[])", "P"),
    ("operatorname", r"\\(?:operatorname|text)\s?\{\s?E\s?\}\s?(?=[(\[])", "E"),
    ("setminus", r"(?<=\\setminus)\s?\{\s?([^{}]*)\s?\}\Z", r" \\{\1\\}"),
    ("mathbb", r"(\\mathbb\s?\{\s?R\s?\})\s?-\s?(?=\\\{)", r"\1\\setminus "),
    ("angle", r"(?:\A|(?<=[,;] ))m\s?(?=\\angle)", ""),
    ("mathbb", rf"\A{_REALS}(?:{_POSITIVE})\Z", r"(0,\\infty )"),
    ("text", r"\\text\s?\{\s?([A-Z][A-Za-z]{0,4})\s?\}(?=\s?_\s?\{?\s?\d)", r"\1"),
    ("choose", r"\{\s?(\w+)\s?\\choose\s?(\w+)\s?\}", r"\\binom{\1}{\2}"),
    ("choose", r"\A(\w+)\s?\\choose\s?(\w+)\Z", r"\\binom{\1}{\2}"),
))  # fmt: skip
_MODULUS = re.compile(
    r"\s?\(?\s?(?:\\b?mod|\\text\s?\{\s?mod\s?\}|(?<![a-zA-Z\\])mod)\s?(\d+)\s?\)?\Z"
)
_VECTOR = re.compile(r"\\langle(?![a-zA-Z])((?:[^<>=\\]|\\(?![lr]angle))*+)\\rangle\s?(?=\Z|,|;)")
_WITHOUT_INTERVAL = re.compile(
    rf"\A{_REALS}\\setminus\s?([\[(])([^,;()\[\]]+)[,;]([^,;()\[\]]+)([\])])\Z"
)
_TURNED = re.compile(r"([\[\]])([^\[\](),;]*[,;][^\[\](),;]*)([\[\]])")
_OPENS = {"[": "[", "]": "("}
_CLOSES = {"]": "]", "[": ")"}
_PLACE = r"\s?(?=\(\s*-?[\d.]+(?:\s*,\s*-?[\d.]+){1,2}\s*\)(?:\Z|,|;))"
_POINT = re.compile(rf"(?<![A-Za-z\\])([ADEIJKLMOPQRSTVW]){_PLACE}")  # but not: C(5, 2), N(0, 1)
_ANY_POINT = re.compile(rf"(?<![A-Za-z\\])([A-Z]){_PLACE}")
_CONSTANT = re.compile(r"\+\s?c\Z")
_NAMES = re.compile(
    rf"\\{_ELEMENTARY}(?![a-zA-Z])|\\(?:frac|sqrt|cdot|pi|left|right)(?![a-zA-Z])|(?<![A-Za-z\\])e(?![A-Za-z])"
)


def in_common_notation(text: str) -> str:
    """Rewrite what only one country, course or book writes so."""
    text = text.replace("->", r"\to ")
    if "\\" in text:
        text = replaced(text, _STEPS)
        text = _VECTOR.sub(_vector, text)
        if "\\equiv" in text:
            text = _MODULUS.sub(r" \\pmod{\1}", text)
        text = _WITHOUT_INTERVAL.sub(_complement, text)
    if "(" in text:
        several = len(_ANY_POINT.findall(text)) > 1 and "A" in text
        text = (_ANY_POINT if several else _POINT).sub(r"\1 = ", text)
    return _with_constant(text)


def with_plain_ends(text: str) -> str:
    """Write open ends of intervals with round brackets: ]2, 5[ is (2, 5)."""
    return _TURNED.sub(_interval, text) if "[" in text or "]" in text else text


def _vector(match: re.Match[str]) -> str:
    """Return a vector of numbers in round brackets; an inner product of letters unchanged."""
    return f"({match[1]})" if re.search(r"\d", match[1]) else match[0]


def _complement(match: re.Match[str]) -> str:
    """Return the two intervals around one: what is closed becomes open."""
    opening, low, high, closing = match.groups()
    low_end = ")" if opening == "[" else "]"
    high_start = "(" if closing == "]" else "["
    return rf"(-\infty ,{low}{low_end}\cup {high_start}{high},\infty )"


def _interval(match: re.Match[str]) -> str:
    """Return an interval whose open ends have brackets turned outwards: ]2, 5[ is (2, 5)."""
    if match[1] == "[" and match[3] == "]":
        return match[0]
    inner = match[2].replace(";", ",")
    return f"{_OPENS[match[1]]}{inner}{_CLOSES[match[3]]}"


def _with_constant(text: str) -> str:
    """Write the constant of integration, behind a function of one variable, as a capital."""
    constant = _CONSTANT.search(text)
    if constant is None:
        return text
    value = text[: constant.start()].rpartition("=")[2]
    rest = _NAMES.sub(" ", value.replace(r"\theta", " t"))
    letters = set(re.findall("[A-Za-z]", rest))
    return (
        text[: constant.start()] + "+ C" if len(letters) == 1 and letters <= set("xtuyz") else text
    )
