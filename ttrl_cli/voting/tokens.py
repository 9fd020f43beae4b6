"""LaTeX as tokens."""

import re
from collections.abc import Sequence

from ttrl_cli.voting.expression import Unreadable

MAX_TOKENS = 400
_TOKEN = re.compile(
    r"\s*(\d+(?:\.\d*)?|\.\d+|\\(?:begin|end)\{[a-zA-Z]+\}|\\text\s*\{[^{}]*\}|\\[a-zA-Z]+|\\.|\S)"
)


def tokens(text: str) -> list[str]:
    r"""Numbers, commands, \text{...}, and single characters.

    Raises:
        Unreadable: If there are none, or too many.
    """
    found: list[str] = _TOKEN.findall(text)
    if not 0 < len(found) <= MAX_TOKENS:
        raise Unreadable
    return found


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
        """Read a token."""
        token = self.tokens[self.at]
        self.at += bool(token)
        return token

    def expect(self, token: str) -> None:
        """Read this token and no other."""
        if self.take() != token:
            raise Unreadable
