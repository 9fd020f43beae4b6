"""Sampling in process, on the model the learner trains.

One prefill per prompt, shared by its G samples; the rows of a step decode as one batch of up to
_MAX_ROWS; finished rows are handed out at once and leave the batch. Sampler and learner
share one set of weights, so loading an adapter is a matter of agreeing on which update it came
from.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from ttrl_cli import seeding
from ttrl_cli.errors import DivergedError
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.records import Adapter, Completion, IntArray, Json, Prompt
from ttrl_cli.sampler.decoding import Decoding, packed
from ttrl_cli.sampler.decoding import start as start_decoding
from ttrl_cli.sampler.draw import draw
from ttrl_cli.sampler.layout import BudgetForcing, LaidOut, Layout

_MAX_ROWS = 256
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
    uniforms: list[float] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)
    forced: list[int] = field(default_factory=list)
    answering: bool = False

    def uniform(self) -> float:
        """Return the row's next uniform number; drawing ahead in blocks does not change them."""
        if not self.uniforms:
            self.uniforms = self.rng.random(_DRAWS_AHEAD)[::-1].tolist()
        return self.uniforms.pop()

    def write(self, token: int, logprob: float) -> int:
        """Append the drawn token, or the forced one if there is one; return the one appended."""
        self.sampled.append(not self.forced)
        self.token_ids.append(self.forced.pop() if self.forced else token)
        self.logprobs.append(logprob)
        return self.token_ids[-1]


@dataclass(slots=True)
class _Batch:
    """Rows decoding together, those of a prompt side by side; each row's next position."""

    rows: list[_Row]
    rows_P: list[int]
    decoding: Decoding
    position_B: torch.Tensor
    logits_BV: torch.Tensor

    def keep(self, live: list[int]) -> list[int]:
        """Drop all rows but those at the given indices; return the old index of each row kept."""
        source, self.rows_P = packed(live, self.rows_P)
        self.rows = [self.rows[index] for index in source]
        self.position_B = self.position_B[source]
        self.decoding.reorder(source, self.rows_P)
        return source


class TransformersSampler:
    """Samples from a `LoadedModel`.

    Args:
        model: The model, shared with the learner.
        max_tokens: Longest completion, in tokens.
        temperature: Sampling temperature.
        seed: The run's seed.
        answer: The second phase of completions, if there is one.

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
    ) -> None:
        self._model = model
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

    def close(self) -> None:
        """Do nothing: the model belongs to the learner, too."""

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """See `Sampler.sample` and `Layout.lay_out`.

        Raises:
            UsageError: If no prompt of the first step leaves room.
            DivergedError: If the model's logits are not finite.
        """
        self.drawn = 0
        fitting, empty = self._layout.lay_out(prompts_P, step)
        yield from empty
        for chunk in _chunks(fitting):
            batch = self._prefill(chunk, step)
            while batch.rows:
                if stop():
                    return
                yield from self._advance(batch)

    @torch.inference_mode()
    def _prefill(self, prompts: Sequence[LaidOut], step: int) -> _Batch:
        """Run each prompt once and share its KV cache among its samples.

        The tokens that all prompts begin with (a system message, worked examples) are run once for
        all.
        """
        rows: list[_Row] = []
        caches: list[Cache] = []
        logits = []
        shared = common_prefix([laid_out.ids_S for laid_out in prompts])
        start = self._run(shared, None).past_key_values if len(shared) else None
        for laid_out in prompts:
            n = laid_out.prompt.n
            out = self._run(laid_out.ids_S[len(shared) :], copy.deepcopy(start))
            caches.append(out.past_key_values)
            logits.append(out.logits[:, -1].expand(n, -1))
            rows += [self._row(laid_out, index, step) for index in laid_out.prompt.indices]
        lengths = torch.tensor([len(row.laid_out.ids_S) for row in rows], device=self._model.device)
        rows_P = [laid_out.prompt.n for laid_out in prompts]
        return _Batch(
            rows=rows,
            rows_P=rows_P,
            decoding=start_decoding(self._model.network, caches, rows_P),
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
        uniform_B = torch.tensor([row.uniform() for row in batch.rows], dtype=torch.float64)
        drawn_B, logprob_B = draw(
            batch.logits_BV, uniform_B.to(batch.logits_BV.device), self._temperature
        )
        if not bool(logprob_B.isfinite().all()):
            msg = "the model's logits are not finite: its weights are broken; lower --lr"
            raise DivergedError(msg)
        self.drawn += len(batch.rows)
        tokens: list[int] = []
        done: list[Completion] = []
        live: list[int] = []
        for index, (row, token, logprob) in enumerate(
            zip(batch.rows, drawn_B.tolist(), logprob_B.tolist(), strict=True)
        ):
            tokens.append(row.write(token, logprob))
            ended = row.sampled[-1] and self._model.codec.ends(row.token_ids)
            if ended or (len(row.token_ids) >= row.most_tokens and not self._answers(row)):
                done.append(self._completion(row, finished=ended))
            else:
                live.append(index)
        if not live:
            batch.rows = []
        else:
            token_B = torch.tensor(tokens, device=drawn_B.device)
            token_B = token_B[batch.keep(live)] if done else token_B
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


def _chunks(prompts_P: Sequence[LaidOut]) -> Iterator[Sequence[LaidOut]]:
    """Split prompts into runs of at most _MAX_ROWS samples, but at least one prompt."""
    chunk: list[LaidOut] = []
    for laid_out in prompts_P:
        if chunk and sum(p.prompt.n for p in chunk) + laid_out.prompt.n > _MAX_ROWS:
            yield chunk
            chunk = []
        chunk.append(laid_out)
    if chunk:
        yield chunk
