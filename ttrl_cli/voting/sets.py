"""Sets and lists of answers, and several equations as one answer."""

from collections.abc import Sequence

from ttrl_cli.voting.equations import named
from ttrl_cli.voting.expression import EITHER, LIST
from ttrl_cli.voting.known import Canonical
from ttrl_cli.voting.regions import common, joined


def set_of(elements: Sequence[Canonical], name: str) -> Canonical:
    """Return a set, or a list where the name says so; one of a single element is that element.

    A set has no repetitions. Those of a list count, except where a value is only said again in
    decimals; its order does not count.
    """
    kinds = [element.kind for element in elements]
    if "named" in kinds or "relation" in kinds:
        return _assignments(elements, name)
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
    """Return the elements without decimals of what is also there as a fraction: 1/2 or 0.5."""
    exact = {part.key for part in parts if not part.decimal}
    return [part for part in parts if not part.decimal or part.key not in exact]


def _assignments(elements: Sequence[Canonical], name: str) -> Canonical:
    """Return x = 1, x = 2 and x = 1, 2 as x in {1, 2}; x = 1, y = 2 as a system.

    Inequalities that overlap hold at once, unless they are alternatives.
    """
    first = elements[0]
    known = [element for element in elements if element.kind == "named"]
    rest = [element for element in elements if element.kind != "named"]
    one = first.kind == "named" and all(element.name == first.name for element in known)
    if one and "relation" not in [element.kind for element in rest]:
        values = [*(element.parts[0] for element in known), *rest]
        region = joined(values, either=name == EITHER) or common(values)
        return named(first.name, region or set_of(values, name))
    parts = sorted(elements, key=lambda element: element.key)
    distinct = len({element.name for element in known}) == len(elements)
    return Canonical(
        key=f"all<{'; '.join(part.key for part in parts)}>",
        kind="system" if distinct else "relation",
        parts=tuple(parts),
        fixed=False,
    )
