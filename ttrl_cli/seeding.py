"""Seeds: every random number of a run hangs on (run seed, purpose or step, group, sample).

No generator lives longer than one sample or one selection, so a checkpoint has no random state to
keep beyond the run's seed, and a resumed run draws what the uninterrupted one would have drawn.
"""

import numpy as np


def sample_seed(run_seed: int, step: int, group: int, index: int) -> int:
    """Return the 63-bit seed of one sample."""
    return _seed(run_seed, 0, step, group, index)


GROUP_SPAN = 1 << 20
"""Seeds between two groups of a step: more than a group has samples."""
SECOND_PHASE = GROUP_SPAN // 2
"""What the seed of a sample's second phase is above that of its first."""


def group_seed(run_seed: int, step: int, group: int) -> int:
    """Return the first of one group's seeds, for samplers that count up from it themselves.

    Sample i has this seed plus i, whichever process draws it and however many processes there are.
    """
    return _seed(run_seed, 4, step) // 2 + GROUP_SPAN * group


def selection_rng(run_seed: int, step: int) -> np.random.Generator:
    """Return the generator for one step's choice of parents."""
    return generator(_seed(run_seed, 1, step))


def epoch_rng(run_seed: int, epoch: int) -> np.random.Generator:
    """Return the generator for the order of the questions in an epoch."""
    return generator(_seed(run_seed, 2, epoch))


def report_rng(run_seed: int) -> np.random.Generator:
    """Return the generator for the bootstrap intervals of a report."""
    return generator(_seed(run_seed, 3))


def subsample_rng(run_seed: int, step: int, group: int) -> np.random.Generator:
    """Return the generator for the invalid rows of a group that are learned from."""
    return generator(_seed(run_seed, 5, step, group))


def again_seed(run_seed: int, purpose: str) -> int:
    """Return the seed of a program that is graded again, for one purpose."""
    return _seed(run_seed, 6, *purpose.encode("utf-8"))


def root_seed(run_seed: int, number: int) -> int:
    """Return the 32-bit seed that a seed program is run with for one root.

    It hangs on the run's seed and the root's number alone: runs that are compared have the same
    roots, whatever else they differ in.
    """
    return _seed(run_seed, 7, number) % 2**32


def shortlist_rng(run_seed: int) -> np.random.Generator:
    """Return the generator for the random solutions of a shortlist."""
    return generator(_seed(run_seed, 8))


def generator(seed: int) -> np.random.Generator:
    """Return a counter-based generator for one seed."""
    return np.random.Generator(np.random.Philox(seed))


def _seed(*parts: int) -> int:
    state = np.random.SeedSequence(parts).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
