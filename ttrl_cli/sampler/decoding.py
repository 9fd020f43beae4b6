"""How a batch of rows goes on by one token: by the lean decoder, or by the model's own forward."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers.cache_utils import Cache

from ttrl_cli.models.attention import PrefixCache
from ttrl_cli.models.cache import Moves, SuffixLayer, suffix_cache
from ttrl_cli.models.lean.decoder import Decoder
from ttrl_cli.models.lean.weights import supported


class Decoding(Protocol):
    """Decoding of one batch of rows, which continue prompts they share."""

    def step(self, token_B: torch.Tensor, position_B: torch.Tensor) -> torch.Tensor:
        """Compute logits [B, V] after one more token a row, at these positions; both int64."""

    def reorder(self, moves: Moves, rows_P: list[int]) -> None:
        """Move rows to other indices, and drop those that remain behind the last one.

        `rows_P` says how many rows each prompt has from now on.
        """


def start(network: Any, prompts: list[Cache], rows_P: list[int], most: int) -> Decoding:
    """Start decoding a batch.

    Args:
        network: The peft model.
        prompts: One cache per prompt, of one row each.
        rows_P: Rows of each prompt, in batch order.
        most: Tokens that a row writes at most.
    """
    layers = [
        [(cache.layers[i].keys[0], cache.layers[i].values[0]) for cache in prompts]
        for i in range(len(prompts[0].layers))
    ]
    prefix = PrefixCache(layers=layers, rows_P=rows_P)
    lean = supported(network.get_base_model())
    return (_LeanDecoding if lean else _ModelDecoding)(network, prefix, most)


class _LeanDecoding:
    """Decoding by `models.lean.decoder`."""

    def __init__(self, network: Any, prefix: PrefixCache, most: int) -> None:
        self._decoder = Decoder(network)
        self._prefix = prefix
        self._own = self._decoder.own(most)

    def step(self, token_B: torch.Tensor, position_B: torch.Tensor) -> torch.Tensor:
        return self._decoder(token_B, position_B, self._own, self._prefix)

    def reorder(self, moves: Moves, rows_P: list[int]) -> None:
        self._prefix.rows_P = rows_P
        for layer in self._own:
            layer.reorder(moves)


class _ModelDecoding:
    """Decoding by the model's own forward, with our attention in it."""

    def __init__(self, network: Any, prefix: PrefixCache, most: int) -> None:
        self._network = network
        self._prefix = prefix
        self._cache = suffix_cache(len(prefix.layers), most)

    def step(self, token_B: torch.Tensor, position_B: torch.Tensor) -> torch.Tensor:
        out = self._network(
            input_ids=token_B[:, None],
            position_ids=position_B[:, None],
            past_key_values=self._cache,
            use_cache=True,
            shared_prefix=self._prefix,
        )
        return out.logits[:, -1]  # type: ignore[no-any-return]

    def reorder(self, moves: Moves, rows_P: list[int]) -> None:
        self._prefix.rows_P = rows_P
        for layer in self._cache.layers:
            assert isinstance(layer, SuffixLayer)
            layer.reorder(moves)


def packed(live: Sequence[int], rows_P: Sequence[int]) -> tuple[list[int], list[int]]:
    """Assign indices to the remaining rows, so that those of each prompt stay together.

    Rows keep their index where possible, so that little has to be moved.

    Args:
        live: Places of the rows that stay, ascending.
        rows_P: Rows of each prompt until now.

    Returns:
        For each new index the old one, and the rows of each prompt from now on.
    """
    source: list[int] = []
    left_P: list[int] = []
    start = taken = 0
    for count in rows_P:
        mine: list[int] = []
        while taken < len(live) and live[taken] < start + count:
            mine.append(live[taken])
            taken += 1
        first = len(source)
        staying = {index for index in mine if index < first + len(mine)}
        moving = iter([index for index in mine if index not in staying])
        indices = range(first, first + len(mine))
        source += [index if index in staying else next(moving) for index in indices]
        left_P.append(len(mine))
        start += count
    return source, left_P
