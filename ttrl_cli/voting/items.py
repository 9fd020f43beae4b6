r"""The elements of lists, tuples and sets: each is an answer of its own to be tidied."""

import re
from collections.abc import Callable

from ttrl_cli.voting.tokens import CLOSING, OPENING

MAX_DEPTH = 10
SEPARATOR = re.compile(r"[,;]|\\lor(?![a-zA-Z])")
_TOKEN = re.compile(
    rf"{SEPARATOR.pattern}|\\text\s*\{{[^{{}}]*\}}|\\?[{{}}]|[()\[\]]|\\[a-zA-Z]+|\\.|."
)


def each_item(text: str, change: Callable[[str], str]) -> str:
    """Return the text with each of its innermost elements changed."""
    if not SEPARATOR.search(text):
        return change(text)
    return _changed(_TOKEN.findall(text), change, MAX_DEPTH)


def _changed(tokens: list[str], change: Callable[[str], str], levels: int) -> str:
    """Return tokens as text, with the elements of lists changed, outside of brackets and inside."""
    found: list[str] = []
    item: list[str] = []
    group: list[str] = []
    depth, is_leaf = 0, True
    for token in (*tokens, ""):
        depth -= token in CLOSING
        if depth > 0:
            group.append(token)
        elif depth == 0 and (not token or SEPARATOR.fullmatch(token)):
            written = "".join(item)
            found += [_in_place(written, change) if is_leaf else written, token]
            item, is_leaf = [], True
        else:
            if levels and token in CLOSING and any(map(SEPARATOR.fullmatch, group)):
                item.append(_changed(group, change, levels - 1))
                is_leaf = False
            else:
                item += group
            item.append(token)
            group = []
        depth += token in OPENING
    return "".join(found)


def _in_place(text: str, change: Callable[[str], str]) -> str:
    """Return a text changed, with the space before it."""
    bare = text.strip()
    return text[: len(text) - len(text.lstrip())] + change(bare)
