"""Passes over rows: prompts, and the micro-batches that continue them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ttrl_cli.learner.batch import MicroBatch, cuts, group_rows, idle, micro_batches
from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.records import FloatArray, IntArray, Row


@dataclass(frozen=True, slots=True)
class Pass:
    """A prompt that is run once, and the micro-batches that continue it.

    Attributes:
        prefix_ids_S: The prompt without its last token; may be empty.
        batches: Micro-batches of rows with that prompt; to be gone through once.
    """

    prefix_ids_S: IntArray
    batches: Iterator[MicroBatch]


def passes(rows: Sequence[Row], budget: int) -> Iterator[Pass]:
    """Yield a pass for each prompt, with the rows that share it.

    Args:
        rows: The rows.
        budget: Most padded tokens of a micro-batch.
    """
    for group in group_rows(rows):
        yield Pass(group.prefix_ids_S, micro_batches(group, budget))


def unshared_passes(rows: Sequence[Row], budget: int, group: ProcessGroup | None) -> Iterator[Pass]:
    """Yield one pass, over rows that share no prefix.

    Args:
        rows: This process's rows.
        budget: Most padded tokens of a micro-batch.
        group: Processes that all call this, and all get the same number of micro-batches: those
            with fewer get empty ones added. None for one process alone.
    """
    groups = group_rows([unshared(row) for row in rows])
    mine = sum(len(cuts(each, budget)) for each in groups)
    most = mine if group is None else max(group.all_gather(mine))

    def batches() -> Iterator[MicroBatch]:
        for each in groups:
            yield from micro_batches(each, budget)
        yield from itertools.repeat(idle(), most - mine)

    yield Pass(np.zeros(0, np.int64), batches())


def unshared(row: Row) -> Row:
    """Return the same row with a prompt of one token, for rows that share no prefix.

    The rest of the prompt becomes forced tokens of the completion: context without loss.
    """
    forced = len(row.prompt_ids_S) - 1
    reference_T = row.reference_logprobs_T

    def behind(array_T: FloatArray) -> FloatArray:
        return np.concatenate([np.zeros(forced), array_T])

    return replace(
        row,
        prompt_ids_S=row.prompt_ids_S[:1],
        token_ids_T=np.concatenate([row.prompt_ids_S[1:], row.token_ids_T]),
        logprobs_T=behind(row.logprobs_T),
        advantages_T=behind(row.advantages_T),
        reference_logprobs_T=None if reference_T is None else behind(reference_T),
        sampled_T=np.concatenate([np.zeros(forced, bool), row.counted_T]),
    )
