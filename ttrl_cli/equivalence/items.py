r"""The elements of lists, tuples and sets: each is an answer of its own to be tidied."""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ttrl_cli.equivalence.tokens import CLOSING, OPENING

MAX_DEPTH = 10
_SEPARATOR = re.compile(r"[,;]|\\lor(?![a-zA-Z])")
_TOKEN = re.compile(
    rf"{_SEPARATOR.pattern}|\\text\s*\{{[^{{}}]*\}}|\\?[{{}}]|[()\[\]]|\\[a-zA-Z]+|\\.|."
)
_ORDERED = frozenset(("(", "["))
Change: TypeAlias = Callable[[Sequence[str], bool], list[str]]
"""What makes of elements others, told whether they stand in an order."""


def each_item(text: str, change: Change) -> str:
    """Apply `change` to the innermost elements of a text, with those of one list in one call."""
    if not _SEPARATOR.search(text):
        return change([text], False)[0]
    return _changed(_TOKEN.findall(text), change, MAX_DEPTH, ordered=False)


def split_outside(text: str) -> list[str]:
    """Split a text at separators outside of brackets."""
    pieces = [""]
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token in OPENING) - (token in CLOSING)
        if depth or not _SEPARATOR.fullmatch(token):
            pieces[-1] += token
        else:
            pieces.append("")
    return [piece.strip() for piece in pieces]


def _changed(tokens: list[str], change: Change, levels: int, *, ordered: bool) -> str:
    """Join tokens into text, with `change` applied to the elements of lists, nested ones too."""
    found: list[str] = []
    leaves: list[int] = []
    item: list[str] = []
    group: list[str] = []
    depth, is_leaf = 0, True
    for token in (*tokens, ""):
        depth -= token in CLOSING
        if depth > 0:
            group.append(token)
        elif depth == 0 and (not token or _SEPARATOR.fullmatch(token)):
            leaves += [len(found)] * is_leaf
            found += ["".join(item), token]
            item, is_leaf = [], True
        else:
            if levels and token in CLOSING and any(map(_SEPARATOR.fullmatch, group)):
                inner = item[-1] in _ORDERED if item else False
                item.append(_changed(group, change, levels - 1, ordered=inner))
                is_leaf = False
            else:
                item += group
            item.append(token)
            group = []
        depth += token in OPENING
    changed = change([found[place].strip() for place in leaves], ordered)
    for place, text in zip(leaves, changed, strict=True):
        written = found[place]
        found[place] = written[: len(written) - len(written.lstrip())] + text
    return "".join(found)
