"""Equations and inequalities as polynomials, and what an equation gives a value to."""

import re
from collections.abc import Sequence

from ttrl_cli.equivalence import numeric
from ttrl_cli.equivalence import polynomial as poly
from ttrl_cli.equivalence.expression import (
    FUNCTIONS,
    STRUCTURES,
    Node,
    Unreadable,
    difference,
    is_fixed,
)
from ttrl_cli.equivalence.known import Canonical
from ttrl_cli.equivalence.normal_form import normal_form

VALUE_OF = "value of "
"""What the name of a side of an equation without variables begins with."""
_UNKNOWN = re.compile(r"(?:[a-zA-Z]|\\[a-zA-Z]+)(?:_.*)?")
_NO_VARIABLES = frozenset(("pi", "e", "i"))


def named(name: str, value: Canonical) -> Canonical:
    """Return the canonical form of a named value such as x = 5."""
    return Canonical(
        key=f"{name} = {value.key}", kind="named", name=name, parts=(value,), fixed=value.fixed
    )


def name_of(node: Node) -> str:
    """Return an equation's left side as a name; empty where it is none.

    A name is a variable, a tuple of variables, or a combination of variables alone (x + y, AB).
    """
    if node.head == "tuple" and all(arg.head == "symbol" for arg in node.args):
        return f"({','.join(arg.name for arg in node.args)})"
    if node.head == "symbol":
        return node.name
    return poly.key(form(node)) if _only_symbols(node) else ""


def label_of(node: Node) -> str:
    r"""Return as a name a function of variables, such as \cos A, or a length, such as |AB|.

    Return "" for anything else. |x| = 5 has no label, whatever the letter: it has two solutions.
    """
    if node.head == "abs" and _only_symbols(node.args[0]):
        inner = node.args[0]
        if inner.name == "word":
            return name_of(inner)
        return "" if _UNKNOWN.fullmatch(inner.name) else poly.key(form(node))
    if node.head in FUNCTIONS or node.head == "log":
        return poly.key(form(node)) if _variable(node.args[0]) else ""
    return ""


def _only_symbols(node: Node) -> bool:
    if node.head in ("add", "mul", "div"):
        return all(map(_only_symbols, node.args))
    return node.head == "symbol"


def _variable(node: Node) -> bool:
    """Decide whether an expression has a variable outside of functions."""
    if node.head in ("add", "mul", "div"):
        return any(map(_variable, node.args))
    return node.head == "symbol"


def without_approximation(node: Node) -> Node:
    r"""Drop what a value is near to: \sqrt2 \approx 1.41 is \sqrt2; but AB \approx 3 is AB = 3."""
    *operators, last = node.name.split()
    if last != "~" or "~" in operators:
        return node
    if is_fixed(node.args[-2]):
        kept = node.args[:-1]
        return Node("relation", kept, " ".join(operators)) if operators else kept[0]
    return Node("relation", node.args, " ".join([*operators, "="]))


def form(node: Node) -> poly.Polynomial:
    """Return the polynomial of an expression from an equation or inequality.

    Raises:
        Unreadable: If there is none, or if it is a constant.
    """
    if any(arg.head in STRUCTURES or STRUCTURES & {a.head for a in arg.args} for arg in node.args):
        raise Unreadable
    try:
        found = normal_form(node)
    except ArithmeticError as error:
        raise Unreadable from error
    if poly.rational(found) is not None:
        raise Unreadable
    return found


def zero(node: Node, operator: str) -> Canonical:
    """Return the canonical form of an equation `node` = 0 or inequality `node` != 0.

    Its key is the polynomial divided by its first coefficient.
    """
    first, monic = poly.monic(form(node))
    found = numeric.values(node)
    values = None if found is None else tuple(value / float(first) for value in found)
    return Canonical(
        key=f"{operator} {poly.key(monic)}",
        kind="relation",
        name=operator,
        decimal=node.decimal(),
        values=values,
        degree=_degree(monic),
        fixed=False,
    )


def below_zero(parts: Sequence[Node], operators: Sequence[str]) -> Canonical:
    """Return the canonical form of inequalities that hold together, as polynomials below 0."""
    keys = []
    for low, high, operator in zip(parts, parts[1:], operators, strict=False):
        below = form(difference(low, high))
        first, _ = poly.monic(below)
        scaled = poly.multiply(below, poly.constant(1 / abs(first)))
        keys.append(f"{operator} {poly.key(scaled)}")
    return Canonical(key="; ".join(sorted(keys)), kind="relation", name="<", fixed=False)


def _degree(p: poly.Polynomial) -> int:
    """Return the degree of a polynomial in variables and pi; 0 where it has other atoms."""
    degrees = [0]
    for monomial in p:
        powers = [power for atom, power in monomial if atom not in _NO_VARIABLES]
        if any(power.denominator != 1 or power < 0 for power in powers):
            return 0
        if any("(" in atom for atom, _ in monomial):
            return 0
        degrees.append(int(sum(powers)))
    return max(degrees)
