"""How the parents of a step are chosen: PUCT, and the two ablations of TTT-Discover.

Source: TTT-Discover (arXiv 2601.16175). PUCT and epsilon-greedy block the whole lineage of each
pick (its ancestors and descendants) for the rest of the batch, so that the parents are diverse. A
pick blocks nothing outside its own tree, so as many roots as picks are always enough. Ties go to
the state that entered first.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ttrl_cli.config import SearchName
from ttrl_cli.records import BoolArray, FloatArray, State
from ttrl_cli.search.archive import Archive
from ttrl_cli.search.puct import puct_scores


class Selector(Protocol):
    """Chooses the parents of one step."""

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """The parents of one batch, in the order they were picked.

        Args:
            archive: Where they come from; it is not changed.
            count: Parents wanted, P.
            rng: The only source of chance.

        Raises:
            ValueError: If fewer states than `count` are free of each other's lineage.
        """
        ...


@dataclass(frozen=True, slots=True)
class Puct:
    """The highest PUCT score, computed once per batch; draws no random numbers.

    Attributes:
        c: Exploration constant, >= 0.
    """

    c: float = 1.0

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """The `count` states with the highest scores, no two of one lineage."""
        del rng
        view = archive.view()
        score_N = puct_scores(
            view.reward_N,
            view.best_child_N,
            view.visits_N,
            view.seed_N,
            total=view.total,
            c=self.c,
        )
        batch = _Batch(archive)
        for _ in range(count):
            batch.pick_best(score_N)
        return tuple(batch.picked)


@dataclass(frozen=True, slots=True)
class BestOfN:
    """No reuse: always the roots, in order, cycling where there are fewer than `count`."""

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """The first `count` roots."""
        del rng
        root_rows = np.flatnonzero(archive.view().seed_N)
        return tuple(archive.at(int(root_rows[i % root_rows.size])) for i in range(count))


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """The best state, or by chance any other; n and m play no part.

    Each pick draws one uniform number, and a second where it explores.

    Attributes:
        epsilon: Probability that a pick is uniformly random among the states still free.
    """

    epsilon: float

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """`count` states, no two of one lineage."""
        batch = _Batch(archive)
        for _ in range(count):
            if rng.random() < self.epsilon:
                batch.pick_random(rng)
            else:
                batch.pick_best(archive.view().reward_N)
        return tuple(batch.picked)


def by_name(name: SearchName, *, c: float, epsilon: float) -> Selector:
    """The selector a configuration names.

    Args:
        name: `puct`, `best-of-n` or `epsilon-greedy`.
        c: PUCT's exploration constant.
        epsilon: Share of random picks of epsilon-greedy.
    """
    selectors: dict[SearchName, Selector] = {
        "puct": Puct(c),
        "best-of-n": BestOfN(),
        "epsilon-greedy": EpsilonGreedy(epsilon),
    }
    return selectors[name]


class _Batch:
    """The picks of one step, and what is still free."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._free_N: BoolArray = np.ones(len(archive), dtype=np.bool_)
        self.picked: list[State] = []

    def pick_best(self, score_N: FloatArray) -> None:
        """Pick the free state with the highest score, the earliest of equals."""
        self._require_free()
        self._pick(int(np.argmax(np.where(self._free_N, score_N, -np.inf))))

    def pick_random(self, rng: np.random.Generator) -> None:
        """Pick uniformly among the free states."""
        self._require_free()
        self._pick(int(rng.choice(np.flatnonzero(self._free_N))))

    def _require_free(self) -> None:
        if not self._free_N.any():
            msg = (
                f"after {len(self.picked)} picks no state is free of their lineages: "
                "the archive needs as many roots as there are parents per step"
            )
            raise ValueError(msg)

    def _pick(self, row: int) -> None:
        state = self._archive.at(row)
        self._free_N[self._archive.lineage(state.id)] = False
        self.picked.append(state)
