r"""One spelling for what models write in many: the text that our reader and math-verify both read.

Spacing, sizes, styles, dollar signs, units and Unicode go; what is left is plain LaTeX. Where
math-verify misreads a spelling (1.42e2 as 1.42 times e times 2, 1\,000 as 1 times 0), it never
gets to see it.
"""

import re
from collections.abc import Sequence

from ttrl_cli.equivalence.angles import without_degrees
from ttrl_cli.equivalence.bounds import with_bounds
from ttrl_cli.equivalence.characters import plain_characters
from ttrl_cli.equivalence.chemistry import in_one_formula
from ttrl_cli.equivalence.dates import in_one_date
from ttrl_cli.equivalence.expression import PRIME
from ttrl_cli.equivalence.families import with_integer
from ttrl_cli.equivalence.gloss import without_gloss
from ttrl_cli.equivalence.habits import in_common_notation, with_plain_ends
from ttrl_cli.equivalence.items import each_item
from ttrl_cli.equivalence.notations import in_our_notations
from ttrl_cli.equivalence.number_words import without_number_words
from ttrl_cli.equivalence.numerals import in_figures
from ttrl_cli.equivalence.orders import names_in_one_order, route, verdicts
from ttrl_cli.equivalence.quantities import in_one_quantity, without_marks
from ttrl_cli.equivalence.repeating import without_repetition
from ttrl_cli.equivalence.spellings import in_one_spelling
from ttrl_cli.equivalence.styles import peeled, without_strays, without_styles
from ttrl_cli.equivalence.symbols import in_folded_case
from ttrl_cli.equivalence.systems import in_one_line
from ttrl_cli.equivalence.units import CURRENCY_SIGN, parted, qualified, without_currency
from ttrl_cli.equivalence.vectors import in_coordinates
from ttrl_cli.equivalence.words import (
    in_symbols,
    marked_word,
    without_builder,
    without_several,
    without_some,
)

MAX_CHARS = 1000
"""Longer answers are taken as they are: equal to nothing but themselves."""

_WRAPPED = re.compile(r"(?:\\\((.*)\\\)|\\\[(.*)\\\]|\*\*(.*)\*\*|\\f?boxed\{(.*)\})", re.DOTALL)
_DOUBLED = re.compile(  # of JSON in JSON: \\\\frac is no new line
    r"(?<!\\)\\\\(?=(?:[dtc]?frac|sqrt|left|right|[lg]eq?|neq?|pi|cdot|times|text|math(?:rm|bf|bb)|infty|pm"
    r"|theta|alpha|beta|cup|cap|in|boxed|overline|circ|binom|log|ln|sin|cos|tan|q?quad|approx"
    r"|begin|end)(?![a-zA-Z]))"
)
_SEPARATOR = r"\{,\}|,\\!|\\!|\\[,;: ]|\{\s*\\[,;:! ]\s*\}|\{\s+\}|~|\s"
_JOINED_DIGITS = re.compile(rf"(?<![\d.,}}])[1-9]\d{{0,2}}(?:(?:{_SEPARATOR})\s*\d{{3}})+(?!\d)")
_UNDERSCORED = re.compile(r"(?<![\w.,}])[1-9]\d{0,2}(?:\\?_\d{3})+(?![\w{])")
_THOUSANDS = re.compile(r"([^,()\[\]{}]*(?<![\d.,]))([1-9]\d{0,2}(?:,\d{3})+)(?!\d)([^,]*)")
_BRACED_THOUSANDS = re.compile(r"(?<=[a-z}]\{)([1-9]\d{0,2}(?:,\d{3})+)(?=\})")
_PRIME = re.compile(
    r"(?<![A-Za-z\\])([A-Za-z])(?:\s?\^\s?\{?((?:\s?\\prime(?![a-zA-Z]))+)\s?\}?|('+)(?![a-z']))"
)
_DECORATION = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|limits|nolimits)(?![a-zA-Z])\.?"
    rf"|\\!|\\?[\"']|{CURRENCY_SIGN}"
)
_SPACING = re.compile(r"(?:(?<!\\)\\[,;:>\s]|~|\s)+")

_INLINE = re.compile(r"\\text\s*\{\s*(\(?[A-Za-z]\)?|-?\d+(?:\.\d+)?)\s*\}")
_DIFFERENT = 2
_CHOICE = re.compile(r"\(?([A-Za-z])[).:]")
_CHOICES = re.compile(r"\(?[A-Za-z]\)?(?:\s?,\s?\(?[A-Za-z]\)?)*")


def tidy(answer: str) -> str:
    """Return the answer in plain LaTeX, without units, thousands separators and decoration.

    Never raise. Return an answer of more than `MAX_CHARS` characters unchanged.
    """
    text = answer.strip()
    if len(text) > MAX_CHARS or (text.isascii() and text.isdigit()):
        return text
    text = _DOUBLED.sub(r"\\", _unwrap(plain_characters(text)))
    text = without_styles(in_coordinates(in_one_formula(names_in_one_order(text))))
    text = without_repetition(with_integer(without_marks(text)))
    text = _UNDERSCORED.sub(_digits, _JOINED_DIGITS.sub(_digits, text))
    text = in_one_line(_DECORATION.sub("", _PRIME.sub(_primed, text)))
    text = with_plain_ends(_SPACING.sub(" ", text).strip().rstrip(".,;: "))
    text = in_symbols(without_strays(peeled(text).lstrip("= ").rstrip(".,;: ")), whole=True)
    text = without_number_words(without_some(text))
    text = in_one_date(with_bounds(text))
    text = in_one_quantity(in_our_notations(in_figures(without_currency(text))))
    text = verdicts(in_common_notation(in_one_spelling(text)))
    text = _without_thousands_separators(text).strip()
    text = each_item(without_degrees(without_several(without_builder(text))), _tidy_items)
    text = _INLINE.sub(r"\1", text).strip()
    choice = _CHOICE.fullmatch(text)
    return _in_one_case(choice[1] if choice else text)


def _tidy_items(items: Sequence[str], ordered: bool) -> list[str]:
    """Remove units, and values repeated in brackets, from an answer or the elements of one.

    Where unordered elements have different units, keep these as names: 3 boys, 5 girls.
    """
    found = [parted(_plain_item(item)) for item in items]
    names = [item.rpartition("=")[0] for item, _ in found]
    if ordered or len({unit for _, unit in found if unit}) < _DIFFERENT:
        return [without_gloss(item) for item, _ in found]
    return [
        without_gloss(item) + (qualified(unit) if not name or names.count(name) > 1 else "")
        for (item, unit), name in zip(found, names, strict=True)
    ]


def _plain_item(item: str) -> str:
    """Remove the braces around the value of an answer or an element; mark it if it is a word."""
    name, equals, value = item.rpartition("=")
    value = marked_word(in_symbols(value.strip()), named=bool(equals))
    value = value if equals else route(value)
    return name + equals + peeled(value)


def folded(text: str) -> str:
    r"""Remove case where it says nothing, spaces, \text{} and outer punctuation from prose."""
    text = re.sub(r"\\text\s*\{|[{}\\]", "", text) if "\\" in text else text
    return "".join(in_folded_case(text).split()).strip("@.,;:!?*_'\"")


def _in_one_case(text: str) -> str:
    """Lowercase letters that stand alone, as choices do; keep r, R, which differ only in case."""
    if not _CHOICES.fullmatch(text):
        return text
    letters = [letter for letter in text if letter.isalpha()]
    lower = set(map(str.lower, letters))
    return text.lower() if len(lower) == len(set(letters)) else text


def _unwrap(text: str) -> str:
    r"""Remove \(...\), \[...\], **...** or \boxed{...} around the whole text."""
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped is None:
        return text
    return next(part for part in wrapped.groups() if part is not None).strip()


def _without_thousands_separators(text: str) -> str:
    if "," not in text:
        return text
    text = _BRACED_THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    thousands = _THOUSANDS.fullmatch(text)
    if thousands:
        text = thousands[1] + thousands[2].replace(",", "") + thousands[3]
    return text


def _digits(match: re.Match[str]) -> str:
    return re.sub(r"\D", "", match[0])


def _primed(match: re.Match[str]) -> str:
    """Return a letter with prime characters for its quotes or prime commands."""
    primes = match[2].count("prime") if match[2] else len(match[3])
    return match[1] + PRIME * primes
