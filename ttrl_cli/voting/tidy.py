r"""One spelling for what models write in many: the text that our reader and math-verify both read.

Spacing, sizes, styles, dollar signs, units and Unicode go; what is left is plain LaTeX. Where
math-verify misreads a spelling (1.42e2 as 1.42 times e times 2, 1\,000 as 1 times 0), it never
gets to see it.
"""

import re
import unicodedata

MAX_CHARS = 1000
"""Longer answers are taken as they are: equal to nothing but themselves."""

_COMMANDS = {
    "×": "times", "·": "cdot", "⋅": "cdot", "π": "pi", "∞": "infty", "°": "degree", "±": "pm",
    "∓": "mp", "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "∈": "in", "∪": "cup", "∩": "cap",
    "∅": "emptyset", "ℝ": "mathbb{R}", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "φ": "phi", "ω": "omega",
}  # fmt: skip
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("−–—‐‑", "-"),
        **dict.fromkeys("’‘′“”„", "'"),
        **dict.fromkeys("÷⁄∕", "/"),
        **{sign: f"^{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{sign: f"_{{{digit}}}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
        **{sign: rf"\{name} " for sign, name in _COMMANDS.items()},
    }
)
_VULGAR_FRACTION = re.compile(r"[¼-¾⅐-⅞]")
_ROOT_SIGN = re.compile(r"√\s*(?:(\d+(?:\.\d+)?|[a-zA-Z])|\(([^()]*)\)|\{([^{}]*)\})")

_WRAPPED = re.compile(r"(?:\\\((.*)\\\)|\\\[(.*)\\\]|\*\*(.*)\*\*|\\f?boxed\{(.*)\})", re.DOTALL)
_STYLE = re.compile(r"\\(?:text(?:bf|it|rm|normal|tt|sf)|math(?:rm|bf|it|sf|tt)|mbox|hbox)\s*\{")
_JOINED_DIGITS = re.compile(
    r"(?<![\d.,}])[1-9]\d{0,2}(?:(?:\{,\}|,\\!|\\!|\\[,;: ]|~|\s)\s*\d{3})+(?!\d)"
)
_THOUSANDS = re.compile(r"([^,()\[\]{}]*(?<![\d.,]))([1-9]\d{0,2}(?:,\d{3})+)(?!\d)([^,]*)")
_BRACED_THOUSANDS = re.compile(r"(?<=[a-z}]\{)([1-9]\d{0,2}(?:,\d{3})+)(?=\})")
_DECORATION = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])\.?"
    r"|\\!|\\?\$|[\"']|\\text\s*\{\s*\}"
)
_SPACING = re.compile(r"(?:(?<!\\)\\[,;:>\s]|~|\\q?quad(?![a-zA-Z])|\s)+")

_DEGREE = r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|\^?\s*\{?\s*\\degree\s*\}?)"
_NAMES = "sqrt|pi|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|sec|csc|cot|ln|log|exp"
_SPELLINGS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\[dt]binom(?![a-zA-Z])", r"\\binom"),
        (r"\\(?:leqslant|leq)(?![a-zA-Z])|<=", r"\\le "),
        (r"\\(?:geqslant|geq)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\neq(?![a-zA-Z])|!=", r"\\ne "),
        (r"\\varnothing(?![a-zA-Z])", r"\\emptyset "),
        (r"\\[lr]?vert(?![a-zA-Z])", "|"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\(\s*(?:\\text\s*\{\s*mod\s*\}|\\bmod|\\mod|mod)\s*(\d+)\s*\)", r"\\pmod{\1}"),
        (r"\\begin\{array\}\s*\{[lcr| ]*\}", r"\\begin{matrix}"),
        (r"\\end\{array\}", r"\\end{matrix}"),
        (r"\\%", "%"),
        (r"\s*\\text\{\s*%\s*\}", "%"),
        (r"\s*\\text\{\s*(?:percent|percentage|pct)\s*\}", "%"),
        (r"\s*(?<![a-zA-Z])(?:percent|percentage|pct)(?![a-zA-Z])", "%"),
        (r"\s*,?\s*\\text\{\s*(?:and|or)\s*\}\s*", ", "),
        (r"\s*,?\s*(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])\s*", ", "),
        (r"(?:\\[lc]?dots|\.\.\.)\s*$", ""),
        (r"^\\approx(?![a-zA-Z])\s*", ""),
        (r"\*\*", "^"),
        (r"(?<![\\a-zA-Z])sqrt\s*(\d+)", r"\\sqrt{\1}"),
        (r"(?<![\\a-zA-Z])inf(?:inity|ty)?(?![a-zA-Z])", r"\\infty "),
        (rf"(?<![\\a-zA-Z])({_NAMES})(?![a-zA-Z])", r"\\\1 "),
        (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        # math-verify reads 1.42e2 as a product with Euler's number
        (
            r"(?<![\w.}])(\d+(?:\.\d+)?|\.\d+)[eE]\s?([+-]?\d+)(?![\w.])",
            r"\1 \\times 10^{\2}",
        ),
        # and drops the base of a numeral, which is a unit like others
        (r"(?<![\w}])(\d+)_(?:\d+|\{\d+\})", r"\1"),
        # and takes the sine of 30 radians for that of 30 degrees
        (
            r"(\\(?:sin|cos|tan|cot|sec|csc))\s*[({]?\s*(\d+(?:\.\d+)?)" + _DEGREE + r"\s*[)}]?",
            r"\1(\\frac{\2\\pi}{180})",
        ),
        (_DEGREE, ""),
        (r"^(-?\d+) (\d+/\d+)$", r"\1 \\frac{\2}"),
    )
]
_SLASHED_MIXED = re.compile(r"\\frac\{(\d+)/(\d+)\}")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar)\s*(?:\{(\d+)\}|(\d))")

_UNIT = re.compile(
    r"(?:\s*(?:/\s*)?(?:\\text\s*\{[^{}]*\}|(?<=[\s/}\d])[A-Za-z]+\.?)"
    r"(?:\s*\^\s*(?:\d|\{\s*-?\d\s*\}))?)+\s*$"
)
_QUANTITY = re.compile(
    r"(?:[A-Za-z](?:_\w|_\{\w+\})?\s*=)?"
    r"(?:[\d.,+\-*/:^{}() %]|\\(?:frac|sqrt|pi|cdot|times|pm)(?![a-zA-Z]))*"
)
_PLAIN_NUMBER = re.compile(r"[-+\d.,/ ]*\d\s*")
_NO_UNITS = frozenset((
    "if", "for", "when", "where", "mod", "in", "to", "is", "are", "of", "with", "all", "no", "not",
    "or", "and", "more",
    # what tells one number from another is none
    "am", "pm", "dozen", "hundred", "thousand", "million", "billion", "trillion",
))  # fmt: skip
_SHORT_UNITS = frozenset((
    "cm", "mm", "km", "dm", "ft", "in", "yd", "mi", "lb", "oz", "kg", "mg", "ml", "hr",
    "sq", "cu", "cc", "sec", "min", "hrs", "lbs", "mph", "deg", "rad", "day", "men", "yrs", "per",
))  # fmt: skip
_LETTER_UNITS = frozenset("mgshlL")
_WORD = re.compile(r"[A-Za-z]+")
_INLINE = re.compile(r"\\text\s*\{\s*(\(?[A-Za-z]\)?|-?\d+(?:\.\d+)?)\s*\}")
_WHOLE_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_CHOICE = re.compile(r"\(?([A-Za-z])[).:]")


def tidy(answer: str) -> str:
    """The answer in plain LaTeX: units, thousands separators and decoration are gone.

    Never raises. An answer of more than `MAX_CHARS` characters comes back as it is.
    """
    text = answer.strip()
    if len(text) > MAX_CHARS or (text.isascii() and text.isdigit()):
        return text
    text = _unwrap(_plain_characters(text))
    text = _JOINED_DIGITS.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    text = _DECORATION.sub("", _STYLE.sub(r"\\text{", text))
    text = _SPACING.sub(" ", text).strip().rstrip(".,;: ")
    whole = _WHOLE_TEXT.fullmatch(text)
    text = _respell(whole[1].strip().rstrip(".,;: ") if whole else text)
    text = _INLINE.sub(r"\1", without_units(text)).strip()
    choice = _CHOICE.fullmatch(text)
    return choice[1] if choice else text


def without_units(text: str) -> str:
    """A quantity without the unit behind it; any other text as it is.

    As math-verify does, but only behind something that reads as a number, and never a glued
    letter: to math-verify, 5t is 5.
    """
    unit = _UNIT.search(text)
    if unit is None or not _is_unit(unit[0], text[: unit.start()]):
        return text
    return text[: unit.start()].strip()


def _is_unit(unit: str, quantity: str) -> bool:
    if not _QUANTITY.fullmatch(quantity) or not re.search(r"\d|\\pi", quantity):
        return False
    words = _WORD.findall(unit.replace(r"\text", ""))
    if not _NO_UNITS.isdisjoint(map(str.lower, words)) and words != ["in"]:
        return False
    if r"\text" in unit:
        return True
    letters = [word for word in words if len(word) == 1]
    if letters and (not unit[0].isspace() or not _PLAIN_NUMBER.fullmatch(quantity)):
        return False
    return _LETTER_UNITS.issuperset(letters) and all(
        len(word) > 3 or word in _SHORT_UNITS for word in words if len(word) > 1
    )


def folded(text: str) -> str:
    r"""Prose without case, spaces, \text{} and punctuation at its ends."""
    text = re.sub(r"\\text\s*\{|[{}\\]", "", text) if "\\" in text else text
    return "".join(text.casefold().split()).strip(".,;:!?*_'\"")


def _plain_characters(text: str) -> str:
    if text.isascii():
        return text
    text = _VULGAR_FRACTION.sub(_fraction, text)
    text = _ROOT_SIGN.sub(lambda match: rf"\sqrt{{{match[1] or match[2] or match[3]}}}", text)
    return unicodedata.normalize("NFKC", text.translate(_CHARACTERS))


def _fraction(match: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[0]).partition("⁄")
    return rf"\frac{{{top}}}{{{bottom}}}"


def _unwrap(text: str) -> str:
    r"""What stands in \(...\), \[...\], **...** or \boxed{...}."""
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


def _without_commas(match: re.Match[str]) -> str:
    return match[0].replace(",", "")


def _repeating(match: re.Match[str]) -> str:
    r"""0.1\overline{6} as a fraction."""
    whole, fixed, period = match[1] or "0", match[2], match[3] or match[4]
    top = int(whole + fixed + period) - int(whole + fixed)
    return rf"\frac{{{top}}}{{{'9' * len(period)}{'0' * len(fixed)}}}"
