"""Degrees: in the argument of a trigonometric function a measure, anywhere else a unit."""

import re

_DEGREE = (
    r"\s?(?:\{\s?\})?(?:"
    r"\^\s?\{\s?(?:\\(?:circ|degree|deg)\s?|o|\\text\{\s?o\s?\})\}"
    r"|\^\s?(?:\\(?:circ|degree|deg)|o)(?![a-zA-Z])|\^\s?\\text\{\s?o\s?\}"
    r"|\\(?:text)?degree(?![a-zA-Z]))"
)
_SIGN = re.compile(_DEGREE)
_ENDS = r"(?=\s*(?:\Z|[,;)\]]))"
_TEMPERATURE = re.compile(
    rf"\s?(?:\\text\s?\{{{_DEGREE}\s?[CFK]\s?\}}"
    rf"|{_DEGREE}\s?(?:\\text\s?\{{\s?[CFK]\s?\}}|[CFK]{_ENDS}))"
)
_BEARING = re.compile(rf"{_DEGREE}\s?(?:\\text\s?\{{\s?([NSEW])\s?\}}|([NSEW]){_ENDS})")
_BEARINGS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_FUNCTION = re.compile(
    r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])\s?(?:\^\s?(?:\{[^{}]*\}|\d)\s?)?"
)
_FACTORS = re.compile(rf"((?:\d+(?:\.\d+)?\s?)?(?:[a-zA-Z]|\\[a-zA-Z]+)?){_DEGREE}")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def without_degrees(text: str) -> str:
    """Convert degrees to radians inside trigonometric functions; drop degree signs elsewhere."""
    if "\\" not in text and "^" not in text:
        return text
    text = _BEARING.sub(_bearing, _TEMPERATURE.sub("", text))
    return _SIGN.sub("", _in_radians(text))


def _bearing(match: re.Match[str]) -> str:
    return rf"\text{{:{_BEARINGS[match[1] or match[2]]}}}"


def _in_radians(text: str) -> str:
    """Convert the degrees in the arguments of trigonometric functions to radians."""
    found, at = "", 0
    for function in _FUNCTION.finditer(text):
        if function.start() < at:
            continue  # inside of another's argument
        found += text[at : function.end()]
        at = function.end()
        end = _argument_end(text, at)
        factors = _FACTORS.match(text, at) if end == at else None
        if factors is not None and factors[1]:
            found, end = rf"{found}({factors[1]}\cdot\frac{{\pi}}{{180}})", factors.end()
        else:
            found += _SIGN.sub(r"\\cdot\\frac{\\pi}{180}", text[at:end])
        at = end
    return found + text[at:]


def _argument_end(text: str, start: int) -> int:
    """Return where the bracketed argument or the fraction that begins at `start` ends."""
    if text.startswith(r"\frac{", start):
        return _group_end(text, _group_end(text, start + len(r"\frac")))
    return _group_end(text, start)


def _group_end(text: str, start: int) -> int:
    """Return where the bracketed group that begins at `start` ends; `start` if there is none."""
    opening = text[start : start + 1]
    if opening not in _CLOSING:  # also at the end
        return start
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == opening) - (text[at] == _CLOSING[opening])
        if not depth:
            return at + 1
    return start
