"""The lists of parcels: public data of three sorts, from a generator that is passed in.

python generate.py          writes examples.json, which candidate programs may read
"""

import json
from pathlib import Path

import numpy as np


def mixed(rng, parcels):
    sizes = rng.integers(20, 101, parcels)
    return {"sizes": sizes.tolist(), "capacity": 150}


def pallets(rng, parcels):
    kinds = rng.choice(np.arange(100, 601), 8, replace=False)
    return {"sizes": rng.choice(kinds, parcels).tolist(), "capacity": 1000}


def triplets(rng, parcels):
    sizes = []
    for _ in range(parcels // 3):
        first = int(rng.integers(380, 491))
        second = int(rng.integers(250, (1000 - first) // 2 + 1))
        sizes += [first, second, 1000 - first - second]
    return {"sizes": rng.permutation(sizes).tolist(), "capacity": 1000}


SORTS = (mixed, pallets, triplets)


def cases(rng, count, parcels):
    return [SORTS[index % len(SORTS)](rng, parcels) for index in range(count)]


if __name__ == "__main__":
    generator = np.random.default_rng(2026)
    examples = {sort.__name__: sort(generator, 120) for sort in SORTS}
    Path("examples.json").write_text(json.dumps(examples) + "\n", encoding="utf-8")
