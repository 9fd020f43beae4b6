"""Circles in the unit square, largest sum of radii: sequential linear programming and kicks.

Centres move and radii change in one linear program. A distance is a convex function of the
centres, hence at least its linearisation, so that every step is valid and the sum never falls.
Random starts come first; then the best packing is kicked (some circles are put elsewhere, or all
shaken) and improved again.
"""

import time

import numpy as np
import scipy

CIRCLES = 26


def run(seed=0, seconds=60.0, parent=None):
    began = time.monotonic()
    limit = min(60.0, 0.8 * seconds)
    rng = np.random.default_rng(seed)
    if parent is None:
        best = improve(rng.random((CIRCLES, 2)), began + limit)
    else:
        best = improve(np.array(parent, dtype=float)[:, :2], began + limit)
    while time.monotonic() < began + limit:
        if parent is None and time.monotonic() < began + limit / 4:
            centres = rng.random((CIRCLES, 2))
        else:
            centres = kicked(best[:, :2], rng)
        best = max(best, improve(centres, began + limit), key=lambda new: new[:, 2].sum())
    return best.tolist()


def kicked(centres, rng):
    """Put one to three circles elsewhere, or shake all of them."""
    centres = centres.copy()
    if rng.random() < 0.5:
        moved = rng.choice(len(centres), rng.integers(1, 4), replace=False)
        centres[moved] = rng.random((len(moved), 2))
        return centres
    return np.clip(centres + rng.normal(0, rng.uniform(0.01, 0.1), centres.shape), 0, 1)


def improve(centres, deadline):
    """The best radii of these centres, then steps that move the centres until the gain is small."""
    best = step(centres, 0.0, 1.0)  # takes milliseconds, and gives a valid packing whatever is left
    reach, gain = 0.2, 1.0
    while gain > 1e-8 and (left := deadline - time.monotonic()) > 0:
        new = step(best[:, :2], reach, left)
        if new is None:
            break
        gain = new[:, 2].sum() - best[:, 2].sum()
        best = new if gain > 0 else best
    return best


def step(centres, reach, left):
    """The linear program in the moves of the centres, of at most `reach`, and the radii."""
    n = len(centres)
    i, j = np.triu_indices(n, 1)
    between = centres[i] - centres[j]
    distance = np.hypot(*between.T)
    toward = between / np.maximum(distance, 1e-12)[:, None]
    pairs = np.arange(len(i))
    touch = np.zeros((len(i), n, 3))  # of r_i + r_j - toward . (move_i - move_j) <= distance
    touch[pairs, i, :2], touch[pairs, j, :2] = -toward, toward
    touch[pairs, i, 2] = touch[pairs, j, 2] = 1
    walls = np.zeros((4, n, n, 3))  # r <= x + move, r <= 1 - x - move, and the same for y
    circles = np.arange(n)
    walls[:, circles, circles, 2] = 1
    for axis in (0, 1):
        walls[2 * axis, circles, circles, axis] = -1
        walls[2 * axis + 1, circles, circles, axis] = 1
    room = np.stack([centres[:, 0], 1 - centres[:, 0], centres[:, 1], 1 - centres[:, 1]])
    result = scipy.optimize.linprog(
        np.tile([0, 0, -1], n),
        A_ub=scipy.sparse.csr_array(np.concatenate([touch, *walls]).reshape(-1, 3 * n)),
        b_ub=np.append(distance, room),
        bounds=[(-reach, reach), (-reach, reach), (0, 1)] * n,
        method="highs-ds",
        options={"time_limit": left, "primal_feasibility_tolerance": 1e-10},
    )
    if result.x is None:
        return None
    moves = result.x.reshape(n, 3)
    return valid(np.column_stack([np.clip(centres + moves[:, :2], 0, 1), moves[:, 2]]))


def valid(circles):
    """Shrink the radii by what the solver's tolerance left of overlap."""
    x, y, r = circles.T
    i, j = np.triu_indices(len(circles), 1)
    overlap = (r[i] + r[j] - np.hypot(x[i] - x[j], y[i] - y[j])).max() / 2
    outside = (r - np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))).max()
    return np.column_stack([x, y, np.maximum(r - max(overlap, outside, 0), 0)])
