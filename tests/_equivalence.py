"""How tables of answers that are the same, or different, are checked."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from ttrl_cli.equivalence.math_verify import Compare, canonical, classes, decided

Pair: TypeAlias = tuple[str, str]
Case: TypeAlias = tuple[str, str, bool]


def table(*, same: Iterable[Pair], different: Iterable[Pair]) -> list[Case]:
    """Return pairs with whether they are the same."""
    return [(*pair, True) for pair in same] + [(*pair, False) for pair in different]


def by_keys(pairs: Sequence[Pair]) -> list[bool]:
    """Find nothing the same but what keys say."""
    return [decided(canonical(a), canonical(b)) is True for a, b in pairs]


def decided_wrongly(cases: Iterable[Case], *, asked: Collection[Pair] = ()) -> list[object]:
    """Return the cases that keys decide otherwise, or not alike in both orders.

    Args:
        cases: A table.
        asked: Pairs that keys must leave to math-verify.
    """
    found: list[object] = []
    for a, b, same in cases:
        expected = None if (a, b) in asked else same
        verdicts = decided(canonical(a), canonical(b)), decided(canonical(b), canonical(a))
        if verdicts != (expected, expected):
            found.append((a, b, verdicts, canonical(a).key, canonical(b).key))
    return found


def sorted_wrongly(cases: Sequence[Case], compare: Compare) -> list[object]:
    """Return the cases that classes sort otherwise, whichever answer comes first."""
    groups = [group for a, b, _ in cases for group in ([a, b], [b, a])]
    found = iter(classes(groups, compare))
    wrong: list[object] = []
    for a, b, same in cases:
        first, second = next(found), next(found)
        expected = {a: a, b: a if same else b}, {a: b if same else a, b: b}
        if (first, second) != expected:
            wrong.append((a, b, first, second))
    return wrong
