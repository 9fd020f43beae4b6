"""What is known of an answer without a computer algebra system."""

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from ttrl_cli.voting import numeric
from ttrl_cli.voting import polynomial as poly
from ttrl_cli.voting.expression import (
    STRUCTURES,
    Node,
    Unreadable,
    constant,
    difference,
    negative,
    number,
)
from ttrl_cli.voting.known import Canonical, is_fixed, known_number, rational_number
from ttrl_cli.voting.latex import read
from ttrl_cli.voting.normal import normal_form
from ttrl_cli.voting.tidy import MAX_CHARS, folded, tidy

_COMMAND = re.compile(r"\\(?:begin|end|mathbb|operatorname)\*?\s*\{[^{}]*\}|\\(?!text)[A-Za-z]+")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]+")
_TEXT = re.compile(r"\\text\s*\{[^{}]*\}")
_SET_BUILDER = re.compile(r"\\\{\s*[A-Za-z]\s*(?:\\in[^:|]*)?(?::|\||\\mid)")
_SHORT_WORDS = frozenset(("yes", "no", "odd", "red", "all", "day", "boy", "girl", "am", "pm"))
_ORDERS = frozenset(("<", "<=", ">", ">="))
_TURNED = {">": "<", ">=": "<="}


@lru_cache(maxsize=32768)
def canonical(answer: str) -> Canonical:
    """What is known of an answer: any string, in bounded time. Never raises."""
    text = tidy(answer)
    if text.isascii() and text.isdigit() and len(text) <= MAX_CHARS:
        return rational_number(Fraction(int(text)))
    if len(text) > MAX_CHARS or is_prose(text):
        return _text(text)
    try:
        if text.endswith("%"):
            return _percentage(text[:-1])
        return _of(read(text))
    except (Unreadable, RecursionError):
        return _text(text) if _wordy(text) else _opaque(text)


def is_prose(text: str) -> bool:
    r"""Whether a tidied answer is words: a word of four letters outside \text{}, or only words.

    And a set by a rule, {x : x > 3}, which math-verify takes for a fraction in a set.
    """
    if len(text) > MAX_CHARS:
        return True
    plain = _COMMAND.sub(" ", _TEXT.sub(" ", text))
    words = _WORD.findall(plain)
    if any(len(word) > 3 or word.lower() in _SHORT_WORDS for word in words):
        return True
    if _SET_BUILDER.match(text):
        return True
    return not plain.strip(" .,") and "\\text" in text


def _wordy(text: str) -> bool:
    """Whether there is a word of three letters or more, which dx is not, outside of commands."""
    plain = _COMMAND.sub(" ", text.replace("\\text", " "))
    return any(len(word) > 2 for word in _WORD.findall(plain))


def _text(text: str) -> Canonical:
    return Canonical(key=f"text {folded(text)}", kind="text")


def _opaque(text: str) -> Canonical:
    return Canonical(key=f"? {''.join(text.split())}", kind="opaque", fixed=False)


def _percentage(text: str) -> Canonical:
    """Its value, and the number without the sign, which math-verify takes for the same."""
    node = read(text)
    bare = _of(node)
    if bare.kind != "number":
        raise Unreadable
    return replace(_of(Node("div", (node, number(100)))), bare=bare)


def _of(node: Node) -> Canonical:
    if node.head in ("tuple", "matrix", "union"):
        return _structure(node)
    if node.head == "set":
        return _set([_of(arg) for arg in node.args])
    if node.head == "relation":
        return _relation(node)
    return known_number(node)


def _structure(node: Node) -> Canonical:
    parts = [_of(arg) for arg in node.args]
    if node.head == "union":
        parts.sort(key=lambda part: part.key)
    brackets = node.name or node.head
    return Canonical(
        key=f"{brackets}<{'; '.join(part.key for part in parts)}>",
        kind="tuple" if node.head == "tuple" else "union" if node.head == "union" else "matrix",
        name=node.name,
        parts=tuple(parts),
        fixed=all(part.fixed for part in parts),
    )


def _set(elements: Sequence[Canonical]) -> Canonical:
    """A set without repetitions; one of a single element is that element, as for math-verify."""
    kinds = [element.kind for element in elements]
    if "named" in kinds or "relation" in kinds:
        return _assignments(elements)
    parts = tuple({part.key: part for part in sorted(elements, key=lambda e: e.key)}.values())
    if len(parts) == 1:
        return parts[0]
    return Canonical(
        key=f"{{{'; '.join(part.key for part in parts)}}}",
        kind="set",
        parts=parts,
        fixed=all(part.fixed for part in parts),
    )


def _assignments(elements: Sequence[Canonical]) -> Canonical:
    """So x = 1, 2 and x = 1, x = 2 are x in {1, 2}; x = 1, y = 2 is a system."""
    first = elements[0]
    named = [element for element in elements if element.kind == "named"]
    rest = [element for element in elements if element.kind != "named"]
    one = first.kind == "named" and all(element.name == first.name for element in named)
    if one and "relation" not in [element.kind for element in rest]:
        return _named(first.name, _set([*(e.parts[0] for e in named), *rest]))
    parts = sorted(elements, key=lambda element: element.key)
    distinct = len({element.name for element in named}) == len(elements)
    return Canonical(
        key=f"all<{'; '.join(part.key for part in parts)}>",
        kind="system" if distinct else "relation",
        parts=tuple(parts),
        fixed=False,
    )


def _named(name: str, value: Canonical) -> Canonical:
    return Canonical(
        key=f"{name} = {value.key}", kind="named", name=name, parts=(value,), fixed=value.fixed
    )


def _relation(node: Node) -> Canonical:
    operators = node.name.split()
    if set(operators) <= _ORDERS:
        return _inequality(node, operators)
    if set(operators) == {"="}:
        return _equation(node)
    if len(operators) > 1:
        raise Unreadable
    left, right = node.args
    if operators == ["!="]:
        return _zero(difference(left, right), "!=")
    if left.head == "symbol":
        return _named(left.name, _of(right))
    if operators == ["~"]:
        return _of(left)
    raise Unreadable


def _equation(node: Node) -> Canonical:
    """A named value, or a polynomial that is zero; a calculation (1/2 = 0.5) is its result."""
    first, last = node.args[0], node.args[-1]
    if all(map(is_fixed, node.args)):
        return _of(last)
    name = _name(first)
    if name:
        return _named_by_equation(name, first, last)
    if len(node.args) > 2:
        raise Unreadable
    if last.head == "symbol" and is_fixed(first):
        return _named(last.name, _of(first))
    return _zero(difference(first, last), "=")


def _named_by_equation(name: str, left: Node, right: Node) -> Canonical:
    value = _of(right)
    named = _named(name, value)
    if value.kind != "number" or (value.fixed and left.head == "symbol"):
        return named
    zero = _zero(difference(left, right), "=")
    return replace(named, values=zero.values, degree=zero.degree, fixed=False)


def _name(node: Node) -> str:
    """The name of a variable, a tuple of variables, or of x + y: all is symbols; else nothing."""
    if node.head == "tuple" and all(arg.head == "symbol" for arg in node.args):
        return f"({','.join(arg.name for arg in node.args)})"
    if node.head == "symbol":
        return node.name
    return poly.key(_form(node)) if _only_symbols(node) else ""


def _only_symbols(node: Node) -> bool:
    if node.head in ("add", "mul", "div"):
        return all(map(_only_symbols, node.args))
    return node.head == "symbol"


def _form(node: Node) -> poly.Polynomial:
    """The polynomial of an equation or inequality.

    Raises:
        Unreadable: If there is none, or nothing variable in it.
    """
    if any(arg.head in STRUCTURES or STRUCTURES & {a.head for a in arg.args} for arg in node.args):
        raise Unreadable
    try:
        form = normal_form(node)
    except ArithmeticError as error:
        raise Unreadable from error
    if poly.rational(form) is not None:
        raise Unreadable
    return form


def _zero(node: Node, operator: str) -> Canonical:
    """An equation (or its negation) as a polynomial with first coefficient 1."""
    first, form = poly.monic(_form(node))
    found = numeric.values(node)
    values = None if found is None else tuple(value / float(first) for value in found)
    return Canonical(
        key=f"{operator} {poly.key(form)}",
        kind="relation",
        name=operator,
        decimal=node.decimal(),
        values=values,
        degree=_degree(form),
        fixed=False,
    )


def _degree(form: poly.Polynomial) -> int:
    """The degree of a polynomial in variables and pi; 0 where it has other atoms."""
    degrees = [0]
    for monomial in form:
        powers = [power for atom, power in monomial if atom not in ("pi", "e", "i")]
        if any(power.denominator != 1 or power < 0 for power in powers):
            return 0
        if any("(" in atom for atom, _ in monomial):
            return 0
        degrees.append(int(sum(powers)))
    return max(degrees)


def _inequality(node: Node, operators: list[str]) -> Canonical:
    """Put x > 3 and 1 < x < 2 as a variable and its interval; others as polynomials below 0."""
    parts = list(node.args)
    if operators[0] in (">", ">="):
        parts.reverse()
        operators = [_TURNED.get(operator, "") for operator in reversed(operators)]
    if not {"<", "<="}.issuperset(operators):
        raise Unreadable
    pairs = zip(parts, parts[1:], operators, strict=False)
    return _interval(parts, operators) or _below_zero(
        [(difference(low, high), operator) for low, high, operator in pairs]
    )


def _below_zero(relations: Sequence[tuple[Node, str]]) -> Canonical:
    """Inequalities that hold together."""
    keys = []
    for node, operator in relations:
        form = _form(node)
        first, _ = poly.monic(form)
        scaled = poly.multiply(form, poly.constant(1 / abs(first)))
        keys.append(f"{operator} {poly.key(scaled)}")
    return Canonical(key="; ".join(sorted(keys)), kind="relation", name="<", fixed=False)


def _interval(parts: Sequence[Node], operators: Sequence[str]) -> Canonical | None:
    places = [place for place, part in enumerate(parts) if part.head == "symbol"]
    fixed = [
        part for part in parts if is_fixed(part) and part.head not in ("tuple", "set", "union")
    ]
    if len(places) != 1 or len(fixed) != len(parts) - 1 or len(parts) > 3:
        return None
    (place,) = places
    if len(parts) == 3 and place != 1:
        return None
    infinity = constant("oo")
    low, opening = (parts[0], operators[0]) if place else (negative(infinity), "<")
    high, closing = (parts[-1], operators[-1]) if place < len(parts) - 1 else (infinity, "<")
    brackets = ("(" if opening == "<" else "[") + (")" if closing == "<" else "]")
    return _named(parts[place].name, _structure(Node("tuple", (low, high), brackets)))
