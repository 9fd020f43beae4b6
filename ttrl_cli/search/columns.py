"""An array that grows, and numbers in the order of their rewards: what the archive counts with.

Both cost next to nothing where little changes, however long they are.
"""

import bisect
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ttrl_cli.records import BoolArray, FloatArray, IntArray
from ttrl_cli.search.puct import best_first

ScalarT = TypeVar("ScalarT", bound=np.generic)
MOST_MERGED = 1000
"""Changes up to which they are merged into the order; sorting anew beats many more."""


class Column(Generic[ScalarT]):
    """An array that grows by doubling."""

    def __init__(self, dtype: type[ScalarT]) -> None:
        self._data: NDArray[ScalarT] = np.empty(16, dtype=dtype)
        self._size = 0

    def append(self, value: float) -> None:
        """Add an entry at the end."""
        if self._size == self._data.size:
            self._data = np.concatenate([self._data, np.empty_like(self._data)])
        self._data[self._size] = value
        self._size += 1

    @property
    def values(self) -> NDArray[ScalarT]:
        """The entries so far; writable, and valid until the next append."""
        return self._data[: self._size]


class Ranking:
    """The live nodes from best to worst, of equals the earlier first.

    New nodes are noticed and lost ones noted; the order is brought up to date when it is asked
    for, so that a log replayed without a selection is sorted once.
    """

    def __init__(self) -> None:
        self._order_L: IntArray = np.empty(0, dtype=np.int64)
        self._seen = 0  # nodes below are in the order, or were lost
        self._lost: list[int] = []  # still in the order

    def lose(self, node: int) -> None:
        """Note that a node is no longer live."""
        if node < self._seen:
            self._lost.append(node)

    def order(self, reward_N: FloatArray, live_N: BoolArray) -> IntArray:
        """Return the live nodes, best first.

        Args:
            reward_N: R of all nodes, `[N]`; unchanged for nodes that were passed before.
            live_N: False for nodes that were lost, `[N]`.

        Returns:
            Node numbers `[L]`, read-only.
        """
        fresh_F = self._seen + np.flatnonzero(live_N[self._seen :])
        if fresh_F.size + len(self._lost) > MOST_MERGED:
            live_L = np.flatnonzero(live_N)
            self._order_L = live_L[best_first(reward_N[live_L])]
        elif fresh_F.size or self._lost:
            self._merge(fresh_F[best_first(reward_N[fresh_F])], reward_N)
        self._order_L.flags.writeable = False
        self._seen = live_N.size
        self._lost.clear()
        return self._order_L

    def _merge(self, fresh_F: IntArray, reward_N: FloatArray) -> None:
        """Insert new nodes, given best first, and remove lost ones, copying the order once."""
        nothing = fresh_F[:0]
        changes = [
            *((self._place(int(node), reward_N), node[np.newaxis], 0) for node in fresh_F),
            *((self._place(node, reward_N), nothing, 1) for node in self._lost),
        ]
        pieces, start = [], 0
        for index, inserted, skipped in sorted(changes, key=lambda change: change[0]):
            pieces += [self._order_L[start:index], inserted]
            start = index + skipped
        self._order_L = np.concatenate([*pieces, self._order_L[start:]])

    def _place(self, node: int, reward_N: FloatArray) -> int:
        """Return where in the order a node is, or belongs."""

        def key(other: int) -> tuple[float, int]:
            return -float(reward_N[other]), int(other)

        return bisect.bisect_left(self._order_L, key(node), key=key)
