r"""A value in brackets behind an answer: \frac34 (0.75) is \frac34, though 2(3) is a product."""

import re
from collections.abc import Sequence

from ttrl_cli.equivalence import numeric
from ttrl_cli.equivalence.expression import Unreadable, is_fixed
from ttrl_cli.equivalence.latex import read
from ttrl_cli.equivalence.units import without_units

_MARK = (
    r"(?:,|\\lor|\\(?:approx|sim|simeq|cong)(?![a-zA-Z])|=|(?:i\.\s?e\.|e\.\s?g\.)"
    r"|(?:or|approximately|approx|about|roughly|around|exactly|equals|equal to)(?![a-zA-Z])\.?"
    r"|\\text\s?\{[^{}\d]*\})"
)
_GLOSSED = re.compile(rf"(.*[^\s(\[,])\s*[(\[]\s*((?:{_MARK}\s*)*)([^()\[\]]+?)\s*[)\]]")
_PLACES = re.compile(r"-?\d*\.(\d+)%?(?![^\s]*\.)")
_WHOLE = re.compile(r"-?\d+")
_APPROXIMATE = re.compile("approx|sim|cong|about|roughly|around")
_EXACT = 1e-9


def without_gloss(text: str) -> str:
    """Remove the bracketed value behind an answer if it repeats the answer's own value."""
    glossed = _GLOSSED.fullmatch(text) if text.endswith((")", "]")) else None
    if glossed is None:
        return text
    answer, mark, value = without_units(glossed[1]), glossed[2], without_units(glossed[3])
    said = glossed[1].rpartition("=")[2]
    if not mark and "".join(said.split()) == "".join(glossed[3].split()):
        return text  # 2(2) is a product
    exact = answer.rpartition("=")[2].strip()
    first, second = _values(exact, mark), _values(value, mark)
    if not first or not second or not _near(first, second, _tolerance(exact, value, mark)):
        return text
    return answer


def _values(text: str, mark: str) -> tuple[complex, ...] | None:
    """Return an expression's values at the fixed points; None if it cannot be read.

    Without a mark, return them only for an expression without variables.
    """
    try:
        node = read(text)
    except (Unreadable, RecursionError):
        return None
    return numeric.values(node) if mark or is_fixed(node) else None


def _tolerance(answer: str, value: str, mark: str) -> float:
    """Return how far a value may be from its answer.

    For a decimal it is a unit of its last place; for a whole number 0.5 if the mark says that it is
    approximate, else 0. For any other value it is half a unit of the last place of a decimal
    answer.
    """
    places = _PLACES.search(value)
    if places is not None:
        return float(10 ** -len(places[1]) * (0.01 if "%" in value else 1))
    if _WHOLE.fullmatch(value):
        return 0.5 if _APPROXIMATE.search(mark) else 0.0
    decimal = _PLACES.fullmatch(answer) if mark else None
    return 0.5 * 10 ** -len(decimal[1]) if decimal and "%" not in answer else 0.0


def _near(first: Sequence[complex], second: Sequence[complex], tolerance: float) -> bool:
    return all(
        abs(x - y) <= tolerance + _EXACT * abs(x) for x, y in zip(first, second, strict=True)
    )
