"""Third autocorrelation inequality: sequential linear programming with a trust region.

Each step linearises the values of f*f and solves a linear program for the change of f. Random
starts of 50 steps come first; then the best f is refined: perturbed and improved again, and twice
cut into steps half as long.
"""

import time

import numpy as np
import scipy

STEPS = 50
MOST_STEPS = 200


def run(seed=0, seconds=60.0, parent=None):
    began = time.monotonic()
    limit = min(60.0, 0.8 * seconds)
    rng = np.random.default_rng(seed)
    start = rng.random(STEPS) if parent is None else np.array(parent, dtype=float)
    best = improve(start, 0.5, began + limit)
    halvings = 0
    while time.monotonic() < began + limit:
        passed = (time.monotonic() - began) / limit
        if passed > (halvings + 1) / 3 and 2 * len(best) <= MOST_STEPS:
            halvings += 1
            best = improve(np.repeat(best, 2), 0.1, began + limit)
        elif halvings == 0 and parent is None:
            best = min(best, improve(rng.random(STEPS), 0.5, began + limit), key=score)
        else:
            noise = 0.3 * 10 ** rng.uniform(-2, 0) * rng.standard_normal(len(best))
            best = min(best, improve(best + noise, 0.1, began + limit), key=score)
    return best.tolist()


def score(f):
    """2 n max(f*f) / (sum f)^2."""
    return float(2 * len(f) * np.convolve(f, f).max() / f.sum() ** 2)


def improve(f, radius, deadline):
    """Take linear programming steps of at most `radius` per height until they shrink to nothing."""
    f = f * len(f) / f.sum()  # the score does not depend on the scale; the trust region does
    value = score(f)
    while radius > 1e-3 and (left := deadline - time.monotonic()) > 0:
        new = step(f, radius, left)
        if new is not None and score(new) < value:
            f, value, radius = new, score(new), 1.5 * radius
        else:
            radius /= 2
    return f


def step(f, radius, left):
    """Minimise the largest value of the linearised f*f at fixed sum f; heights of either sign."""
    n = len(f)
    jacobian = 2 * scipy.linalg.convolution_matrix(f, n)
    result = scipy.optimize.linprog(
        np.append(np.zeros(n), 1),  # unknowns: the change of f, and the new maximum
        A_ub=np.column_stack([jacobian, -np.ones(2 * n - 1)]),
        b_ub=-np.convolve(f, f),
        A_eq=np.append(np.ones(n), 0)[None],
        b_eq=[0],
        bounds=[(-radius, radius)] * n + [(0, None)],
        method="highs-ds",
        options={"time_limit": left},
    )
    return None if result.x is None else f + result.x[:n]
