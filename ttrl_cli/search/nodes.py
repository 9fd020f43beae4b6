"""The nodes of the archive's tree by number: scores, counts, links and ranks. No texts, no rules.

Nodes are numbered in the order they were added; numbers are never reused, so a parent's number is
below its children's. Whatever is asked per step is kept up to date or is one pass over arrays, so
that a step of a search over 1,000,000 states takes milliseconds. What a walk takes is in
proportion to the levels it crosses: upwards 0.1 microseconds each, downwards 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ttrl_cli.records import BoolArray, FloatArray, IntArray
from ttrl_cli.search.columns import Column, Ranking, ScalarT

NONE = -1
"""The parent of a seed, and the end of a chain of children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The archive as a selection sees it, not copied: valid until the archive is next extended.

    Read-only arrays; `[N]` has an entry for each state ever kept, evicted ones included, by number,
    and `[L]` one for each live state.

    Attributes:
        reward_N: R, the signed score, in the problem's units.
        q_N: Q, the best signed score of a direct child, or R where there is none.
        visits_N: n, expansions of the state and of its descendants.
        seed_N: True for seeds.
        live_N: False where the state was evicted.
        order_L: Numbers of the live states from best to worst, of equals the earlier first.
        total: T, expansions of the whole run.
    """

    reward_N: FloatArray
    q_N: FloatArray
    visits_N: IntArray
    seed_N: BoolArray
    live_N: BoolArray
    order_L: IntArray
    total: int


class Nodes:
    """A forest that grows at its leaves; nodes are lost by being marked.

    Attributes:
        live_children: Live nodes that are no seeds.
        total: T, expansions so far.
    """

    def __init__(self) -> None:
        self.live_children = 0
        self.total = 0
        self._seeds = 0
        self._reward = Column(np.float64)
        self._q = Column(np.float64)
        self._has_m = Column(np.bool_)  # where Q is m, and not R
        self._visits = Column(np.int64)
        self._seed = Column(np.bool_)
        self._live = Column(np.bool_)
        self._parent = Column(np.int64)
        self._first_child = Column(np.int64)
        self._next_sibling = Column(np.int64)
        self._ranking = Ranking()

    # -- changes -----------------------------------------------------------------------------

    def add(self, reward: float, parent: int) -> int:
        """Append a live node under a parent, or a seed under NONE, and return its number."""
        node = len(self)
        self._reward.append(reward)
        self._q.append(reward)
        self._has_m.append(False)
        self._visits.append(0)
        self._seed.append(parent == NONE)
        self._live.append(True)
        self._parent.append(parent)
        self._first_child.append(NONE)
        if parent == NONE:
            self._seeds += 1
            self._next_sibling.append(NONE)
        else:
            self.live_children += 1
            self._next_sibling.append(self._first_child.values[parent])
            self._first_child.values[parent] = node
        return node

    def lose(self, node: int) -> None:
        """Mark a live node that is no seed as lost; it stays an ancestor."""
        self._live.values[node] = False
        self.live_children -= 1
        self._ranking.lose(node)

    def count(self, node: int, weight: int, best: float | None) -> None:
        """Count an expansion of a node.

        Args:
            node: The node.
            weight: Added to T, and to n of the node and its ancestors.
            best: Best signed score among the children, for m of the node; None without one.
        """
        self.total += weight
        self._visits.values[self.path(node)] += weight
        if best is None:
            return
        m = self.best_child(node)
        self._q.values[node] = best if m is None else max(m, best)
        self._has_m.values[node] = True

    # -- one node ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._live.values.size

    def reward(self, node: int) -> float:
        """Return R, the signed score."""
        return float(self._reward.values[node])

    def best_child(self, node: int) -> float | None:
        """Return m, the best signed score of a direct child; None if there was none."""
        return float(self._q.values[node]) if self._has_m.values[node] else None

    def visits(self, node: int) -> int:
        """Return n, expansions of the node and of its descendants."""
        return int(self._visits.values[node])

    def is_live(self, node: int) -> bool:
        """Decide whether the node is live."""
        return bool(self._live.values[node])

    def live_children_of(self, node: int) -> Iterator[int]:
        """Yield the direct children that were not lost, the latest first."""
        child = int(self._first_child.values[node])
        while child != NONE:
            if self.is_live(child):
                yield child
            child = int(self._next_sibling.values[child])

    def path(self, node: int) -> IntArray:
        """Return the node and its ancestors, the root last."""
        parent_N = self._parent.values.data  # a memoryview: three times as fast, one by one
        path = []
        while node != NONE:
            path.append(node)
            node = parent_N[node]
        return np.array(path, dtype=np.int64)

    def lineage(self, node: int) -> Iterator[IntArray]:
        """Yield the node with its ancestors, then its descendants, in batches; lost ones too."""
        yield self.path(node)
        first_child_N, next_sibling_N = self._first_child.values, self._next_sibling.values
        batch = first_child_N[[node]]
        while (batch := batch[batch != NONE]).size:
            yield batch
            batch = np.concatenate([next_sibling_N[batch], first_child_N[batch]])

    # -- all nodes ---------------------------------------------------------------------------

    @property
    def live_count(self) -> int:
        """How many nodes are live, seeds included."""
        return self._seeds + self.live_children

    def standing(self) -> Standing:
        """Return the nodes as they are now, without a copy."""
        reward_N, live_N = self._reward.values, self._live.values
        return Standing(
            reward_N=_frozen(reward_N),
            q_N=_frozen(self._q.values),
            visits_N=_frozen(self._visits.values),
            seed_N=_frozen(self._seed.values),
            live_N=_frozen(live_N),
            order_L=self._ranking.order(reward_N, live_N),
            total=self.total,
        )


def _frozen(array: NDArray[ScalarT]) -> NDArray[ScalarT]:
    """Make an array read-only and return it; an array that it is a slice of stays as it is."""
    array.flags.writeable = False
    return array
