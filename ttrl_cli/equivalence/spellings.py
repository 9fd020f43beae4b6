r"""One spelling for each of the commands and operators that LaTeX has several for."""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ttrl_cli.equivalence.conditions import with_conditions

Replacement: TypeAlias = str | Callable[[re.Match[str]], str]
Step: TypeAlias = tuple[str, re.Pattern[str], Replacement]
"""A text that must be there for the pattern to be found, the pattern, and what replaces it."""


def steps(table: Sequence[tuple[str, str, Replacement]]) -> tuple[Step, ...]:
    """Compile the patterns of a table of replacements."""
    return tuple(
        (needle, re.compile(pattern, re.DOTALL), replacement)
        for needle, pattern, replacement in table
    )


def replaced(text: str, table: Sequence[Step]) -> str:
    """Make the replacements of a table one after the other."""
    for needle, pattern, replacement in table:
        if needle in text:
            text = pattern.sub(replacement, text)
    return text


_COMMANDS = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "xfrac"), r"\frac"),
    **dict.fromkeys(("dbinom", "tbinom"), r"\binom"),
    **dict.fromkeys(("leqslant", "leqq", "leq"), r"\le "),
    **dict.fromkeys(("geqslant", "geqq", "geq"), r"\ge "),
    **dict.fromkeys(("vert", "lvert", "rvert", "Vert", "lVert", "rVert"), "|"),
    **dict.fromkeys(("land", "wedge"), r"\wedge "),
    **dict.fromkeys(("lor", "vee"), r"\vee "),
    **dict.fromkeys(("lnot", "neg"), r"\neg "),
    **dict.fromkeys(("implies", "Rightarrow", "Longrightarrow", "rightarrow"), r"\to "),
    **dict.fromkeys(("longrightarrow", "to"), r"\to "),
    **dict.fromkeys(("iff", "Leftrightarrow", "Longleftrightarrow"), r"\leftrightarrow "),
    **dict.fromkeys(("backslash", "smallsetminus"), r"\setminus "),
    **dict.fromkeys(("leftarrow", "gets"), r"\gets "),
    **dict.fromkeys(("ldots", "cdots", "dotsc", "dotsb"), r"\dots "),
    "neq": r"\ne ",
    "varnothing": r"\emptyset ",
    "lbrace": r"\{",
    "rbrace": r"\}",
    "div": "/",
    "colon": ":",
}
_COMMAND = re.compile(rf"\\({'|'.join(_COMMANDS)})(?![a-zA-Z])")
_NEGATED = {
    "=": r"\ne ", "<": r"\ge ", ">": r"\le ", r"\le": ">", r"\ge": "<", r"\in": r"\notin ",
    r"\lt": r"\ge ", r"\gt": r"\le ",
}  # fmt: skip
_NOT = re.compile(r"\\not\s*(=|<|>|\\(?:le|ge|in|lt|gt)(?![a-zA-Z]))")
_NAMES = "sqrt|pi|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|csc|cot|ln|log|exp"
_STEPS = steps((
    ("|", r"\\\|", "|"),
    ("<=", "<=", r"\\le "),
    (">=", ">=", r"\\ge "),
    ("!=", "!=", r"\\ne "),
    (":", r"\{\s*:\s*\}", ":"),
    (
        "mod",
        r"\(\s*(?:\\text\s*\{\s*mod\s*\}|\\bmod|\\mod|mod)\s*(\d+)\s*\)",
        r"\\pmod{\1}",
    ),
    ("matrix", r"\\(begin|end)\{(?:small|d)matrix\*?\}", r"\\\1{matrix}"),
    ("array", r"\\begin\{array\}\s*\{[lcr| ]*\}", r"\\begin{matrix}"),
    ("array", r"\\end\{array\}", r"\\end{matrix}"),
    ("%", r"\s*(?:\\text\{\s*\\?%\s*\}|\\%)", "%"),
    ("p", r"\s*\\text\{\s*(?:percent|percentage|pct)\s*\}", "%"),
    ("p", r"\s*(?<![a-zA-Z])(?:percent|percentage|pct)(?![a-zA-Z])", "%"),
    ("and", r"\s*,?\s*\\text\{\s*and\s*\}\s*", ", "),
    ("and", r"\s*,?\s*(?<![a-zA-Z\\])and(?![a-zA-Z])\s*", ", "),
    ("or", r"\(\s*(?:\\text\{\s*or\s*\}|or(?![a-zA-Z]))\s*", "(="),  # a gloss
    ("or", r"\s*,?\s*\\text\{\s*or\s*\}\s*", r" \\lor "),
    ("or", r"\s*,?\s*(?<![a-zA-Z\\])or(?![a-zA-Z])\s*", r" \\lor "),
    ("..", r"\.\.\.\s*$", ""),
    ("dots", r"\\[lc]?dots\s*$", ""),
    ("approx", r"^\\approx(?![a-zA-Z])\s*", ""),
    (
        "approx",
        r"^(\|?[A-Z]{1,4}\|?|[a-df-hj-z](?:_\w)?)\s*\\approx(?![a-zA-Z])\s*(?=[-+\d.\\])",
        r"\1 = ",
    ),
    ("->", r"(?<![<-])->", r"\\to "),
    (
        "\\to",
        r"^([a-zA-Z](?:_(?:\w|\{\w+\}))?(?:\([a-z]\))?)\s?\\to\s+"
        r"((?:[-+\d.{}/ ]|\\(?:frac|sqrt|pi|infty)(?![a-zA-Z]))+)$",
        r"\1 = \2",
    ),
    ("**", r"\*\*", "^"),
    ("sqrt", r"(?<![\\a-zA-Z])sqrt\s*(\d+)", r"\\sqrt{\1}"),
    ("inf", r"(?<![\\a-zA-Z])inf(?:inity|ty)?(?![a-zA-Z])", r"\\infty "),
    (
        "",
        rf"(?<![\\a-zA-Z])(?:{_NAMES}|{_NAMES.title()}|{_NAMES.upper()})(?![a-zA-Z])",
        lambda match: rf"\{match[0].lower()} ",
    ),
    ("ec", r"(?<![\\a-zA-Z])(?<!\d )(?<!\d)[sS]ec(?![a-zA-Z])", r"\\sec "),  # but not: 5 sec
    ("sqrt", r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    # math-verify reads 1.42e2 as a product with Euler's number
    ("e", r"(?<![\w.}])(\d+(?:\.\d+)?|\.\d+)[eE]\s?([+-]?\d+)(?![\w.])", r"\1 \\times 10^{\2}"),
    ("E", r"(?<![\w.}])(\d+(?:\.\d+)?|\.\d+)[eE]\s?([+-]?\d+)(?![\w.])", r"\1 \\times 10^{\2}"),
    ("10", r"(?<=\d)\s?[xX]\s?(?=10\s?\^)", r"\\times "),
    ("negative", r"^negative\s+(?=[\d\\])", "-"),
    ("minus", r"^minus\s+(?=[\d\\])", "-"),
    ("ly ", r"^(?:exactly|only)\s+(?=[\d\\-])", ""),
    ("d", r"(?<![A-Za-z\\])(d[a-zA-Z])/(d[a-z])(?![a-zA-Z])", r"\\frac{\1}{\2}"),
    ("quad", r"(?<=\d)\s*,?\s*\\q?quad(?![a-zA-Z])\s*(?=\w+\s?=)", ", "),
    ("quad", r"\\q?quad(?![a-zA-Z])", " "),
    ("/", r"^(-?\d+) (\d+/\d+)$", r"\1 \\frac{\2}"),
    ("/", r"\\frac\{(\d+)/(\d+)\}", r"\\frac{\1}{\2}"),
))  # fmt: skip


def in_one_spelling(text: str) -> str:
    """Rewrite each command and operator in the spelling that our reader knows."""
    if "\\" in text:
        text = _COMMAND.sub(lambda match: _COMMANDS[match[1]], text)
        text = _NOT.sub(lambda match: _NEGATED[match[1]], text) if "\\not" in text else text
        text = with_conditions(text)
        text = replaced(text, _STEPS)
    else:
        text = replaced(text, _STEPS)
    return text
