"""Answers sorted into classes."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TypeAlias

from ttrl_cli.equivalence.canonical import canonical
from ttrl_cli.equivalence.decide import undecided
from ttrl_cli.equivalence.known import Canonical

Compare: TypeAlias = Callable[[Sequence[tuple[str, str]]], Sequence[bool]]
"""Whether each pair of answers is equivalent."""


def classes(groups: Sequence[Sequence[str]], compare: Compare) -> list[dict[str, str]]:
    """Sort each question's answers into classes.

    Keys decide first. Each round then compares pairs of classes, of all questions in one call of
    `compare`: every class with the first one that it may belong to. What is the same as the same is
    the same, except that no class gets two answers that are surely different. Where comparisons
    are consistent, the classes do not depend on the order of the answers.

    Args:
        groups: Answers of each question, as extracted, with duplicates.
        compare: Says which pairs are equivalent.

    Returns:
        For each question, the representative of each answer: its class's first answer.
    """
    sorters = [_Sorter(answers) for answers in groups]
    known: dict[tuple[str, str], bool] = {}
    while True:
        wanted = [(sorter, *pair) for sorter in sorters for pair in sorter.questions()]
        if not wanted:
            return [sorter.representatives() for sorter in sorters]
        fresh = [pair for pair in dict.fromkeys((a, b) for _, a, b in wanted) if pair not in known]
        if fresh:
            known.update(zip(fresh, compare(fresh), strict=True))
        for sorter, a, b in wanted:
            sorter.learn(a, b, same=known[a, b])


class _Sorter:
    """The answers of one question: first by key, then in classes of these groups."""

    def __init__(self, answers: Sequence[str]) -> None:
        by_key: dict[str, list[str]] = {}
        for answer in dict.fromkeys(answers):
            by_key.setdefault(canonical(answer).key, []).append(answer)
        self.groups = list(by_key.values())
        self.classes = [[place] for place in range(len(self.groups))]
        self.place = {answer: p for p, group in enumerate(self.groups) for answer in group}
        self.known = [_variants(group) for group in self.groups]
        self.open: dict[tuple[int, int], list[tuple[str, str]]] = {}
        self.apart: set[tuple[int, int]] = set()
        for i, j in combinations(range(len(self.groups)), 2):
            self._relate(i, j)

    def representatives(self) -> dict[str, str]:
        """Answer -> its class's first."""
        return {
            answer: self.groups[members[0]][0]
            for members in self.classes
            for place in members
            for answer in self.groups[place]
        }

    def questions(self) -> list[tuple[str, str]]:
        """For each class, a pair that may join it with the first class that it may belong to."""
        found = []
        for place, second in enumerate(self.classes if self.open else ()):
            options = (self._question(first, second) for first in self.classes[:place])
            found += [pair for pair in options if pair is not None][:1]
        return found

    def learn(self, a: str, b: str, *, same: bool) -> None:
        """Join the classes of two answers that are the same, unless others in them differ."""
        i, j = self.place[a], self.place[b]
        self.open[i, j].remove((a, b))
        first, second = (next(c for c in self.classes if place in c) for place in (i, j))
        if same and first is not second and not self._apart(first, second):
            self.classes = sorted(
                [sorted(first + second), *(c for c in self.classes if c not in (first, second))]
            )

    def _relate(self, i: int, j: int) -> None:
        """Note whether two groups are apart, or else what to ask about them."""
        asked = []
        for first, a in self.known[i]:
            for second, b in self.known[j]:
                if not undecided(first, second):
                    self.apart.add((i, j))
                    return
                asked.append((a, b))
        self.open[i, j] = asked

    def _apart(self, first: list[int], second: list[int]) -> bool:
        return any((min(i, j), max(i, j)) in self.apart for i in first for j in second)

    def _question(self, first: list[int], second: list[int]) -> tuple[str, str] | None:
        """The first pair from two classes that is not yet compared."""
        if self._apart(first, second):
            return None
        options = (self.open[min(i, j), max(i, j)] for i in first for j in second)
        return next((pairs[0] for pairs in options if pairs), None)


def _variants(answers: Sequence[str]) -> list[tuple[Canonical, str]]:
    """The first of the answers of which the same is known: 0.5 and 50% have one key, but differ."""
    first: dict[Canonical, str] = {}
    for answer in answers:
        first.setdefault(canonical(answer), answer)
    return list(first.items())
