"""Sampling in process, on the model the learner trains.

One prefill per prompt, shared by its G samples; the rows of a step decode in batches that fit into
memory (`chunks`); finished rows are handed out at once and leave the batch. Sampler and learner
share one set of weights, so loading an adapter is a matter of agreeing on which update it came
from.
"""

import copy
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from ttrl_cli import seeding
from ttrl_cli.errors import DivergedError, SetupError
from ttrl_cli.models.cache import moves_of
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.records import Adapter, Completion, IntArray, Json, Prompt
from ttrl_cli.sampler.chunks import Bounds, Share, first_chunk, rows_in, shares_of
from ttrl_cli.sampler.decoding import Decoding, packed
from ttrl_cli.sampler.decoding import start as start_decoding
from ttrl_cli.sampler.draw import draw
from ttrl_cli.sampler.layout import BudgetForcing, LaidOut, Layout

_DRAWS_AHEAD = 64
_LEAST_SHARED = 16  # tokens of a common beginning that are worth a run of their own


@dataclass(slots=True)
class _Row:
    """One sample being written.

    Attributes:
        most_tokens: Where its present phase ends.
        forced: Tokens that it is to go on with, whatever it would draw, the next one last.
        answering: Whether it is in its second phase.
    """

    laid_out: LaidOut
    index: int
    seed: int
    rng: np.random.Generator
    most_tokens: int
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)
    forced: list[int] = field(default_factory=list)
    answering: bool = False

    def write(self, token: int, logprob: float) -> int:
        """Append the drawn token, or the forced one if there is one; return the one appended."""
        self.sampled.append(not self.forced)
        self.token_ids.append(self.forced.pop() if self.forced else token)
        self.logprobs.append(logprob)
        return self.token_ids[-1]


@dataclass(slots=True)
class _Batch:
    """Rows decoding together, those of a prompt side by side.

    What each token needs is on the model's device: neither numbers nor indices are uploaded for
    one token.

    Attributes:
        position_B: Each row's next position.
        uniform_BT: Each row's uniform numbers, drawn ahead in blocks, which does not change them.
        used: How many of these are used up.
    """

    rows: list[_Row]
    rows_P: list[int]
    decoding: Decoding
    position_B: torch.Tensor
    logits_BV: torch.Tensor
    uniform_BT: torch.Tensor | None = None
    used: int = _DRAWS_AHEAD

    def uniform_B(self) -> torch.Tensor:
        """Return each row's next uniform number, float64."""
        if self.uniform_BT is None or self.used == _DRAWS_AHEAD:
            drawn = np.stack([row.rng.random(_DRAWS_AHEAD) for row in self.rows])
            self.uniform_BT = torch.from_numpy(drawn).to(self.position_B.device)
            self.used = 0
        self.used += 1
        return self.uniform_BT[:, self.used - 1]

    def keep(self, live: list[int], token_B: torch.Tensor) -> torch.Tensor:
        """Drop all rows but those at the given indices; return the tokens of those kept."""
        source, self.rows_P = packed(live, self.rows_P)
        source_B = torch.tensor(source, device=token_B.device)
        self.rows = [self.rows[index] for index in source]
        self.position_B = self.position_B[source_B]
        if self.uniform_BT is not None:
            self.uniform_BT = self.uniform_BT[source_B]
        self.decoding.reorder(moves_of(source, token_B.device), self.rows_P)
        return token_B[source_B]


class TransformersSampler:
    """Samples from a `LoadedModel`.

    Args:
        model: The model, shared with the learner.
        max_tokens: Longest completion, in tokens.
        temperature: Sampling temperature.
        seed: The run's seed.
        answer: The second phase of completions, if there is one.
        kv_tokens: Tokens that the KV cache has room for; None for any number.

    Attributes:
        policy: The step whose update made the weights.
        drawn: Tokens drawn in the step under way.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        answer: BudgetForcing | None = None,
        kv_tokens: int | None = None,
    ) -> None:
        self._model = model
        self._kv_tokens = kv_tokens
        self._most_rows: int | None = None
        self._warning = ""
        self._layout = Layout(codec=model.codec, max_tokens=max_tokens, answer=answer, seed=seed)
        self._temperature = temperature
        self.policy = 0
        self.drawn = 0

    def load(self, adapter: Adapter) -> None:
        """Record which update the shared weights came from."""
        self.policy = adapter.policy

    def cursor(self) -> None:
        """Return None: every draw depends on its sample's own seed only."""

    def seek(self, cursor: Json) -> None:
        """Do nothing: there is no state to restore."""

    def take_warning(self) -> str:
        """See `WarningSampler.take_warning`."""
        warning, self._warning = self._warning, ""
        return warning

    def close(self) -> None:
        """Do nothing: the model belongs to the learner, too."""

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """See `Sampler.sample` and `Layout.lay_out`.

        Rows that decode together are halved where memory runs out, and what they had not finished
        is written again from its beginning: by the seeds, with the same draws.

        Raises:
            UsageError: If no prompt of the first step leaves room.
            DivergedError: If the model's logits are not finite.
            SetupError: If the device's memory is too small for one row.
        """
        self.drawn = 0
        fitting, empty = self._layout.lay_out(prompts_P, step)
        yield from empty
        waiting = shares_of(fitting)
        own = max((laid_out.room for laid_out in fitting), default=0) + self._layout.answer_room
        while waiting:
            bounds = Bounds(own=own, tokens=self._kv_tokens, rows=self._most_rows)
            chunk, waiting = first_chunk(waiting, bounds)
            left = yield from self._write(chunk, step, own, stop)
            if left is None:
                return
            if left:
                self._halve(rows_in(chunk))
                waiting = left + waiting

    def _write(
        self, chunk: list[Share], step: int, own: int, stop: Callable[[], bool]
    ) -> Generator[Completion, None, list[Share] | None]:
        """Yield the completions of a chunk.

        Returns:
            The samples that were not finished when memory ran out; None if sampling was stopped.
        """
        done: set[tuple[int, int]] = set()
        kept = self.drawn
        try:
            batch = self._prefill(chunk, step, own)
            while batch.rows:
                if stop():
                    return None
                for completion in self._advance(batch):
                    done.add((completion.group, completion.index))
                    kept += len(completion.token_ids_T)
                    yield completion
        except torch.OutOfMemoryError:
            # the error holds on to the frames, and these to the batch, until this block ends
            self.drawn = kept
            return _unfinished(chunk, done)
        return []

    def _halve(self, rows: int) -> None:
        """Halve the rows that decode together, for the rest of the run.

        Raises:
            SetupError: If there was but one.
        """
        if rows == 1:
            msg = (
                "out of memory while one row was sampled alone; see ttrl doctor --model, and "
                "lower --max-tokens"
            )
            raise SetupError(msg)
        self._most_rows = rows // 2
        self._warning = f"out of memory: {rows // 2} rows are now sampled at a time, half as many"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _prefill(self, chunk: Sequence[Share], step: int, own: int) -> _Batch:
        """Run each prompt once and share its KV cache among its samples.

        The tokens that all prompts begin with (a system message, worked examples) are run once for
        all.
        """
        rows: list[_Row] = []
        caches: list[Cache] = []
        logits = []
        shared = common_prefix([share.laid_out.ids_S for share in chunk])
        start = self._run(shared, None).past_key_values if len(shared) else None
        for laid_out, indices in ((share.laid_out, share.indices) for share in chunk):
            out = self._run(laid_out.ids_S[len(shared) :], copy.deepcopy(start))
            caches.append(out.past_key_values)
            logits.append(out.logits[:, -1].float().expand(len(indices), -1))
            rows += [self._row(laid_out, index, step) for index in indices]
        lengths = torch.tensor([len(row.laid_out.ids_S) for row in rows], device=self._model.device)
        rows_P = [len(share.indices) for share in chunk]
        return _Batch(
            rows=rows,
            rows_P=rows_P,
            decoding=start_decoding(self._model.network, caches, rows_P, own),
            position_B=lengths,
            logits_BV=torch.cat(logits),
        )

    def _run(self, ids_S: IntArray, cache: Cache | None) -> Any:
        """Run the model on some tokens that continue a cache."""
        tensor = torch.tensor(ids_S[None], device=self._model.device)
        return self._model.network(
            input_ids=tensor, past_key_values=cache, use_cache=True, logits_to_keep=1
        )

    def _row(self, laid_out: LaidOut, index: int, step: int) -> _Row:
        seed = seeding.sample_seed(self._layout.seed, step, laid_out.prompt.group, index)
        return _Row(laid_out, index, seed, seeding.generator(seed), laid_out.room)

    @torch.inference_mode()
    def _advance(self, batch: _Batch) -> list[Completion]:
        """Draw one token a row; drop the rows that are finished and return their completions."""
        token_B, logprob_B = draw(batch.logits_BV, batch.uniform_B(), self._temperature)
        # one download a token; ids are exact in float64
        drawn, logprobs = torch.stack([token_B.double(), logprob_B.double()]).tolist()
        if not all(map(math.isfinite, logprobs)):
            msg = "the model's logits are not finite: its weights are broken; lower --lr"
            raise DivergedError(msg)
        self.drawn += len(batch.rows)
        tokens: list[int] = []
        forced = False
        done: list[Completion] = []
        live: list[int] = []
        for index, (row, token, logprob) in enumerate(
            zip(batch.rows, drawn, logprobs, strict=True)
        ):
            tokens.append(row.write(int(token), logprob))
            forced = forced or not row.sampled[-1]
            ended = row.sampled[-1] and self._model.codec.ends(row.token_ids)
            if ended or (len(row.token_ids) >= row.most_tokens and not self._answers(row)):
                done.append(self._completion(row, finished=ended))
            else:
                live.append(index)
        if not live:
            batch.rows = []
        else:
            if forced:
                token_B = torch.tensor(tokens, device=token_B.device)
            if done:
                token_B = batch.keep(live, token_B)
            batch.logits_BV = batch.decoding.step(token_B, batch.position_B)
            batch.position_B = batch.position_B + 1
        return done

    def _answers(self, row: _Row) -> bool:
        """Begin the second phase of a row that has ended its first; return whether there is one.

        There is none if the configuration has none, or the row has had it.
        """
        answer = self._layout.answer
        if answer is None or row.answering:
            return False
        token_ids_T = np.asarray(row.token_ids, dtype=np.int64)
        forced = answer.forced_tokens(self._layout.codec, row.laid_out.ids_S, token_ids_T)
        row.answering = True
        row.forced = forced.tolist()[::-1]
        row.most_tokens = len(row.token_ids) + len(forced) + answer.tokens
        return True

    def _completion(self, row: _Row, *, finished: bool) -> Completion:
        return self._layout.completion(
            row.laid_out,
            row.index,
            seed=row.seed,
            token_ids=row.token_ids,
            logprobs=row.logprobs,
            sampled=row.sampled,
            finished=finished,
        )


def _unfinished(chunk: Sequence[Share], done: set[tuple[int, int]]) -> list[Share]:
    """Return the samples of a chunk that are not done."""
    left = []
    for share in chunk:
        group = share.laid_out.prompt.group
        indices = tuple(index for index in share.indices if (group, index) not in done)
        if indices:
            left.append(Share(share.laid_out, indices))
    return left


def common_prefix(prompts: Sequence[IntArray]) -> IntArray:
    """Return the tokens that all prompts begin with, at least one fewer than the shortest has.

    Return none for a single prompt, or if so few are common that a separate run does not pay.
    """
    shortest = min(len(ids_S) for ids_S in prompts) - 1
    first = prompts[0][:shortest]
    same_S = np.all([ids_S[:shortest] == first for ids_S in prompts], axis=0)
    length = int(np.argmin(np.append(same_S, [False])))
    worth = len(prompts) > 1 and length >= _LEAST_SHARED
    return first[: length if worth else 0]
