"""The cases of AHC039, drawn as the contest's generator draws them: a seed gives the same points.

Mackerels come first, then sardines, each kind from clusters of normals; no two points are equal.
"""

from ttrl_cli.contests.rust_random import RustRandom, WeightedIndex, quick_normals, rounded

POINTS = 5000  # of each kind
SIDE = 100_000
AHEAD = 16_384  # draws that are looked at together; a kind takes about 15,200


def text(seed):
    """Return a case as programs read it: the number of mackerels, and 10,000 points."""
    return f"{POINTS}\n" + "".join(f"{x} {y}\n" for x, y in points(seed))


def points(seed):
    rng, found = RustRandom(seed), {}
    for kind in (1, 2):
        count = rng.integer(10, 25)
        choice = WeightedIndex([rng.unit() for _ in range(count)])
        centres = [(rng.integer(20_000, 80_000), rng.integer(20_000, 80_000)) for _ in range(count)]
        clusters = [(x, y, rng.integer(1000, 5000)) for x, y in centres]
        while len(found) < kind * POINTS:
            _draw(rng, choice, clusters, found, kind * POINTS)
    return list(found)


def _draw(rng, choice, clusters, found, most):
    """Add points until there are so many, or what was looked at ahead is used up."""
    words = rng.ahead(AHEAD)
    chosen = choice.drawn_from(words).tolist()
    values, quick = (array.tolist() for array in quick_normals(words))
    begun, at, taken = rng.taken(), 0, 0
    while len(found) < most and at + 2 < AHEAD:
        x, y, spread = clusters[chosen[at]]
        if quick[at + 1] and quick[at + 2]:
            across, up = values[at + 1], values[at + 2]
            at += 3
        else:  # one of them takes further draws
            rng.skip(at + 1 - taken)
            across, up = rng.normal(), rng.normal()
            at = taken = (rng.taken() - begun) // 2
        point = rounded(x + spread * across), rounded(y + spread * up)
        if 0 <= point[0] <= SIDE and 0 <= point[1] <= SIDE:
            found[point] = None  # one that is there already is drawn anew
    rng.skip(at - taken)
