"""The tree of an expression, as the reader of LaTeX makes it."""

from fractions import Fraction
from typing import NamedTuple

FUNCTIONS = frozenset(
    ("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
)
STRUCTURES = frozenset(("tuple", "set", "union", "minus", "matrix", "relation", "word", "verbatim"))
"""Heads of what is no number."""
LIST = ","
"""The name of a set that is written as a list, in which repetitions count."""
EITHER = "or"
"""The name of a set that is written as alternatives, with "or" between them."""
MIXED = "mixed"
"""The name of a set that is written with "or" and with commas."""
PRIME = "\N{PRIME}"


class Unreadable(ValueError):
    """The text is not in the part of LaTeX that this reader knows."""


class Verbatim(Unreadable):
    r"""The text can only be compared as it is written: 7 R 3, p \land q, A^TB.

    To take it for a product, as math-verify does, would make it the same as 3 R 7, p \lor q, BA^T.
    """


class Node(NamedTuple):
    """An expression.

    Heads: number, symbol, constant (pi, e, i, oo); add, mul, div, pow, root (base, index) and the
    functions of `FUNCTIONS`, abs, floor, ceil, factorial, factorial2, binom, log (argument, base);
    tuple (name: its brackets), set (name: `LIST`, `EITHER`, `MIXED` or none), union, minus (region,
    points), matrix (rows), relation (name: operators), word, verbatim (name: its tokens). A product
    of capital letters
    alone has the name "word".
    """

    head: str
    args: tuple["Node", ...] = ()
    name: str = ""
    value: Fraction = Fraction(0)

    def decimal(self) -> bool:
        """Return whether a number in it was written with a decimal point."""
        return self.name == "." or any(arg.decimal() for arg in self.args)


def number(value: Fraction | int) -> Node:
    """Make a number node."""
    return Node("number", value=Fraction(value))


def constant(name: str) -> Node:
    """Make a constant node."""
    return Node("constant", name=name)


def negative(node: Node) -> Node:
    """Return the node times -1."""
    return Node("mul", (number(-1), node))


def difference(left: Node, right: Node) -> Node:
    """Return the node of `left` minus `right`."""
    return Node("add", (left, negative(right)))


def is_fixed(node: Node) -> bool:
    """Return whether an expression has no variables."""
    return node.head != "symbol" and all(map(is_fixed, node.args))
