"""What is known of an answer without a computer algebra system."""

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from ttrl_cli.equivalence.equations import (
    VALUE_OF,
    label_of,
    name_of,
    named,
    without_approximation,
    zero,
)
from ttrl_cli.equivalence.expression import (
    LIST,
    Node,
    Unreadable,
    Verbatim,
    difference,
    is_fixed,
    number,
)
from ttrl_cli.equivalence.items import split_outside
from ttrl_cli.equivalence.known import Canonical, known_number, rational_number, spelled
from ttrl_cli.equivalence.latex import read
from ttrl_cli.equivalence.regions import ORDERS, all_but, inequality, union_of, without_points
from ttrl_cli.equivalence.sets import BRACED, point, set_key, set_of, system_of
from ttrl_cli.equivalence.tidy import MAX_CHARS, folded, tidy
from ttrl_cli.equivalence.tokens import OR, tokens
from ttrl_cli.equivalence.units import EAST_ASIAN, without_units
from ttrl_cli.equivalence.verbatim import is_misread, written

_COMMAND = re.compile(r"\\(?:begin|end|mathbb|operatorname)\*?\s*\{[^{}]*\}|\\(?!text)[A-Za-z]+")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]+")
_TEXT = re.compile(r"\\text\s*\{[^{}]*\}")
_NOTATION = re.compile(r"\\text\{[@:][^{}]*\}")
_SET_BUILDER = re.compile(r"\\\{\s*[A-Za-z]\s*(?:\\in[^:|]*)?(?::|\||\\mid)")
_SHORT_WORDS = frozenset(("yes", "no", "odd", "red", "all", "day", "boy", "girl", "am", "pm"))
_TWO_VALUES = re.compile(r"\(\s*(?:=|\\approx(?![a-zA-Z]))")
_COUNTED = re.compile(r"(?<=\d)\s?(?:\\text\s?\{[^{}]*\}|[A-Za-z]+)")
_GLUED_UNIT = re.compile(
    r"(-?(?:\d+(?:\.\d+)?|\.\d+))"
    r"(?:[JNWVKLACFT]|N\s?(?:\\cdot\s?)?m|[mgJNWVC]/(?:kg|mol|mL|[smLKC])(?:\s?\^\s?\{?\s?\d\s?\}?)?)"
)
_EQUALITY = re.compile(r"(?<![<>!=\\])=(?!=)")


@lru_cache(maxsize=32768)
def canonical(answer: str) -> Canonical:
    """Return the canonical form of an answer in bounded time; never raise."""
    text = tidy(answer)
    if text.isascii() and text.isdigit() and len(text) <= MAX_CHARS:
        return rational_number(Fraction(int(text)))
    if len(text) > MAX_CHARS:
        return _text(text)
    if is_prose(text):
        return _assigned(text) or _text(text)
    try:
        if text.endswith("%"):
            return _percentage(text[:-1])
        return _with_unit(text) or _of(read(text))
    except Verbatim:
        return _assigned(text) or _as_written(text)
    except (Unreadable, RecursionError):
        return _assigned(text) or _unread(text)


def is_prose(text: str) -> bool:
    r"""Decide whether to treat a tidied answer as words.

    Do so if it has a word of four or more letters outside \text{}, or words alone. Also do so for a
    set built by a rule, {x : x > 3}, which math-verify would read as a fraction in a set.
    """
    if len(text) > MAX_CHARS or EAST_ASIAN.search(text):
        return True
    plain = _COMMAND.sub(" ", _TEXT.sub(" ", _NOTATION.sub(" 0 ", text)))
    words = _WORD.findall(plain)
    if any(len(word) > 3 or word.lower() in _SHORT_WORDS for word in words):
        return True
    if _SET_BUILDER.match(text):
        return True
    return not plain.strip(" .,") and "\\text" in text


def right_side(text: str) -> tuple[str, str]:
    """Return the first and the last side of an equation: the name and the value.

    The value is empty where there is no equals sign.
    """
    sides = _EQUALITY.split(text)
    return sides[0].strip(), sides[-1].strip() if len(sides) > 1 else ""


def _wordy(text: str) -> bool:
    """Decide whether a text has a word of three or more letters (dx is none) or a marked word.

    Commands do not count.
    """
    plain = _COMMAND.sub(" ", text.replace("\\text", " "))
    return any(len(word) > 2 for word in _WORD.findall(plain)) or bool(_NOTATION.search(text))


def _text(text: str) -> Canonical:
    return Canonical(key=f"text {folded(text)}", kind="text")


def _unread(text: str) -> Canonical:
    """Classify an answer that we cannot read: as text, as verbatim, or as opaque.

    Opaque answers are left to math-verify; text and verbatim are what it would misread.
    """
    if _wordy(text) or _TWO_VALUES.search(text):
        return _text(text)
    try:
        misread = is_misread(tokens(text))
    except Unreadable:
        misread = True
    if misread:
        return _as_written(text)
    return Canonical(key=f"? {''.join(text.split())}", kind="opaque", fixed=False)


def _as_written(text: str) -> Canonical:
    """Return the canonical form of an answer that is compared by its spelling alone."""
    try:
        found = written(tokens(text))
    except Unreadable:
        found = " ".join(text.split())
    return _verbatim(found)


def _verbatim(found: str) -> Canonical:
    return Canonical(key=f"as written {found}", kind="text")


def _assigned(text: str) -> Canonical | None:
    """Read values whose names are unreadable: "number of ways = 12", "Ann = 5, P(X > 2) = 1".

    Return None if the text has another form.
    """
    pieces = split_outside(text)
    if len(pieces) == 1:
        return _assignment(text)
    known = [_assignment(piece) for piece in pieces]
    found = [each for each in known if each is not None]
    if OR in text or len({each.name for each in found}) < len(pieces):
        return None
    return set_of(found, LIST)


def _assignment(text: str) -> Canonical | None:
    """Read a name and its value; None if the text has another form.

    "total = 3 + 4 = 7" may have steps in between, but no words in them.
    """
    name, value = right_side(text)
    value = without_units(value)
    steps = [_COUNTED.sub("", step) for step in _EQUALITY.split(text)[1:-1]]
    if not name or not value or any(map(is_prose, steps)) or any(map(_wordy, steps)):
        return None
    try:
        node = read(value)
        known = _percentage(value[:-1]) if value.endswith("%") else _of(node)
    except (Unreadable, RecursionError):
        return None
    if not is_fixed(node) or known.kind not in ("number", "tuple", "infinity"):
        return None
    return named(folded(name) if is_prose(name) or _wordy(name) else "".join(name.split()), known)


def _with_unit(text: str) -> Canonical | None:
    """Return a number and the letter glued to it as a product; set `bare` to the number.

    12J is 12 J, which is 12, and no 12 V. Return None for any other text.
    """
    glued = _GLUED_UNIT.fullmatch(text)
    if glued is None:
        return None
    return replace(_of(read(text)), bare=_of(read(glued[1])))


def _percentage(text: str) -> Canonical:
    """Return a percentage as its value; set `bare` to the number before the sign.

    math-verify takes the two for the same.
    """
    node = read(text)
    bare = _of(node)
    if bare.kind != "number":
        raise Unreadable
    return replace(_of(Node("div", (node, number(100)))), bare=bare)


def _of(node: Node) -> Canonical:
    if node.head in _KNOWN:
        return _KNOWN[node.head](node)
    return known_number(node)


def _structure(node: Node) -> Canonical:
    parts = [_nested(arg) for arg in _in_proportion(node)]
    brackets = node.name or node.head
    return Canonical(
        key=f"{brackets}<{'; '.join(part.key for part in parts)}>",
        kind="tuple" if node.head == "tuple" else "matrix",
        name=node.name,
        parts=tuple(parts),
        fixed=all(part.fixed for part in parts),
    )


def _in_proportion(node: Node) -> tuple[Node, ...]:
    """Return the parts of a structure; divide those of a proportion such as 2:4:6 by the first."""
    first = node.args[0]
    if node.name != "::" or known_number(first).key == "0":
        return node.args
    return tuple(Node("div", (arg, first)) for arg in node.args)


def _set(node: Node) -> Canonical:
    if node.name:
        return set_of([_element(arg, node) for arg in node.args], node.name)
    inner = [_nested(arg) if arg.head == "set" else _element(arg, node) for arg in node.args]
    return set_of(inner, node.name)


def _without_points(node: Node) -> Canonical:
    r"""Return an interval or a union without some points, as the union of what is left.

    Raises:
        Verbatim: If its ends or the points are not known.
    """
    left, points = map(_of, node.args)
    gaps = points.parts if points.kind == "set" else (points,)
    found = without_points(left.parts if left.kind == "union" else (left,), gaps)
    if found is None:
        raise Verbatim
    return union_of(found) if len(found) > 1 else found[0]


def _nested(node: Node) -> Canonical:
    """Return the canonical form of an element of a set or tuple.

    An inner set stays one element, even if it has a single element itself.
    """
    known = _of(node)
    if node.head != "set" or node.name:
        return known
    parts = known.parts if known.kind == "set" and known.name != BRACED else (known,)
    return Canonical(
        key=f"braced{set_key(parts)}",
        kind="set",
        name=BRACED,
        parts=parts,
        fixed=all(part.fixed for part in parts),
    )


def _element(node: Node, whole: Node) -> Canonical:
    r"""Return the canonical form of an element of a set or list of answers.

    Among equations alone, one between constants, such as \sin\pi = 0, is named by its left side.
    """
    if all(arg.head == "relation" and arg.name == "=" for arg in whole.args):
        left, right = node.args
        if is_fixed(left) and is_fixed(right):
            return named(f"{VALUE_OF}{spelled(left)}", _of(right))
    return _relation(node, within=True) if node.head == "relation" else _of(node)


def _relation(node: Node, *, within: bool = False) -> Canonical:
    node = without_approximation(node)
    if node.head != "relation":
        return _of(node)
    operators = node.name.split()
    if set(operators) <= ORDERS:
        return inequality(node, operators)
    if set(operators) == {"="}:
        return _equation(node, within=within)
    if len(operators) > 1:
        raise Unreadable
    left, right = node.args
    if operators == ["!="]:
        return all_but(node) or zero(difference(left, right), "!=")
    if left.head == "symbol":
        return named(left.name, _of(right))
    if operators == ["in"] and left.head == "tuple" and name_of(left):
        return point(name_of(left), _of(right))
    raise Unreadable


def _equation(node: Node, *, within: bool) -> Canonical:
    """Return an equation as a named value, a polynomial that is zero, or a calculation's result.

    (x, y) = (1, 2) alone is x = 1, y = 2; within a list it is one of several points.
    """
    first, last = node.args[0], node.args[-1]
    if all(map(is_fixed, node.args)):
        return _of(last)
    name = name_of(first)
    if name and first.head == "tuple":
        found = point(name, _of(last))
        return found if within else system_of(found)
    if name:
        return _named_by_equation(name, first, last)
    label = label_of(first) if is_fixed(last) else ""
    if label:
        return named(label, _of(last))
    if len(node.args) > 2:
        raise Unreadable
    if last.head == "symbol" and is_fixed(first):
        return named(last.name, _of(first))
    return zero(difference(first, last), "=")


def _named_by_equation(name: str, left: Node, right: Node) -> Canonical:
    value = _of(right)
    known = named(name, value)
    if value.kind != "number" or (value.fixed and left.head == "symbol"):
        return known
    equation = zero(difference(left, right), "=")
    return replace(known, values=equation.values, degree=equation.degree, fixed=False)


_KNOWN: dict[str, Callable[[Node], Canonical]] = {
    "union": lambda node: union_of([_of(arg) for arg in node.args]),
    "tuple": _structure,
    "matrix": _structure,
    "set": _set,
    "relation": _relation,
    "minus": _without_points,
    "word": lambda node: _text(node.name),
    "verbatim": lambda node: _verbatim(node.name),
}
