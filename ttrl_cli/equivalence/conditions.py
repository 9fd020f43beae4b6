r"""Which \wedge and \vee join conditions, as "and" and "or" do, and which are logic."""

import re

from ttrl_cli.equivalence.items import split_outside

_JOIN = re.compile(r"\\(?:wedge|vee)(?![a-zA-Z])\s?")
_RELATION = re.compile(r"[=<>]|\\(?:[lg][et]|ne|in|notin|approx|equiv)(?![a-zA-Z])")
_VALUE = re.compile(r"[^a-zA-Z\\]*|[\d\s.,(){}\-+/]*")
_UNION = re.compile(r"\\cup(?![a-zA-Z])\s?")
_ORDER = re.compile(r"[<>]|\\(?:[lg][et]|ne)(?![a-zA-Z])")
_AND = re.compile(r"\\wedge(?![a-zA-Z])\s?")
_OR = re.compile(r"\\vee(?![a-zA-Z])\s?")


def with_conditions(text: str) -> str:
    r"""Rewrite x = 1 \vee x = 2 as a list of alternatives; leave p \vee q as it is."""
    text = of_inequalities(text)
    if "\\wedge" not in text and "\\vee" not in text:
        return text
    pieces = split_outside(_JOIN.sub(";", text))
    if not all(_RELATION.search(piece) or _VALUE.fullmatch(piece) for piece in pieces):
        return text
    return _OR.sub(r"\\lor ", _AND.sub(", ", text))


def of_inequalities(text: str) -> str:
    r"""Rewrite x < 1 \cup x > 6 as alternatives; leave unions of sets as they are."""
    count = len(_UNION.findall(text))
    if not count or not _ORDER.search(text):
        return text
    pieces = split_outside(_UNION.sub(";", text))
    if len(pieces) != count + 1 or not all(map(_ORDER.search, pieces)):
        return text
    return _UNION.sub(r"\\lor ", text)
