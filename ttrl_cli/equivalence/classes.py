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

    Keys decide first. Each round then compares pairs of classes, for all questions in one call of
    `compare`: every class with the first one that it may belong to. Equivalence is transitive,
    except that no class gets two answers that are surely different. Where comparisons are
    consistent, the classes do not depend on the order of the answers.

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
        """Map each answer to the first answer of its class."""
        return {
            answer: self.groups[members[0]][0]
            for members in self.classes
            for place in members
            for answer in self.groups[place]
        }

    def questions(self) -> list[tuple[str, str]]:
        """Return, for each class, a pair of answers that may join it with an earlier class.

        The earlier class is the first one that it may belong to.
        """
        found = []
        for place, second in enumerate(self.classes if self.open else ()):
            options = (self._question(first, second) for first in self.classes[:place])
            found += [pair for pair in options if pair is not None][:1]
        return found

    def learn(self, a: str, b: str, *, same: bool) -> None:
        """Record that a pair was compared; if it is the same, join the two classes.

        Classes are not joined if any answers in them are known to differ.
        """
        i, j = self.place[a], self.place[b]
        self.open[i, j].remove((a, b))
        first, second = (next(c for c in self.classes if place in c) for place in (i, j))
        if same and first is not second and not self._apart(first, second):
            self.classes = sorted(
                [sorted(first + second), *(c for c in self.classes if c not in (first, second))]
            )

    def _relate(self, i: int, j: int) -> None:
        """Record whether two groups differ for certain; if not, record the pairs to compare."""
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
        """Return the first pair from two classes that is not yet compared; None if all are."""
        if self._apart(first, second):
            return None
        options = (self.open[min(i, j), max(i, j)] for i in first for j in second)
        return next((pairs[0] for pairs in options if pairs), None)


def _variants(answers: Sequence[str]) -> list[tuple[Canonical, str]]:
    """Return each distinct canonical form with the first answer that has it.

    Answers with one key may have several forms, such as 0.5 and 50%.
    """
    first: dict[Canonical, str] = {}
    for answer in answers:
        first.setdefault(canonical(answer), answer)
    return list(first.items())
