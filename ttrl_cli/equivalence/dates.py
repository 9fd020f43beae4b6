"""Dates, in one form: January 5, 2024 is 2024-01-05, and neither is a subtraction."""

import re

_MONTHS = (
    "january|jan", "february|feb", "march|mar", "april|apr", "may", "june|jun", "july|jul",
    "august|aug", "september|sept|sep", "october|oct", "november|nov", "december|dec",
)  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})(?![a-z])\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\da-z])"
_YEAR = r"(?:\s*,?\s*(?P<year>\d{4})(?!\d))?"
_NAMED = re.compile("|".join(_MONTHS), re.IGNORECASE)
_IN_TEXT = re.compile(
    rf"\\text\s*\{{\s*((?:of\s+)?(?:{'|'.join(_MONTHS)})(?![a-z])[\s\d,.]*)\}}", re.IGNORECASE
)
_MONTH_FIRST = re.compile(rf"(?<![A-Za-z\\@]){_MONTH}\s*{_DAY}{_YEAR}", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"(?<![\w.,/^]){_DAY}\s*(?:of\s+)?{_MONTH}{_YEAR}", re.IGNORECASE)
_ALONE = r"(?<![\w./^*+\\-]){}(?![\w./^*+-])"
_YEAR_FIRST = re.compile(
    _ALONE.format(r"(?P<year>[12]\d{3})([-/])(?P<month>0\d|1[0-2])\2(?P<day>[0-2]\d|3[01])")
)
_YEAR_LAST = re.compile(
    _ALONE.format(
        r"(?:([0-2]?\d|3[01])/([0-2]?\d|3[01])/|([0-2]\d|3[01])-([0-2]\d|3[01])-)([12]\d{3})"
    )
)
_CHINESE = re.compile(
    r"(?P<year>[12]\d{3})\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?[日号]"
)
_NUMBER = {name: place for place, names in enumerate(_MONTHS, start=1) for name in names.split("|")}


def in_one_date(text: str) -> str:
    r"""Rewrite dates as \text{@2024-01-05}, and those without a year as \text{@01-05}.

    1/5/2024 may be in January or in May, so it is equivalent only to itself.
    """
    if _NAMED.search(text):
        text = _IN_TEXT.sub(r" \1 ", text)
        text = _DAY_FIRST.sub(_date, _MONTH_FIRST.sub(_date, text))
    if text.count("-") > 1 or text.count("/") > 1:
        text = _YEAR_LAST.sub(_unclear, _YEAR_FIRST.sub(_date, text))
    return _CHINESE.sub(_date, text) if "年" in text else text


def _date(match: re.Match[str]) -> str:
    name = match["month"].lower()
    month, day = int(_NUMBER.get(name, name)), int(match["day"])
    year = f"{match['year']}-" if match["year"] else ""
    return rf"\text{{@{year}{month:02}-{day:02}}}"


def _unclear(match: re.Match[str]) -> str:
    first, second = match[1] or match[3], match[2] or match[4]
    return rf"\text{{@{int(first)}/{int(second)}/{match[5]}}}"
