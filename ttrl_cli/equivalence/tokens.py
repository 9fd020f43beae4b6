"""LaTeX as tokens."""

import re
from collections.abc import Container, Sequence

from ttrl_cli.equivalence.expression import Unreadable

MAX_TOKENS = 400
OR = r"\lor"
SEPARATORS = frozenset((",", ";", OR))
QUALIFIER = r"\text{:"
"""What a token begins with that decides about the number before it."""
_TOKEN = re.compile(
    r"\s*(\d+(?:\.\d*)?|\.\d+|\\(?:begin|end)\{[a-zA-Z]+\}|\\text\s*\{[^{}]*\}|\\[a-zA-Z]+|\\.|\S)"
)
OPENING = frozenset(("(", "[", "{", r"\{"))
CLOSING = frozenset((")", "]", "}", r"\}"))


def tokens(text: str) -> list[str]:
    r"""Split a text into numbers, commands, \text{...}, and single characters.

    Raises:
        Unreadable: If there are none, or too many.
    """
    found: list[str] = _TOKEN.findall(text)
    if not 0 < len(found) <= MAX_TOKENS:
        raise Unreadable
    return found


def split(
    tokens: Sequence[str], separators: Container[str] = SEPARATORS
) -> tuple[list[list[str]], set[str]]:
    """Split tokens at separators outside of brackets; return the pieces and the separators."""
    pieces: list[list[str]] = [[]]
    found: set[str] = set()
    depth = 0
    for token in tokens:
        depth += token in OPENING or token.startswith(r"\begin")
        depth -= token in CLOSING or token.startswith(r"\end")
        if token in separators and not depth:
            found.add(token)
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces, found


class Tokens:
    """Tokens to be read from left to right."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = [*tokens, ""]
        self.at = 0

    @property
    def next(self) -> str:
        """The token to be read next; empty at the end."""
        return self.tokens[self.at]

    def take(self) -> str:
        """Read and return a token; "" at the end."""
        token = self.tokens[self.at]
        self.at += bool(token)
        return token

    def expect(self, token: str) -> None:
        """Read a token; raise `Unreadable` if it is another one."""
        if self.take() != token:
            raise Unreadable
