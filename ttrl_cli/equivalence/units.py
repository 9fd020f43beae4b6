r"""Units, currencies, and the words behind a number that are none.

A unit says nothing that the question does not: 5 cm is 5. A word that turns the answer into another
one (above or below, east or west, profit or loss) is kept as \text{:above}, in one spelling.
"""

import re
from collections.abc import Sequence

from ttrl_cli.equivalence.deciding import DECIDING, deciding_word, deciding_words

_TEXT = r"\\text\s*\{(?![:@])[^{}]*\}"
_POWER = r"(?:\s?\^\s?(?:-?\d|\{\s?-?\d\s?\}))?"
_TEXTS = rf"\s?{_TEXT}{_POWER}(?:\s?(?:\\cdot|\\times|/)?\s?{_TEXT}{_POWER}){{0,4}}\s?"
_RATIOS = "|".join(
    rf"(?:{tops}){_POWER}\s?\}}\s?\{{\s?(?:{bottoms}){_POWER}"
    for tops, bottoms in (
        ("[kcm]?m|ft|mi|yd", "s|h|hr|min|sec"),
        ("kg|mg|lb", "m|cm|L|mL|mol|ft|s"),
        ("g", "L|mL|cm|mol"),
        ("k?J|k?cal", "K|g|kg|mol|s"),
        ("k?N", "m|cm|C|kg"),
        ("k?[VW]", "m"),
        ("mol", "L|s"),
        ("C", "s"),
    )
)
r"""Units in italics, as parts of a fraction; other letters are variables: 3 \frac{m}{n}."""
_PIECES = (
    rf"(?:/\s*)?(?:\\mu\s?)?{_TEXT}{_POWER}",
    rf"(?:/\s*)?(?<=[\s/}}\d])(?!e\s*\\text)[A-Za-z]+\.?{_POWER}",
    rf"(?:\\cdot|\\times)\s*(?:{_TEXT}|[A-Za-z]{{1,4}}(?![A-Za-z])){_POWER}",
    rf"/\s?\(\s?(?:(?:{_TEXT}|[A-Za-z]{{1,4}}+){_POWER}\s?(?:\\(?:cdot|times)(?![a-z])\s?)?){{1,4}}+\)",
    rf"\\frac\s?\{{\s?(?:{_RATIOS})\s?\}}{_POWER}",
    rf"(?:\\cdot\s*|\\times\s*)?\\frac\s*\{{(?:{_TEXTS}|\s?1\s?)\}}\s*\{{{_TEXTS}\}}{_POWER}",
    r"[kM]?\\(?:Omega|ell|AA)(?![A-Za-z])",
    r"\\mu\s?[AFVWglmsL](?![A-Za-z])",
)
_UNIT = re.compile(rf"(?:\s*(?:{'|'.join(_PIECES)}))+\s*$")
_MARKED_UNIT = re.compile(rf"{_TEXT}|[kM]?\\[A-Za-z]+")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_NAMED = re.compile(r"[^<>]*[^<>!=]=\s*+")
_QUANTITY = re.compile(
    r"(?:[\d.,+\-*/:^{}()\[\]!| %_]|(?<![A-Za-z])e(?![A-Za-z])"
    r"|\\(?:frac|sqrt|pi|cdot|times|pm|binom|ln|log|exp|[lr]floor|[lr]ceil|max|min|gcd|lcm|(?:arc)?(?:sin|cos|tan))(?![a-zA-Z]))*+"
)
_PLAIN_QUANTITY = re.compile(
    r"[-+\d.,/ ]*\d\s*(?:(?:\\(?:times|cdot)\s*10\s*)?\^\s*(?:-?\d+|\{\s*-?\d+\s*\})\s*)?"
)
_FRACTION = re.compile(r"-?\d*\s*\\frac\s*\{\s*\d+\s*\}\s*\{\s*\d+\s*\}\s*")
_LONG_NAME = re.compile(r"\s*(?:[A-Z]{2,3}|\\text\s*\{[^{}]*\})\s*")
_SPEED = re.compile(r"\s+(?:m|g|l|L|J|N|W)/\s?[A-Za-z]{1,3}\s?(?:\^\s?\{?\s?\d\s?\}?)?\s*")
_QUALIFIERS = re.compile(r"(?:\s*\\text\{:[^{}]*\})+\s*\Z")
_NO_UNITS = frozenset((
    "if", "for", "when", "where", "mod", "in", "to", "is", "are", "of", "with", "all", "no", "not",
    "or", "and",
    "dozen", "hundred", "thousand", "million", "billion", "trillion",
))  # fmt: skip
_ORDINALS = (
    "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "hundredth", "thousandth", "millionth", "billionth",
)  # fmt: skip
_MULTIPLES = frozenset((
    "halves", "quarters", *(f"{ordinal}s" for ordinal in _ORDINALS),
    "dozens", "gross", "tens", "hundreds", "thousands", "millions", "billions",
    "trillions", "lakh", "lakhs", "crore", "crores",
))  # fmt: skip
_LAST_MULTIPLES = frozenset(("half", "quarter", *_ORDINALS))  # but not: 20 third graders
_OPERATIONS = frozenset(("squared", "cubed", "factorial", "pair", "pairs"))
"""What changes the number right before it; but not: 5 cm squared, 12 ordered pairs."""
_PREPOSITIONS = frozenset(("in", "to", "of", "is", "are", "the", "from", "at"))
_CODES = (
    "USD|EUR|GBP|JPY|CNY|RMB|INR|CAD|AUD|NZD|HKD|SGD|CHF|KRW|MXN|BRL|RUB|SEK|NOK|DKK|PLN|TRY|ZAR"
)
_SHORT_UNITS = frozenset((
    "cm", "mm", "km", "dm", "ft", "in", "yd", "mi", "lb", "oz", "kg", "mg", "ml", "hr",
    "sq", "cu", "cc", "sec", "min", "hrs", "lbs", "mph", "deg", "rad", "day", "men", "yrs", "per",
    "Rs", "mol", "kJ", "Hz", "Pa", "kPa", "kW", "kWh", "eV", "mA", "mV", "nm", "ms", "MHz", "GHz",
    "kHz", "mL", "kN", "MeV", "keV", "cal", "atm", "bar", "psi", "dB", "MW", "GW", "kV", "mW",
    "yen", "won", "sen", "rpm", "ppm", "gal", "MPa", "pm", *_CODES.split("|"),
))  # fmt: skip
_SYNONYMS = {
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "s": "second",
    "sec": "second", "secs": "second", "lb": "pound", "lbs": "pound", "oz": "ounce", "yd": "yard",
    "mi": "mile", "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter",
    "kilometre": "kilometer", "metre": "meter", "centimetre": "centimeter", "g": "gram",
    "kg": "kilogram", "kilometres": "kilometer", "metres": "meter", "centimetres": "centimeter",
    "feet": "foot", "ft": "foot", "in": "inch", "men": "man", "women": "woman",
    "children": "child", "people": "person", "pence": "penny", "pennies": "penny",
}  # fmt: skip
_SHORTEST_PLURAL = 4
_LETTER_UNITS = frozenset("mgshlLJNWVAKCFT")
_WORD = re.compile(r"[A-Za-z]+")

_ABBREVIATED = re.compile(
    r"(?<![A-Za-z])(?:([ab])\.\s?([cd])\.|([bc])\.\s?([ce])\.(\s?e\.)?)", re.IGNORECASE
)
_HYPHENATED = re.compile(r"(counter|anti|north|south)[- ](clockwise|east|west)", re.IGNORECASE)
_HALF_OF_DAY = re.compile(
    r"(?<![A-Za-z])(?:[apAP]\.\s?[mM]\b\.?|am|[AP]M|(?<=[A-Za-z]\s)pm)(?![A-Za-z])"
)
_LEFT = re.compile(r"\b(?:to|on|toward|towards)\s+the\s+left\b", re.IGNORECASE)
_LENGTHS = r"units?|m|cm|mm|km|meters?|metres?|ft|feet|foot|in|inch(?:es)?|miles?|steps?|spaces?"
_MEASURED_LEFT = re.compile(
    rf"\b({_LENGTHS}|squares?|blocks?|degrees?|places?)((?:[\s}}]|\\text|\{{)*)left\b",
    re.IGNORECASE,
)

_BETWEEN = r"(?:[\s}]|\\text|\{)+"
_COMPASS = re.compile(rf"\b({_LENGTHS})({_BETWEEN})([NSEW])(?![A-Za-z])")
_WINDS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_SOUTH = re.compile(r"(?<=\d)(\s*(?:\\text\s*\{)?\s*)S(\s*\}?\s*)$")

_COUNTRIES = "US|CA|AU|HK|NZ|NT|SG|MX|[ACSR]"
_SIGNS = "[€£¥₹₩₽₺₫₴₪¢₱฿]"
CURRENCY_SIGN = (
    rf"\\text\s*\{{\s*(?:{_SIGNS}|\\?\$)\s*\}}|{_SIGNS}|\\(?:euro|pounds|yen|cent)(?![a-zA-Z])"
    rf"|\\text\s*\{{\s*(?:{_COUNTRIES})\s*(?:\\?\$\s*\}}|\}}\s*\\?\$)(?=(?:\s|\\[,;: ]){{0,3}}\d)"
    rf"|(?<![A-Za-z$\\])(?:{_COUNTRIES})\\?\$(?=\s?-?\d)|\\?\$"
)
_CURRENCY_BEFORE = re.compile(
    rf"(?:\A|(?<=[=,;(])|(?<=\\\{{))\s*(?:\\text\s*\{{\s*)?(?:{_CODES}|Rs\b\.?)\s*\}}?\s*(?=[-+\d.\\])"
)
_CURRENCY_BEHIND = re.compile(rf"(?<=\d)\s?(?:{_CODES})(?=\s*[,;)\]])")
_EAST_ASIAN = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
EAST_ASIAN = re.compile(f"[{_EAST_ASIAN}]")
_EAST_ASIAN_UNIT = re.compile(
    rf"(?<=[\d}})%])\s?(?:\\text\s?\{{\s?)?([{_EAST_ASIAN}]+(?:\s?/\s?[{_EAST_ASIAN}]+)?)"
    r"(?:\^\{?\d\}?)?\s?\}?\s*$"
)
_COMPOUND_UNITS = re.compile("千米|千克|千瓦|千卡|百分点|千字节")
_DECIDING_SIGNS = re.compile(
    "[万萬亿億千百十上下左右东東西南北前后後早晚午夜亏虧盈赚賺赔賠胜勝负負增减減涨漲跌多少不无無或和与]"
)


def without_currency(text: str) -> str:
    """Remove currency codes beside numbers."""
    return _CURRENCY_BEHIND.sub("", _CURRENCY_BEFORE.sub("", text))


def without_units(text: str) -> str:
    """Remove the unit behind a quantity; return any other text unchanged.

    Like math-verify, but only behind text that reads as a number, and never a letter attached to
    it: math-verify reads 5t as 5. Words that decide the answer stay behind the quantity.
    """
    return parted(text)[0]


def parted(text: str) -> tuple[str, str]:
    """Return the result of `without_units`, and the unit in one spelling or, without one, ""."""
    bounds = _QUALIFIERS.search(text)
    if bounds is not None:
        value, found = parted(text[: bounds.start()])
        return value + bounds[0], found
    text, east_asian = _without_east_asian_unit(_marked(text))
    unit = _UNIT.search(text)
    if unit is None or not _is_unit(unit[0], text[: unit.start()]):
        return text, east_asian
    quantity = text[: unit.start()].strip() + "".join(
        map(qualified, deciding_words(_words(unit[0])))
    )
    return quantity, _in_one_spelling(unit[0]) + east_asian


def qualified(word: str) -> str:
    """Return a deciding word as a qualifier to put behind a quantity; nothing for no word."""
    return rf"\text{{:{word}}}" if word else ""


def _in_one_spelling(unit: str) -> str:
    """Return a unit in the singular, without deciding words, but with its powers and slashes."""
    unit = _WORD.sub(_singular, re.sub(r"\\text(?![A-Za-z])", " ", unit))
    return re.sub(r"[^\w/^-]|_", "", unit)


def _singular(match: re.Match[str]) -> str:
    word = match[0] if len(match[0]) < _SHORTEST_PLURAL else match[0].lower()
    if deciding_word(word, last=False) or word in _PREPOSITIONS - {"in"}:
        return ""
    if word in _SYNONYMS:
        return _SYNONYMS[word]
    return re.sub(r"(?<=ch|sh)es$|(?<!s)s$", "", word) if len(word) >= _SHORTEST_PLURAL else word


def _marked(text: str) -> str:
    """Rewrite deciding expressions such as "B.C.E." or "to the left" as single words."""
    text = _ABBREVIATED.sub(lambda match: re.sub(r"[.\s]", "", match[0]), text)
    text = _HYPHENATED.sub(r"\1\2", text)
    text = _HALF_OF_DAY.sub(_half_of_day, text)
    text = _COMPASS.sub(lambda match: match[1] + match[2] + _WINDS[match[3]], text)
    text = _SOUTH.sub(r"\1south\2", text)
    return _MEASURED_LEFT.sub(r"\1\2leftward", _LEFT.sub("leftward", text))


def _half_of_day(match: re.Match[str]) -> str:
    return "forenoon" if match[0][0] in "aA" else "afternoon"


def _without_east_asian_unit(text: str) -> tuple[str, str]:
    """Split off a unit in Chinese, Japanese or Korean; return the quantity and the unit."""
    unit = _EAST_ASIAN_UNIT.search(text)
    if unit is None or not _is_quantity(text[: unit.start()]):
        return text, ""
    if _DECIDING_SIGNS.search(_COMPOUND_UNITS.sub("", unit[1])):
        return text, ""
    return text[: unit.start()].strip(), unit[1]


def _words(unit: str) -> list[str]:
    """Return the words of a unit in lower case."""
    return [word.lower() for word in _WORD.findall(_COMMAND.sub(" ", unit))]


def _changes_value(words: Sequence[str]) -> bool:
    """Decide whether the words behind a number change its value: 3 halves."""
    if not words:
        return False
    if words[0] in _OPERATIONS:
        return True
    if words[-1] in _LAST_MULTIPLES and "per" not in words:
        return True
    return any(
        word in _MULTIPLES and before != "per"
        for before, word in zip(["", *words], words, strict=False)
    )


def _is_quantity(text: str) -> bool:
    """Decide whether a text is a number, or a name and its value: AB = 5."""
    named = _NAMED.match(text)
    return bool(_QUANTITY.fullmatch(text, named.end() if named else 0))


def _takes_letters(unit: str, quantity: str) -> bool:
    r"""Decide whether letters behind a quantity are a unit: those behind \frac34 may be factors."""
    name, _, value = quantity.rpartition("=")
    plain = bool(_PLAIN_QUANTITY.fullmatch(value))
    if plain and (not name or _LONG_NAME.fullmatch(name)):
        return True
    return bool((plain or _FRACTION.fullmatch(value)) and _SPEED.fullmatch(unit))


def _is_unit(unit: str, quantity: str) -> bool:
    if not _is_quantity(quantity) or not re.search(r"\d|\\pi|e\s*\Z", quantity):
        return False
    words = _WORD.findall(_COMMAND.sub(" ", unit))
    lower = set(map(str.lower, words))
    allowed = _PREPOSITIONS if deciding_words(_words(unit)) else frozenset(())
    if not _NO_UNITS.isdisjoint(lower - allowed) and words != ["in"]:
        return False
    if _changes_value(_words(unit)):
        return False
    bare = _WORD.findall(_MARKED_UNIT.sub(" ", unit))
    letters = [word for word in bare if len(word) == 1]
    ratio = unit.startswith("\\frac") and len(letters) == len(bare)
    glued = unit[0] == "/" or ratio or (unit[0].isalpha() and len(bare[0]) == 1)
    if letters and (glued or not _takes_letters(unit, quantity)):
        return False
    return _LETTER_UNITS.issuperset(letters) and all(
        len(word) > 3 or word in _SHORT_UNITS or word.lower() in DECIDING or word in allowed
        for word in bare
        if len(word) > 1
    )
