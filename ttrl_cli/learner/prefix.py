"""Running a prompt once for all the rows that share it, gradient included.

The prompt's keys and values are cut from the graph as leaves; each micro-batch adds its gradient
to them; at the end one backward pass carries the sum through the prompt. The result is the
gradient of the plain computation, with the prompt run forward and backward once instead of G times.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

from ttrl_cli.records import IntArray


class SharedPrefix:
    """Keys and values of a prompt, shared by the rows of its group.

    Args:
        network: The model.
        prefix_ids_S: The prompt without its last token; where empty, nothing is shared.
        device: Where to run.
    """

    def __init__(self, network: Any, prefix_ids_S: IntArray, device: torch.device) -> None:
        self._outputs: list[tuple[torch.Tensor, torch.Tensor]] = []
        if len(prefix_ids_S):
            ids = torch.tensor(prefix_ids_S[None], device=device)
            cache = network(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            self._outputs = [(layer.keys, layer.values) for layer in cache.layers]
        grad = torch.is_grad_enabled()
        self._leaves = [
            (k.detach().requires_grad_(grad), v.detach().requires_grad_(grad))
            for k, v in self._outputs
        ]

    def cache(self, rows: int) -> Cache | None:
        """A cache of the prefix for a batch of so many rows; nothing is copied until used."""
        if not self._leaves:
            return None
        layers: list[Any] = []
        for keys, values in self._leaves:
            layer = DynamicLayer()
            layer.lazy_initialization(keys, values)
            layer.keys = keys.expand(rows, -1, -1, -1)
            layer.values = values.expand(rows, -1, -1, -1)
            layers.append(layer)
        return Cache(layers=layers)

    def backward(self) -> None:
        """Carry the gradients that the rows left on the keys and values through the prompt."""
        pairs = [
            (output, leaf.grad)
            for outputs, leaves in zip(self._outputs, self._leaves, strict=True)
            for output, leaf in zip(outputs, leaves, strict=True)
            if leaf.grad is not None and output.requires_grad
        ]
        if pairs:
            outputs, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(outputs, gradients)
