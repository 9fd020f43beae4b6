"""Sets and lists of answers, and several equations as one answer."""

from collections.abc import Sequence

from ttrl_cli.equivalence.equations import named
from ttrl_cli.equivalence.expression import EITHER, LIST, MIXED, Verbatim
from ttrl_cli.equivalence.known import Canonical
from ttrl_cli.equivalence.regions import common, joined, union_of, with_points

BRACED = "{}"
"""The name of a set that is an element of another set, or of a tuple."""


def set_of(elements: Sequence[Canonical], name: str) -> Canonical:
    """Return the canonical form of a set, or of a list if `name` says so.

    A single element is returned as itself. A set has no repetitions. In a list they count, unless
    one of the two only repeats the value as a decimal; the order does not count.
    """
    kinds = [element.kind for element in elements]
    if "named" in kinds or "relation" in kinds:
        return _assignments(elements, name)
    name = LIST if name == MIXED else name
    if any("infinity" in [part.kind for part in element.parts] for element in elements):
        region = joined(elements, either=name == EITHER)
        if region is not None:
            return region
    parts = sorted(elements, key=lambda element: element.key)
    parts = _once_per_notation(parts) if name == LIST else list({p.key: p for p in parts}.values())
    if len(parts) == 1:
        return parts[0]
    return Canonical(
        key=set_key(parts),
        kind="set",
        name=LIST if name == LIST else "",
        parts=tuple(parts),
        fixed=all(part.fixed for part in parts),
    )


def set_key(parts: Sequence[Canonical]) -> str:
    """Return the key of a set or list."""
    return f"{{{'; '.join(sorted(part.key for part in parts))}}}"


def _once_per_notation(parts: Sequence[Canonical]) -> list[Canonical]:
    """Drop decimals whose value is also there as a fraction: 1/2 or 0.5.

    If all elements are points, drop repetitions as well: points are solutions, not data.
    """
    points = {part.key: part for part in parts}
    if len(points) > 1 and all(part.kind == "tuple" and part.parts[1:] for part in parts):
        return list(points.values())
    exact = {part.key for part in parts if not part.decimal}
    return [part for part in parts if not part.decimal or part.key not in exact]


def _assignments(elements: Sequence[Canonical], name: str) -> Canonical:
    """Return the canonical form of several named values, equations or inequalities.

    x = 1, x = 2 and x = 1, 2 are x in {1, 2}; x = 1, y = 2 is a system. Inequalities that overlap
    hold at once, unless they are alternatives. x = 1, y = 2, x = 3, y = 4 are two points.

    Raises:
        Verbatim: If some are alternatives and others hold at once.
    """
    first = elements[0]
    known = [element for element in elements if element.kind == "named"]
    rest = [element for element in elements if element.kind != "named"]
    one = first.kind == "named" and all(element.name == first.name for element in known)
    if one and "relation" not in [element.kind for element in rest]:
        values = [*(element.parts[0] for element in known), *rest]
        region = None
        if not first.name.startswith("("):
            region = joined(values, either=name == EITHER) or common(values)
        if region is None and name == EITHER:
            region = _union_with_points(values)
        return named(first.name, region or set_of(values, name))
    points = _points(elements)
    if points is not None:
        return points
    if name == MIXED:
        raise Verbatim
    parts = sorted(elements, key=lambda element: element.key)
    distinct = len({element.name for element in known}) == len(elements) and name != EITHER
    return Canonical(
        key=f"{'any' if name == EITHER else 'all'}<{'; '.join(part.key for part in parts)}>",
        kind="system" if distinct else "relation",
        name=name if name == EITHER else "",
        parts=tuple(parts),
        fixed=False,
    )


def _union_with_points(values: Sequence[Canonical]) -> Canonical | None:
    r"""Return intervals and points as a union, as of \{0\} \cup (4, \infty); None for others."""
    found = with_points(values)
    if found is None:
        return None
    intervals, points = found
    parts = [*intervals, set_of(points, "")] if points else intervals
    return union_of(parts) if len(parts) > 1 else parts[0]


def point(name: str, value: Canonical) -> Canonical:
    """Return a value of several names, such as (y, x) = (2, 1), with the names in sorted order."""
    names = name[1:-1].split(",")
    places = sorted(range(len(names)), key=names.__getitem__)
    ordered = f"({','.join(names[place] for place in places)})"
    if value.kind == "set":
        parts = [_in_places(part, places) for part in value.parts]
        return named(ordered, set_of(parts, value.name))
    return named(ordered, _in_places(value, places))


def system_of(known: Canonical) -> Canonical:
    """Return (x, y) = (1, 2) as the system x = 1, y = 2; anything but a single point unchanged."""
    names, value = known.name[1:-1].split(","), known.parts[0]
    if value.kind != "tuple" or len(value.parts) != len(names):
        return known
    return _assignments(list(map(named, names, value.parts)), LIST)


def _in_places(value: Canonical, places: Sequence[int]) -> Canonical:
    """Return a tuple with its elements in the order `places`; any other value unchanged."""
    if value.kind != "tuple" or len(value.parts) != len(places):
        return value
    return _tuple([value.parts[place] for place in places])


def _tuple(parts: Sequence[Canonical]) -> Canonical:
    return Canonical(
        key=f"()<{'; '.join(part.key for part in parts)}>",
        kind="tuple",
        name="()",
        parts=tuple(parts),
        fixed=all(part.fixed for part in parts),
    )


def _points(elements: Sequence[Canonical]) -> Canonical | None:
    """Return repeated values of the same names as points; None for elements of another form."""
    count = len({element.name for element in elements})
    rounds, rest = divmod(len(elements), count)
    if count < 2 or rounds < 2 or rest or any(each.kind != "named" for each in elements):
        return None
    names = sorted({element.name for element in elements})
    found = []
    for start in range(0, len(elements), count):
        values = {each.name: each.parts[0] for each in elements[start : start + count]}
        if len(values) < count:
            return None
        found.append(_tuple([values[name] for name in names]))
    return named(f"({','.join(names)})", set_of(found, LIST))
