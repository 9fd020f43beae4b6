"""Which rows of an update are whose, where several processes share it."""

from collections.abc import Sequence

import numpy as np

from ttrl_cli.learner.batch import group_rows
from ttrl_cli.records import Row


def share(rows: Sequence[Row], rank: int, size: int, *, whole: bool = False) -> list[int]:
    """The places of the rows that are one process's part, in the order of their prompts.

    Rows of one prompt stay together as far as can be, and each part has about as many tokens: a row
    belongs to whoever has the middle of its tokens, all rows being laid end to end.

    Args:
        rows: All rows of the update.
        rank: The process, 0 <= rank < size.
        size: How many there are.
        whole: Whether each row is run with its prompt, which then counts.
    """
    places = [place for group in group_rows(rows) for place in group.places]
    if size == 1:
        return places
    lengths = np.array(
        [len(rows[p].token_ids_T) + whole * len(rows[p].prompt_ids_S) for p in places]
    )
    middles = np.cumsum(lengths) - lengths / 2
    owners = np.floor(middles * size / lengths.sum())
    return [place for place, owner in zip(places, owners, strict=True) if owner == rank]
