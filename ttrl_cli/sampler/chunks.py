"""Which samples of a step decode together, so that their keys and values fit into memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from ttrl_cli.sampler.layout import LaidOut

_MAX_ROWS = 256


@dataclass(frozen=True, slots=True)
class Share:
    """Samples of one prompt that decode together.

    Attributes:
        laid_out: The prompt.
        indices: The samples' indices within their group; at least one.
    """

    laid_out: LaidOut
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may decode together.

    Attributes:
        own: Tokens that a row needs room for behind its prompt.
        tokens: Tokens that the KV cache has room for; None for any number.
        rows: Most rows; None for any number.
    """

    own: int
    tokens: int | None = None
    rows: int | None = None

    def more_rows(self, rows: int, prompts: int) -> int | None:
        """Return how many rows fit beside so many rows and prompt tokens; None for any number."""
        room = []
        if self.rows is not None:
            room.append(self.rows - rows)
        if self.tokens is not None:
            room.append((self.tokens - prompts) // self.own - rows)
        return max(0, min(room)) if room else None


def shares_of(prompts: Sequence[LaidOut]) -> list[Share]:
    """Return all samples of some prompts."""
    return [Share(laid_out, tuple(laid_out.prompt.indices)) for laid_out in prompts]


def rows_in(shares: Sequence[Share]) -> int:
    """Return how many samples there are."""
    return sum(len(share.indices) for share in shares)


def first_chunk(waiting: Sequence[Share], bounds: Bounds) -> tuple[list[Share], list[Share]]:
    """Take as many samples, from the first on, as may decode together.

    At least one is taken, whatever the bounds. The samples of a prompt are divided only where the
    bounds demand it; without bounds there are at most _MAX_ROWS, or all of one prompt.

    Returns:
        The samples that decode together, and those that are left.
    """
    chunk: list[Share] = []
    prompts = 0
    for place, share in enumerate(waiting):
        rows = rows_in(chunk)
        if chunk and rows + len(share.indices) > _MAX_ROWS:
            return chunk, list(waiting[place:])
        more = bounds.more_rows(rows, prompts + len(share.laid_out.ids_S))
        taken = len(share.indices) if more is None else min(more, len(share.indices))
        taken = max(taken, 0 if chunk else 1)
        if taken:
            chunk.append(Share(share.laid_out, share.indices[:taken]))
            prompts += len(share.laid_out.ids_S)
        if taken < len(share.indices):
            return chunk, [Share(share.laid_out, share.indices[taken:]), *waiting[place + 1 :]]
    return chunk, []
