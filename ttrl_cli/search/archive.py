"""The archive: the tree of verified states a search selects from and extends. No I/O.

Source: TTT-Discover (arXiv 2601.16175). Its rules:

- An expansion of p whose best valid child scores y sets m(p) = max(m(p), y), for the direct parent
  only, and adds 1 to n of p and of each of its ancestors, and to T. A failed expansion is counted
  too and leaves m alone. (The paper counts one expansion per group; its released code counts every
  sample, which all but bars visited states. `visits_per_sample` is that ablation.)
- Kept are the best `children_per_parent` children of each parent over its lifetime, and of these
  the best `capacity`; of equals the earlier. Seeds are always kept.
- A child whose data equals that of a live state, or of an earlier sibling, is dropped; it still
  counts towards m(p).
- Evicted states still count as ancestors; they keep id, parent, scores, n and m, and lose their
  data and texts.

`Archive.extend` returns what it admitted. These records, replayed in order onto the same seeds,
give the identical archive, so they are all that has to be saved. That holds although a child that
was turned away is absent from the replay: the bar for admission never falls, so whatever takes its
place among its siblings ranks below it and is turned away or evicted as well. For the same reason
a child evicted for want of room needs no place among its parent's best.
"""

import hashlib
import heapq
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ttrl_cli.records import BoolArray, FloatArray, IntArray, Json, State

ScalarT = TypeVar("ScalarT", bound=np.generic)
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What one group of samples added under one parent.

    Attributes:
        step: The step it happened in.
        group: Index of the group within the step.
        parent: Id of the state that was expanded.
        samples: Samples drawn, G.
        best: Best signed score among all valid children, duplicates and those not kept included;
            None where the expansion failed.
        children: The valid children in the order of their index; after `Archive.extend`, those
            admitted.
    """

    step: int
    group: int
    parent: str
    samples: int
    best: float | None
    children: tuple[State, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveView:
    """The live states as read-only arrays `[N]`, in insertion order; `Archive.at` has the states.

    Attributes:
        reward_N: R, the signed score, in the problem's units.
        best_child_N: m, the best signed score of a direct child; -inf where there is none.
        visits_N: n, expansions of the state and of its descendants.
        seed_N: True for seeds.
        node_N: Number of the state among all that were ever kept, ascending.
        parent_N: Number of its parent in the same count; -1 for seeds.
        total: T, expansions of the whole run.
    """

    reward_N: FloatArray
    best_child_N: FloatArray
    visits_N: IntArray
    seed_N: BoolArray
    node_N: IntArray
    parent_N: IntArray
    total: int


class _Column(Generic[ScalarT]):
    """An array that grows by doubling."""

    def __init__(self, dtype: type[ScalarT]) -> None:
        self._data: NDArray[ScalarT] = np.empty(16, dtype=dtype)
        self._size = 0

    def append(self, value: float) -> None:
        if self._size == self._data.size:
            self._data = np.concatenate([self._data, np.empty_like(self._data)])
        self._data[self._size] = value
        self._size += 1

    @property
    def values(self) -> NDArray[ScalarT]:
        """The entries so far; writable, and valid until the next append."""
        return self._data[: self._size]


def data_digest(data: Json) -> str:
    """SHA-256 (hex) of the canonical JSON of verified data: equal digests are duplicates.

    Raises:
        ValueError: If the data holds a number that is not finite.
        TypeError: If it is not JSON.
    """
    text = json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Archive:
    """A tree of states under fixed seeds, made by `Archive.from_seeds`.

    Nodes are numbered in the order they were kept; numbers are never reused, so a parent's number
    is below its children's.
    """

    def __init__(self, *, capacity: int, children_per_parent: int, visits_per_sample: bool) -> None:
        self._capacity = capacity
        self._children_per_parent = children_per_parent
        self._visits_per_sample = visits_per_sample
        self._total = 0
        self._best = 0
        self._seeds = 0
        self._live_children = 0
        self._states: list[State] = []
        self._digests: list[str] = []
        self._number: dict[str, int] = {}
        self._live_digests: set[str] = set()
        self._worst_first: list[tuple[float, int]] = []  # heap of (R, -node), stale ones included
        self._reward = _Column(np.float64)
        self._best_child = _Column(np.float64)
        self._visits = _Column(np.int64)
        self._parent = _Column(np.int64)
        self._first_child = _Column(np.int64)
        self._next_sibling = _Column(np.int64)
        self._live = _Column(np.bool_)
        self._view: ArchiveView | None = None

    @classmethod
    def from_seeds(
        cls,
        seeds: Sequence[State],
        *,
        capacity: int = 1000,
        children_per_parent: int = 2,
        visits_per_sample: bool = False,
    ) -> Self:
        """An archive of seeds alone; seeds may have equal data.

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
        archive._check_states(seeds, parent=None)
        for seed in seeds:
            archive._insert(seed, _NONE, data_digest(seed.data))
        return archive

    def extend(self, expansion: Expansion) -> Expansion:
        """Count one expansion and keep those of its children that earn a place.

        The parent may have been evicted since it was selected. Nothing changes where this raises.

        Args:
            expansion: All valid children of one group.

        Returns:
            The same expansion with only the children that are live now, to be saved for replay.

        Raises:
            ValueError: If the parent is unknown, a child names another parent, has a known id or a
                score that is not finite, data is not finite, or `samples` or `best` contradicts
                the children.
        """
        self._check(expansion)
        parent = self._number[expansion.parent]
        fresh = self._without_duplicates(expansion.children)
        chosen = self._best_of_parent(parent, [child for child, _ in fresh])
        kept = {child.id for child in self._make_room(chosen)}
        admitted = [(child, digest) for child, digest in fresh if child.id in kept]
        for child, digest in admitted:
            self._insert(child, parent, digest)
        self._count(parent, expansion)
        self._view = None
        return replace(expansion, children=tuple(child for child, _ in admitted))

    def __len__(self) -> int:
        return self._seeds + self._live_children

    @property
    def states(self) -> tuple[State, ...]:
        """The live states in insertion order."""
        return tuple(self._states[node] for node in self.view().node_N)

    @property
    def total(self) -> int:
        """T: expansions so far (samples under `visits_per_sample`)."""
        return self._total

    def best(self) -> State:
        """The live state with the highest R, the earliest of equals; no better was ever seen."""
        return self._states[self._best]

    def state(self, id: str) -> State:
        """The state with an id; once evicted, its data is None and its texts are empty.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        return self._states[self._number[id]]

    def at(self, row: int) -> State:
        """The live state in one row of `view()`."""
        return self._states[int(self.view().node_N[row])]

    def is_live(self, id: str) -> bool:
        """True for a state that was kept and has not been evicted."""
        return id in self._number and bool(self._live.values[self._number[id]])

    def holds(self, data: Json) -> bool:
        """True if a live state has equal data."""
        return data_digest(data) in self._live_digests

    def visits(self, id: str) -> int:
        """n: expansions of the state and of its descendants; KeyError if it was never kept."""
        return int(self._visits.values[self._number[id]])

    def best_child(self, id: str) -> float | None:
        """m: best signed score of a direct child, None without one; KeyError if never kept."""
        best = float(self._best_child.values[self._number[id]])
        return None if math.isinf(best) else best

    def view(self) -> ArchiveView:
        """Arrays of the live states, made once per extension."""
        if self._view is None:
            node_N = np.flatnonzero(self._live.values)
            self._view = ArchiveView(
                reward_N=_frozen(self._reward.values[node_N]),
                best_child_N=_frozen(self._best_child.values[node_N]),
                visits_N=_frozen(self._visits.values[node_N]),
                seed_N=_frozen(self._parent.values[node_N] == _NONE),
                node_N=_frozen(node_N),
                parent_N=_frozen(self._parent.values[node_N]),
                total=self._total,
            )
        return self._view

    def lineage(self, id: str) -> IntArray:
        """Rows of `view()` that hold the state, its ancestors and its descendants.

        Evicted relatives have no row; the live ones beyond them are found.

        Returns:
            Ascending row numbers, int64.

        Raises:
            KeyError: If no state of that id was ever kept.
        """
        node = self._number[id]
        above = np.array(self._with_ancestors(node), dtype=np.int64)
        family = np.sort(np.concatenate([above, *self._descendants(node)]))
        row_F: IntArray = np.searchsorted(self.view().node_N, family[self._live.values[family]])
        return row_F

    def digest_lines(self) -> Iterator[str]:
        """One JSON line for T and one per state ever kept, for a digest of the run.

        Yields:
            `["total", T]`, then `[id, parent, score, signed, n, m, digest of the data, live]`.
        """
        yield json.dumps(["total", self._total])
        for state, digest in zip(self._states, self._digests, strict=True):
            counts = [self.visits(state.id), self.best_child(state.id)]
            facts = [state.id, state.parent, state.score, state.signed, *counts, digest]
            yield json.dumps([*facts, self.is_live(state.id)])

    # the tree

    def _with_ancestors(self, node: int) -> list[int]:
        """The node and its ancestors, the root last."""
        parent_N = self._parent.values
        path = []
        while node != _NONE:
            path.append(node)
            node = int(parent_N[node])
        return path

    def _descendants(self, node: int) -> Iterator[IntArray]:
        """The descendants of a node, in batches."""
        first_child_N, next_sibling_N = self._first_child.values, self._next_sibling.values
        batch = first_child_N[[node]]
        while (batch := batch[batch != _NONE]).size:
            yield batch
            batch = np.concatenate([next_sibling_N[batch], first_child_N[batch]])

    def _children(self, node: int) -> Iterator[int]:
        """The direct children of a node that were ever kept."""
        child = int(self._first_child.values[node])
        while child != _NONE:
            yield child
            child = int(self._next_sibling.values[child])

    # one extension

    def _check(self, expansion: Expansion) -> None:
        """Raise ValueError for an expansion that contradicts itself or the archive."""
        if expansion.parent not in self._number:
            msg = f"expansion of {expansion.parent!r}, which is not in the archive"
            raise ValueError(msg)
        self._check_states(expansion.children, parent=expansion.parent)
        if expansion.samples < max(1, len(expansion.children)):
            msg = f"{expansion.samples} samples cannot give {len(expansion.children)} children"
            raise ValueError(msg)
        floor = max((child.signed for child in expansion.children), default=-math.inf)
        best = floor if expansion.best is None else expansion.best
        if expansion.best is None and expansion.children:
            msg = "best is None, and there are valid children"
            raise ValueError(msg)
        if expansion.best is not None and not (math.isfinite(best) and best >= floor):
            msg = f"best {best!r} is not a number, or below the best child's {floor!r}"
            raise ValueError(msg)

    def _check_states(self, states: Sequence[State], parent: str | None) -> None:
        """Raise ValueError for a state that cannot enter under this parent."""
        known: set[str] = set()
        for state in states:
            if state.parent != parent:
                msg = f"state {state.id!r} names parent {state.parent!r}, not {parent!r}"
                raise ValueError(msg)
            if state.id in self._number or state.id in known:
                msg = f"state {state.id!r} is in the archive already"
                raise ValueError(msg)
            if not math.isfinite(state.signed):
                msg = f"state {state.id!r} has the score {state.signed!r}, which is not finite"
                raise ValueError(msg)
            known.add(state.id)

    def _without_duplicates(self, children: Sequence[State]) -> list[tuple[State, str]]:
        """The children, with digests, whose data no live state or earlier sibling has."""
        first: dict[str, State] = {}
        for child in children:
            first.setdefault(data_digest(child.data), child)
        return [(child, key) for key, child in first.items() if key not in self._live_digests]

    def _best_of_parent(self, parent: int, children: Sequence[State]) -> list[State]:
        """Choose among old and new children of a parent, evicting old ones that lost.

        Returns:
            The new ones that are among the parent's best, best first, the earlier of equals first.
        """
        reward_N, live_N, first_new = self._reward.values, self._live.values, len(self._states)
        old = [(-float(reward_N[node]), node) for node in self._children(parent) if live_N[node]]
        new = [(-child.signed, first_new + index) for index, child in enumerate(children)]
        ranked = sorted(old + new)
        for _, node in ranked[self._children_per_parent :]:
            if node < first_new:
                self._evict(node)
        winners = ranked[: self._children_per_parent]
        return [children[node - first_new] for _, node in winners if node >= first_new]

    def _make_room(self, chosen: list[State]) -> list[State]:
        """Evict the worst live children, or turn away the worst chosen, down to the capacity.

        Args:
            chosen: New children, best first.

        Returns:
            Those of them that stay.
        """
        staying = list(chosen)
        while self._live_children + len(staying) > self._capacity:
            worst = self._worst()
            if worst is None or staying[-1].signed <= self._reward.values[worst]:
                staying.pop()
            else:
                self._evict(worst)
        return staying

    def _worst(self) -> int | None:
        """The live state with the lowest R that is no seed, the latest of equals."""
        live_N = self._live.values
        while self._worst_first and not live_N[-self._worst_first[0][1]]:
            heapq.heappop(self._worst_first)
        return -self._worst_first[0][1] if self._worst_first else None

    def _insert(self, state: State, parent: int, digest: str) -> None:
        """Append a live state."""
        node = len(self._states)
        self._states.append(state)
        self._digests.append(digest)
        self._number[state.id] = node
        self._live_digests.add(digest)
        self._reward.append(state.signed)
        self._best_child.append(-math.inf)
        self._visits.append(0)
        self._parent.append(parent)
        self._first_child.append(_NONE)
        self._next_sibling.append(_NONE)
        self._live.append(True)
        if state.signed > self._states[self._best].signed:
            self._best = node
        if parent == _NONE:
            self._seeds += 1
            return
        self._next_sibling.values[node] = self._first_child.values[parent]
        self._first_child.values[parent] = node
        self._live_children += 1
        heapq.heappush(self._worst_first, (state.signed, -node))

    def _evict(self, node: int) -> None:
        """Make a state history: it stays an ancestor and gives up its data and texts."""
        self._live.values[node] = False
        self._live_children -= 1
        self._live_digests.remove(self._digests[node])
        self._states[node] = replace(
            self._states[node], data=None, solution="", shown="", output="", feedback=""
        )

    def _count(self, parent: int, expansion: Expansion) -> None:
        """Add one expansion to n, T and m."""
        weight = expansion.samples if self._visits_per_sample else 1
        self._total += weight
        self._visits.values[self._with_ancestors(parent)] += weight
        if expansion.best is not None:
            best_child_N = self._best_child.values
            best_child_N[parent] = max(float(best_child_N[parent]), expansion.best)


def _frozen(array: NDArray[ScalarT]) -> NDArray[ScalarT]:
    """The array, made read-only."""
    array.flags.writeable = False
    return array
