r"""Answers that are told apart by how they are written: p \land q, 7 R 3, 1 2 3, f \circ g.

math-verify takes a command that it does not know for a letter and multiplies whatever stands side
by side, which would make p \land q the same as q \to p, and 7 R 3 as 3 R 7. Such answers keep
their tokens, in an order of their own where theirs says nothing (q \land p).
"""

import re
from collections.abc import Iterable, Sequence

from ttrl_cli.equivalence.tokens import CLOSING, OPENING, split

_CALCULATED = re.compile(
    r"lim|i{0,3}int|oint|sum|prod|log|ln|lg|exp|(?:arc|ar)?(?:sin|cos|tan|cot|sec|csc)h?|coth|gcd|lcm"
    r"|max|min|det|floor|ceil|[lr](?:floor|ceil|angle)|sqrt|frac|binom|choose|[bp]?mod|[lr]?vert|infty"
    r"|pi|pm|mp|[lg][et]|ne|in|approx|cdots?|times|div|mathbb|mathcal|operatorname|text|begin|end"
    r"|emptyset|overline|overrightarrow|bar|vec|(?:wide)?(?:hat|tilde)|angle|triangle|prime|degree"
    r"|left|right|cup|cap|setminus|Re|Im"
)
"""Commands that math-verify reads as what they are, or that our reader takes care of."""
_SETS = frozenset((r"\cup", r"\cap", r"\setminus"))
"""Operations that math-verify works out for intervals and numbers, but not for letters."""
_GREEK = re.compile(
    r"(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho"
    r"|sigma|tau|upsilon|phi|chi|psi|omega)",
    re.IGNORECASE,
)
_ORDERS = (
    (r"\leftrightarrow",),
    (r"\to",),
    (r"\vee",),
    (r"\wedge",),
    (r"\cup", r"\cap", r"\setminus", r"\oplus", r"\triangle"),
)
"""Operators, those that bind least first."""
_IN_ORDER = frozenset((r"\to", r"\setminus"))
_MOST_LEVELS = 12
_CONDITION = re.compile(r"\\text\s*\{\s*(?:if|for|when|where|,|\s)*\s*\}")
_BROKEN_END = re.compile(r"(?<!\\)[-+*/^_=<>]\Z|\\(?:cdot|times|pm|le|ge|ne|lt|gt|frac|sqrt)\s*\Z")


def is_calculated(command: str) -> bool:
    """Decide whether math-verify knows a command, given without its backslash."""
    if not command.isalpha():
        return True
    return bool(_CALCULATED.fullmatch(command) or _GREEK.fullmatch(command))


def is_unclear(command: str, tokens: Iterable[str]) -> bool:
    """Decide whether a command among these tokens has a meaning that only its spelling shows."""
    if f"\\{command}" in _SETS:
        return any(len(token) == 1 and token.isalpha() for token in tokens)
    return not is_calculated(command)


def is_misread(tokens: Sequence[str]) -> bool:
    """Decide whether math-verify would misread tokens that we cannot read.

    It misreads unknown characters and commands, and broken LaTeX.
    """
    if not any(token.isalnum() or token.startswith("\\") for token in tokens):
        return True
    if _BROKEN_END.search(tokens[-1]) or _unbalanced(tokens):
        return True
    limit = r"\lim" in tokens
    for before, token in zip(("", *tokens), tokens, strict=False):
        if token[0] == "\\":
            name = token[1:].partition("{")[0].strip()
            if is_unclear(name, tokens) and not (limit and name == "to"):
                return True
        elif not token.isascii() or (token == "*" and before == "^"):
            return True
    return False


def _unbalanced(tokens: Sequence[str]) -> bool:
    """Decide whether braces or environments are unbalanced."""
    depth = 0
    for token in tokens:
        opens = token == "{" or token.startswith(r"\begin")
        depth += opens - (token == "}" or token.startswith(r"\end"))
        if depth < 0:
            return True
    return depth > 0


def written(tokens: Sequence[str], levels: int = _MOST_LEVELS) -> str:
    """Return tokens as text; sort the operands of operators whose order does not count."""
    if not levels:
        return " ".join(tokens)
    if tokens and tokens[0] == r"\begin{cases}" and tokens[-1] == r"\end{cases}":
        return _cases(tokens[1:-1], levels)
    for operators in _ORDERS:
        pieces, found = split(tokens, operators)
        if not found:
            continue
        parts = [written(piece, levels - 1) for piece in pieces]
        if len(found) == 1:
            ordered = parts if found <= _IN_ORDER else sorted(parts)
            return f" {min(found)} ".join(ordered)
        break
    return " ".join(_with_groups(tokens, levels))


def _cases(tokens: Sequence[str], levels: int) -> str:
    """Return the rows of a function by cases in sorted order: x if x > 0, -x if x < 0."""
    rows = [_with_groups(row, levels) for row in split(tokens, ("\\\\",))[0]]
    plain = [" ".join(each for each in row if each not in (",", "&", ";")) for row in rows]
    return f"cases {' | '.join(sorted(filter(None, plain)))}"


def _with_groups(tokens: Sequence[str], levels: int) -> list[str]:
    """Return tokens with each bracketed group's content as one; drop words of conditions."""
    found: list[str] = []
    group: list[str] = []
    depth = 0
    for token in tokens:
        closes = token in CLOSING or token.startswith(r"\end")
        depth -= closes
        if depth > 0 or (depth == 0 and closes and group):
            group.append(token)
            if closes and depth == 0:
                found += _group(group, levels)
                group = []
        elif token in OPENING or token.startswith(r"\begin"):
            group.append(token)
        elif not _CONDITION.fullmatch(token):
            found.append(token)
        depth += token in OPENING or token.startswith(r"\begin")
    return [*found, *group]


def _group(tokens: Sequence[str], levels: int) -> list[str]:
    if tokens[0].startswith(r"\begin"):
        return [written(tokens, levels - 1)]
    if tokens[0] == "{" and len(tokens) == 3:
        return [tokens[1]]
    return [tokens[0], written(tokens[1:-1], levels - 1), tokens[-1]]
