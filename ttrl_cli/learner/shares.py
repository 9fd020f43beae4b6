"""Which process works on which rows of an update."""

from collections.abc import Sequence

import numpy as np

from ttrl_cli.learner.batch import group_rows
from ttrl_cli.records import Row


def share(rows: Sequence[Row], rank: int, size: int, *, with_prompts: bool = False) -> list[int]:
    """Return the indices of the rows that one process works on, in the order of their prompts.

    Rows of one prompt stay together where possible, and each process gets about as many
    tokens. All rows are laid end to end and cut into equal parts, one per process; a row belongs
    to the part that has the middle of its tokens.

    Args:
        rows: All rows of the update.
        rank: Rank of the process, 0 <= rank < size.
        size: Number of processes.
        with_prompts: Whether each row is run with its prompt, whose tokens then count too.
    """
    indices = [index for group in group_rows(rows) for index in group.indices]
    if size == 1:
        return indices
    lengths = np.array(
        [len(rows[p].token_ids_T) + with_prompts * len(rows[p].prompt_ids_S) for p in indices]
    )
    middles = np.cumsum(lengths) - lengths / 2
    owners = np.floor(middles * size / lengths.sum())
    return [index for index, owner in zip(indices, owners, strict=True) if owner == rank]
