"""Random centres in the unit square, each in turn with a radius as large as it can be.

A circle keeps out of those before it, and leaves those after it half of the way between centres.
"""

import numpy as np

CIRCLES = 32


def run(seed=0):
    centres = np.random.default_rng(seed).random((CIRCLES, 2))
    radii = np.minimum(centres, 1 - centres).min(axis=1)
    for i in range(CIRCLES):
        distance = np.linalg.norm(centres - centres[i], axis=1)
        before, after = distance[:i] - radii[:i], distance[i + 1 :] / 2
        radii[i] = min(radii[i], *before, *after)
    return np.column_stack([centres, radii]).tolist()
