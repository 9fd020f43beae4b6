r"""Equations on lines of their own: \begin{cases} x = 1 \\ y = 2 \end{cases} is x = 1, y = 2."""

import re
from itertools import pairwise

_ALIGNED = "aligned|align|alignedat|alignat|gathered|gather|split|eqnarray|multline|flalign"
_ENVIRONMENT = re.compile(
    r"(?P<brace>\\\{\s*)?\\begin\s*\{\s*(?P<name>[dr]?cases|array|matrix"
    rf"|(?:{_ALIGNED})\*?)\s*\}}\s*(?:\[[a-z]\])?\s*(?:\{{[lcr|@ \d]*\}})?"
    r"(?P<body>(?:(?!\\begin|\\end)[\s\S])*)"
    r"\\end\s*\{\s*(?P=name)\s*\}(?P<closed>\s*\\\})?"
)
_ROW = re.compile(r"\\\\(?:\[[^\]]*\])?")
_SIGN = r"(?:=|<|>|\\(?:[lg]eq?|ne|neq|approx|in|equiv|leqslant|geqslant)(?![a-zA-Z]))"
_RELATION = re.compile(_SIGN)
_STARTS = re.compile(rf"\s*{_SIGN}")
_ENDS = re.compile(rf"{_SIGN}\s*\Z")
_SIDE_BY_SIDE = re.compile(
    r"(?<=[\w})])\s*,?\s*\\q?quad(?![a-zA-Z])\s*(?=(?:[A-Za-z](?:_\w|_\{\w+\})?|\([a-z,\s]+\))\s*=)"
    r"|(?:(?<=[\d)])|(?<=\d\}))\s+(?=[A-Za-z](?:_\w|_\{\w+\})?\s?=)"
)
_ONE_EQUATION = re.compile(rf"[^=<>]*{_SIGN}[^=<>]*")


def in_one_line(text: str) -> str:
    """Join equations on lines of their own into one line, as a list.

    A function by cases and a matrix keep their rows.
    """
    if "\\begin" in text:
        text = _ENVIRONMENT.sub(_listed, text)
    if "\\\\" in text and "\\begin" not in text:
        text = _joined(text)
    if "\n" in text and "\\begin" not in text:
        lines = text.strip().split("\n")
        if all(map(_RELATION.search, lines)):
            text = ", ".join(line.strip().rstrip(",;.") for line in lines)
    return _separated(text) if text.count("=") > 1 else text


def _separated(text: str) -> str:
    """Put commas between equations that only spaces separate: x = 1 y = 2."""
    pieces, start = [], 0
    for gap in _SIDE_BY_SIDE.finditer(text):
        if _ONE_EQUATION.fullmatch(text, start, gap.start()):
            pieces.append(text[start : gap.start()])
            start = gap.end()
    return ", ".join([*pieces, text[start:]])


def _listed(match: re.Match[str]) -> str:
    name, body = match["name"], match["body"]
    rows = [row for row in _ROW.split(body) if row.strip()]
    if name in ("array", "matrix"):
        opened = match["brace"] is not None and match["closed"] is None
        if not opened and not (name == "array" and all(map(_RELATION.search, rows))):
            return match[0]
    if ("cases" in name or name == "array") and not all(map(_is_aligned, rows)):
        return rf"\begin{{cases}}{body}\end{{cases}}{match['closed'] or ''}"
    return _joined(body.replace("&", " ")) + (match["closed"] or "")


def _is_aligned(row: str) -> bool:
    """Decide whether a row is one equation with its sides in columns."""
    cells = [cell for cell in row.split("&") if cell.strip(" ,")]
    return all(_STARTS.match(after) or _ENDS.search(before) for before, after in pairwise(cells))


def _joined(text: str) -> str:
    """Join rows into a list; a row that begins with a sign continues the row before."""
    found = ""
    for line in _ROW.split(text):
        if row := line.strip().rstrip(",;.").rstrip():
            found += row if not found else f" {row}" if _STARTS.match(row) else f", {row}"
    return found
