r"""One spelling for what models write in many: the text that our reader and math-verify both read.

Spacing, sizes, styles, dollar signs, units and Unicode go; what is left is plain LaTeX. Where
math-verify misreads a spelling (1.42e2 as 1.42 times e times 2, 1\,000 as 1 times 0), it never
gets to see it.
"""

import re

from ttrl_cli.voting.angles import without_degrees
from ttrl_cli.voting.characters import plain_characters
from ttrl_cli.voting.expression import PRIME
from ttrl_cli.voting.gloss import without_gloss
from ttrl_cli.voting.notations import respelled
from ttrl_cli.voting.styles import peeled, without_styles
from ttrl_cli.voting.units import CURRENCY_SIGN, without_currency, without_units
from ttrl_cli.voting.words import in_symbols, without_builder

MAX_CHARS = 1000
"""Longer answers are taken as they are: equal to nothing but themselves."""

_WRAPPED = re.compile(r"(?:\\\((.*)\\\)|\\\[(.*)\\\]|\*\*(.*)\*\*|\\f?boxed\{(.*)\})", re.DOTALL)
_SEPARATOR = r"\{,\}|,\\!|\\!|\\[,;: ]|\{\s*\\[,;:! ]\s*\}|\{\s+\}|~|\s"
_JOINED_DIGITS = re.compile(rf"(?<![\d.,}}])[1-9]\d{{0,2}}(?:(?:{_SEPARATOR})\s*\d{{3}})+(?!\d)")
_THOUSANDS = re.compile(r"([^,()\[\]{}]*(?<![\d.,]))([1-9]\d{0,2}(?:,\d{3})+)(?!\d)([^,]*)")
_BRACED_THOUSANDS = re.compile(r"(?<=[a-z}]\{)([1-9]\d{0,2}(?:,\d{3})+)(?=\})")
_PRIME = re.compile(
    r"(?<![A-Za-z\\])([A-Za-z])(?:\s?\^\s?\{?((?:\s?\\prime(?![a-zA-Z]))+)\s?\}?|('+)(?![a-z']))"
)
_DECORATION = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|limits|nolimits)(?![a-zA-Z])\.?"
    rf"|\\!|[\"']|{CURRENCY_SIGN}"
)
_SPACING = re.compile(r"(?:(?<!\\)\\[,;:>\s]|~|\s)+")

_NAMES = "sqrt|pi|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|csc|cot|ln|log|exp"
_SPELLINGS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:[dtc]frac|sfrac|nicefrac|xfrac)(?![a-zA-Z])", r"\\frac"),
        (r"\\[dt]binom(?![a-zA-Z])", r"\\binom"),
        (r"\\(?:leqslant|leqq|leq)(?![a-zA-Z])|<=", r"\\le "),
        (r"\\(?:geqslant|geqq|geq)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\neq(?![a-zA-Z])|!=", r"\\ne "),
        (r"\\varnothing(?![a-zA-Z])", r"\\emptyset "),
        (r"\\[lr]?vert(?![a-zA-Z])", "|"),
        (r"\\[lr]brace(?![a-zA-Z])", lambda match: r"\{" if match[0] == r"\lbrace" else r"\}"),
        (r"\\vee(?![a-zA-Z])", r"\\lor "),
        (r"\\(?:land|wedge)(?![a-zA-Z])", ", "),
        (r"\\\||\\[lr]?Vert(?![a-zA-Z])", "|"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\\colon(?![a-zA-Z])|\{\s*:\s*\}", ":"),
        (r"\(\s*(?:\\text\s*\{\s*mod\s*\}|\\bmod|\\mod|mod)\s*(\d+)\s*\)", r"\\pmod{\1}"),
        (r"\\(begin|end)\{(?:small|d)matrix\*?\}", r"\\\1{matrix}"),
        (r"\\begin\{array\}\s*\{[lcr| ]*\}", r"\\begin{matrix}"),
        (r"\\end\{array\}", r"\\end{matrix}"),
        (r"\\%", "%"),
        (r"\s*\\text\{\s*%\s*\}", "%"),
        (r"\s*\\text\{\s*(?:percent|percentage|pct)\s*\}", "%"),
        (r"\s*(?<![a-zA-Z])(?:percent|percentage|pct)(?![a-zA-Z])", "%"),
        (r"\s*,?\s*\\text\{\s*and\s*\}\s*", ", "),
        (r"\s*,?\s*\\text\{\s*or\s*\}\s*", r" \\lor "),
        (r"\s*,?\s*(?<![a-zA-Z\\])and(?![a-zA-Z])\s*", ", "),
        (r"\s*,?\s*(?<![a-zA-Z\\])or(?![a-zA-Z])\s*", r" \\lor "),
        (r"(?:\\[lc]?dots|\.\.\.)\s*$", ""),
        (r"^\\approx(?![a-zA-Z])\s*", ""),
        (r"\*\*", "^"),
        (r"(?<![\\a-zA-Z])sqrt\s*(\d+)", r"\\sqrt{\1}"),
        (r"(?<![\\a-zA-Z])inf(?:inity|ty)?(?![a-zA-Z])", r"\\infty "),
        (
            rf"(?<![\\a-zA-Z])(?:({_NAMES})|({_NAMES.title()}|{_NAMES.upper()}))(?![a-zA-Z])",
            lambda match: rf"\{match[0].lower()} ",
        ),
        (r"(?<![\\a-zA-Z])(?<!\d )(?<!\d)[sS]ec(?![a-zA-Z])", r"\\sec "),  # but not: 5 sec
        (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        # math-verify reads 1.42e2 as a product with Euler's number
        (
            r"(?<![\w.}])(\d+(?:\.\d+)?|\.\d+)[eE]\s?([+-]?\d+)(?![\w.])",
            r"\1 \\times 10^{\2}",
        ),
        (r"^(-?\d+) (\d+/\d+)$", r"\1 \\frac{\2}"),
    )
]
_SLASHED_MIXED = re.compile(r"\\frac\{(\d+)/(\d+)\}")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar)\s*(?:\{(\d+)\}|(\d))")
_INLINE = re.compile(r"\\text\s*\{\s*(\(?[A-Za-z]\)?|-?\d+(?:\.\d+)?)\s*\}")
_CHOICE = re.compile(r"\(?([A-Za-z])[).:]")
_CHOICES = re.compile(r"\(?[A-Za-z]\)?(?:\s?,\s?\(?[A-Za-z]\)?)*")


def tidy(answer: str) -> str:
    """Return the answer in plain LaTeX: units, thousands separators and decoration are gone.

    Never raises. An answer of more than `MAX_CHARS` characters comes back as it is.
    """
    text = answer.strip()
    if len(text) > MAX_CHARS or (text.isascii() and text.isdigit()):
        return text
    text = without_styles(_unwrap(plain_characters(text)))
    text = _JOINED_DIGITS.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    text = _DECORATION.sub("", _PRIME.sub(_primed, text))
    text = _SPACING.sub(" ", text).strip().rstrip(".,;: ")
    text = in_symbols(peeled(text).rstrip(".,;: "))
    text = _respell(respelled(without_currency(text)))
    text = without_units(without_degrees(without_builder(text)))
    text = without_gloss(text)
    text = _INLINE.sub(r"\1", text).strip()
    choice = _CHOICE.fullmatch(text)
    return _in_one_case(choice[1] if choice else text)


def folded(text: str) -> str:
    r"""Return prose without case, spaces, \text{} and punctuation at its ends."""
    text = re.sub(r"\\text\s*\{|[{}\\]", "", text) if "\\" in text else text
    return "".join(text.casefold().split()).strip(".,;:!?*_'\"")


def _in_one_case(text: str) -> str:
    """Return letters alone in one case, since they may be choices; r, R stays."""
    if not _CHOICES.fullmatch(text):
        return text
    letters = [letter for letter in text if letter.isalpha()]
    lower = set(map(str.lower, letters))
    return text.lower() if len(lower) == len(set(letters)) else text


def _unwrap(text: str) -> str:
    r"""Return what stands in \(...\), \[...\], **...** or \boxed{...}."""
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped is None:
        return text
    return next(part for part in wrapped.groups() if part is not None).strip()


def _respell(text: str) -> str:
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _SLASHED_MIXED.sub(r"\\frac{\1}{\2}", text)
    text = _REPEATING.sub(_repeating, text)
    text = _BRACED_THOUSANDS.sub(_without_commas, text)
    thousands = _THOUSANDS.fullmatch(text)
    if thousands:
        text = thousands[1] + thousands[2].replace(",", "") + thousands[3]
    return text.strip()


def _primed(match: re.Match[str]) -> str:
    """Return a letter with its primes, which are no quotes."""
    primes = match[2].count("prime") if match[2] else len(match[3])
    return match[1] + PRIME * primes


def _without_commas(match: re.Match[str]) -> str:
    return match[0].replace(",", "")


def _repeating(match: re.Match[str]) -> str:
    r"""Return 0.1\overline{6} as a fraction."""
    whole, fixed, period = match[1] or "0", match[2], match[3] or match[4]
    top = int(whole + fixed + period) - int(whole + fixed)
    return rf"\frac{{{top}}}{{{'9' * len(period)}{'0' * len(fixed)}}}"
