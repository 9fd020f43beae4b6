"""Selection of parents, against a trace worked by hand."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests._archive import live_states
from tests._puct import puct_scores
from tests._states import expand, make_archive
from ttrl_cli.search.archive import Archive
from ttrl_cli.search.select import BestOfN, EpsilonGreedy, Puct, Selector, by_name


def scores(archive: Archive, c: float) -> dict[str, float]:
    """Scores by state id."""
    states = live_states(archive)
    best = [archive.best_child(state.id) for state in states]
    score_N = puct_scores(
        np.array([state.signed for state in states]),
        np.array([-math.inf if m is None else m for m in best]),
        np.array([archive.visits(state.id) for state in states]),
        np.array([state.parent is None for state in states]),
        total=archive.total,
        c=c,
    )
    return {state.id: score for state, score in zip(states, score_N, strict=True)}


def picked(selector: Selector, archive: Archive, count: int, seed: int = 0) -> list[str]:
    """Ids of the parents of one batch."""
    return [state.id for state in selector.select(archive, count, np.random.default_rng(seed))]


# Each row: the scores before the pick, the pick, and the children its expansion gave.
# A score is Q + c * scale * prior * sqrt(1 + T) / (1 + n).
TRACE = {
    "c": 1.0,
    "seeds": {"seed.0": 2.0, "seed.1": 1.0},
    "visits_per_sample": False,
    "steps": [
        # T=0, prior 2/3 1/3, scale over the seeds 2-1=1, sqrt(1)=1
        {
            "scores": {"seed.0": 2 + 2 / 3, "seed.1": 1 + 1 / 3},
            "pick": "seed.0",
            "children": [],  # fails: n(seed.0)=1, and Q stays R
        },
        # T=1, sqrt(2): seed.0 has 2/3 * 1.41421 / 2, seed.1 has 1/3 * 1.41421
        {
            "scores": {"seed.0": 2.471405, "seed.1": 1.471405},
            "pick": "seed.0",
            "children": [("a", 3.0)],
        },
        # T=2, n(seed.0)=2, ranks a seed.0 seed.1 so prior 3/6 2/6 1/6 in that order;
        # one child, so scale is its floor 1e-6; sqrt(3)=1.732051
        # seed.0: m=3, + 1e-6 * 2/6 * 1.732051 / 3; a: 3 + 1e-6 * 3/6 * 1.732051
        {
            "scores": {"seed.0": 3.00000019245, "seed.1": 1.000000288675, "a": 3.000000866025},
            "pick": "a",
            "children": [("b", 1.0)],
        },
        # T=3, n: seed.0 3, a 1; m(a)=1 though R(a)=3, m(seed.0) still 3 (not a grandchild's)
        # ranks a 0, seed.0 1, seed.1 2, b 3 (equal to seed.1, later): prior 4 3 2 1 over 10
        # scale 3-1=2, sqrt(4)=2, so scale * sqrt = 4
        # seed.0: 3 + 4*.3/4; seed.1: 1 + 4*.2; a: 1 + 4*.4/2; b: 1 + 4*.1
        {
            "scores": {"seed.0": 3.3, "seed.1": 1.8, "a": 1.8, "b": 1.4},
            "pick": "seed.0",
            "children": [("c", 5.0)],
        },
        # T=4, n: seed.0 4, a 1; ranks c a seed.0 seed.1 b: prior 5 4 3 2 1 over 15
        # scale 5-1=4, sqrt(5)=2.236068, product 8.944272
        # seed.0: 5 + 8.944272*3/15/5; seed.1: 1 + 8.944272*2/15; a: 1 + 8.944272*4/15/2;
        # b gets 1 + 8.944272/15, and c gets 5 + 8.944272*5/15
        {
            "scores": {
                "seed.0": 5.357771,
                "seed.1": 2.192570,
                "a": 2.192570,
                "b": 1.596285,
                "c": 7.981424,
            },
            "pick": "c",
            "children": [("d", 0.0)],
        },
        # T=5, n: seed.0 5, a 1, c 1; m(c)=0; ranks c a seed.0 seed.1 b d: prior 6 .. 1 over 21
        # scale 5-0=5, sqrt(6)=2.449490, product 12.247449
        # seed.0: 5 + 12.247449*4/21/6; seed.1: 1 + 12.247449*3/21; a: 1 + 12.247449*5/21/2;
        # b gets 1 + 12.247449*2/21, c gets 0 + 12.247449*6/21/2, d gets 0 + 12.247449/21
        {
            "scores": {
                "seed.0": 5.388808,
                "seed.1": 2.749636,
                "a": 2.458030,
                "b": 2.166424,
                "c": 1.749636,
                "d": 0.583212,
            },
            "pick": "seed.0",
            "children": [],
        },
    ],
}


def grow(steps: int) -> Archive:
    """The trace's archive after some of its steps."""
    archive = make_archive(*TRACE["seeds"].values(), visits_per_sample=TRACE["visits_per_sample"])
    for step in TRACE["steps"][:steps]:
        expand(archive, step["pick"], *step["children"])
    return archive


@pytest.mark.parametrize("done", range(len(TRACE["steps"])))
def test_the_trace_worked_by_hand(done: int):
    """Scores and pick at each step of the golden trace are the ones worked out on paper."""
    archive, step = grow(done), TRACE["steps"][done]
    assert scores(archive, TRACE["c"]) == pytest.approx(step["scores"], abs=6e-7, rel=0)
    assert picked(Puct(TRACE["c"]), archive, 1) == [step["pick"]]


def test_the_floor_scale_orders_the_third_step():
    """While one child exists the bonus is a few 1e-7, told apart to 1e-11."""
    assert scores(grow(2), 1.0) == pytest.approx(TRACE["steps"][2]["scores"], abs=1e-11, rel=0)


def test_visits_per_sample_all_but_bars_a_visited_state():
    """With n and T counted per sample, 64 at a time, the trace's second pick is the other root."""
    archive = make_archive(2.0, 1.0, visits_per_sample=True)
    expand(archive, "seed.0", samples=64)
    # T=64, n(seed.0)=64, sqrt(65)=8.062258
    # seed.0: 2 + 2/3 * 8.062258 / 65 = 2.082690; seed.1: 1 + 1/3 * 8.062258 = 3.687419
    assert scores(archive, 1.0) == pytest.approx({"seed.0": 2.082690, "seed.1": 3.687419}, abs=1e-6)
    assert picked(Puct(1.0), archive, 1) == ["seed.1"]


def test_a_pick_blocks_its_lineage_for_the_batch():
    """After c its ancestor seed.0, second in score, is blocked; seed.1 beats a by being earlier."""
    # scores after four steps: c 7.98, seed.0 5.36, seed.1 = a = 2.19, b 1.60
    assert picked(Puct(1.0), grow(4), 2) == ["c", "seed.1"]


def test_a_larger_c_explores():
    """With c = 10 the last step of the trace picks the other root instead of seed.0."""
    # seed.0: 5 + 10 * 0.388808 = 8.89; seed.1: 1 + 10 * 1.749636 = 18.50; a: 1 + 14.58
    assert picked(Puct(10.0), grow(5), 1) == ["seed.1"]


def test_siblings_are_not_blocked():
    """A pick leaves its siblings' branches free, so three parents come out of two roots here."""
    # c blocks seed.0 alone, seed.1 itself alone; a is c's sibling and blocks b
    assert picked(Puct(1.0), grow(4), 3) == ["c", "seed.1", "a"]


def test_a_pick_blocks_its_descendants():
    """With seed.0 picked first its children a, b and c are all blocked."""
    # scores after five steps: seed.0 5.39, seed.1 2.75, a 2.46
    assert picked(Puct(1.0), grow(5), 2) == ["seed.0", "seed.1"]


def test_an_evicted_state_still_ties_a_lineage_together():
    """A pick blocks its grandparent though the state between them was evicted."""
    archive = make_archive(0.0, -50.0, capacity=1)
    expand(archive, "seed.0", ("a", 1.0))
    expand(archive, "a", ("b", 2.0))  # evicts a
    # scale 1e-6, so scores are about Q: b 2, seed.0 1 (m from a), seed.1 -50
    assert picked(Puct(1.0), archive, 2) == ["b", "seed.1"]


@pytest.mark.parametrize("selector", [Puct(1.0), EpsilonGreedy(0.0), EpsilonGreedy(1.0)])
def test_more_parents_than_free_lineages_is_an_error(selector: Selector):
    """Two roots cannot give three parents; the message says what is missing."""
    with pytest.raises(ValueError, match=r"after 2 picks .* as many roots as"):
        picked(selector, make_archive(1.0, 1.0), 3)


def test_equal_scores_go_to_the_earliest():
    """Equal roots are picked in order by PUCT with c = 0 and by greedy search."""
    archive = make_archive(1.0, 1.0, 1.0)
    assert picked(Puct(0.0), archive, 2) == ["seed.0", "seed.1"]
    assert picked(EpsilonGreedy(0.0), archive, 2) == ["seed.0", "seed.1"]


def test_puct_and_best_of_n_draw_nothing():
    """The generator is where it was after a selection that has no use for chance."""
    rng = np.random.default_rng(3)
    Puct(1.0).select(grow(4), 2, rng)
    BestOfN().select(grow(4), 2, rng)
    assert rng.integers(2**60) == np.random.default_rng(3).integers(2**60)


def test_best_of_n_returns_roots_in_order_and_cycles():
    """Best-of-n never reuses a child, however good, and starts over after the last root."""
    assert picked(BestOfN(), grow(4), 5) == ["seed.0", "seed.1", "seed.0", "seed.1", "seed.0"]


def test_greedy_takes_the_best_reward_of_each_free_lineage():
    """With epsilon 0 the picks are c (5), a (3, b blocked), then seed.1 (1)."""
    assert picked(EpsilonGreedy(0.0), grow(4), 3) == ["c", "a", "seed.1"]


def test_epsilon_one_is_uniform_over_free_states():
    """Each of five states is the first pick in a fifth of 5,000 draws, within five deviations."""
    archive, rng = grow(4), np.random.default_rng(0)
    counts = dict.fromkeys(("seed.0", "seed.1", "a", "b", "c"), 0)
    for _ in range(5000):
        counts[EpsilonGreedy(1.0).select(archive, 1, rng)[0].id] += 1
    # binomial: mean 1000, deviation sqrt(5000 * .2 * .8) = 28.3
    assert all(abs(count - 1000) < 142 for count in counts.values())


def test_epsilon_is_the_share_of_random_picks():
    """With epsilon 0.5 the best of five states is picked with probability 0.5 + 0.5 / 5 = 0.6."""
    archive, rng = grow(4), np.random.default_rng(1)
    hits = sum(EpsilonGreedy(0.5).select(archive, 1, rng)[0].id == "c" for _ in range(2000))
    assert abs(hits - 1200) < 5 * math.sqrt(2000 * 0.6 * 0.4)


def test_selection_repeats_for_a_seed():
    """Equal generators give equal batches."""
    assert picked(EpsilonGreedy(0.7), grow(5), 2, 5) == picked(EpsilonGreedy(0.7), grow(5), 2, 5)


def test_by_name_builds_what_the_configuration_names():
    """Names map to selectors that carry their constants."""
    assert by_name("puct", c=2.0, epsilon=0.3) == Puct(2.0)
    assert by_name("best-of-n", c=2.0, epsilon=0.3) == BestOfN()
    assert by_name("epsilon-greedy", c=2.0, epsilon=0.3) == EpsilonGreedy(0.3)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 9)), max_size=40),
    st.sampled_from([Puct(1.0), Puct(0.0), EpsilonGreedy(0.5)]),
)
def test_as_many_roots_as_parents_are_always_enough(
    growth: list[tuple[int, int]], selector: Selector
):
    """Any tree over three roots gives three parents, none an ancestor of another."""
    archive = make_archive(0.0, 0.0, 0.0, capacity=6)
    known = ["seed.0", "seed.1", "seed.2"]
    for number, (pick, signed) in enumerate(growth):
        parent = known[pick % len(known)]
        expand(archive, parent, (f"s{number}", float(signed)))
        if archive.is_live(f"s{number}"):
            known.append(f"s{number}")
    batch = selector.select(archive, 3, np.random.default_rng(0))
    for state in batch:
        above, parent = set(), state.parent
        while parent is not None:
            above.add(parent)
            parent = archive.state(parent).parent
        assert not above & {other.id for other in batch}
    assert len({state.id for state in batch}) == 3


# picks against a plain computation over all states


def tree(seed: int) -> tuple[Archive, list[str]]:
    """An archive after random expansions with many equal scores, and ids of all states kept."""
    rng = random.Random(seed)
    archive = make_archive(0.0, 1.0, 1.0, capacity=rng.choice([4, 30]))
    known = [state.id for state in archive.seeds]
    for number in range(rng.randint(1, 120)):
        parent = rng.choice(known[-10:] if rng.random() < 0.7 else known)
        names = [f"{number}.{i}" for i in range(rng.randint(0, 3))]
        expand(archive, parent, *((name, rng.randint(0, 9) / 3) for name in names))
        known += [name for name in names if archive.is_live(name)]
        if rng.random() < 0.3:
            archive.standing()
    return archive, known


def line(archive: Archive, id: str | None) -> list[str]:
    """Ids of a state and its ancestors."""
    path: list[str] = []
    while id is not None:
        path.append(id)
        id = archive.state(id).parent
    return path


def plain_scores(archive: Archive, live: list[str], c: float) -> dict[str, float]:
    """Scores by id, with Python's own numbers in the order in which the formula has them."""
    reward = {id: archive.state(id).signed for id in live}
    found = [reward[id] for id in live if archive.state(id).parent is not None]
    scale = max(max(found or reward.values()) - min(found or reward.values()), 1e-6)
    size, scores = len(live), {}
    for rank, id in enumerate(sorted(live, key=lambda id: -reward[id])):
        prior = (size - rank) / (size * (size + 1) / 2)
        bonus = c * scale * prior * math.sqrt(1 + archive.total) / (1 + archive.visits(id))
        m = archive.best_child(id)
        scores[id] = (reward[id] if m is None else m) + bonus
    return {id: scores[id] for id in live}


def free_of(archive: Archive, live: list[str], picks: list[str]) -> list[str]:
    """Live ids that are no ancestor, no descendant and none of the picks."""
    above = {id for pick in picks for id in line(archive, pick)}
    return [id for id in live if id not in above and not {*line(archive, id)} & {*picks}]


@pytest.mark.parametrize("seed", range(40))
def test_puct_picks_what_the_plain_computation_picks(seed: int):
    """Over trees with ties and evictions the picks are the plain ones, exact to the last bit."""
    archive, known = tree(seed)
    live = [id for id in known if archive.is_live(id)]
    for c in (0.0, 1.0, 20.0):
        scores, picks = plain_scores(archive, live, c), []
        for _ in range(3):
            picks.append(max(free_of(archive, live, picks), key=scores.__getitem__))
        assert picked(Puct(c), archive, 3) == picks


@pytest.mark.parametrize("seed", range(20))
def test_epsilon_greedy_picks_what_the_plain_computation_picks(seed: int):
    """The best reward of the free states, or the state that the generator names among them."""
    archive, known = tree(seed)
    live = [id for id in known if archive.is_live(id)]
    rng, picks = np.random.default_rng(seed), []
    for _ in range(3):
        free = free_of(archive, live, picks)
        if rng.random() < 0.5:
            picks.append(free[rng.choice(len(free))])
        else:
            picks.append(max(free, key=lambda id: archive.state(id).signed))
    assert picked(EpsilonGreedy(0.5), archive, 3, seed) == picks
