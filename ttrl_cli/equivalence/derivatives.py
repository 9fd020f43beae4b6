r"""Derivatives as names: dy/dx is neither dx/dy nor y/x."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_POWER = r"(?:\^(?:\d|\{\d\}))?"
_LETTER = r"(?:[A-Za-z]|\\[a-z]+)"
_DERIVATIVE = re.compile(
    rf"\{{(d|\\partial){_POWER}(?P<of>{_LETTER})?\}}\{{(?:\1{_LETTER}{_POWER})+\}}"
)
_MOST_TOKENS = 24


class Derivative(NamedTuple):
    """A derivative, as the arguments of a fraction.

    Attributes:
        name: For example dy/dx.
        tokens: How many tokens it takes.
        is_operator: It is d/dx, of what follows.
    """

    name: str
    tokens: int
    is_operator: bool


def derivative(tokens: Sequence[str], start: int) -> Derivative | None:
    """Return the derivative whose arguments begin at the token `start`; None if there is none."""
    if tokens[start + 1 : start + 2] not in (["d"], [r"\partial"]):
        return None
    written = tokens[start : start + _MOST_TOKENS]
    match = _DERIVATIVE.match("".join(written))
    if match is None:
        return None
    count = length = 0
    while length < match.end():
        length += len(written[count])
        count += 1
    name = re.sub(r"[{}]", "", match[0].replace("}{", "/"))
    return Derivative(name, count, not match["of"])
