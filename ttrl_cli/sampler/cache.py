"""Keys and values of rows being written: prompts stored once, own tokens in growing buffers.

transformers' dynamic cache concatenates: every token copies the whole cache of every layer. This
one writes into a buffer with room to spare and hands out views.
"""

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

from ttrl_cli.models.attention import SharedPrefix

_FIRST_ROOM = 64


class GrowingLayer(DynamicLayer):  # type: ignore[misc] # transformers is not typed
    """One layer's keys and values [B, H, T, D] of what the rows have written."""

    def __init__(self) -> None:
        super().__init__()
        self._length = 0
        self._buffers: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states [B, H, 1, D]; return all keys and values [B, H, T + 1, D]."""
        states = (key_states, value_states)
        if not self._buffers:
            self.is_initialized = True
            self._buffers = [_room(s, _FIRST_ROOM) for s in states]
        end = self._length + key_states.shape[-2]
        for i, new in enumerate(states):
            if end > self._buffers[i].shape[-2]:
                larger = _room(new, max(end, 2 * self._length))
                larger[:, :, : self._length] = self._buffers[i][:, :, : self._length]
                self._buffers[i] = larger
            self._buffers[i][:, :, self._length : end] = new
        self._length = end
        self._show()
        return self.keys, self.values

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Drop every row of the batch that is not in `rows` [B']."""
        if self._buffers:
            self._buffers = [buffer.index_select(0, rows) for buffer in self._buffers]
            self._show()

    def _show(self) -> None:
        keys, values = self._buffers
        self.keys, self.values = keys[:, :, : self._length], values[:, :, : self._length]


def _room(like: torch.Tensor, tokens: int) -> torch.Tensor:
    rows, heads, _, width = like.shape
    return like.new_empty(rows, heads, tokens, width)


def own_cache(layers: int) -> Cache:
    """An empty cache for what rows write themselves."""
    return Cache(layers=[GrowingLayer() for _ in range(layers)])


def shared_prefix(prompts: list[Cache], rows_P: list[int]) -> SharedPrefix:
    """The caches of prompts (one row each) as a prefix to share.

    Args:
        prompts: One cache per prompt.
        rows_P: Samples of each prompt.
    """
    layers = [
        [(cache.layers[i].keys[0], cache.layers[i].values[0]) for cache in prompts]
        for i in range(len(prompts[0].layers))
    ]
    return SharedPrefix(layers=layers, rows_P=rows_P)
