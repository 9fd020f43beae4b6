"""The cases of AHC058, drawn as the contest's generator draws them: a seed gives the same costs."""

from ttrl_cli.contests.rust_random import RustRandom, rounded

KINDS, LEVELS, TURNS, APPLES = 10, 4, 500, 1


def text(seed):
    """Return a case as programs read it: the sizes, what the machines make, and what they cost."""
    makes, costs = machines(seed)
    rows = [(KINDS, LEVELS, TURNS, APPLES), makes, *costs]
    return "".join(" ".join(map(str, row)) + "\n" for row in rows)


def machines(seed):
    rng = RustRandom(seed)
    makes = sorted([1, *(rounded(10.0 ** rng.real(0, 2)) for _ in range(KINDS - 1))])
    costs = [[0] * KINDS for _ in range(LEVELS)]
    for level in range(LEVELS):
        for kind in range(KINDS):
            first = level == kind == 0  # which must be affordable: it costs 1, without a draw
            costs[level][kind] = 1 if first else _cost(rng, makes[kind], level)
    return makes, costs


def _cost(rng, makes, level):
    return rounded(makes * 500.0**level * 10.0 ** rng.real(0, 2))
