"""Sine, cosine and tangent in one form: quarter turns and signs are taken out of the argument."""

import math
from fractions import Fraction

from ttrl_cli.equivalence.polynomial import ONE, Polynomial, add, constant, key, multiply, power

_PI = (("pi", ONE),)
_HALF = Fraction(1, 2)


def _root(n: int, factor: Fraction) -> Polynomial:
    return {((str(n), _HALF),): factor}


_SINES = {
    Fraction(0): constant(0),
    Fraction(1, 6): constant(_HALF),
    Fraction(1, 4): _root(2, _HALF),
    Fraction(1, 3): _root(3, _HALF),
}
_TANGENTS = {
    Fraction(0): constant(0),
    Fraction(1, 6): _root(3, Fraction(1, 3)),
    Fraction(1, 4): constant(1),
    Fraction(1, 3): _root(3, ONE),
}
_TURNED = {
    "sin": (("sin", 1), ("cos", 1), ("sin", -1), ("cos", -1)),
    "cos": (("cos", 1), ("sin", -1), ("cos", -1), ("sin", 1)),
}
"""A function of an angle that is so many quarter turns larger, and its sign."""


def trigonometric(head: str, angle: Polynomial) -> Polynomial:
    """Return the sine, cosine or tangent of an angle.

    Raises:
        ZeroDivisionError: If it is the tangent of a right angle.
    """
    sign = 1
    if _is_turned(angle):
        angle = multiply(constant(-1), angle)
        sign = 1 if head == "cos" else -1
    quarters = math.floor(2 * angle.get(_PI, Fraction(0)))
    rest = add(angle, {_PI: Fraction(-quarters, 2)}) if quarters else angle
    if head == "tan":
        tangent = _value("tan", rest)
        if quarters % 2:
            tangent = multiply(constant(-1), power(tangent, Fraction(-1)))
        return multiply(constant(sign), tangent)
    turned, other = _TURNED[head][quarters % 4]
    return multiply(constant(sign * other), _value(turned, rest))


def _is_turned(angle: Polynomial) -> bool:
    """Decide whether the angle's first term that is no multiple of pi is negative."""
    others = sorted(monomial for monomial in angle if monomial != _PI)
    return bool(others) and angle[others[0]] < 0


def _value(head: str, angle: Polynomial) -> Polynomial:
    """Return the value at an angle of less than a quarter turn; an atom if it is not known."""
    turns = angle.get(_PI, Fraction(0))
    if len(angle) == bool(turns):
        known = _TANGENTS.get(turns) if head == "tan" else None
        if head == "sin":
            known = _SINES.get(turns)
        elif head == "cos":
            known = constant(1) if not turns else _SINES.get(_HALF - turns)
        if known is not None:
            return known
    return {((f"{head}({key(angle)})", ONE),): ONE}
