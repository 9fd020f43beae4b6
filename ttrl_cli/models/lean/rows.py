"""How the rows of a pass lie one behind the other, and how they attend.

A row's tokens see the prompt that it continues, and its own tokens up to themselves. On a GPU rows
are packed: no token is padding, and one call of variable-length flash attention takes all of them,
with neither a mask nor anything that a backend prepares for a shape. On the CPU they are padded to
one length and attend in blocks, each with a mask: its kernels have no other causal attention over
keys that begin before the queries, and the blocks are faster than one mask over all of a row.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn.attention import varlen
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

from ttrl_cli.models.cache import KV
from ttrl_cli.models.transfer import upload
from ttrl_cli.records import IntArray

_PADDED = frozenset({"cpu"})
"""Kinds of devices on which rows are padded."""
_QUERIES = 512
"""Queries of a padded row that attend at a time."""
_HALVES = frozenset({torch.bfloat16, torch.float16})
_WIDEST = 256
"""Widest head of flash attention, whose heads are multiples of 8 wide."""
_OLDEST = (8, 0)
"""Compute capability from which on GPUs have flash attention."""


class Rows(Protocol):
    """Rows of a pass: where their tokens lie, and their attention."""

    def attend(
        self,
        q_NKW: torch.Tensor,
        k_NKW: torch.Tensor,
        v_NKW: torch.Tensor,
        before: KV | None,
        scale: float,
    ) -> torch.Tensor:
        """Compute attention [N, H * D] of rows over their prompt and what they have written.

        Args:
            q_NKW: Queries [N, H, D].
            k_NKW: Keys [N, H_kv, D].
            v_NKW: Values [N, H_kv, D].
            before: Keys and values [1, H_kv, S, D] of the prompt; None without one.
            scale: Factor on the scores.
        """


class PaddedRows:
    """Rows of one length, for the CPU.

    Args:
        rows: How many there are.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._masks = _Masks()

    def attend(
        self,
        q_NKW: torch.Tensor,
        k_NKW: torch.Tensor,
        v_NKW: torch.Tensor,
        before: KV | None,
        scale: float,
    ) -> torch.Tensor:
        """See `Rows.attend`.

        The query heads of a kv head are placed one after another as if they were tokens, so that
        keys and values need not be repeated for them. Queries are processed in blocks, each only
        with the keys that it may see, so that masks stay small however long the rows are.
        """
        rows, heads, kv_heads, width = self._rows, q_NKW.shape[1], k_NKW.shape[1], q_NKW.shape[2]
        query = q_NKW.view(rows, -1, kv_heads, heads // kv_heads, width).permute(0, 2, 3, 1, 4)
        keys, values = (
            part.view(rows, -1, kv_heads, width).transpose(1, 2) for part in (k_NKW, v_NKW)
        )
        per_head, tokens = query.shape[2:4]
        if before is not None:
            keys, values = (
                torch.cat([prompt.expand(rows, -1, -1, -1), mine], 2)
                for prompt, mine in zip(before, (keys, values), strict=True)
            )
        start = keys.shape[2] - tokens
        seen = []
        for first in range(0, tokens, _QUERIES):
            some = query[:, :, :, first : first + _QUERIES]
            count, end = some.shape[3], start + first + some.shape[3]
            part = scaled_dot_product_attention(
                some.reshape(rows, kv_heads, per_head * count, width),
                keys[:, :, :end],
                values[:, :, :end],
                attn_mask=self._masks.mask(end - count, count, per_head, query),
                scale=scale,
            )
            seen.append(part.view(rows, kv_heads, per_head, count, width))
        together = seen[0] if len(seen) == 1 else torch.cat(seen, 3)
        return together.permute(0, 3, 1, 2, 4).reshape(rows * tokens, -1)


class _Masks:
    """The masks of one pass through the model, each made once for all layers."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], torch.Tensor] = {}

    def mask(self, start: int, tokens: int, per_head: int, like: torch.Tensor) -> torch.Tensor:
        """Return the mask to add to the scores [R * T, S + T]: no token may see later ones."""
        if (start, tokens) not in self._made:
            mask = like.new_zeros(per_head, tokens, start + tokens)
            later = torch.ones(tokens, tokens, device=like.device, dtype=torch.bool).triu(1)
            mask[:, :, start:].masked_fill_(later, -torch.inf)
            self._made[start, tokens] = mask.view(per_head * tokens, -1)
        return self._made[start, tokens]


class PackedRows:
    """Rows of any lengths, without padding.

    Args:
        lengths: Tokens of each row.
        start: Tokens of the prompt before them.
        ends: Where the queries and the keys of each row end, from 0 on [2, B + 1], int32.
    """

    def __init__(self, lengths: Sequence[int], start: int, ends: torch.Tensor) -> None:
        self._lengths = list(lengths)
        self._start = start
        self._ends = ends

    def attend(
        self,
        q_NKW: torch.Tensor,
        k_NKW: torch.Tensor,
        v_NKW: torch.Tensor,
        before: KV | None,
        scale: float,
    ) -> torch.Tensor:
        """See `Rows.attend`."""
        prompts = (None, None) if before is None else before
        keys, values = (
            self._behind(prompt, own) for prompt, own in zip(prompts, (k_NKW, v_NKW), strict=True)
        )
        attend = self._together if _has_varlen(q_NKW) else self._one_by_one
        return attend(q_NKW, keys, values, scale).flatten(1)

    def _behind(self, prompt: torch.Tensor | None, own_NKW: torch.Tensor) -> torch.Tensor:
        """Return keys or values of all rows, each with the prompt's before its own."""
        if prompt is None:
            return own_NKW
        before_SKW = prompt[0].transpose(0, 1)
        parts = own_NKW.split_with_sizes(self._lengths)
        return torch.cat([piece for part in parts for piece in (before_SKW, part)])

    def _together(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attend with all rows in one call [N, H, D]."""
        most = max(self._lengths)
        seen = varlen.varlen_attn(
            query,
            keys,
            values,
            self._ends[0],
            self._ends[1],
            most,
            most + self._start,
            scale=scale,
            window_size=(-1, 0),  # no token sees later ones; the last query sees the last key
            enable_gqa=True,
        )
        assert isinstance(seen, torch.Tensor)  # nothing besides was asked for
        return seen

    def _one_by_one(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attend row by row [N, H, D], where there is no variable-length attention.

        Keys and values are repeated for the query heads that share them: the kernel that takes
        float32, or runs on older GPUs, knows no shared heads.
        """
        shared = query.shape[1] // keys.shape[1]
        whole = [length + self._start for length in self._lengths]
        parts = zip(
            query.split_with_sizes(self._lengths),
            keys.split_with_sizes(whole),
            values.split_with_sizes(whole),
            strict=True,
        )
        seen = [
            scaled_dot_product_attention(
                q.transpose(0, 1)[None],
                k.repeat_interleave(shared, 1).transpose(0, 1)[None],
                v.repeat_interleave(shared, 1).transpose(0, 1)[None],
                attn_mask=causal_lower_right(len(q), len(k)),
                scale=scale,
            )
            for q, k, v in parts
        ]
        return torch.cat([part[0].transpose(0, 1) for part in seen])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of a pass, on their device.

    Attributes:
        rows: The rows that they belong to.
        id_N: Their ids, int64.
        position_N: Their positions, int64.
        scoring_K: Indices of those that predict a token which is scored, int64.
        scored_K: The ids of what these predict, int64.
    """

    rows: Rows
    id_N: torch.Tensor
    position_N: torch.Tensor
    scoring_K: torch.Tensor
    scored_K: torch.Tensor


def lay_out(
    ids_BT: IntArray,
    lengths: Sequence[int],
    start: int,
    device: torch.device,
    scored_BT: IntArray | None = None,
) -> Tokens:
    """Lay out rows for a pass, in one upload.

    Args:
        ids_BT: Token ids, padded on the right.
        lengths: Tokens of each row.
        start: Tokens of the prompt before them.
        device: Where the model is.
        scored_BT: What each token predicts, negative where that is not scored; by default nothing
            is scored.
    """
    padded = device.type in _PADDED
    reach_T = np.arange(ids_BT.shape[1])
    kept_BT = (reach_T < np.array(lengths)[:, None]) | padded
    predicted_N = np.full(kept_BT.sum(), -1) if scored_BT is None else scored_BT[kept_BT]
    scoring_K = np.flatnonzero(predicted_N >= 0)
    queries = np.cumsum([0, *lengths])
    parts = [
        ids_BT[kept_BT],
        np.broadcast_to(start + reach_T, ids_BT.shape)[kept_BT],
        scoring_K,
        predicted_N[scoring_K],
        queries,
        queries + start * np.arange(len(queries)),
    ]
    uploaded = upload(np.concatenate(parts), device).split_with_sizes([len(p) for p in parts])
    id_N, position_N, scoring, scored, *ends = uploaded
    rows: Rows
    if padded:
        rows = PaddedRows(len(ids_BT))
    else:
        rows = PackedRows(lengths, start, torch.stack(ends).int())
    return Tokens(rows=rows, id_N=id_N, position_N=position_N, scoring_K=scoring, scored_K=scored)


def _has_varlen(query: torch.Tensor) -> bool:
    """Decide whether variable-length attention with shared heads takes such queries."""
    if query.dtype not in _HALVES or query.shape[-1] > _WIDEST or query.shape[-1] % 8:
        return False
    if query.device.type == "cpu" or "enable_gqa" not in _OPTIONS:
        return False
    return query.device.type != "cuda" or torch.cuda.get_device_capability(query.device) >= _OLDEST


_OPTIONS = frozenset(inspect.signature(varlen.varlen_attn).parameters)
"""Options of variable-length attention in the installed torch."""
