"""Sets of real numbers: intervals, their unions, and the inequalities that stand for them."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from ttrl_cli.equivalence.equations import below_zero, named
from ttrl_cli.equivalence.expression import (
    STRUCTURES,
    Node,
    Unreadable,
    constant,
    is_fixed,
    negative,
)
from ttrl_cli.equivalence.known import Canonical, known_number

ORDERS = frozenset(("<", "<=", ">", ">="))
BRACKETS = frozenset(("()", "(]", "[)", "[]"))
_TURNED = {">": "<", ">=": "<="}
_INFINITY = constant("oo")


def union_of(parts: Sequence[Canonical]) -> Canonical:
    """Return the canonical form of a union; the order of its parts does not count."""
    ordered = tuple(sorted(parts, key=lambda part: part.key))
    return Canonical(
        key=f"union<{'; '.join(part.key for part in ordered)}>",
        kind="union",
        parts=ordered,
        fixed=all(part.fixed for part in ordered),
    )


def interval(low: Canonical, high: Canonical, brackets: str) -> Canonical:
    """Return the canonical form of an interval; a pair in round brackets has the same form."""
    return Canonical(
        key=f"{brackets}<{low.key}; {high.key}>",
        kind="tuple",
        name=brackets,
        parts=(low, high),
        fixed=low.fixed and high.fixed,
    )


def inequality(node: Node, operators: list[str]) -> Canonical:
    """Return x > 3 or 1 < x < 2 as a named interval; other inequalities as polynomials below 0.

    Raises:
        Unreadable: If the inequalities have different directions.
    """
    parts = list(node.args)
    if operators[0] in (">", ">="):
        parts.reverse()
        operators = [_TURNED.get(operator, "") for operator in reversed(operators)]
    if not {"<", "<="}.issuperset(operators):
        raise Unreadable
    return _one_interval(parts, operators) or below_zero(parts, operators)


def all_but(node: Node) -> Canonical | None:
    """Return x != 3 as a named union of two intervals; None for an inequality of another form."""
    left, right = node.args
    if left.head != "symbol":
        left, right = right, left
    if left.head != "symbol" or not is_fixed(right) or right.head in STRUCTURES:
        return None
    low, high = known_number(negative(_INFINITY)), known_number(_INFINITY)
    gap = known_number(right)
    return named(left.name, union_of([interval(low, gap, "()"), interval(gap, high, "()")]))


def joined(parts: Sequence[Canonical], *, either: bool) -> Canonical | None:
    """Return the union of intervals that are alternatives; None where they are not known to be.

    Intervals without a common point are alternatives even if `either` is false.
    """
    if len(parts) < 2 or not all(map(_known, parts)):
        return None
    if separate(parts):
        return union_of(parts)
    return _united(parts) if either else None


def common(parts: Sequence[Canonical]) -> Canonical | None:
    """Return the intersection of two intervals that overlap; None for anything else."""
    if len(parts) != 2 or not all(map(_known, parts)) or separate(parts):
        return None
    return _intersection(*parts)


def spread(parts: Sequence[Canonical]) -> list[Canonical]:
    """Return the parts of a union with each point as an interval from itself to itself."""
    flat = [each for part in parts for each in (part.parts if part.kind == "set" else (part,))]
    return [interval(each, each, "[]") if _is_point(each) else each for each in flat]


def with_points(parts: Sequence[Canonical]) -> tuple[list[Canonical], list[Canonical]] | None:
    """Unite alternatives that are intervals or points: x > 4 or x = 0.

    Return the intervals and the points outside of them; None if the parts are of other kinds, or
    all of one of these.
    """
    points = [part for part in parts if _is_point(part)]
    regions = [part for part in parts if _known(part)]
    if not points or not regions or len(points) + len(regions) < len(parts):
        return None
    united = _united(spread(parts))
    found = united.parts if united.kind == "union" else (united,)
    alone = [part.parts[0] for part in found if part.parts[0].key == part.parts[1].key]
    return [part for part in found if part.parts[0].key != part.parts[1].key], alone


def without_points(
    parts: Sequence[Canonical], points: Sequence[Canonical]
) -> list[Canonical] | None:
    """Return intervals without some points; None unless all of these are known."""
    if not all(map(_known, parts)) or not points or not all(map(_is_point, points)):
        return None
    found = list(parts)
    for point in points:
        found = [piece for part in found for piece in _without_point(part, point)]
    return found


def _without_point(part: Canonical, point: Canonical) -> list[Canonical]:
    """Return what is left of an interval without a point: one interval, or two."""
    (low, high), at = part.parts, _place(point)
    below, above = _end(part, 0), _end(part, 1)
    if at is None or not below <= at <= above or (at in (below, above) and below == above):
        return [part] if at is not None and below != above else []
    if at == below:
        return [interval(low, high, f"({part.name[1]}")]
    if at == above:
        return [interval(low, high, f"{part.name[0]})")]
    return [interval(low, point, f"{part.name[0]})"), interval(point, high, f"({part.name[1]}")]


def separate(parts: Sequence[Canonical]) -> bool:
    """Decide whether these are intervals with gaps between them; a gap may be a single point."""
    if not all(map(_known, parts)):
        return False
    ordered = sorted(parts, key=lambda part: _end(part, 0))
    return all(
        _end(low, 1) < _end(high, 0)
        or (_end(low, 1) == _end(high, 0) and low.name[1] + high.name[0] == ")(")
        for low, high in pairwise(ordered)
    )


def _known(part: Canonical) -> bool:
    """Decide whether this is an interval whose ends are known."""
    return (
        part.kind == "tuple"
        and part.name in BRACKETS
        and all(_place(end) is not None for end in part.parts)
    )


def _is_point(part: Canonical) -> bool:
    return part.kind == "number" and _place(part) is not None


def _united(parts: Sequence[Canonical]) -> Canonical:
    """Return the union of intervals with known ends; merge those that overlap."""
    found: list[Canonical] = []
    for part in sorted(parts, key=lambda part: (_end(part, 0), part.name[0] == "(")):
        if not found or separate((found[-1], part)):
            found.append(part)
            continue
        low = found.pop()
        high = max((low, part), key=lambda part: (_end(part, 1), part.name[1] == "]"))
        found.append(interval(low.parts[0], high.parts[1], low.name[0] + high.name[1]))
    return union_of(found) if len(found) > 1 else found[0]


def _intersection(a: Canonical, b: Canonical) -> Canonical:
    """Return the intersection of two intervals with known ends that overlap."""
    low = max((a, b), key=lambda part: (_end(part, 0), part.name[0] == "("))
    high = min((a, b), key=lambda part: (_end(part, 1), part.name[1] == "]"))
    return interval(low.parts[0], high.parts[1], low.name[0] + high.name[1])


def _end(part: Canonical, end: int) -> float:
    place = _place(part.parts[end])
    return inf if place is None else place


def _place(end: Canonical) -> float | None:
    """Return an interval's end as a real number or an infinity; None where it is not known."""
    if end.kind == "infinity":
        return inf if end.key == "oo" else -inf
    if not end.values or not end.fixed or end.values[0].imag:
        return None
    return end.values[0].real


def _one_interval(parts: Sequence[Node], operators: Sequence[str]) -> Canonical | None:
    places = [place for place, part in enumerate(parts) if part.head == "symbol"]
    fixed = [part for part in parts if is_fixed(part) and part.head not in STRUCTURES]
    if len(places) != 1 or len(fixed) != len(parts) - 1 or len(parts) > 3:
        return None
    (place,) = places
    if len(parts) == 3 and place != 1:
        return None
    low, opening = (parts[0], operators[0]) if place else (negative(_INFINITY), "<")
    high, closing = (parts[-1], operators[-1]) if place < len(parts) - 1 else (_INFINITY, "<")
    brackets = ("(" if opening == "<" else "[") + (")" if closing == "<" else "]")
    return named(parts[place].name, interval(known_number(low), known_number(high), brackets))
