"""Drive the program: inputs that it cannot know, and figures of what it answers."""

import math

CASES, POINTS, SIDE = 8, 30, 1000


def measure(candidate, trial):
    # all programs of a run get the same inputs; no program can know them before
    rng = trial.rng("points")
    inputs = [rng.integers(0, SIDE, (POINTS, 2)).tolist() for _ in range(CASES)]
    texts = ["".join(f"{x} {y}\n" for x, y in points) for points in inputs]
    # as many calls at once as cores are free; the first that fails is the last
    outcomes = candidate.map(texts, stop=lambda outcome: not outcome.ok)
    return [figure(*pair) for pair in zip(outcomes, inputs, strict=False)]


def figure(outcome, points):
    """What one call is worth: a length, or in words why there is none; never what it printed."""
    if not outcome.ok:
        return {"wrong": outcome.status}
    order = outcome.output.split()
    if sorted(order) != sorted(str(number) for number in range(POINTS)):
        return {"wrong": "no order of all points"}
    way = [points[int(number)] for number in order]
    return {"length": sum(math.dist(a, b) for a, b in zip(way, [*way[1:], way[0]], strict=True))}
