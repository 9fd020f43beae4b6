"""The archive: what is kept, what is counted, and that its log rebuilds it."""

import dataclasses
import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._archive import kept_states, lineage, live_states
from tests._states import expand, make_state, seeds
from ttrl_cli.records import State
from ttrl_cli.search.archive import Archive, Expansion, data_digest
from ttrl_cli.search.columns import MOST_MERGED


def ids(archive: Archive) -> list[str]:
    """Ids of the live states, in order."""
    return [state.id for state in live_states(archive)]


def test_a_new_archive_holds_its_seeds_alone():
    """Seeds are live in order, unvisited and childless, and T is 0."""
    archive = Archive.from_seeds(seeds(1.0, 2.0))
    assert ids(archive) == ["seed.0", "seed.1"]
    assert len(archive) == 2
    assert archive.total == 0
    assert archive.visits("seed.0") == 0
    assert archive.best_child("seed.0") is None
    assert archive.best().id == "seed.1"


def test_seeds_may_have_equal_data():
    """One seed repeated under several ids gives as many roots."""
    archive = Archive.from_seeds([make_state(f"seed.{i}", None, 1.0, "same") for i in range(3)])
    assert len(archive) == 3


def test_m_is_of_the_direct_parent_and_n_of_all_ancestors():
    """A grandchild raises m of its parent only, and n of parent, grandparent and root."""
    archive = Archive.from_seeds(seeds(0.0, 0.0))
    expand(archive, "seed.0", ("a", 1.0))
    expand(archive, "a", ("b", 2.0))
    expand(archive, "b", ("c", 9.0))
    assert [archive.best_child(id) for id in ("seed.0", "a", "b", "c")] == [1.0, 2.0, 9.0, None]
    assert [archive.visits(id) for id in ("seed.0", "a", "b", "c", "seed.1")] == [3, 2, 1, 0, 0]
    assert archive.total == 3


def test_m_never_falls():
    """A later expansion with worse children leaves m at the best ever seen."""
    archive = Archive.from_seeds(seeds(0.0))
    expand(archive, "seed.0", ("a", 5.0))
    expand(archive, "seed.0", ("b", 3.0))
    assert archive.best_child("seed.0") == 5.0


def test_a_failed_expansion_is_counted_and_leaves_m_alone():
    """An expansion without valid children adds to n and T and keeps m unset."""
    archive = Archive.from_seeds(seeds(0.0))
    admitted = expand(archive, "seed.0")
    assert admitted.children == ()
    assert archive.visits("seed.0") == 1
    assert archive.total == 1
    assert archive.best_child("seed.0") is None


def test_visits_per_sample_counts_samples():
    """Under the ablation n and T grow by G for each expansion."""
    archive = Archive.from_seeds(seeds(0.0), visits_per_sample=True)
    expand(archive, "seed.0", ("a", 1.0), samples=64)
    expand(archive, "a", samples=32)
    assert [archive.visits("seed.0"), archive.visits("a"), archive.total] == [96, 32, 96]


def test_two_children_are_kept_of_each_parent_over_its_lifetime():
    """A third child replaces the worse of two kept before when it beats it, and not otherwise."""
    archive = Archive.from_seeds(seeds(0.0))
    assert [
        c.id for c in expand(archive, "seed.0", ("a", 1.0), ("b", 3.0), ("c", 2.0)).children
    ] == [
        "b",
        "c",
    ]
    assert expand(archive, "seed.0", ("d", 1.5)).children == ()
    assert [c.id for c in expand(archive, "seed.0", ("e", 2.5)).children] == ["e"]
    assert ids(archive) == ["seed.0", "b", "e"]


def test_of_equal_children_the_earlier_stays():
    """A child that only equals the worst one kept is turned away, in one batch and across two."""
    archive = Archive.from_seeds(seeds(0.0))
    expand(archive, "seed.0", ("a", 1.0), ("b", 1.0), ("c", 1.0))
    expand(archive, "seed.0", ("d", 1.0))
    assert ids(archive) == ["seed.0", "a", "b"]


def test_admitted_children_enter_in_their_own_order():
    """Children enter in the order of their index, not of their score."""
    archive = Archive.from_seeds(seeds(0.0))
    assert [c.id for c in expand(archive, "seed.0", ("a", 1.0), ("b", 3.0)).children] == ["a", "b"]


def test_capacity_evicts_the_worst_and_spares_seeds():
    """Beyond the capacity the worst state that is no seed goes, though a seed is worse."""
    archive = Archive.from_seeds(seeds(-9.0, -9.0), capacity=2)
    expand(archive, "seed.0", ("a", 1.0), ("b", 2.0))
    expand(archive, "seed.1", ("c", 3.0))
    assert ids(archive) == ["seed.0", "seed.1", "b", "c"]
    assert len(archive) == 4
    assert not archive.is_live("a")
    assert archive.is_live("b")


def test_a_child_that_only_equals_the_worst_does_not_enter_a_full_archive():
    """In a full archive the earlier of two equals stays."""
    archive = Archive.from_seeds(seeds(0.0, 0.0), capacity=1)
    expand(archive, "seed.0", ("a", 1.0))
    assert expand(archive, "seed.1", ("b", 1.0)).children == ()
    assert ids(archive) == ["seed.0", "seed.1", "a"]
    assert archive.best_child("seed.1") == 1.0  # it was found all the same


def test_among_equals_the_latest_is_evicted():
    """Room for a better state is made by the latest of the worst."""
    archive = Archive.from_seeds(seeds(0.0, 0.0), capacity=2)
    expand(archive, "seed.0", ("a", 1.0), ("b", 1.0))
    expand(archive, "seed.1", ("c", 2.0))
    assert ids(archive) == ["seed.0", "seed.1", "a", "c"]


def test_evicted_states_still_count_as_ancestors():
    """Below an evicted state n of its ancestors grows, and lineages reach across it."""
    archive = Archive.from_seeds(seeds(0.0, 0.0), capacity=1)
    expand(archive, "seed.0", ("a", 1.0))
    expand(archive, "a", ("b", 2.0))  # evicts a
    expand(archive, "b", ("c", 3.0))  # evicts b
    expand(archive, "a")  # a was selected before it was evicted
    assert ids(archive) == ["seed.0", "seed.1", "c"]
    # n: c 0, b 1 (c), a 1 (b) + 1 (c) + 1 (failed), seed.0 one more for a
    assert [archive.visits(id) for id in ("c", "b", "a", "seed.0")] == [0, 1, 3, 4]
    assert archive.best_child("a") == 2.0
    for id in ("seed.0", "c", "a"):
        assert lineage(archive, id) == ["seed.0", "c"]
    assert lineage(archive, "seed.1") == ["seed.1"]


def test_an_evicted_state_keeps_its_scores_and_gives_up_its_data():
    """The prompt can still say "before -> after" over an evicted parent; its texts are gone."""
    archive = Archive.from_seeds(seeds(0.0), capacity=1)
    expand(archive, "seed.0", ("a", 1.0))
    expand(archive, "a", ("b", 2.0))
    gone = archive.state("a")
    assert (gone.id, gone.parent, gone.score, gone.signed) == ("a", "seed.0", -1.0, 1.0)
    assert (gone.data, gone.solution, gone.shown, gone.output, gone.feedback) == (
        None,
        "",
        "",
        "",
        "",
    )


def test_duplicates_of_live_states_and_siblings_are_dropped_and_still_raise_m():
    """Equal data enters once, and its score still counts as the parent's best child."""
    archive = Archive.from_seeds([make_state("seed.0", None, 0.0, {"x": 1, "y": [2.5]})])
    admitted = expand(
        archive,
        "seed.0",
        ("a", 4.0, {"y": [2.5], "x": 1}),  # the seed's data, its keys in another order
        ("b", 1.0, [3]),
        ("c", 2.0, [3]),  # b's data
    )
    assert [c.id for c in admitted.children] == ["b"]
    assert archive.best_child("seed.0") == 4.0


def test_data_of_an_evicted_state_may_return():
    """Only live states bar their duplicates."""
    archive = Archive.from_seeds(seeds(0.0, 0.0), capacity=1)
    expand(archive, "seed.0", ("a", 1.0, "same"))
    expand(archive, "seed.0", ("b", 2.0, "other"))
    assert [c.id for c in expand(archive, "seed.1", ("c", 3.0, "same")).children] == ["c"]


def test_the_digest_tells_apart_what_json_tells_apart():
    """Key order does not matter to a digest; a number's type and a text do."""
    assert data_digest({"a": 1, "b": 2}) == data_digest({"b": 2, "a": 1})
    assert len({data_digest(x) for x in (1, 1.0, "1", [1], None)}) == 5
    # sha256 of the four bytes `null`
    assert data_digest(None).startswith("74234e98afe7498f")
    with pytest.raises(ValueError, match="JSON compliant"):
        data_digest([math.nan])


def test_best_is_the_earliest_of_the_highest():
    """A later state with an equal score does not become the best."""
    archive = Archive.from_seeds(seeds(1.0, 1.0))
    assert archive.best().id == "seed.0"
    expand(archive, "seed.1", ("a", 2.0))
    expand(archive, "a", ("b", 2.0))
    assert archive.best().id == "a"


def test_a_standing_has_all_states_ever_kept_by_number():
    """Evicted states have entries, live ones are ranked, and Q is R where there is no child."""
    archive = Archive.from_seeds(seeds(0.0, -1.0), capacity=2)
    expand(archive, "seed.1", ("a", 1.0), ("b", 2.0))
    expand(archive, "b", ("c", 3.0))  # evicts a, number 2
    now = archive.standing()
    assert now.reward_N.tolist() == [0.0, -1.0, 1.0, 2.0, 3.0]
    assert now.q_N.tolist() == [0.0, 2.0, 1.0, 3.0, 3.0]
    assert now.visits_N.tolist() == [0, 2, 0, 1, 0]
    assert now.seed_N.tolist() == [True, True, False, False, False]
    assert now.live_N.tolist() == [True, True, False, True, True]
    assert now.order_L.tolist() == [4, 3, 0, 1]
    assert now.total == 2


def test_lineage_is_the_state_its_ancestors_and_its_descendants():
    """Siblings, cousins and other trees are no part of a lineage."""
    archive = Archive.from_seeds(seeds(0.0, 0.0))
    expand(archive, "seed.0", ("a", 1.0), ("b", 1.0))
    expand(archive, "a", ("c", 1.0), ("d", 1.0))
    expand(archive, "d", ("e", 1.0))
    assert lineage(archive, "a") == ["seed.0", "a", "c", "d", "e"]
    assert lineage(archive, "d") == ["seed.0", "a", "d", "e"]
    assert lineage(archive, "b") == ["seed.0", "b"]
    assert lineage(archive, "seed.0") == ["seed.0", "a", "b", "c", "d", "e"]


def test_digest_lines_name_all_states_ever_kept():
    """The first line is T; then one line per state, evicted ones flagged as not live."""
    archive = Archive.from_seeds(seeds(0.5), capacity=1)
    expand(archive, "seed.0", ("a", 1.0, None))
    expand(archive, "seed.0", ("b", 2.0, [1]))
    lines = [json.loads(line) for line in archive.digest_lines()]
    a, b, root = data_digest("a"), data_digest([1]), data_digest("seed.0")
    assert lines == [
        ["total", 2],
        ["seed.0", None, -0.5, 0.5, 2, 2.0, root, True],
        ["a", "seed.0", -1.0, 1.0, 0, None, a, False],
        ["b", "seed.0", -2.0, 2.0, 0, None, b, True],
    ]


def test_the_columns_grow_beyond_their_first_size():
    """A chain of 100 states keeps its counts: the k-th has 99 - k expansions below it."""
    archive = Archive.from_seeds(seeds(0.0))
    names = ["seed.0", *(f"s{i}" for i in range(1, 100))]
    for i in range(1, 100):
        expand(archive, names[i - 1], (names[i], float(i)))
    assert [archive.visits(id) for id in names] == list(range(99, -1, -1))
    assert len(lineage(archive, "s50")) == 100


REFUSED = {
    "unknown parent": ({"parent": "x"}, "not in the archive"),
    "child of another": ({"children": (make_state("a", "other", 1.0),)}, "names parent 'other'"),
    "known id": ({"children": (make_state("seed.0", "seed.0", 1.0),)}, "in the archive already"),
    "id twice": ({"children": (make_state("a", "seed.0", 1.0),) * 2}, "in the archive already"),
    "nan score": ({"children": (make_state("a", "seed.0", math.nan),)}, "not finite"),
    "nan data": ({"children": (make_state("a", "seed.0", 1.0, math.nan),)}, "JSON compliant"),
    "best missing": ({"best": None}, "best is None"),
    "best too low": ({"best": 0.5}, "below the best child"),
    "best nan": ({"best": math.nan}, "not a number"),
    "best infinite": ({"best": math.inf}, "not a number"),
    "too few samples": ({"samples": 0}, "0 samples cannot give 1 children"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_contradictory_expansion_is_refused_and_changes_nothing(
    change: dict[str, Any], message: str
):
    """A wrong expansion raises, and the archive afterwards is what it was before."""
    archive = Archive.from_seeds(seeds(0.0))
    good = Expansion(
        step=1,
        group=0,
        parent="seed.0",
        samples=2,
        best=1.0,
        children=(make_state("a", "seed.0", 1.0),),
    )
    before = list(archive.digest_lines())
    with pytest.raises(ValueError, match=message):
        archive.extend(dataclasses.replace(good, **change))
    assert list(archive.digest_lines()) == before
    assert archive.extend(good) == good


@pytest.mark.parametrize(
    ("roots", "bounds", "message"),
    [
        ([], {}, "at least one seed"),
        ([make_state("a", "b", 0.0)], {}, "names parent 'b'"),
        ([make_state("a", None, 0.0)] * 2, {}, "already"),
        ([make_state("a", None, math.inf)], {}, "not finite"),
        ([make_state("a", None, 0.0)], {"capacity": 0}, "must be >= 1"),
        ([make_state("a", None, 0.0)], {"children_per_parent": 0}, "must be >= 1"),
    ],
)
def test_wrong_seeds_and_bounds_are_refused(
    roots: list[State], bounds: dict[str, int], message: str
):
    """An archive without seeds, with a seed that has a parent, and so on, cannot be made."""
    with pytest.raises(ValueError, match=message):
        Archive.from_seeds(roots, **bounds)


def test_unknown_ids_are_key_errors():
    """Asking for a state that was never kept is a KeyError, not a default."""
    archive = Archive.from_seeds(seeds(0.0))
    assert not archive.is_live("x")
    for ask in (archive.state, archive.visits, archive.best_child):
        with pytest.raises(KeyError):
            ask("x")


Groups: TypeAlias = list[tuple[int, list[tuple[float, Any]]]]
History: TypeAlias = tuple[dict[str, Any], Groups]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Bounds, and groups of children: (pick of a parent, [(score, data)]), with many ties."""
    child = st.tuples(st.integers(0, 12), st.integers(0, 25))
    group = st.tuples(st.integers(0, 10**6), st.lists(child, max_size=5))
    bounds = {
        "capacity": draw(st.integers(1, 5)),
        "children_per_parent": draw(st.integers(1, 3)),
        "visits_per_sample": draw(st.booleans()),
    }
    return bounds, draw(st.lists(group, max_size=30))


def play(bounds: dict[str, Any], groups: Groups) -> tuple[Archive, list[Expansion], list[State]]:
    """An archive after a history, its log, and all children ever offered."""
    archive = Archive.from_seeds(seeds(0.0, 1.0), **bounds)
    log: list[Expansion] = []
    offered: list[State] = []
    known = ["seed.0", "seed.1"]  # evicted states are expanded too
    for number, (pick, group) in enumerate(groups):
        parent = known[pick % len(known)]
        children = tuple(
            make_state(f"{number}.{i}", parent, float(signed), data)
            for i, (signed, data) in enumerate(group)
        )
        best = max((c.signed for c in children), default=None)
        done = archive.extend(
            Expansion(step=number, group=0, parent=parent, samples=5, best=best, children=children)
        )
        log.append(done)
        offered.extend(children)
        known.extend(c.id for c in done.children)
    return archive, log, offered


@settings(deadline=None, max_examples=300)
@given(histories())
def test_replaying_the_returned_expansions_rebuilds_the_archive(history: History):
    """The log of returned expansions, replayed, gives the same archive and returns itself."""
    bounds, groups = history
    archive, log, _ = play(bounds, groups)
    again = Archive.from_seeds(seeds(0.0, 1.0), **bounds)
    assert [again.extend(expansion) for expansion in log] == log
    assert list(again.digest_lines()) == list(archive.digest_lines())
    assert kept_states(again) == kept_states(archive)
    for name in ("reward_N", "q_N", "visits_N", "seed_N", "live_N", "order_L"):
        ours, theirs = getattr(again.standing(), name), getattr(archive.standing(), name)
        assert ours.tolist() == theirs.tolist()
    # and both go on alike
    more = Expansion(
        step=99,
        group=0,
        parent="seed.0",
        samples=3,
        best=6.0,
        children=tuple(make_state(f"m{i}", "seed.0", 4.0 + i, ["m", i]) for i in range(3)),
    )
    assert again.extend(more) == archive.extend(more)
    assert list(again.digest_lines()) == list(archive.digest_lines())


@settings(deadline=None, max_examples=200)
@given(histories())
def test_without_duplicates_the_archive_is_the_best_of_the_best_children(history: History):
    """What is live is the best `capacity` of each parent's best children ever offered."""
    bounds, groups = history
    unique = [
        (pick, [(signed, [number, i]) for i, (signed, _) in enumerate(group)])
        for number, (pick, group) in enumerate(groups)
    ]
    archive, _, offered = play(bounds, unique)
    order = {child.id: (-child.signed, place) for place, child in enumerate(offered)}
    finalists = []
    for parent in {child.parent for child in offered}:
        family = [child.id for child in offered if child.parent == parent]
        finalists += sorted(family, key=order.__getitem__)[: bounds["children_per_parent"]]
    expected = sorted(finalists, key=order.__getitem__)[: bounds["capacity"]]
    assert sorted(ids(archive)) == sorted(["seed.0", "seed.1", *expected])
    best = max([1.0, *(child.signed for child in offered)])
    assert archive.best().signed == best
    assert archive.is_live(archive.best().id)


# the fast structures against the rules, followed plainly


class Plain:
    """The rules of the archive, followed by looking through all states ever kept each time."""

    def __init__(self, roots: list[State], capacity: int, children_per_parent: int):
        self.kept = list(roots)  # in order
        self.live = {state.id for state in roots}
        self.n = {state.id: 0 for state in roots}
        self.m: dict[str, float] = {}
        self._roots = {state.id for state in roots}
        self._capacity, self._children_per_parent = capacity, children_per_parent

    def extend(self, parent: str, children: Sequence[State], best: float | None) -> list[str]:
        """Enter children under a parent; the ids of those that stay."""
        for id in self.line(parent):
            self.n[id] += 1
        if best is not None:
            self.m[parent] = max(self.m.get(parent, -math.inf), best)
        taken = [state.data for state in self.states()]
        fresh = [
            child
            for place, child in enumerate(children)
            if child.data not in taken + [earlier.data for earlier in children[:place]]
        ]
        order = {state.id: place for place, state in enumerate([*self.kept, *fresh])}

        def rank(state: State) -> tuple[float, int]:
            return -state.signed, order[state.id]

        family = [state for state in self.states() if state.parent == parent] + fresh
        losers = sorted(family, key=rank)[self._children_per_parent :]
        left = [s for s in [*self.states(), *fresh] if s not in losers and s.id not in self._roots]
        losers += sorted(left, key=rank)[self._capacity :]
        entered = [child for child in fresh if child not in losers]
        self.kept += entered
        self.n |= {child.id: 0 for child in entered}
        self.live |= {child.id for child in entered}
        self.live -= {state.id for state in losers}
        return [child.id for child in entered]

    def states(self) -> list[State]:
        """The live states."""
        return [state for state in self.kept if state.id in self.live]

    def line(self, id: str | None) -> list[str]:
        """Ids of a state and its ancestors."""
        parent = {state.id: state.parent for state in self.kept}
        path: list[str] = []
        while id is not None:
            path.append(id)
            id = parent[id]
        return path


def grow_both(
    seed: int, expansions: int, watch: Callable[[Archive, Plain], None]
) -> tuple[Archive, Plain]:
    """Random expansions, many of equal scores and data, of an archive and of a plain one."""
    rng = random.Random(seed)
    bounds = {"capacity": rng.choice([1, 5, 25]), "children_per_parent": rng.randint(1, 3)}
    roots = seeds(0.0, 1.0, 2.0)
    archive, plain = Archive.from_seeds(roots, **bounds), Plain(roots, **bounds)
    for number in range(expansions):
        recent = plain.kept[-12:] if rng.random() < 0.7 else plain.kept
        parent = rng.choice(recent).id  # deep trees; evicted states too
        children = tuple(
            make_state(f"{number}.{i}", parent, rng.randint(0, 6 + number // 9), rng.randint(0, 99))
            for i in range(rng.randint(0, 5))
        )
        best = max((child.signed for child in children), default=None)
        done = archive.extend(
            Expansion(step=0, group=0, parent=parent, samples=5, best=best, children=children)
        )
        assert [child.id for child in done.children] == plain.extend(parent, children, best)
        if rng.random() < 0.4:  # else the changes of several expansions come at once
            watch(archive, plain)
    watch(archive, plain)
    assert len(plain.kept) > len(plain.live)  # something was evicted
    return archive, plain


@pytest.mark.parametrize("seed", range(12))
def test_a_standing_is_what_looking_through_all_states_gives(seed: int):
    """After any expansions R, Q, n, what is live and the order are those of the plain rules."""

    def watch(archive: Archive, plain: Plain) -> None:
        now = archive.standing()
        ids = [state.id for state in plain.kept]
        assert now.reward_N.tolist() == [state.signed for state in plain.kept]
        assert now.q_N.tolist() == [plain.m.get(s.id, s.signed) for s in plain.kept]
        assert now.visits_N.tolist() == [plain.n[id] for id in ids]
        assert now.seed_N.tolist() == [state.parent is None for state in plain.kept]
        assert now.live_N.tolist() == [id in plain.live for id in ids]
        ranked = sorted(range(len(ids)), key=lambda node: (-plain.kept[node].signed, node))
        assert now.order_L.tolist() == [node for node in ranked if ids[node] in plain.live]
        assert archive.numbered(len(ids) - 1).id == ids[-1]

    archive, plain = grow_both(seed, 250, watch)
    assert archive.standing().total == 250
    assert len(archive) == len(plain.live)


@pytest.mark.parametrize("seed", range(6))
def test_states_best_and_duplicates_are_what_looking_through_all_states_gives(seed: int):
    """The live states, `best`, `holds` and lineages follow every eviction."""

    def watch(archive: Archive, plain: Plain) -> None:
        live = plain.states()
        assert ids(archive) == [state.id for state in live]
        assert archive.best() == max(live, key=lambda state: state.signed)
        data = [state.data for state in live]
        assert [archive.holds(x) for x in range(100)] == [x in data for x in range(100)]
        line = {state.id: set(plain.line(state.id)) for state in plain.kept}
        for state in plain.kept[::7]:
            family = [
                other.id in line[state.id] or state.id in line[other.id] for other in plain.kept
            ]
            related = [other.id for other in live if family[plain.kept.index(other)]]
            assert lineage(archive, state.id) == related
            node = plain.kept.index(state)
            numbers = [int(x) for batch in archive.relatives(node) for x in batch]
            assert sorted(numbers) == [x for x, related in enumerate(family) if related]

    grow_both(seed, 120, watch)


def test_an_order_merged_step_by_step_is_the_one_sorted_at_once():
    """Asked for after each of 2,000 expansions or twice in all, the order is the same."""
    rng, known = random.Random(5), ["seed.0"]
    often, seldom = (Archive.from_seeds(seeds(0.0, 1.0), capacity=1200) for _ in range(2))
    for number in range(2000):
        children = [(f"{number}.{i}", float(rng.randint(0, 40)), [number, i]) for i in range(2)]
        parent = rng.choice(known)
        expand(seldom, parent, *children)
        known += [child.id for child in expand(often, parent, *children).children]
        often.standing()
        if number in (1000, 1999):
            order_L = seldom.standing().order_L
            assert order_L.tolist() == often.standing().order_L.tolist()
            assert order_L.size > MOST_MERGED


def test_a_standing_cannot_be_written_to():
    """What a selector is lent is read-only, and the archive can still write it."""
    archive = Archive.from_seeds(seeds(0.0))
    now = archive.standing()
    for name in ("reward_N", "q_N", "visits_N", "seed_N", "live_N", "order_L"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(now, name)[0] = 1
    expand(archive, "seed.0", ("a", 3.0))
    assert archive.standing().q_N.tolist() == [3.0, 3.0]
    assert archive.seeds == tuple(seeds(0.0))
