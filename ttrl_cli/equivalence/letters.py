"""Capital letters for math-verify, which folds their case: R is given to it as r_{U}."""

import re

from ttrl_cli.equivalence.expression import PRIME

_TOKEN = re.compile(
    r"\\(?:begin|end|mathbb|text|operatorname)\*?\s*\{[^{}]*\}"
    rf"|(\\[A-Za-z]+|[A-Za-z])?({PRIME}*)(?:\s?_\s?(?:\{{([^{{}}]*)\}}|([A-Za-z0-9])))?"
)
_CAPITAL_GREEK = frozenset(
    rf"\{name}"
    for name in (
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    )
)
_CAPITAL = re.compile(r"([a-z])_\{?u\}?")
_LETTER = re.compile(r"[A-Z]")


def with_case(text: str) -> str:
    """Replace capital letters, and letters with primes, by lower-case letters with subscripts."""
    return _TOKEN.sub(_lowered, text)


def plain_letter(name: str) -> str:
    """Return the letter that one of math-verify's symbols stands for; any other name unchanged."""
    capital = _CAPITAL.fullmatch(name)
    return capital[1].upper() if capital else name


def _lowered(match: re.Match[str]) -> str:
    letter, primes = match[1] or "", match[2] or ""
    subscript = match[3] or match[4] or ""
    capital = letter in _CAPITAL_GREEK or (len(letter) == 1 and letter.isupper())
    marks = "U" * capital + "P" * len(primes)
    if not letter or not (marks or _LETTER.search(subscript)):
        return match[0]
    if "\\" in subscript:
        return match[0]
    lowered = _LETTER.sub(lambda found: f"U{found[0]}", subscript)
    return f"{letter.lower() if capital else letter}_{{{marks}{lowered}}}"
