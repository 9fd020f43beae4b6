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
from ttrl_cli.records import FloatArray, State
from ttrl_cli.search.archive import Archive
from ttrl_cli.search.puct import ranked_scale, ranked_scores


class Selector(Protocol):
    """Chooses the parents of one step."""

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """Return the parents of one batch, in the order they were picked.

        Args:
            archive: The archive that they are picked from; it is not changed.
            count: Parents wanted, P.
            rng: The only source of randomness.

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
        """Return the `count` states with the highest scores, no two of one lineage."""
        del rng
        now = archive.standing()
        scale = ranked_scale(now.reward_N, now.seed_N, now.order_L)
        score_N = ranked_scores(
            now.q_N, now.visits_N, now.order_L, scale=scale, total=now.total, c=self.c
        )
        batch = _Batch(archive, score_N)
        for _ in range(count):
            batch.pick_best()
        return tuple(batch.picked)


@dataclass(frozen=True, slots=True)
class BestOfN:
    """No reuse: always the roots, in order, cycling where there are fewer than `count`."""

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """Return the first `count` roots, from the first again if there are fewer."""
        del rng
        roots = archive.seeds
        return tuple(roots[i % len(roots)] for i in range(count))


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """The best state, or by chance any other; n and m play no part.

    Each pick draws one uniform number, and a second where it explores.

    Attributes:
        epsilon: Probability that a pick is uniformly random among the states still free.
    """

    epsilon: float

    def select(self, archive: Archive, count: int, rng: np.random.Generator) -> tuple[State, ...]:
        """Return `count` states, each the best or a random one, no two of one lineage."""
        now = archive.standing()
        batch = _Batch(archive, np.where(now.live_N, now.reward_N, -np.inf))
        for _ in range(count):
            if rng.random() < self.epsilon:
                batch.pick_random(rng)
            else:
                batch.pick_best()
        return tuple(batch.picked)


def by_name(name: SearchName, *, c: float, epsilon: float) -> Selector:
    """Return the selector that a configuration names.

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
    """The picks of one step, and what is still free: the nodes whose score is above -inf.

    Args:
        archive: Where the states are.
        score_N: A score for each state ever kept, by number; -inf for the evicted. Overwritten.
    """

    def __init__(self, archive: Archive, score_N: FloatArray) -> None:
        self._archive = archive
        self._score_N = score_N
        self.picked: list[State] = []

    def pick_best(self) -> None:
        """Pick the free state with the highest score, the earliest of equals."""
        node = int(np.argmax(self._score_N))
        self._require(self._score_N[node] != -np.inf)
        self._pick(node)

    def pick_random(self, rng: np.random.Generator) -> None:
        """Pick uniformly among the free states."""
        free_F = np.flatnonzero(self._score_N != -np.inf)
        self._require(free_F.size > 0)
        self._pick(int(rng.choice(free_F)))

    def _require(self, free: bool) -> None:
        if not free:
            msg = (
                f"after {len(self.picked)} picks no state is free of their lineages: "
                "the archive needs as many roots as there are parents per step"
            )
            raise ValueError(msg)

    def _pick(self, node: int) -> None:
        for relatives in self._archive.relatives(node):
            self._score_N[relatives] = -np.inf
        self.picked.append(self._archive.numbered(node))
