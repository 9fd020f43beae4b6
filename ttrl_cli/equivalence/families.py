r"""Families of solutions: x = \frac{\pi}{4} + k\pi, k \in \mathbb{Z} is the same with any letter.

A letter that the answer calls an integer becomes n_Z; then adding it once more, or taking it away,
changes nothing: \frac{5\pi}{4} - n\pi is the same family. In an answer of pi and one of k, l, m, n
alone, which calls it nothing, the letter may be any of these.
"""

import re
from fractions import Fraction

from ttrl_cli.equivalence.polynomial import ONE, Monomial, Polynomial

_INTEGER = "n_Z"
_OPEN = (
    r"(?:\s|[,;:.(\[]|\\(?:q?quad|[,;:!> ])"
    r"|\\text\s?\{[\s,;(]*(?:where|with|for|and|here)?[\s,]*\}|where|with|for)*"
)
_ANY = (
    r"(?:\\text\s?\{\s*(?:where|with|for)?\s*(?:(?:any|all|every|some|each)\s)?(?:integers?\s*)?\}"
    r"|(?:any|all|every|some)(?:\sintegers?)?)?"
)
_IN = (
    r"\\in\s*(?:\\(?:mathbb|mathbf"
    r"|text)\s?\{?\s?)?(?P<set>[ZN])(?![a-zA-Z])\s?\}?(?P<part>\s?(?:\^"
    r"|_)\s?\{?\s?[+*]\s?\}?|\s?_\s?\{?\s?(?:\\ge\s?)?0\s?\}?)?"
)
_IS = (
    r"\\text\s?\{\s*(?:is|are)?\s*(?:an|any|some)?\s*integers?\s*\}|(?:is|are)?\s?(?:an?"
    r"|any|some)?\s?integers?"
)
_SAID = re.compile(
    rf"{_OPEN}(?:\\text\s?\{{\s*(?:(?:where|with|for)\s)?(?:(?:any|all|every|some)\s)?(?P<inner>[klmnt])\s(?:is|are)?\s?(?:an|any)?\s?integers?\s*\}}"
    rf"|{_ANY}\s*(?P<name>[klmntjz])\s*(?:{_IN}|{_IS})"
    r"|\\text\s?\{\s*(?:(?:where|with|for)\s)?(?:any|all|every|some)?\s?integers?(?:\svalues\sof)?\s*\}\s?(?P<named>[klmnt])"
    r"|(?:for\s)?(?:any|all|every|some)?\s?integers?\s(?P<bare>[klmnt]))[\s)\].,}]*\Z"
)
_IMPLIED = frozenset("klmn")
_PI = "pi"
_KNOWN = frozenset((_PI, "e", "i"))


def with_integer(text: str) -> str:
    """Rewrite the letter that an answer calls an integer as n_Z, without what calls it so."""
    if "Z" not in text and "N" not in text and "integer" not in text:
        return text
    said = _SAID.search(text)
    if said is None or not said.start():
        return text
    name = next(filter(None, (said["inner"], said["name"], said["named"], said["bare"])))
    letter = re.compile(rf"(\\text\s?\{{[^{{}}]*\}})|(?<![A-Za-z\\_]){name}(?![A-Za-z_])")
    head = text[: said.start()]
    if all(found[1] for found in letter.finditer(head)):
        return text
    index = "Z" if (said["set"] or "Z") == "Z" and not said["part"] else "N"
    index += re.sub(r"[^0+*]", "", said["part"] or "")
    renamed = letter.sub(lambda found: found[1] or f"n_{{{index}}}", head)
    return renamed.rstrip(" ,;(")


def in_lowest_terms(form: Polynomial) -> Polynomial:
    """Return the polynomial of a family with a step above zero and the least offset.

    Leave other polynomials unchanged.
    """
    letters = {atom for monomial in form for atom, _ in monomial} - _KNOWN
    if _INTEGER in letters:
        return _reduced(form)
    if len(letters) == 1 and letters <= _IMPLIED and _is_linear(form, min(letters)):
        return _renamed(form, min(letters))
    return form


def _is_linear(form: Polynomial, letter: str) -> bool:
    """Decide whether a letter stands in one term alone, as a factor beside pi."""
    terms = [dict(monomial) for monomial in form if letter in dict(monomial)]
    return len(terms) == 1 and terms[0] == {letter: ONE, _PI: ONE}


def _renamed(form: Polynomial, letter: str) -> Polynomial:
    return {_with(monomial, letter, _INTEGER): value for monomial, value in form.items()}


def _with(monomial: Monomial, atom: str, instead: str) -> Monomial:
    factors = ((instead if name == atom else name, power) for name, power in monomial)
    return tuple(sorted(factors))


def _reduced(form: Polynomial) -> Polynomial:
    """Take whole steps off the offset; leave a family that is not linear in its integer."""
    steps = [monomial for monomial in form if _INTEGER in dict(monomial)]
    if len(steps) != 1 or dict(steps[0])[_INTEGER] != 1:
        return form
    (step,) = steps
    if any(f"{_INTEGER}" in atom for monomial in form for atom, _ in monomial if atom != _INTEGER):
        return form
    size = abs(form[step])
    place = tuple(factor for factor in step if factor[0] != _INTEGER)
    offset = form.get(place, Fraction(0)) % size
    kept = {m: value for m, value in form.items() if m not in (step, place)}
    return {**kept, step: size, **({place: offset} if offset else {})}
