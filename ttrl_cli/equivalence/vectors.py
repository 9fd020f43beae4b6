r"""Vectors in unit vectors as tuples: 3\hat{i} + 4\hat{j} is (3, 4), with \hat{k} (3, 4, 0)."""

import re

_STYLE = r"\\(?:wide)?(?:hat|vec|mathbf|boldsymbol|bm|overrightarrow|bf)"
_LETTER = r"(?:\\[ij]math|[ijk])"
_UNIT = re.compile(
    rf"(?:{_STYLE}\s?\{{\s?(?:{_STYLE}\s?)?\{{?\s?(?P<styled>{_LETTER})\s?\}}?\s?\}}"
    rf"|{_STYLE}(?:\s(?P<bare>[ijk])|\s?(?P<math>\\[ij]math))(?![A-Za-z])|\{{\\bf\s(?P<old>[ijk])\}})"
)
_ACCENTS = str.maketrans({"î": r"\hat{i}", "ĵ": r"\hat{j}"})
_PLAIN = re.compile(
    r"(?P<a>-?\s?(?:\d+(?:\.\d+)?)?)\s?i\s?(?P<b>[-+]\s?(?:\d+(?:\.\d+)?)?)\s?j(?:\s?(?P<c>[-+]\s?(?:\d+(?:\.\d+)?)?)\s?k)?"
)
_SIGN = re.compile(r"[-+]")
_PLACES = "ijk"


def in_coordinates(text: str) -> str:
    r"""Write a sum of multiples of i, j, k as a tuple, if they are marked as vectors.

    Plain letters are, too, where all of i and j stand there with numbers: 3i + 4j.
    """
    text = text.translate(_ACCENTS).replace("k\u0302", r"\hat{k}")
    name, equals, value = text.rpartition("=")
    value = value.strip().strip("$").strip()
    if plain := _PLAIN.fullmatch(value):
        parts = [
            _coefficient(plain[group] or "") if plain[group] is not None else "0" for group in "abc"
        ]
        return f"{name}{equals}({', '.join(parts if plain['c'] is not None else parts[:2])})"
    if not _UNIT.search(value):
        return text
    found: dict[str, str] = {}
    for term in _terms(value):
        units = list(_UNIT.finditer(term))
        if len(units) != 1 or units[0].end() < len(term.rstrip()):
            return text
        unit = units[0]
        letter = (unit["styled"] or unit["bare"] or unit["math"] or unit["old"]).strip("\\")[0]
        before = term[: unit.start()].strip()
        if letter in found:
            return text
        found[letter] = _coefficient(re.sub(r"\\(?:cdot|,)\s?\Z|\*\Z", "", before).strip())
    size = 3 if "k" in found else 2
    return f"{name}{equals}({', '.join(found.get(letter, '0') for letter in _PLACES[:size])})"


def _coefficient(before: str) -> str:
    before = "".join(before.split()) if len(before) < 2 else before.strip()
    sign = "-" if before.startswith("-") else ""
    value = before.lstrip("+-").strip()
    return f"{sign}{value or '1'}"


def _terms(value: str) -> list[str]:
    """Split a sum at the signs outside of brackets; each term keeps its sign."""
    terms = [""]
    depth = 0
    for place, mark in enumerate(value):
        depth += (mark in "([{") - (mark in ")]}")
        if mark in "+-" and not depth and terms[-1].strip() and value[place - 1] not in "^_":
            terms.append("")
        terms[-1] += mark
    return terms
