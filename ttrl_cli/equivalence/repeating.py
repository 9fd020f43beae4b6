r"""Repeating decimals as fractions: 0.1\overline{6}, 0.1\dot{6}, 0.1(6), 0.1666... are 1/6."""

import re

_BARRED = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar)\s*(?:\{(\d+)\}|(\d))(?!\d)")
_DOT = r"\\dot\s?(?:\{\s?(\d+)\s?\}|(\d))"
_DOTTED = re.compile(rf"(?<![\d.])(\d*)\.(\d*){_DOT}(?:(\d*){_DOT})?(?!\d|\s?\\dot)")
_DOT_ABOVE = re.compile("(\\d)\u0307")
_IN_BRACKETS = re.compile(r"(?<![\d.\w])(\d+)\.(\d*)\((\d+)\)(?=\s*(?:\Z|[,;%\]}]|\\))")
_GOES_ON = re.compile(
    r"(?<![\d.])(\d*)\.(\d*?)(?:(\d)\3{2,}|(\d{2,6}?)\4{2,})\s?(?:\.\.\.|…|\\[lc]?dots(?![a-z]))"
)


def without_repetition(text: str) -> str:
    """Write decimals that repeat as fractions."""
    if "." not in text:
        return text
    text = _DOT_ABOVE.sub(r"\\dot{\1}", text)
    text = _BARRED.sub(lambda m: _fraction(m[1], m[2], m[3] or m[4]), text)
    text = _DOTTED.sub(_dotted, text)
    text = _IN_BRACKETS.sub(lambda m: _fraction(m[1], m[2], m[3]), text)
    return _GOES_ON.sub(lambda m: _fraction(m[1], m[2], m[3] or m[4]), text)


def _dotted(match: re.Match[str]) -> str:
    """Return a decimal with a dot on the first and the last digit of its period, or on its only."""
    first = match[3] or match[4]
    last = match[6] or match[7] or ""
    return _fraction(match[1], match[2], first + (match[5] or "") + last)


def _fraction(whole: str, fixed: str, period: str) -> str:
    whole = whole or "0"
    top = int(whole + fixed + period) - int(whole + fixed)
    return rf"\frac{{{top}}}{{{'9' * len(period)}{'0' * len(fixed)}}}"
