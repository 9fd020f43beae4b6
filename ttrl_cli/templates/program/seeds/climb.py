import math
import random
from itertools import combinations

CROSS = [[0.5, 0.5], [0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8]]
MOVES = 20
STEP = 0.05


def smallest_distance(points):
    return min(math.dist(a, b) for a, b in combinations(points, 2))


def with_one_moved(points, rng):
    place = rng.randrange(len(points))
    moved = [min(1, max(0, value + rng.uniform(-STEP, STEP))) for value in points[place]]
    return [*points[:place], moved, *points[place + 1 :]]


def run(parent=None, seed=0):
    # parent: the data of the solution that the prompt showed; None for a seed
    # seed: another integer for each attempt and each root: one program may give different data
    rng = random.Random(seed)
    best = parent or CROSS
    for _ in range(MOVES):
        other = with_one_moved(best, rng)
        if smallest_distance(other) >= smallest_distance(best):
            best = other
    return best
