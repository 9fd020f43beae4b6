r"""Notations that ordinary LaTeX readers misread, in a form that they cannot misread.

A time of day is no ratio and a numeral in another base no product: each becomes one word, such as
\text{@9:00 am} or \text{@312 base 4}, which is equal to nothing but itself.
"""

import math
import re

_FUNCTIONS = (
    "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|sec|csc|cot|ln|log|exp|max|min|gcd|lcm|det"
)
_UPRIGHT_FUNCTION = re.compile(
    rf"\\(?:text|operatorname\*?)\s*\{{\s*({_FUNCTIONS})\s*\}}(?!\s*(?:\Z|[,;)]|\\\}}))",
    re.IGNORECASE,
)  # but not: 5 \text{ min}
_NO_UNITS = "abcefijknopqruvwxyzDEGIOPQRUXYZ"
_UPRIGHT_LETTER = re.compile(rf"\\(?:text|operatorname\*?)\s*\{{\s*([{_NO_UNITS}])\s*\}}")
_UPRIGHT_PI = re.compile(r"\\(?:text|operatorname\*?)\s*\{\s*(?:\\?pi|\\pi)\s*\}")
_SUBSCRIPT_WORD = re.compile(r"_\s*\{\s*([A-Za-z]{2,})\s*\}")

_COLON = r"\s?(?:\{\s?:\s?\}|:|\\colon)\s?"
_HOUR = rf"(?P<hour>[01]?\d|2[0-3]|24(?={_COLON}00(?!:0?[1-9]|:[1-5])))"
_MINUTES = rf"{_COLON}(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
_OCLOCK = r"(?:\s*(?:\\text\s*\{\s*)?o'?\s?clock(?:\s*\})?)?"
_HOURS = (
    r"(?:\s*(?:\\text\s*\{\s*)?(?:hours?|hrs?|h)(?:\s*\})?"
    r"(?=[\s,]*(?:\\text\s*\{\s*)?[ap]\.?\s?m\b))?"
)
_HALF_OF_DAY = (
    rf"{_OCLOCK}{_HOURS}"
    r"[\s,]*(?P<open>\()?(?:\\text\s*\{\s*)?(?P<inner>\()?(?:(?P<half>[ap])\.?\s?m\b\.?"
    r"|(?:in\s+the\s+)(?P<part>morning|afternoon|evening)|at\s+(?P<night>night)"
    r"|(?P<noon>noon|midnight))(?(inner)\))\s*\}?(?(open)\))"
)
_BEFORE = r"(?<![\d:.,/^_}\\A-Za-z])(?:\\text\s*\{\s*)?"
_FIRST_OF_NIGHT = 6
"""The first hour that is called one at night, and is not yet past midnight."""
_CLOCK_AND_HALF = re.compile(
    rf"{_BEFORE}{_HOUR}(?:{_MINUTES})?{_HALF_OF_DAY}(?![A-Za-z])(?!\s*[*/^_(])", re.IGNORECASE
)
_CLOCK = re.compile(
    rf"(?:(?<=[,;(=])|(?<=\\\{{)|(?<=lor)|\A)\s*{_HOUR}{_MINUTES}\s*(?=\Z|[,;)=]|\\\}}|\\lor)"
)

_BASES = {
    name: base
    for base, names in enumerate(
        (
            "two binary", "three ternary", "four", "five", "six", "seven", "eight octal", "nine",
            "ten decimal", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
            "sixteen hexadecimal hex",
        ),
        start=2,
    )
    for name in names.split()
}  # fmt: skip
_NUMERAL = r"(\d[\dA-Fa-f]*(?:\.[\dA-Fa-f]+)?|[A-F][\dA-F]+)"
_BASE = r"(\d{1,2}|[a-z](?![A-Za-z])|" + "|".join(_BASES) + ")"
_IN = r"(?:in\s+)?base"
_SAID = (
    rf"{_IN}[\s-]+{_BASE}"
    rf"|\(\s*{_IN}[\s-]+{_BASE}\s*\)"
    rf"|\(\s*\\text\s*\{{\s*{_IN}(?:\s*\}}\s*{_BASE}|[\s-]+{_BASE}\s*\}})\s*\)"
    rf"|\\text\s*\{{\s*{_IN}\s*\}}\s*{_BASE}"
    rf"|\\text\s*\{{\s*\(\s*{_IN}\s*\}}\s*{_BASE}\s*(?:\)|\\text\s*\{{\s*\)\s*\}})"
    rf"|\\text\s*\{{\s*\(?\s*{_IN}[\s-]+{_BASE}\s*\)?\s*\}}"
)
"""The base in words behind a numeral."""
_BASE_NUMERAL = re.compile(
    rf"(?<![\w.\\^])(?:{_NUMERAL}|\(\s*{_NUMERAL}\s*\)|\[\s*{_NUMERAL}\s*\]|(?:\\text\s*)?\{{\s*{_NUMERAL}\s*\}})\s*(?:"
    rf"_\s*{_BASE}"
    rf"|_\s*\{{\s*\(?\s*(?:base\s*)?{_BASE}\s*\)?\s*\}}"
    rf"|_\s*\{{\s*\\text\s*\{{\s*base\s*\}}\s*{_BASE}\s*\}}"
    rf"|_\s*\\text\s*\{{\s*(?:base\s*)?{_BASE}\s*\}}"
    rf"|_\s*\{{\s*\\text\s*\{{\s*(?:base\s*)?{_BASE}\s*\}}\s*\}}"
    rf"|{_SAID}"
    r")(?![\w(])"
)
_SAID_AGAIN = re.compile(rf"(\\text\{{@[\w.]+ base (\w+)\}})\s*(?:{_SAID})(?![\w(])")
_HEXADECIMAL = "16"
_DOUBLE_FACTORIAL = re.compile(r"(?<![\w.}])(\d{1,3})\s?!\s?!(?!\s?!)")
MAX_DOUBLE_FACTORIAL = 200

_SMALL_FRACTION = re.compile(
    r"(?:\{\s*\})?\s?\^\s?(?:\{\s*(\d+)\s*\}|(\d))\s?/\s?_\s?(?:\{\s*(\d+)\s*\}|(\d))"
)
_OVER = re.compile(r"\\over(?![a-zA-Z])")
_MOST_OVERS = 10


def in_our_notations(text: str) -> str:
    """Rewrite constants, fractions, times of day and numerals in one notation each."""
    if text.isdigit():
        return text
    if "\\" in text:
        text = _UPRIGHT_PI.sub(r"\\pi ", _UPRIGHT_FUNCTION.sub(_function, text))
        text = _without_over(_UPRIGHT_LETTER.sub(r" \1", text))
    text = _SUBSCRIPT_WORD.sub(r"_{\\text{\1}}", text)
    text = _SMALL_FRACTION.sub(_small_fraction, text)
    text = _CLOCK.sub(_bare_time, _CLOCK_AND_HALF.sub(_time, text))
    text = _SAID_AGAIN.sub(_without_base, _BASE_NUMERAL.sub(_in_base, text))
    return _DOUBLE_FACTORIAL.sub(_double_factorial, text)


def _function(match: re.Match[str]) -> str:
    return rf"\{match[1].lower()} "


def _small_fraction(match: re.Match[str]) -> str:
    return rf"\frac{{{match[1] or match[2]}}}{{{match[3] or match[4]}}}"


def _without_over(text: str) -> str:
    r"""Replace {a \over b} by \frac{a}{b}."""
    for _ in range(_MOST_OVERS):
        over = _OVER.search(text)
        if over is None:
            break
        start = _opening(text, over.start())
        end = _closing(text, over.end())
        top, bottom = text[start : over.start()].strip(), text[over.end() : end].strip()
        text = rf"{text[:start]}\frac{{{top}}}{{{bottom}}}{text[end:]}"
    return text


def _opening(text: str, place: int) -> int:
    """Return where the innermost group or list element around a place begins."""
    depth = 0
    for at in range(place - 1, -1, -1):
        depth += (text[at] in ")]}") - (text[at] in "([{")
        if depth < 0 or (not depth and text[at] in ",;="):
            return at + 1
    return 0


def _closing(text: str, place: int) -> int:
    """Return where the innermost group or list element around a place ends."""
    depth = 0
    for at in range(place, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth < 0 or (not depth and text[at] in ",;="):
            return at - (text[at - 1] == "\\")
    return len(text)


def _time(match: re.Match[str]) -> str:
    """Rewrite a time that has am, pm or another half of the day."""
    if match["noon"]:
        half = "pm" if match["noon"].lower() == "noon" else "am"
    elif match["part"]:
        half = "am" if match["part"].lower() == "morning" else "pm"
    elif match["night"]:
        half = "pm" if _FIRST_OF_NIGHT <= int(match["hour"]) < 12 else "am"
    else:
        half = f"{match['half'].lower()}m"
    return _clock(match, half)


def _bare_time(match: re.Match[str]) -> str:
    """Rewrite a time without a half of the day, unless it looks like a ratio.

    A ratio is in lowest terms and without leading zeros. One in lowest terms still counts as a time
    if its minutes are a multiple of five.
    """
    hour, minute = int(match["hour"]), int(match["minute"])
    padded = match["hour"].startswith("0") or minute < 10
    if match["second"] and not padded and match["second"] >= "10":
        return match[0]
    if math.gcd(hour, minute) == 1 and minute % 5 and not padded:
        return match[0]
    return _clock(match, "")


def _clock(match: re.Match[str], half: str) -> str:
    """Return a time as one word: 21:00 becomes 9:00 pm; 9:00 keeps no half of the day."""
    hour, minute = int(match["hour"]), match["minute"] or "00"
    second = f":{match['second']}" if match["second"] not in (None, "00") else ""
    if hour > 12 or hour == 0:
        half = "am" if hour % 24 < 12 else "pm"
        hour = hour % 12 or 12
    return _word(f"{hour}:{minute}{second} {half}".rstrip())


def _in_base(match: re.Match[str]) -> str:
    """Rewrite a numeral with its base as one word; drop the base from a decimal one."""
    numeral, name = (group for group in match.groups() if group is not None)
    base = str(_BASES.get(name, name))
    if not numeral.replace(".", "").isdigit() and base != _HEXADECIMAL:
        return match[0]  # 2a_1 is a product
    if base == "10":
        return numeral
    return _word(f"{numeral.upper().lstrip('0') or '0'} base {base}")


def _without_base(match: re.Match[str]) -> str:
    """Remove a base that is said again behind a numeral with this base."""
    word, base, *names = (group for group in match.groups() if group is not None)
    return word if str(_BASES.get(names[0], names[0])) == base else match[0]


def _word(text: str) -> str:
    return rf"\text{{@{text}}}"


def _double_factorial(match: re.Match[str]) -> str:
    n = int(match[1])
    return str(math.prod(range(n, 0, -2))) if n <= MAX_DOUBLE_FACTORIAL else match[0]
