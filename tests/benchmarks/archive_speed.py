"""What an archive of 1,000,000 states costs per step: selecting, extending and committing.

python tests/benchmarks/archive_speed.py [--states 1000000] [--rounds 5]

Two trees are grown, each through `Archive.extend`, two children at a time. "deep": the best 512
states that were not expanded yet are expanded next, and the best of 30 children often betters its
parent, so that the tree grows as PUCT's does where there is always something to gain. "shallow":
parents in the order they came, scores with three digits by chance, and so many ties. Each is
measured below its capacity, filled up, and measured at it. A step extends the 8 states that were
selected before by 64 samples of which 30 are valid, and then selects 8.

The alternative to selecting is what ttrl did before: gather the live states' entries, sort all
rewards, mark what is free; both must pick the same. That to extending is a list of states sorted
again after each. A commit appends the lines of a step; its alternative writes the archive anew.
"""

import argparse
import heapq
import itertools
import statistics
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _figures import ROUNDS, Figure, emit, medians, say, seconds

from ttrl_cli.config import SolveConfig
from ttrl_cli.loop.archive_log import expansion_line, roots_line
from ttrl_cli.records import State
from ttrl_cli.rundir import RunDir, Totals, files
from ttrl_cli.search.archive import Archive, Expansion, Standing
from ttrl_cli.search.select import Puct

PARENTS, SAMPLES, VALID = 8, 64, 30
WIDTH = 512  # parents of the deep tree that are expanded before it is looked at again
SHARE = 20  # of the archive, rewritten as a sample
RESERVE = 10_000  # room for what is measured below the capacity
RNG = np.random.default_rng(0)


def make_state(id_: str, parent: str | None, signed: float) -> State:
    """A state with a few numbers as data."""
    return State(
        id=id_,
        parent=parent,
        step=0,
        score=signed,
        signed=signed,
        data=[signed, *id_.split(".")],
        solution="",
        shown="",
        output="",
        feedback="",
    )


SEEDS = [make_state(f"seed.{place}", None, 0.0) for place in range(PARENTS)]


class Deep:
    """Children near their parents; the best that are new are expanded next."""

    def __init__(self) -> None:
        self._heap = [(-seed.signed, place, seed) for place, seed in enumerate(SEEDS)]
        self._ties = itertools.count(PARENTS)
        self._next: list[State] = []

    def next(self) -> State:
        """The parent to expand."""
        if not self._next:
            most = range(min(WIDTH, len(self._heap)))
            self._next = [heapq.heappop(self._heap)[2] for _ in most]
        return self._next.pop()

    def offer(self, state: State) -> None:
        """A state that was admitted."""
        heapq.heappush(self._heap, (-state.signed, next(self._ties), state))

    @staticmethod
    def rewards(parent: State, count: int) -> list[float]:
        """Scores of so many children, of which only a good one betters its parent."""
        scores: list[float] = (parent.signed + RNG.normal(-0.04, 0.02, count)).tolist()
        return scores


class Shallow:
    """Children by chance, with ties; parents in the order they came."""

    def __init__(self) -> None:
        self._queue = deque(SEEDS)

    def next(self) -> State:
        """The parent to expand."""
        return self._queue.popleft()

    def offer(self, state: State) -> None:
        """A state that was admitted."""
        self._queue.append(state)

    @staticmethod
    def rewards(parent: State, count: int) -> list[float]:
        """Scores of so many children, whoever their parent is."""
        del parent
        scores: list[float] = RNG.normal(0.0, 1.0, count).round(3).tolist()
        return scores


class Tree:
    """An archive that grows, and what it is measured against.

    Attributes:
        archive: The archive.
        picked: Parents of the next step.
        entered: Children that entered while extensions were measured.
    """

    def __init__(self, shape: Deep | Shallow, capacity: int) -> None:
        self.archive = Archive.from_seeds(SEEDS, capacity=capacity, children_per_parent=2)
        self.picked: tuple[State, ...] = ()
        self.entered = 0
        self._shape = shape
        self._number = itertools.count()
        self._added: tuple[State, ...] = ()
        self._sorted: list[State] = []

    def grow(self, states: int) -> None:
        """Extend until there are so many live states."""
        self._sorted = []
        while len(self.archive) < states:
            for child in self.archive.extend(self.expansion(self._shape.next(), 2)).children:
                self._shape.offer(child)

    def expansion(self, parent: State, kept: int = VALID) -> Expansion:
        """An expansion of a parent, with the best of its children alone for the sake of speed."""
        step = next(self._number)
        rewards_V = self._shape.rewards(parent, VALID)
        if kept < VALID:
            rewards_V = heapq.nlargest(kept, rewards_V)
        return Expansion(
            step=step,
            group=0,
            parent=parent.id,
            samples=SAMPLES,
            best=max(rewards_V),
            children=tuple(
                make_state(f"{step}.0.{index}", parent.id, reward)
                for index, reward in enumerate(rewards_V)
            ),
        )

    # -- what is measured --------------------------------------------------------------------

    def _enter(self, expansion: Expansion, added: list[Expansion]) -> None:
        added.append(self.archive.extend(expansion))

    def extend(self) -> float:
        """Seconds of an extension, the median of a step's."""
        took: list[float] = []
        added: list[Expansion] = []
        for parent in self.picked:
            expansion = self.expansion(parent)
            took.append(seconds(partial(self._enter, expansion, added)))
        self._added = added[-1].children
        self.entered += sum(len(expansion.children) for expansion in added)
        return statistics.median(took)

    def select(self) -> float:
        """Seconds of a selection."""
        picked: list[tuple[State, ...]] = []
        took = seconds(lambda: picked.append(Puct(1.0).select(self.archive, PARENTS, RNG)))
        self.picked = picked[0]
        return took

    def extend_plainly(self) -> float:
        """Seconds of sorting a list of all states after an extension."""
        if not self._sorted:
            live_L = np.flatnonzero(self.archive.standing().live_N)
            states = [self.archive.numbered(int(node)) for node in live_L]
            self._sorted = sorted(states, key=_worst_last)
        self._sorted += self._added
        took = seconds(lambda: self._sorted.sort(key=_worst_last))
        del self._sorted[len(self.archive) :]
        return took

    def select_plainly(self) -> float:
        """Seconds of a selection by the plain computation, which must pick the same.

        Raises:
            ValueError: If it does not.
        """
        now = self.archive.standing()
        # where m equals R it makes no difference that R is taken for want of m
        best_child_N = np.where(now.q_N == now.reward_N, -np.inf, now.q_N)
        found: list[list[int]] = []
        took = seconds(lambda: found.append(plain_picks(self.archive, now, best_child_N)))
        if [self.archive.numbered(node).id for node in found[0]] != [s.id for s in self.picked]:
            msg = "the plain computation picks other states"
            raise ValueError(msg)
        return took


def _worst_last(state: State) -> float:
    return -state.signed


def plain_picks(archive: Archive, now: Standing, best_child_N: np.ndarray) -> list[int]:
    """The numbers of the picks of PUCT with c = 1, as ttrl computed them at first."""
    node_L = np.flatnonzero(now.live_N)
    reward_L, m_L, visits_L = now.reward_N[node_L], best_child_N[node_L], now.visits_N[node_L]
    seed_L = now.seed_N[node_L]
    found_L = reward_L[~seed_L]
    size, scale = node_L.size, max(float(found_L.max() - found_L.min()), 1e-6)
    prior_L = np.empty(size)
    prior_L[np.argsort(-reward_L, kind="stable")] = np.arange(size, 0, -1)
    prior_L = prior_L / (size * (size + 1) / 2)
    bonus_L = scale * prior_L * np.sqrt(1 + now.total) / (1 + visits_L)
    score_L = np.where(np.isneginf(m_L), reward_L, m_L) + bonus_L
    free_L = np.ones(size, dtype=np.bool_)
    picks = []
    for _ in range(PARENTS):
        node = int(node_L[np.argmax(np.where(free_L, score_L, -np.inf))])
        family = np.sort(np.concatenate(list(archive.relatives(node))))
        free_L[np.searchsorted(node_L, family[now.live_N[family]])] = False
        picks.append(node)
    return picks


def measure(tree: Tree, name: str, what: str, rounds: int) -> None:
    """Emit the figures of selecting and extending."""
    tree.select()
    say(what)
    before, tree.entered = len(tree.archive), 0
    took = medians(
        {
            "extend": tree.extend,
            "select": tree.select,
            "select plainly": tree.select_plainly,
            "extend plainly": tree.extend_plainly,
        },
        rounds,
    )
    evicted = before + tree.entered - len(tree.archive)
    extensions = rounds * PARENTS
    note = f"in {extensions} extensions {tree.entered} states entered and {evicted} were evicted"
    say(f"  {note}")
    emit(
        Figure(
            name=f"archive-select{name}",
            what=f"selecting {PARENTS} parents after a step's extensions, {what}",
            against="gathering live states and sorting all rewards in numpy, as ttrl did at first",
            ours=took["select"] * 1e3,
            alternative=took["select plainly"] * 1e3,
            unit="ms",
            lower=True,
            target="50 ms",
            note=f"both pick the same states; the deepest has {depth(tree):,} ancestors",
        )
    )
    emit(
        Figure(
            name=f"archive-extend{name}",
            what=f"entering {VALID} valid of {SAMPLES} samples of a parent, {what}",
            against="sorting a list of all states again, without duplicates, counts or links",
            ours=took["extend"] * 1e3,
            alternative=took["extend plainly"] * 1e3,
            unit="ms",
            lower=True,
            target="5 ms",
            note=note,
        )
    )


def depth(tree: Tree) -> int:
    """How many ancestors the deepest pick has."""
    return max(_levels(tree.archive, state) for state in tree.picked)


def _levels(archive: Archive, state: State) -> int:
    levels = 0
    while state.parent is not None:
        state, levels = archive.state(state.parent), levels + 1
    return levels


def shape(which: Deep | Shallow, name: str, words: str, states: int, rounds: int) -> None:
    """Grow a tree of one shape and measure it below its capacity and at it."""
    tree = Tree(which, capacity=states + RESERVE - PARENTS)
    say(f"growing a {words} tree of {states:,} states ...")
    say(f"  {seconds(lambda: tree.grow(states)):.0f} s")
    measure(tree, name, f"{states:,} states, {words} tree", rounds)
    full = states + RESERVE
    tree.grow(full)
    measure(tree, f"{name}-full", f"{full:,} states, {words} tree, at capacity", rounds)


# -- committing ------------------------------------------------------------------------------


class Run:
    """A run directory with an archive of so many states, and steps to commit."""

    def __init__(self, folder: Path, states: int) -> None:
        config = SolveConfig(model="none")
        self._run = RunDir.create(folder, "solve", "speed", config, {"problem.txt": b""})
        self._tree = Tree(Deep(), capacity=10**9)
        self._run.append("archive.jsonl", [roots_line(SEEDS)])
        files.append_lines(folder / "archive.jsonl", self._lines(states))
        self._steps = 0
        self.commit()

    def _lines(self, states: int) -> Iterator[dict[str, object]]:
        """Expansions of two children each; their parents do not matter to a file."""
        for _ in range(states // 2):
            expansion = self._tree.expansion(SEEDS[0], 2)
            yield expansion_line(expansion)

    def commit(self) -> float:
        """Seconds of appending a step's expansions and committing, with nothing to save."""
        lines = list(self._lines(2 * PARENTS))
        self._steps += 1
        totals = Totals(steps=self._steps)

        def work() -> None:
            self._run.append("archive.jsonl", lines)
            self._run.commit(totals, lambda _: None, {})

        return seconds(work)


def rewrite(folder: Path, states: int) -> Callable[[], float]:
    """Seconds of writing so many states to a file that replaces another."""
    members = [asdict(make_state(f"{k}.0.0", "seed.0", float(RNG.normal()))) for k in range(states)]
    return lambda: seconds(lambda: files.write_lines(folder / "whole.jsonl", members))


def measure_commits(states: int, rounds: int) -> None:
    """Emit the figures of committing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"writing a run of {states:,} states ...")
        large, small = Run(folder / "large", states), Run(folder / "small", 10)
        write = rewrite(folder, states // SHARE)
        took = medians({"large": large.commit, "small": small.commit, "rewrite": write}, rounds)
        size = (folder / "large" / "archive.jsonl").stat().st_size / 2**20
    figure: dict[str, Any] = {"ours": took["large"] * 1e3, "unit": "ms", "lower": True}
    what = f"appending and committing a step, {states:,} states in archive.jsonl ({size:.0f} MiB)"
    emit(
        Figure(
            name="archive-commit",
            what=what,
            against="writing the whole archive as JSON lines",
            alternative=took["rewrite"] * SHARE * 1e3,
            note=f"the alternative is {SHARE} times the time of 1/{SHARE} of the states",
            **figure,
        )
    )
    emit(
        Figure(
            name="archive-commit-size",
            what=what,
            against="the same with 10 states in archive.jsonl",
            alternative=took["small"] * 1e3,
            note="equal but for noise: what a commit costs does not depend on the archive's size",
            **figure,
        )
    )


def main() -> None:
    """Measure both trees, and commits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    shape(Deep(), "", "deep", given.states, given.rounds)
    shape(Shallow(), "-shallow", "shallow", given.states, given.rounds)
    measure_commits(given.states, 3 * given.rounds)


if __name__ == "__main__":
    main()
