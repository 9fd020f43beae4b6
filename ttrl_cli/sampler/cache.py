"""A key-value cache that grows in place.

transformers' dynamic cache concatenates: every token copies the whole cache of every layer. This
one writes into a buffer with room to spare and hands out views.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

_SPARE_TOKENS = 64


class GrowingLayer(DynamicLayer):  # type: ignore[misc] # transformers is not typed
    """One layer's keys and values [B, H, S, D], in buffers that grow by half when full."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._length = keys.shape[-2]
        self._buffers = [_with_room(keys), _with_room(values)]
        self._show()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states [B, H, T, D]; return all keys and values [B, H, S + T, D]."""
        end = self._length + key_states.shape[-2]
        for i, states in enumerate((key_states, value_states)):
            while end > self._buffers[i].shape[-2]:
                self._buffers[i] = _with_room(self._buffers[i])
            self._buffers[i][:, :, self._length : end] = states
        self._length = end
        self._show()
        return self.keys, self.values

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop every row of the batch that is not in `rows` [B']."""
        self._buffers = [buffer.index_select(0, rows) for buffer in self._buffers]
        self._show()

    def _show(self) -> None:
        keys, values = self._buffers
        self.keys, self.values = keys[:, :, : self._length], values[:, :, : self._length]


def _with_room(states: torch.Tensor) -> torch.Tensor:
    length = states.shape[-2]
    shape = list(states.shape)
    shape[-2] = length + max(_SPARE_TOKENS, length // 2)
    buffer = states.new_zeros(shape)
    buffer[:, :, :length] = states
    return buffer


def batch_cache(prefixes: list[Cache], repeats: list[int]) -> Cache:
    """Lay prompts' caches side by side, each repeated, padded on the left to one length.

    Args:
        prefixes: One cache per prompt, batch of one, S_p tokens each.
        repeats: Samples of each prompt.

    Returns:
        A cache [sum of repeats, H, max S_p, D] of growing layers.
    """
    length = max(prefix.get_seq_length() for prefix in prefixes)
    layers = []
    for i in range(len(prefixes[0].layers)):
        both = []
        for name in ("keys", "values"):
            rows = [
                _left_padded(getattr(prefix.layers[i], name), length).expand(n, -1, -1, -1)
                for prefix, n in zip(prefixes, repeats, strict=True)
            ]
            both.append(torch.cat(rows))
        layers.append(GrowingLayer(*both))
    return Cache(layers=layers)


def _left_padded(states: torch.Tensor, length: int) -> torch.Tensor:
    return torch.nn.functional.pad(states, (0, 0, length - states.shape[-2], 0))
