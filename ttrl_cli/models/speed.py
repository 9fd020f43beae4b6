"""How fast this machine computes a model's matrix products, before a run begins."""

import time
from collections import Counter
from typing import Any

import torch

_TRIES = 3


@torch.no_grad()
def seconds_per_token(network: Any, rows: int) -> float | None:
    """Measure the matrix products of a forward pass, per token; None if they cannot be measured.

    One weight of each form is multiplied, and the fastest of a few tries counts: the first start
    threads, and other programs slow down some.

    Args:
        network: The model, whose weights are on the CPU.
        rows: How many tokens pass together.
    """
    weights = [p for p in network.parameters() if p.ndim == 2 and p.is_floating_point()]
    if not weights or weights[0].device.type != "cpu":
        return None
    forms = {(*weight.shape, *weight.stride(), weight.dtype): weight for weight in weights}
    counts = Counter((*weight.shape, *weight.stride(), weight.dtype) for weight in weights)
    seconds = sum(counts[form] * _product(weight, rows) for form, weight in forms.items())
    return seconds / rows


def _product(weight: torch.Tensor, rows: int) -> float:
    """Return the seconds of a product with rows of ones."""
    ones = torch.ones(rows, weight.shape[1], dtype=weight.dtype)
    times = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        ones @ weight.T
        times.append(time.perf_counter() - began)
    return min(times)
