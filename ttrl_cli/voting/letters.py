"""Capital letters for math-verify, which folds their case: R is given to it as r_{U}."""

import re

from ttrl_cli.voting.expression import PRIME

_TOKEN = re.compile(
    r"\\(?:begin|end|mathbb|text|operatorname)\*?\s*\{[^{}]*\}|\\[A-Za-z]+"
    rf"|([A-Z])?({PRIME}*)(?:_(?:\{{([^{{}}]*)\}}|(\w)))?"
)
_CAPITAL = re.compile(r"([a-z])_\{?u\}?")


def with_case(text: str) -> str:
    """Return the text with its capital letters, and letters with primes, as letters of their own."""
    return _TOKEN.sub(_lowered, text)


def plain_letter(name: str) -> str:
    """Return the letter that math-verify's symbol stands for; any other name as it is."""
    capital = _CAPITAL.fullmatch(name)
    return capital[1].upper() if capital else name


def _lowered(match: re.Match[str]) -> str:
    letter, primes = match[1] or "", match[2] or ""
    if not letter and not primes:
        return match[0]
    subscript = match[3] or match[4] or ""
    return f"{letter.lower()}_{{{'U' * bool(letter)}{'P' * len(primes)}{subscript}}}"
