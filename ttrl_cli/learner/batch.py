"""From rows of any length to padded micro-batches under a token budget.

Rows of one prompt are kept together: the prompt is then run once and its KV is shared. All but the
prompt's last token are the shared prefix; that last token leads each row, since its output predicts
the first token of the completion.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from ttrl_cli.models.transfer import upload
from ttrl_cli.records import IntArray, Row

IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows with one prompt.

    Attributes:
        prefix_ids_S: The prompt without its last token; may be empty.
        indices: Index of each row in the round.
        rows: The rows, longest first.
    """

    prefix_ids_S: IntArray
    indices: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the counted tokens of a micro-batch, on the model's device; float32.

    Attributes:
        sampled_logp_N: Log-probabilities under the sampler.
        reference_logp_N: Log-probabilities under the reference model, 0 where unknown.
        advantage_N: Advantages.
        weight_N: Weights of their rows.
    """

    sampled_logp_N: torch.Tensor
    reference_logp_N: torch.Tensor
    advantage_N: torch.Tensor
    weight_N: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """Padded arrays of some rows of a group; T is the longest completion of the batch.

    Attributes:
        indices: Index of each row in the round.
        lengths: Tokens of each row's completion.
        input_ids_BT: The prompt's last token and the completion, padded on the right [B, T + 1].
        labels_BT: The same, IGNORED where no loss is taken: first column, forced tokens, padding.
        known_KBT: The values of `Known`, in its order, padded [4, B, T].
    """

    indices: tuple[int, ...]
    lengths: tuple[int, ...]
    input_ids_BT: IntArray
    labels_BT: IntArray
    known_KBT: npt.NDArray[np.float32]

    @property
    def counted_BT(self) -> npt.NDArray[np.bool_]:
        """Which tokens the loss is taken on [B, T]."""
        counted: npt.NDArray[np.bool_] = self.labels_BT[:, 1:] != IGNORED
        return counted

    def known(self, device: torch.device) -> Known:
        """Upload what is known of the counted tokens, in the order of rows and tokens."""
        sampled_N, reference_N, advantage_N, weight_N = upload(
            self.known_KBT[:, self.counted_BT], device
        )
        return Known(
            sampled_logp_N=sampled_N,
            reference_logp_N=reference_N,
            advantage_N=advantage_N,
            weight_N=weight_N,
        )


def merge_identical(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Merge identical rows into one weighted row each, in order of first appearance.

    Rows of weight zero are left out.

    Rows are identical if they have the same prompt, completion, advantages and forced tokens; loss
    and gradient are then the same as for separate rows. Log-probabilities may differ by the noise
    of a batch; the merged row has their weighted mean.
    """
    alike: dict[tuple[bytes, ...], list[Row]] = {}
    for row in rows:
        if not row.weight:
            continue
        mask_T = row.token_ids_T[:0] if row.sampled_T is None else row.sampled_T
        arrays = (row.prompt_ids_S, row.token_ids_T, row.advantages_T, mask_T)
        alike.setdefault(tuple(array.tobytes() for array in arrays), []).append(row)
    return tuple(_merged(same) for same in alike.values())


def _merged(same: list[Row]) -> Row:
    if len(same) == 1:
        return same[0]
    weights = np.array([row.weight for row in same])
    logprobs_RT = np.stack([row.logprobs_T for row in same])
    logprobs_T = np.average(logprobs_RT, axis=0, weights=weights)
    return replace(same[0], logprobs_T=logprobs_T, weight=float(weights.sum()))


def group_rows(rows: Sequence[Row]) -> list[Group]:
    """Group rows by prompt, in order of first appearance; longest completions first in each."""
    by_prompt: dict[bytes, list[int]] = {}
    for index, row in enumerate(rows):
        by_prompt.setdefault(row.prompt_ids_S.tobytes(), []).append(index)
    groups = []
    for indices in by_prompt.values():
        ordered = sorted(indices, key=lambda index: -len(rows[index].token_ids_T))
        prompt_ids_S = rows[ordered[0]].prompt_ids_S
        groups.append(
            Group(
                prefix_ids_S=prompt_ids_S[:-1],
                indices=tuple(ordered),
                rows=tuple(rows[index] for index in ordered),
            )
        )
    return groups


def idle() -> MicroBatch:
    """Return a micro-batch of one row on which no loss is taken.

    A process runs it to join as many collectives as processes that have more micro-batches.
    """
    ids_BT = np.zeros((1, 2), dtype=np.int64)
    return MicroBatch(
        indices=(),
        lengths=(1,),
        input_ids_BT=ids_BT,
        labels_BT=np.full_like(ids_BT, IGNORED),
        known_KBT=np.zeros((4, 1, 1), dtype=np.float32),
    )


def cuts(group: Group, budget: int) -> list[slice]:
    """Cut a group's rows into batches of at most `budget` padded tokens, at least one row each.

    The budget counts what a row costs: the shared prefix it attends to and its own padded length.
    """
    found: list[slice] = []
    start = 0
    while start < len(group.rows):
        longest = len(group.prefix_ids_S) + len(group.rows[start].token_ids_T) + 1
        end = start + max(1, budget // longest)
        found.append(slice(start, end))
        start = end
    return found


def micro_batches(group: Group, budget: int) -> Iterator[MicroBatch]:
    """Yield the padded micro-batches of a group, each built when it is asked for; see `cuts`."""
    for cut in cuts(group, budget):
        yield _pad(group.indices[cut], group.rows[cut])


def _pad(indices: tuple[int, ...], rows: tuple[Row, ...]) -> MicroBatch:
    lengths = tuple(len(row.token_ids_T) for row in rows)
    longest = max(lengths)
    ids_BT = np.zeros((len(rows), longest + 1), dtype=np.int64)
    labels_BT = np.full((len(rows), longest + 1), IGNORED, dtype=np.int64)
    known_KBT = np.zeros((4, len(rows), longest), dtype=np.float32)
    sampled, reference, advantage, weight = known_KBT
    for i, (row, tokens) in enumerate(zip(rows, lengths, strict=True)):
        ids_BT[i, 0] = row.prompt_ids_S[-1]
        ids_BT[i, 1 : tokens + 1] = labels_BT[i, 1 : tokens + 1] = row.token_ids_T
        if row.sampled_T is not None:
            labels_BT[i, 1 : tokens + 1][~row.sampled_T] = IGNORED
        sampled[i, :tokens] = row.logprobs_T
        if row.reference_logprobs_T is not None:
            reference[i, :tokens] = row.reference_logprobs_T
        advantage[i, :tokens] = row.advantages_T
        weight[i, :tokens] = row.weight
    return MicroBatch(
        indices=indices,
        lengths=lengths,
        input_ids_BT=ids_BT,
        labels_BT=labels_BT,
        known_KBT=known_KBT,
    )
