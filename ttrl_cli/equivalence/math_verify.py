r"""Which answers are the same: keys first, math-verify where keys cannot tell.

An answer's key is equal to another's only if both are the same, by exact algebra; and most
different answers are known to differ, by their kind or by their values at fixed points. What is
left (about one pair in hundreds) is math-verify's to say, which takes milliseconds to seconds, may
hang, and therefore runs in a worker process (`grading.comparer`).

We follow math-verify, with these exceptions:

- Its verdict must not depend on who is gold: both directions have to agree.
- (1, 2) is no set: math-verify takes it for {1, 2} but not for {2, 1}, which are one set.
- 50\% is 1/2 and is 50, but 50 is not 1/2: an answer joins no class with an answer that is surely
  different from it.
- What it would misread is told by its spelling alone, and not asked of it: p \land q, A^TB, 7 R 3,
  commands that it does not know, formulas that are broken off (`verbatim`).
- R and r are two letters, a list keeps its repetitions, words that decide are no units, a numeral
  has its base, 10:30 is a time of day (docs/voting.md).
- i is the imaginary unit, odd roots of negative numbers are real, 2(3) is 6 and 1 000 a thousand,
  1.42e2 is 142, words are no products of letters, and units are removed behind numbers only.
"""

import logging
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ttrl_cli.equivalence import numeric
from ttrl_cli.equivalence.canonical import canonical, is_prose, right_side
from ttrl_cli.equivalence.classes import Compare, classes
from ttrl_cli.equivalence.decide import decided, says_all, undecided
from ttrl_cli.equivalence.known import Canonical
from ttrl_cli.equivalence.letters import plain_letter, with_case
from ttrl_cli.equivalence.tidy import tidy
from ttrl_cli.equivalence.tokens import OR

__all__ = [
    "Canonical",
    "Compare",
    "canonical",
    "classes",
    "decided",
    "equivalent",
    "undecided",
    "worked_out",
]

_TINY = 1e-6  # what cancels is zero or not: the value does not tell
_SYMPY_RAISES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def equivalent(a: str, b: str) -> bool:
    """Decide whether two answers are the same, by math-verify and sympy.

    May take seconds, hang or use up memory: call it in a worker process only. Answers that neither
    library can evaluate are not the same.
    """
    first, second = _spellings(a), _spellings(b)
    if _verified(first[0], second[0]):
        return True
    if len(first) == len(second):
        return False
    return _verified(first[-1], second[-1])


def worked_out(answer: str) -> Canonical:
    """Have math-verify evaluate an answer that we cannot read, or whose value we do not know.

    May hang or use up memory: call it in a worker process only.
    """
    known = canonical(answer)
    parsed = _with_imaginary_unit(_parsed(_spellings(answer)[0]))
    if not parsed or isinstance(parsed[0], str):
        return replace(known, kind="text")  # it is equal to nothing but itself
    try:
        values = _values(parsed[0])
    except _SYMPY_RAISES:
        return known
    if values is None:
        return known
    return replace(known, kind="number", values=values, decimal="." in answer)


def _values(expression: Any) -> tuple[complex, ...] | None:
    """Return the values of a sympy expression at the fixed points; None where they are unclear."""
    from sympy import Expr

    if not isinstance(expression, Expr):
        return None
    names = {symbol: plain_letter(str(symbol)) for symbol in expression.free_symbols}
    if not all(len(name) == 1 for name in names.values()):
        return None
    found = []
    for point in numeric.POINTS:
        drawn = {symbol: numeric.drawn(name, point) for symbol, name in names.items()}
        digits = expression.doit().evalf(subs=drawn)  # with as many digits inside as it needs
        if not digits.is_number or not digits.is_finite or abs(digits) < _TINY:
            return None
        found.append(complex(digits))
    return tuple(found)


def _spellings(answer: str) -> list[str]:
    """Return the LaTeX to give to math-verify; for a percentage also the bare number.

    An answer that math-verify would misread is replaced by one word made of its key.
    """
    text, known = tidy(answer), canonical(answer)
    if says_all(known) or (known.kind == "system" and is_prose(text)):
        return [rf"\text{{key {known.key.encode().hex()}}}"]
    if known.kind == "named" and is_prose(text):
        text = right_side(text)[1]
    text = with_case(text.replace(OR, ","))
    if text.endswith("%") and known.bare is not None:
        return [rf"\frac{{{text[:-1]}}}{{100}}", text[:-1]]
    return [text]


def _verified(a: str, b: str) -> bool:
    first, second = _parsed(a), _parsed(b)
    if _verify(first, second):
        return True
    complex_first, complex_second = _with_imaginary_unit(first), _with_imaginary_unit(second)
    if complex_first == first and complex_second == second:
        return False
    return _verify(complex_first, complex_second)


def _verify(first: list[Any], second: list[Any]) -> bool:
    """Decide whether math-verify finds two parsed answers the same in both directions.

    Its own time limit needs a signal, so it is off: the caller limits the time.
    """
    from math_verify import verify
    from sympy.core.random import seed

    options: dict[str, Any] = {"timeout_seconds": None, "allow_set_relation_comp": True}
    seed(0)  # sympy tries random points
    return bool(verify(first, second, **options) and verify(second, first, **options))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> list[Any]:
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)  # each warns of the time limit we set
    rules = NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="last")
    config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=rules)
    return list(parse(rf"\boxed{{{text}}}", [config], parsing_timeout=None))


def _with_imaginary_unit(parsed: list[Any]) -> list[Any]:
    """Replace the variable i by the imaginary unit in parsed answers."""
    from sympy import Basic, I

    return [
        each.subs({symbol: I for symbol in each.free_symbols if str(symbol) == "i"})
        if isinstance(each, Basic)
        else each
        for each in parsed
    ]
