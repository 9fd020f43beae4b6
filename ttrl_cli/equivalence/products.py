r"""What factors side by side are: a mixed number, matrices, vectors; and functions of numbers."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from ttrl_cli.equivalence.expression import Node, Unreadable, number

_VECTORS = (r"\vec(", r"\overrightarrow(", r"\hat(")
_INVERTED = number(-1)
OF_NUMBERS: dict[str, Callable[..., Fraction | int]] = {
    "gcd": math.gcd,
    "lcm": math.lcm,
    "max": max,
    "min": min,
}
_OF_INTEGERS = frozenset(("gcd", "lcm"))


def is_capital(node: Node) -> bool:
    """Decide whether a factor is a capital letter."""
    return node.head == "symbol" and node.name.isascii() and node.name.isupper()


def is_mixed(whole: Node, part: Node) -> bool:
    """Decide whether two factors are a mixed number, as 1 and 1/2 are."""
    return (
        whole.head == "number"
        and whole.value.denominator == 1
        and part.head == "div"
        and all(arg.head == "number" and arg.value > 0 for arg in part.args)
    )


def has_vector(node: Node) -> bool:
    """Decide whether there is a vector in an expression."""
    return node.name.startswith(_VECTORS) or any(map(has_vector, node.args))


def is_matrix_product(factors: Sequence[Node]) -> bool:
    """Decide whether these are matrices with a transposed or inverted one: A^TB is not BA^T."""
    turned = [factor for factor in factors if _is_turned(factor)]
    if not turned:
        return False
    return turned[0].args[0].head == "mul" or sum(map(_is_matrix, factors)) + len(turned) > 1


def _is_matrix(node: Node) -> bool:
    """Decide whether a factor is a capital letter, Latin or Greek, or a product of such letters."""
    if node.name == "word":
        return True
    return is_capital(node) or (node.head == "symbol" and node.name[1:2].isupper())


def _is_turned(node: Node) -> bool:
    """Decide whether a matrix, or a product of matrices, has the exponent T or -1."""
    if node.head != "pow" or not _is_matrix(node.args[0]):
        return False
    exponent = node.args[1]
    return exponent == _INVERTED or exponent.name == "T"


def of_numbers(name: str, items: Sequence[Node]) -> Node:
    """Return the value of gcd, lcm, max or a like function of numbers.

    The lcm of variables is a variable itself: math-verify takes it for their product.

    Raises:
        Unreadable: If an argument is no number, or no integer where it must be one.
    """
    values = [item.value for item in items]
    if items and name == "lcm" and all(item.head == "symbol" for item in items):
        return Node("symbol", name=f"{name}({','.join(sorted(item.name for item in items))})")
    if not items or any(item.head != "number" for item in items):
        raise Unreadable
    if name in _OF_INTEGERS and any(value.denominator != 1 for value in values):
        raise Unreadable
    if name in _OF_INTEGERS:
        return number(OF_NUMBERS[name](*map(int, values)))
    return number(OF_NUMBERS[name](values))
