"""The KV cache of rows being written, in growing buffers.

transformers' dynamic cache concatenates: every token copies the whole cache of every layer. These
write into a buffer with room to spare and hand out views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

KV = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer [B, H_kv, S, D]."""

_FIRST_ROOM = 64


@dataclass(frozen=True, slots=True)
class Moves:
    """Rows that change their index, for all layers at once: indices made on the model's device.

    Attributes:
        targets: Their new indices, int64.
        sources: Their old ones.
        rows: Rows that there are from now on.
    """

    targets: torch.Tensor
    sources: torch.Tensor
    rows: int


def moves_of(source: Sequence[int], device: torch.device) -> Moves:
    """Return the moves that take row source[i] to index i, for every i.

    Rows that are not in `source` are dropped. Only rows whose index changes are moved, so dropping
    a few rows costs little.
    """
    moved = [(to, at) for to, at in enumerate(source) if to != at]
    indices = torch.tensor(moved, dtype=torch.int64, device=device).view(-1, 2)
    return Moves(targets=indices[:, 0], sources=indices[:, 1], rows=len(source))


class SuffixKV:
    """One layer's KV cache of what the rows of a batch have written, behind their prompts.

    Args:
        most: Tokens that a row writes at most; buffers do not grow beyond.
    """

    def __init__(self, most: int) -> None:
        self._most = most
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

    def reorder(self, moves: Moves) -> None:
        """Move rows to other indices."""
        if not len(moves.targets):
            return
        for buffer in self._buffers:
            written = buffer[:, :, : self._length]
            written[moves.targets] = written[moves.sources]

    def _grow(self, like: torch.Tensor) -> None:
        """Make room for at least one more token."""
        if self._buffers and self._length < self._buffers[0].shape[2]:
            return
        rows, heads, width = like.shape
        room = max(min(max(_FIRST_ROOM, 2 * self._length), self._most), self._length + 1)
        larger = [like.new_empty(rows, heads, room, width) for _ in range(2)]
        for new, old in zip(larger, self._buffers, strict=False):
            new[:, :, : self._length] = old[:rows, :, : self._length]
        self._buffers = larger


class SuffixLayer(DynamicLayer):  # type: ignore[misc] # transformers is not typed
    """`SuffixKV` as a layer of transformers' cache, for models that decode by their own forward."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._own = SuffixKV(most)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states [B, H, 1, D]; return all keys and values [B, H, T + 1, D]."""
        self.is_initialized = True
        self.keys, self.values = self._own.append(key_states[:, :, 0], value_states[:, :, 0])
        return self.keys, self.values

    def reorder(self, moves: Moves) -> None:
        """Move rows to other indices, and drop those that remain behind the last one."""
        self._own.reorder(moves)
        if self.is_initialized:
            self.keys, self.values = self.keys[: moves.rows], self.values[: moves.rows]


def suffix_cache(layers: int, most: int) -> Cache:
    """Make an empty KV cache for what the rows write, at most so many tokens each."""
    return Cache(layers=[SuffixLayer(most) for _ in range(layers)])
