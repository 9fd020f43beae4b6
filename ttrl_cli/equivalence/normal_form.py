"""The exact normal form of an expression, as a polynomial."""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial

from ttrl_cli.equivalence.expression import Node
from ttrl_cli.equivalence.polynomial import (
    ONE,
    Polynomial,
    TooBig,
    add,
    bounded,
    constant,
    factors,
    is_positive,
    key,
    multiply,
    power,
    rational,
    term,
)
from ttrl_cli.equivalence.trigonometry import trigonometric

MAX_FACTORIAL = 1500


def normal_form(node: Node) -> Polynomial:
    """Return an expression multiplied out, as a polynomial.

    Raises:
        TooBig: If it has no normal form of bounded size.
        ZeroDivisionError: If it divides by zero.
    """
    return _FORMS[node.head](node) if node.head in _FORMS else _whole(node)


def _whole(node: Node) -> Polynomial:
    """Return an expression as one atom, its arguments in normal form."""
    return _atom(node, [normal_form(arg) for arg in node.args])


def _atom(node: Node, arguments: Iterable[Polynomial]) -> Polynomial:
    """Return an expression as one atom, given the normal forms of its arguments."""
    return {((f"{node.head}({','.join(map(key, arguments))})", ONE),): ONE}


def _name(node: Node) -> Polynomial:
    if node.name == "oo":  # infinity minus infinity is not 0
        raise TooBig
    return {((node.name, ONE),): ONE}


def _sum(node: Node) -> Polynomial:
    total: Polynomial = {}
    for arg in node.args:
        total = add(total, normal_form(arg))
    return total


def _product(node: Node) -> Polynomial:
    total = constant(1)
    for arg in node.args:
        total = multiply(total, normal_form(arg))
    return total


def _quotient(node: Node) -> Polynomial:
    top, bottom = map(normal_form, node.args)
    return multiply(top, power(bottom, Fraction(-1)))


def _power(node: Node) -> Polynomial:
    base, exponent = map(normal_form, node.args)
    number = rational(exponent)
    return power(base, number) if number is not None else _exponential(base, exponent)


def _exponential(base: Polynomial, exponent: Polynomial) -> Polynomial:
    """Return a base to a power with variables: a^(n+1) as a a^n, 4^n as (2^n)^2."""
    total = constant(1)
    for atom, count in _bases(base).items():
        for monomial, value in exponent.items():
            name = f"{atom}^({key({monomial: ONE})})" if monomial else atom
            total = multiply(total, dict([term((), ((name, value * count),), ONE)]))
    return total


def _bases(base: Polynomial) -> dict[str, int]:
    """Factor the base of a power: a positive number into primes; else one atom, such as a variable.

    Raises:
        TooBig: If it is neither a positive number nor such an atom.
    """
    number = rational(base)
    if number is not None and number > 0:
        return {str(prime): count for prime, count in factors(number).items()}
    for monomial, value in base.items():
        if (
            len(base) == len(monomial) == value == 1
            and monomial[0][1] == 1
            and monomial[0][0] != "i"
        ):
            return {monomial[0][0]: 1}
    raise TooBig


def _indexed_root(node: Node) -> Polynomial:
    """Return an indexed root; an odd root of a negative number is negative.

    math-verify takes the complex root there.
    """
    base, index = map(normal_form, node.args)
    n = rational(index)
    if not n or n.denominator != 1:
        raise TooBig
    number = rational(base)
    if number is not None and number < 0 and n % 2:
        return multiply(constant(-1), power(constant(-number), 1 / n))
    return power(base, 1 / n)


def _factorial(node: Node, step: int = 1) -> Polynomial:
    """Return the product of every `step`-th integer from n down; an atom if n is no such number."""
    form = normal_form(node.args[0])
    value = rational(form)
    if value is None or value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL:
        return _atom(node, [form])
    return constant(math.prod(range(int(value), 0, -step)))


def _binomial(node: Node) -> Polynomial:
    forms = [normal_form(arg) for arg in node.args]
    n, k = map(rational, forms)
    if n is None or k is None or n.denominator * k.denominator != 1 or not 0 <= k <= n <= 2000:
        return _atom(node, forms)
    return constant(math.comb(int(n), int(k)))


def _logarithm(node: Node) -> Polynomial:
    """Return a logarithm in logarithms of primes: ln 8 as 3 ln 2."""
    argument, base = (_ln(normal_form(arg)) for arg in node.args)
    return multiply(argument, power(base, Fraction(-1)))


def _ln(p: Polynomial) -> Polynomial:
    if len(p) != 1 or not all(map(is_positive, dict(min(p)))) or p[min(p)] < 0:
        return {((f"ln({key(p)})", ONE),): ONE}
    ((monomial, value),) = p.items()
    parts = [(str(prime), Fraction(count)) for prime, count in factors(value).items()]
    total = constant(0)
    for atom, count in (*parts, *monomial):
        total = add(total, {(): count} if atom == "e" else {((f"ln({atom})", ONE),): count})
    return total


def _trigonometric(node: Node) -> Polynomial:
    return trigonometric(node.head, normal_form(node.args[0]))


def _rounded(node: Node) -> Polynomial:
    form = normal_form(node.args[0])
    value = rational(form)
    return _atom(node, [form]) if value is None else constant(_ROUNDING[node.head](value))


_ROUNDING: dict[str, Callable[[Fraction], Fraction | int]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
}
_FORMS: dict[str, Callable[[Node], Polynomial]] = {
    "number": lambda node: constant(bounded(node.value)),
    "symbol": _name,
    "constant": _name,
    "add": _sum,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "root": _indexed_root,
    "factorial": _factorial,
    "factorial2": partial(_factorial, step=2),
    "binom": _binomial,
    "log": _logarithm,
    "sin": _trigonometric,
    "cos": _trigonometric,
    "tan": _trigonometric,
    "abs": _rounded,
    "floor": _rounded,
    "ceil": _rounded,
}
