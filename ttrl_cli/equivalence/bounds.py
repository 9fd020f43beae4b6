r"""Bounds in words: "at least 5", "5 or more" and \ge 5 are one answer, and none of them is 5.

They become 5\text{:at least}, a quantity with a word that decides about it.
"""

import re

_BEFORE = {
    "at least": "at least|no (?:less|fewer) than|not (?:less|fewer) than|(?:a )?minimum of",
    "at most": "at most|no (?:more|greater) than|not (?:more|greater) than|up to|(?:a )?maximum of",
    "more than": "more than|greater than|larger than|bigger than|over|above|exceeding",
    "less than": "less than|fewer than|smaller than|under|below",
}
_BEHIND = {
    "at least": "or (?:more|greater|higher|above|over|larger)|and (?:above|up|over|more)|at least",
    "at most": "or (?:less|fewer|lower|below|under|smaller)|and (?:below|under|less)|at most",
}
_SIGNS = {r"\ge": "at least", r"\le": "at most", ">": "more than", "<": "less than", r"\ne": "not"}
_VALUE = r"(?=[-+\d.$\\])([^,;()=<>]*\d[^,;()=<>]*)"
_START = r"(?:\A|(?<=[=,;(]))\s*"


def _phrases(table: dict[str, str]) -> str:
    return "|".join(f"(?:{phrases})" for phrases in table.values()).replace(" ", r"[\s~]+")


_FIRST = re.compile(
    rf"{_START}(?:\\text\s*\{{)?\s*({_phrases(_BEFORE)})(?![a-zA-Z])\s*(\}})?\s*{_VALUE}",
    re.IGNORECASE,
)
_LAST = re.compile(
    rf"(?<=[\w}}%)])\s*,?\s*(?:\\text\s*\{{)?\s*({_phrases(_BEHIND)})(?![a-zA-Z])\s*\}}?(?=\s*(?:\Z|[,;)]))",
    re.IGNORECASE,
)
_SIGN = re.compile(
    rf"{_START}(\\[gl]e(?:q|qslant)?|\\neq?|\\not\s?=|[<>]=?)(?![a-zA-Z])\s*(?!=){_VALUE}"
)
_MEANING = [
    (re.compile(phrases, re.IGNORECASE), name)
    for table in (_BEFORE, _BEHIND)
    for name, phrases in table.items()
]
_HINT = re.compile(
    r"least|most|more|less|fewer|greater|higher|lower|than|over|above|under|below|up|exceed|larger|smaller"
    r"|m(?:ini|axi)mum of",
    re.IGNORECASE,
)


def with_bounds(text: str) -> str:
    """Rewrite bounds such as "at least 5" as the number and a qualifier behind it."""
    if text[:1] in "<>\\≤≥" and text:
        text = _SIGN.sub(_signed, text)
    if not _HINT.search(text):
        return text
    return _FIRST.sub(_before, _LAST.sub(_behind, text))


def _signed(match: re.Match[str]) -> str:
    sign = re.sub(r"\\not\s?=", r"\\ne", match[1].replace("eqslant", "e").replace("eq", "e"))
    name = _SIGNS.get({"<=": r"\le", ">=": r"\ge"}.get(sign, sign), "")
    return rf"{match[2].strip()}\text{{:{name}}}"


def _before(match: re.Match[str]) -> str:
    value = match[match.lastindex or 0].strip()
    if r"\text" in match[0].partition(match[1])[0] and not match[2]:
        value = value.removesuffix("}")  # of \text{at least 5}
    return rf"{value}\text{{:{_name(match[1])}}}"


def _behind(match: re.Match[str]) -> str:
    closes = match[0].endswith("}") and r"\text" not in match[0]  # \text{ cm or more}
    return rf"{'}' * closes}\text{{:{_name(match[1])}}}"


def _name(phrase: str) -> str:
    """Return the name of the bound that a phrase expresses."""
    words = " ".join(phrase.replace("~", " ").split())
    return next(name for pattern, name in _MEANING if pattern.fullmatch(words))
