"""What is known of an answer without a computer algebra system: the record, and numbers."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias

from ttrl_cli.equivalence import numeric
from ttrl_cli.equivalence.expression import Node, constant, is_fixed, negative, number
from ttrl_cli.equivalence.families import in_lowest_terms
from ttrl_cli.equivalence.normal_form import normal_form
from ttrl_cli.equivalence.polynomial import digits, key, rational

Kind: TypeAlias = Literal[
    "number", "infinity", "tuple", "set", "union", "matrix", "named", "system", "relation",
    "text", "opaque",
]  # fmt: skip
_INFINITY = constant("oo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """An answer in canonical form, as far as it is known.

    Attributes:
        key: Answers with equal keys are equivalent.
        kind: What it is: "named" is x = 5, "system" is x = 1, y = 2, "relation" any other; "text"
            is words, "opaque" what we cannot read.
        name: The variable of a named value; the brackets of a tuple; `LIST` for a set that is
            written as a list.
        parts: The value of a named value; the elements of a tuple, a set, a union, a matrix.
        exact: The value of a rational number.
        decimal: A number in it was written with a decimal point.
        values: Values at fixed points; for an equation, of its polynomial with first coefficient 1.
        size: Natural logarithm of a huge number.
        degree: Of an equation's polynomial; 0 where it is not known.
        fixed: It has no variables.
        bare: For a percentage, the number before the sign.
    """

    key: str
    kind: Kind
    name: str = ""
    parts: tuple["Canonical", ...] = ()
    exact: Fraction | None = None
    decimal: bool = False
    values: tuple[complex, ...] | None = None
    size: float | None = None
    degree: int = 0
    fixed: bool = True
    bare: "Canonical | None" = None


def rational_number(value: Fraction, *, decimal: bool = False) -> Canonical:
    """Return the canonical form of a rational number."""
    try:
        values = (complex(float(value)),) * len(numeric.POINTS)
    except OverflowError:
        values = None
    size = None if values else numeric.size(number(value))
    return Canonical(
        key=digits(value),
        kind="number",
        exact=value,
        decimal=decimal,
        values=values,
        size=size,
    )


def known_number(node: Node) -> Canonical:
    """Return the canonical form of a number, or of an expression with variables."""
    if node == _INFINITY:
        return Canonical(key="oo", kind="infinity")
    if node == negative(_INFINITY):
        return Canonical(key="-oo", kind="infinity")
    try:
        form = normal_form(node)
    except ArithmeticError:
        return _unknown(node)
    value = rational(form)
    if value is not None:
        return rational_number(value, decimal=node.decimal())
    return replace(_unknown(node), key=key(in_lowest_terms(form)))


def _unknown(node: Node) -> Canonical:
    """Return the canonical form of an expression without using a normal form.

    Its key is the expression as it was read; where there is a normal form, the caller sets another.
    """
    return Canonical(
        key=f"= {spelled(node)}",
        kind="number",
        decimal=node.decimal(),
        values=numeric.values(node),
        size=numeric.size(node),
        fixed=is_fixed(node),
    )


def spelled(node: Node) -> str:
    """Return an expression as text, without any algebra."""
    if node.head == "number":
        return digits(node.value)
    return f"{node.head}{node.name}({','.join(map(spelled, node.args))})"
