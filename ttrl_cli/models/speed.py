"""How fast this machine computes a model's matrix products, before a run begins."""

import time
from typing import Any

import torch

_MOST_SECONDS = 0.3


@torch.no_grad()
def seconds_per_token(network: Any, rows: int) -> float | None:
    """Measure the matrix products of a forward pass, per token; None if they cannot be measured.

    The model's own weights are used, for how they lie in memory counts; of a large model some.

    Args:
        network: The model, whose weights are on the CPU.
        rows: How many tokens pass together.
    """
    weights = [p for p in network.parameters() if p.ndim == 2 and p.is_floating_point()]
    total = sum(weight.numel() for weight in weights)
    if not total or weights[0].device.type != "cpu":
        return None
    inputs = {(w.shape[1], w.dtype): torch.ones(rows, w.shape[1], dtype=w.dtype) for w in weights}
    largest = max(weights, key=torch.Tensor.numel)
    inputs[largest.shape[1], largest.dtype] @ largest.T  # the first product starts the threads
    done, began = 0, time.perf_counter()
    for weight in weights:
        inputs[weight.shape[1], weight.dtype] @ weight.T
        done += weight.numel()
        if time.perf_counter() - began > _MOST_SECONDS:
            break
    seconds: float = (time.perf_counter() - began) * total / done / rows
    return seconds
