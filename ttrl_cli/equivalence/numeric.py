"""Values of expressions at fixed points: what differs there differs."""

import cmath
import hashlib
import math
from collections.abc import Callable
from functools import lru_cache

from ttrl_cli.equivalence.expression import Node

POINTS = (0, 1)
"""Variables stand for these many fixed values, drawn by their names."""
SIZE_OF_HUGE = 700.0
"""Natural logarithm beyond which a number is no double."""
_CANCELLED = 1e-6
_MAX_ANGLE = 1e6
_MAX_EXPONENT = 1e5


class Unknown(ArithmeticError):
    """The value is no double, or rounding may have spoilt it."""


def values(node: Node) -> tuple[complex, ...] | None:
    """Return an expression's values at the fixed points; None where they are not known.

    They are good to about nine digits.
    """
    try:
        return tuple(_value(node, point) for point in POINTS)
    except (ArithmeticError, ValueError, RecursionError):  # math domain errors are ValueError
        return None


def size(node: Node) -> float | None:
    """Return the natural logarithm of a huge positive number made of powers and products.

    It is infinite where it exceeds a double; None where the number is not known to be huge.
    """
    try:
        found = _size(node)
    except OverflowError:
        return math.inf
    return found if found is not None and found > SIZE_OF_HUGE else None


def _size(node: Node) -> float | None:
    if node.head == "number" and node.value > 0:
        return math.log(node.value.numerator) - math.log(node.value.denominator)
    if node.head not in ("mul", "pow", "factorial"):
        return None
    sizes = [_size(arg) for arg in node.args]
    known = [each for each in sizes if each is not None]
    if len(known) < len(sizes):
        return None
    if node.head == "mul":
        return sum(known)
    if node.head == "factorial":
        return math.lgamma(math.exp(known[0]) + 1)
    return known[0] * math.exp(known[1])


@lru_cache(maxsize=4096)
def drawn(name: str, point: int) -> float:
    """Return a variable's value at a point, between 0.6 and 2.1."""
    digest = hashlib.blake2b(f"{point}:{name}".encode(), digest_size=6).digest()
    return 0.6 + 1.5 * int.from_bytes(digest) / 2**48


def _value(node: Node, point: int) -> complex:
    if node.head == "number":
        return complex(float(node.value))
    if node.head == "symbol":
        return complex(drawn(node.name, point))
    if node.head == "constant":
        return _CONSTANTS[node.name]
    if node.head not in _RULES:
        raise Unknown
    value = _RULES[node.head](*(_value(arg, point) for arg in node.args))
    if not cmath.isfinite(value):
        raise Unknown
    return value


def _add(*terms: complex) -> complex:
    total = sum(terms)
    if abs(total) < _CANCELLED * max(map(abs, terms)):
        raise Unknown
    return total


def _real(value: complex) -> float:
    if abs(value.imag) > 1e-12 * abs(value):
        raise Unknown
    return value.real


def _power(base: complex, exponent: complex) -> complex:
    if abs(exponent) > _MAX_EXPONENT:
        raise Unknown
    if not base.imag and not exponent.imag and (base.real > 0 or exponent.real.is_integer()):
        return complex(base.real**exponent.real)
    return complex(base**exponent)


def _root(base: complex, index: complex) -> complex:
    n = _real(index)
    if not base.imag and base.real < 0 and n % 2 == 1:
        return -_power(-base, complex(1 / n))
    return _power(base, complex(1 / n))


def _log(argument: complex, base: complex) -> complex:
    bottom = cmath.log(base)
    if abs(bottom) < _CANCELLED:
        raise Unknown
    return cmath.log(argument) / bottom


def _rounded(how: Callable[[float], int]) -> Callable[[complex], complex]:
    def rounded(value: complex) -> complex:
        real = _real(value)
        if abs(real - round(real)) < _CANCELLED:  # an integer, or just beside one
            raise Unknown
        return complex(how(real))

    return rounded


def _factorial(value: complex) -> complex:
    return complex(math.gamma(_real(value) + 1))


def _double_factorial(value: complex) -> complex:
    n = _real(value)
    halves = 2 ** (n / 2) * math.gamma(n / 2 + 1)
    return complex(halves * (2 / math.pi) ** ((1 - math.cos(math.pi * n)) / 4))


def _binomial(n: complex, k: complex) -> complex:
    return _factorial(n) / (_factorial(k) * _factorial(n - k))


def _angle(function: Callable[[complex], complex]) -> Callable[[complex], complex]:
    def of_angle(value: complex) -> complex:
        found = function(value)
        # beside a zero or a pole, and far out, few digits are right
        if abs(value) > _MAX_ANGLE or not _CANCELLED < abs(found) < 1 / _CANCELLED:
            raise Unknown
        return found

    return of_angle


_CONSTANTS = {"pi": complex(math.pi), "e": complex(math.e), "i": 1j, "oo": complex(math.inf)}
_RULES: dict[str, Callable[..., complex]] = {
    "add": _add,
    "mul": lambda *factors: math.prod(factors, start=complex(1)),
    "div": lambda a, b: a / b,
    "pow": _power,
    "root": _root,
    "log": _log,
    "abs": lambda a: complex(abs(a)),
    "floor": _rounded(math.floor),
    "ceil": _rounded(math.ceil),
    "factorial": _factorial,
    "factorial2": _double_factorial,
    "binom": _binomial,
    "sin": _angle(cmath.sin),
    "cos": _angle(cmath.cos),
    "tan": _angle(cmath.tan),
    "cot": _angle(lambda a: 1 / cmath.tan(a)),
    "sec": _angle(lambda a: 1 / cmath.cos(a)),
    "csc": _angle(lambda a: 1 / cmath.sin(a)),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
}
