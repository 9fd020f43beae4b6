"""Expressions as sums of products: an exact normal form, for keys that are equal by algebra.

A polynomial maps monomials to rational coefficients; a monomial is a product of powers of atoms: a
variable, a constant, a prime under a root, a power with a variable in its exponent, or whatever
else is taken as a whole (a function's value, the inverse of a sum) under the name of its own normal
form. Equal normal forms are equal values; the converse does not hold, and need not.
"""

import math
from fractions import Fraction
from typing import TypeAlias

Monomial: TypeAlias = tuple[tuple[str, Fraction], ...]
Polynomial: TypeAlias = dict[Monomial, Fraction]

MAX_TERMS = 64
MAX_POWER = 12
MAX_BITS = 40_000
MAX_FACTOR = 2000
"""Trial division goes this far; what is left must be prime, or no root is taken of it."""
ONE = Fraction(1)
_CONSTANTS = frozenset(("e", "pi"))


class TooBig(ArithmeticError):
    """The normal form would be too large, or is not known."""


def constant(value: Fraction | int) -> Polynomial:
    """Return a number as a polynomial."""
    return {(): Fraction(value)} if value else {}


def rational(p: Polynomial) -> Fraction | None:
    """Return the value of a polynomial that is a rational number; None for any other."""
    if not p:
        return Fraction(0)
    return p[()] if len(p) == 1 and () in p else None


def key(p: Polynomial) -> str:
    """Return the polynomial as text; only equal polynomials have equal texts."""
    return "+".join(
        digits(p[monomial]) + "".join(f"*{_atom(atom, power)}" for atom, power in monomial)
        for monomial in sorted(p)
    ) or "0"  # fmt: skip


def digits(value: Fraction) -> str:
    """Return a fraction as text; in base 16 if it is too long for Python to print in base 10."""
    if value.numerator.bit_length() + value.denominator.bit_length() > 2000:
        return f"{value.numerator:x}/{value.denominator:x}"
    return str(value)


def monic(p: Polynomial) -> tuple[Fraction, Polynomial]:
    """Return the first coefficient, and the polynomial divided by it."""
    first = p[min(p)]
    return first, {monomial: value / first for monomial, value in p.items()}


def add(p: Polynomial, q: Polynomial) -> Polynomial:
    """Return the sum of two polynomials.

    Raises:
        TooBig: If it has too many terms.
    """
    total = dict(p)
    for monomial, value in q.items():
        coefficient = total.get(monomial, 0) + value
        if coefficient:
            total[monomial] = coefficient
        else:
            del total[monomial]
    if len(total) > MAX_TERMS:
        raise TooBig
    return total


def multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    """Return the product of two polynomials.

    Raises:
        TooBig: If it has too many terms or digits.
    """
    if len(p) * len(q) > 4 * MAX_TERMS:
        raise TooBig
    total: Polynomial = {}
    for left, a in p.items():
        for right, b in q.items():
            monomial, value = term(left, right, bounded(a * b)) if left else (right, a * b)
            total = add(total, {monomial: value})
    return total


def power(p: Polynomial, exponent: Fraction) -> Polynomial:
    """Raise a polynomial to a rational power.

    Raises:
        TooBig: If it has no normal form of bounded size.
        ZeroDivisionError: If zero is raised to a negative power.
    """
    if not p:
        if exponent < 0:
            raise ZeroDivisionError
        return constant(0 if exponent else 1)
    if exponent.denominator == 1 and (len(p) == 1 or 0 <= exponent <= MAX_POWER):
        return _whole_power(p, int(exponent))
    if len(p) == 1:
        return _root(p, exponent)
    if exponent == -1:
        inverse = _by_conjugate(p)
        if inverse:
            return inverse
    first, rest = monic(p)
    if exponent.denominator != 1 and first < 0:
        first, rest = -first, {monomial: -value for monomial, value in rest.items()}
    return multiply(_root(constant(first), exponent), {((f"({key(rest)})", exponent),): ONE})


def _by_conjugate(p: Polynomial) -> Polynomial | None:
    """Return the inverse of a + b as (a - b) / (a^2 - b^2); None unless a^2 - b^2 is rational."""
    if len(p) != 2:
        return None
    a, b = ({monomial: value} for monomial, value in p.items())
    conjugate = add(a, multiply(constant(-1), b))
    norm = rational(multiply(p, conjugate))
    return multiply(conjugate, constant(1 / norm)) if norm else None


def _atom(atom: str, exponent: Fraction) -> str:
    return atom if exponent == 1 else f"{atom}^{exponent}"


def bounded(value: Fraction) -> Fraction:
    """Return the number unchanged, after checking its size.

    Raises:
        TooBig: If it has too many digits.
    """
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise TooBig
    return value


def term(left: Monomial, right: Monomial, value: Fraction) -> tuple[Monomial, Fraction]:
    """Return the product of two monomials, and `value` times its coefficient.

    Whole powers of primes and of i go into the coefficient.
    """
    powers = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, Fraction(0)) + exponent
    for atom in tuple(powers):
        exponent = powers[atom]
        if atom.isdigit() and not 0 < exponent < 1:
            whole = math.floor(exponent)
            if abs(whole) * int(atom).bit_length() > MAX_BITS:
                raise TooBig
            value, powers[atom] = bounded(value * Fraction(int(atom)) ** whole), exponent - whole
        elif atom == "i" and exponent.denominator == 1:
            if exponent % 4 >= 2:
                value = -value
            powers[atom] = exponent % 2
        if not powers[atom]:
            del powers[atom]
    return tuple(sorted(powers.items())), value


def _whole_power(p: Polynomial, exponent: int) -> Polynomial:
    if len(p) == 1:
        ((monomial, value),) = p.items()
        bits = value.numerator.bit_length() + value.denominator.bit_length()
        if abs(value) != 1 and bits * abs(exponent) > MAX_BITS:
            raise TooBig
        raised = tuple((atom, e * exponent) for atom, e in monomial)
        return dict([term((), raised, value**exponent)])
    total = constant(1)
    for _ in range(exponent):
        total = multiply(total, p)
    return total


def _root(p: Polynomial, exponent: Fraction) -> Polynomial:
    """Raise a polynomial of one term to a fractional power.

    Roots of primes and positive constants are taken one by one; the rest becomes one atom.
    """
    ((monomial, value),) = p.items()
    if exponent.denominator == 1:
        return _whole_power(p, int(exponent))
    result = constant(1)
    if value < 0:
        if exponent != Fraction(1, 2):
            raise TooBig
        value, result = -value, {(("i", ONE),): ONE}
    for prime, count in factors(value).items():
        result = multiply(result, dict([term((), ((str(prime), count * exponent),), ONE)]))
    easy = tuple((a, e * exponent) for a, e in monomial if is_positive(a))
    hard = tuple((a, e) for a, e in monomial if not is_positive(a))
    if hard:
        easy += ((f"({key({hard: ONE})})", exponent),)
    return multiply(result, dict([term((), tuple(sorted(easy)), ONE)]))


def is_positive(atom: str) -> bool:
    """Decide whether an atom is a positive constant or a prime; its roots are taken separately."""
    return atom in _CONSTANTS or atom.isdigit()


def factors(value: Fraction) -> dict[int, int]:
    """Return the prime factors of a positive number; those of the denominator count negatively.

    Raises:
        TooBig: If one of them may be too large to find.
    """
    counts: dict[int, int] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        part, divisor = number, 2
        while part > 1 and divisor * divisor <= part and divisor <= MAX_FACTOR:
            while part % divisor == 0:
                part //= divisor
                counts[divisor] = counts.get(divisor, 0) + sign
            divisor += 1 + (divisor & 1)
        if part > MAX_FACTOR**2:
            raise TooBig
        if part > 1:
            counts[part] = counts.get(part, 0) + sign
    return counts
