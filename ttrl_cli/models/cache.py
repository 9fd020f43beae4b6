"""The KV cache of rows being written, in growing buffers.

transformers' dynamic cache concatenates: every token copies the whole cache of every layer. These
write into a buffer with room to spare and hand out views.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

KV = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer [B, H_kv, S, D]."""

_FIRST_ROOM = 64


class SuffixKV:
    """One layer's KV cache of what the rows of a batch have written, behind their prompts."""

    def __init__(self) -> None:
        self._length = 0
        self._buffers: list[torch.Tensor] = []

    def append(
        self, keys_BNW: torch.Tensor, values_BNW: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append one token a row [B, H_kv, D]; return all keys and values [B, H_kv, T, D]."""
        rows = len(keys_BNW)
        self._grow(keys_BNW)
        for buffer, new in zip(self._buffers, (keys_BNW, values_BNW), strict=True):
            buffer[:rows, :, self._length] = new
        self._length += 1
        keys, values = (b[:rows, :, : self._length] for b in self._buffers)
        return keys, values

    def reorder(self, source: Sequence[int]) -> None:
        """Move row source[i] to index i, for every i; drop the rows that are not in `source`.

        Only rows whose index changes are moved, so dropping a few rows costs little.
        """
        moved = [(to, at) for to, at in enumerate(source) if to != at]
        if not moved or not self._buffers:
            return
        targets, sources = (list(indices) for indices in zip(*moved, strict=True))
        for buffer in self._buffers:
            written = buffer[:, :, : self._length]
            written[targets] = written[sources]

    def _grow(self, like: torch.Tensor) -> None:
        """Make room for at least one more token."""
        if self._buffers and self._length < self._buffers[0].shape[2]:
            return
        rows, heads, width = like.shape
        room = max(_FIRST_ROOM, 2 * self._length)
        larger = [like.new_empty(rows, heads, room, width) for _ in range(2)]
        for new, old in zip(larger, self._buffers, strict=False):
            new[:, :, : self._length] = old[:rows, :, : self._length]
        self._buffers = larger


class SuffixLayer(DynamicLayer):  # type: ignore[misc] # transformers is not typed
    """`SuffixKV` as a layer of transformers' cache, for models that decode by their own forward."""

    def __init__(self) -> None:
        super().__init__()
        self._own = SuffixKV()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states [B, H, 1, D]; return all keys and values [B, H, T + 1, D]."""
        self.is_initialized = True
        self.keys, self.values = self._own.append(key_states[:, :, 0], value_states[:, :, 0])
        return self.keys, self.values

    def reorder(self, source: Sequence[int]) -> None:
        """See `SuffixKV.reorder`."""
        self._own.reorder(source)
        if self.is_initialized:
            self.keys, self.values = self.keys[: len(source)], self.values[: len(source)]


def suffix_cache(layers: int) -> Cache:
    """Make an empty KV cache for what the rows write."""
    return Cache(layers=[SuffixLayer() for _ in range(layers)])
