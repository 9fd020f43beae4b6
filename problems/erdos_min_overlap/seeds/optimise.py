"""Erdos minimum overlap: sequential linear programming with a trust region.

Each step linearises the overlap at every shift and solves a linear program for the change of h.
Random starts of 50 steps come first; then the best h is refined: perturbed and improved again, and
twice cut into steps half as long.
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
    best = improve(start, 0.2, began + limit)
    halvings = 0
    while time.monotonic() < began + limit:
        passed = (time.monotonic() - began) / limit
        if passed > (halvings + 1) / 3 and 2 * len(best) <= MOST_STEPS:
            halvings += 1
            best = improve(np.repeat(best, 2), 0.05, began + limit)
        elif halvings == 0 and parent is None:
            best = min(best, improve(rng.random(STEPS), 0.2, began + limit), key=score)
        else:
            noise = 0.3 * 10 ** rng.uniform(-2, 0) * rng.standard_normal(len(best))
            best = min(best, improve(best + noise, 0.05, began + limit), key=score)
    return best.tolist()


def score(h):
    """The largest overlap over all shifts."""
    return float(2 / len(h) * np.correlate(h, 1 - h, "full").max())


def balanced(h):
    """Heights in [0, 1] near h with sum n / 2: too large a sum is scaled down, too small one up."""
    h = np.clip(h, 0, 1)
    half = len(h) / 2
    h = h * half / h.sum() if h.sum() > half else 1 - (1 - h) * half / (1 - h).sum()
    return np.clip(h, 0, 1)  # rounding may have led out of it again


def improve(h, radius, deadline):
    """Take linear programming steps of at most `radius` per height until they shrink to nothing."""
    h = balanced(h)
    value = score(h)
    while radius > 1e-4 and (left := deadline - time.monotonic()) > 0:
        new = step(h, radius, left)
        if new is not None and score(new) < value:
            h, value, radius = new, score(new), 1.5 * radius
        else:
            radius /= 2
    return h


def shifted(h):
    """Row m is h shifted by k = m - (n - 1): h_(i+k), and 0 outside."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(h, len(h) - 1), len(h))


def step(h, radius, left):
    """Minimise the largest linearised overlap, sum over i of h_(i+k) (1 - h_i), at fixed sum h."""
    n = len(h)
    jacobian = shifted(1 - h)[::-1] - shifted(h)
    result = scipy.optimize.linprog(
        np.append(np.zeros(n), 1),  # unknowns: the change of h, and the new maximum
        A_ub=np.column_stack([jacobian, -np.ones(2 * n - 1)]),
        b_ub=-shifted(h) @ (1 - h),
        A_eq=np.append(np.ones(n), 0)[None],
        b_eq=[0],
        bounds=[(max(-radius, -x), min(radius, 1 - x)) for x in h] + [(0, None)],
        method="highs-ds",
        options={"time_limit": left},
    )
    return None if result.x is None else balanced(h + result.x[:n])
