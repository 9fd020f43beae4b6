"""The archive: the tree of verified states a search selects from and extends. No I/O.

Source: TTT-Discover (arXiv 2601.16175). Its rules:

- An expansion of p whose best valid child scores y sets m(p) = max(m(p), y), for the direct parent
  only, and adds 1 to n of p and of each of its ancestors, and to T. A failed expansion is counted
  too and leaves m alone. (The paper counts one expansion per group; its released code counts every
  sample, which all but bars visited states. `visits_per_sample` is that ablation.)
- Kept are the best `children_per_parent` children of each parent over its lifetime, and of these
  the best `capacity`; of equals the earlier. Seeds are always kept.
- A child whose data, or identity where it has one, equals that of a live state or of an earlier
  sibling is dropped; it still counts towards m(p).
- Evicted states still count as ancestors; they keep id, parent, scores, n and m, and lose their
  data and texts.

`Archive.extend` returns what it admitted. These records, replayed in order onto the same seeds,
give the identical archive, so they are all that has to be saved. That holds although a child that
was turned away is absent from the replay: the bar for admission never falls, so whatever takes its
place among its siblings ranks below it and is turned away or evicted as well. For the same reason
a child evicted for want of room needs no place among its parent's best.
"""

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

from ttrl_cli.records import IntArray, Json, State
from ttrl_cli.search.expansion import (
    Expansion,
    check_expansion,
    check_states,
    data_digest,
    digest_of,
)
from ttrl_cli.search.nodes import NONE, Nodes, Standing

__all__ = ["Archive", "Expansion", "Standing", "data_digest", "digest_of"]


class Archive:
    """A tree of states under fixed seeds, made by `Archive.from_seeds`."""

    def __init__(self, *, capacity: int, children_per_parent: int, visits_per_sample: bool) -> None:
        self._capacity = capacity
        self._children_per_parent = children_per_parent
        self._visits_per_sample = visits_per_sample
        self._best = 0
        self._nodes = Nodes()
        self._seeds: tuple[State, ...] = ()
        self._states: list[State] = []  # by number, as are the digests
        self._digests: list[str] = []
        self._number: dict[str, int] = {}
        self._live_digests: set[str] = set()
        self._worst_first: list[tuple[float, int]] = []  # heap of (R, -node), stale ones included

    @classmethod
    def from_seeds(
        cls,
        seeds: Sequence[State],
        *,
        capacity: int = 1000,
        children_per_parent: int = 2,
        visits_per_sample: bool = False,
    ) -> Self:
        """Make an archive that holds only seeds; seeds may have equal data.

        Args:
            seeds: The roots, in order; each has parent None.
            capacity: Most live states besides the seeds, >= 1.
            children_per_parent: Most children kept of each parent over its lifetime, >= 1.
            visits_per_sample: Count samples instead of expansions in n and T (an ablation).

        Raises:
            ValueError: If there is no seed, a seed has a parent, an id comes twice, a signed score
                is not finite, or a bound is below 1.
        """
        if not seeds:
            msg = "an archive needs at least one seed"
            raise ValueError(msg)
        if capacity < 1 or children_per_parent < 1:
            msg = f"capacity {capacity} and children_per_parent {children_per_parent} must be >= 1"
            raise ValueError(msg)
        archive = cls(
            capacity=capacity,
            children_per_parent=children_per_parent,
            visits_per_sample=visits_per_sample,
        )
        check_states(seeds, None, archive._number)
        archive._seeds = tuple(seeds)
        for seed in seeds:
            archive._insert(seed, NONE, digest_of(seed))
        return archive

    def extend(self, expansion: Expansion) -> Expansion:
        """Count one expansion, and admit those of its children that rank high enough.

        The parent may have been evicted since it was selected. If this raises, nothing changes.

        Args:
            expansion: All valid children of one group.

        Returns:
            The same expansion with only the children that are live now, to be saved for replay.

        Raises:
            ValueError: If the parent is unknown, a child names another parent, has a known id or a
                score that is not finite, data is not finite, or `samples` or `best` contradicts
                the children.
        """
        check_expansion(expansion, self._number)
        parent = self._number[expansion.parent]
        fresh = self._without_duplicates(expansion.children)
        chosen = self._best_of_parent(parent, [child for child, _ in fresh])
        kept = {child.id for child in self._make_room(chosen)}
        admitted = [(child, digest) for child, digest in fresh if child.id in kept]
        for child, digest in admitted:
            self._insert(child, parent, digest)
        weight = expansion.samples if self._visits_per_sample else 1
        self._nodes.count(parent, weight, expansion.best)
        return replace(expansion, children=tuple(child for child, _ in admitted))

    def __len__(self) -> int:
        return self._nodes.live_count

    @property
    def seeds(self) -> tuple[State, ...]:
        """The roots, in order."""
        return self._seeds

    @property
    def total(self) -> int:
        """T: expansions so far (samples under `visits_per_sample`)."""
        return self._nodes.total

    def best(self) -> State:
        """Return the live state with the highest R, the earliest of equals.

        No better one was ever seen.
        """
        return self._states[self._best]

    def state(self, id: str) -> State:
        """Return the state with an id; once evicted, its data is None and its texts are empty.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        return self._states[self._number[id]]

    def root_of(self, id: str) -> str:
        """Return the id of the root that a state descends from; a root descends from itself.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        return self._states[int(self._nodes.path(self._number[id])[-1])].id

    def is_live(self, id: str) -> bool:
        """Decide whether a state was kept and has not been evicted."""
        return id in self._number and self._nodes.is_live(self._number[id])

    def holds(self, data: Json, identity: str = "") -> bool:
        """Decide whether a live state has this identity, or without one equal data."""
        return (identity or data_digest(data)) in self._live_digests

    def visits(self, id: str) -> int:
        """Return n: expansions of the state and of its descendants.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        return self._nodes.visits(self._number[id])

    def best_child(self, id: str) -> float | None:
        """Return m: the best signed score of a direct child; None without one.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        return self._nodes.best_child(self._number[id])

    def standing(self) -> Standing:
        """Return what a selection needs, without a copy; it is valid until the next extension."""
        return self._nodes.standing()

    def numbered(self, node: int) -> State:
        """Return the state that has a number of `standing()`."""
        return self._states[node]

    def relatives(self, node: int) -> Iterator[IntArray]:
        """Iterate over the numbers of a state, its ancestors and its descendants, in batches.

        Evicted relatives are included.
        """
        return self._nodes.lineage(node)

    def digest_lines(self) -> Iterator[str]:
        """Yield one JSON line for T and one per state ever kept, for a digest of the run.

        Yields:
            `["total", T]`, then `[id, parent, score, signed, n, m, digest of the data, live]`.
        """
        yield json.dumps(["total", self.total])
        for state, digest in zip(self._states, self._digests, strict=True):
            counts = [self.visits(state.id), self.best_child(state.id)]
            facts = [state.id, state.parent, state.score, state.signed, *counts, digest]
            yield json.dumps([*facts, self.is_live(state.id)])

    # one extension

    def _without_duplicates(self, children: Sequence[State]) -> list[tuple[State, str]]:
        """Return the children whose data no live state or earlier sibling has, with digests."""
        first: dict[str, State] = {}
        for child in children:
            first.setdefault(digest_of(child), child)
        return [(child, key) for key, child in first.items() if key not in self._live_digests]

    def _best_of_parent(self, parent: int, children: Sequence[State]) -> list[State]:
        """Choose the best of a parent's old and new children; evict old ones that lost.

        Returns:
            The new children that are among the best, best first, the earlier of equals first.
        """
        nodes, first_new = self._nodes, len(self._states)
        old = [(-nodes.reward(node), node) for node in nodes.live_children_of(parent)]
        new = [(-child.signed, first_new + index) for index, child in enumerate(children)]
        ranked = sorted(old + new)
        for _, node in ranked[self._children_per_parent :]:
            if node < first_new:
                self._evict(node)
        winners = ranked[: self._children_per_parent]
        return [children[node - first_new] for _, node in winners if node >= first_new]

    def _make_room(self, chosen: list[State]) -> list[State]:
        """Evict the worst live children, or turn away the worst chosen, until all fit.

        Args:
            chosen: New children, best first.

        Returns:
            The chosen children that stay.
        """
        staying = list(chosen)
        while self._nodes.live_children + len(staying) > self._capacity:
            worst = self._worst()
            if worst is None or staying[-1].signed <= self._nodes.reward(worst):
                staying.pop()
            else:
                self._evict(worst)
        return staying

    def _worst(self) -> int | None:
        """Return the live state with the lowest R, seeds excepted, the latest of equals.

        Returns:
            Its number; None if only seeds are live.
        """
        while self._worst_first and not self._nodes.is_live(-self._worst_first[0][1]):
            heapq.heappop(self._worst_first)
        return -self._worst_first[0][1] if self._worst_first else None

    def _insert(self, state: State, parent: int, digest: str) -> None:
        """Append a live state."""
        node = self._nodes.add(state.signed, parent)
        self._states.append(state)
        self._digests.append(digest)
        self._number[state.id] = node
        self._live_digests.add(digest)
        if state.signed > self._states[self._best].signed:
            self._best = node
        if parent != NONE:
            heapq.heappush(self._worst_first, (state.signed, -node))

    def _evict(self, node: int) -> None:
        """Evict a state: it stays an ancestor, but loses its data and texts."""
        self._nodes.lose(node)
        self._live_digests.remove(self._digests[node])
        self._states[node] = replace(
            self._states[node],
            data=None,
            solution="",
            shown="",
            output="",
            feedback="",
            per_trial=(),
        )
