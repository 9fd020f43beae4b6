"""Fifty random heights in [0, 1], scaled to sum 25."""

import numpy as np

STEPS = 50


def run(seed=0):
    h = np.random.default_rng(seed).random(STEPS)
    half = STEPS / 2
    if h.sum() > half:
        h *= half / h.sum()
    else:  # scaling up could leave [0, 1], scaling 1 - h down cannot
        h = 1 - (1 - h) * half / (1 - h).sum()
    return h.tolist()
