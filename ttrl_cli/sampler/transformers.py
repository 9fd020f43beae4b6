"""Sampling in process, on the model the learner trains.

One prefill per prompt, shared by its G samples; the rows of a step decode as one batch of up to
_MAX_ROWS; finished rows are handed out at once and leave the batch. Sampler and learner
share one set of weights, so loading an adapter is a matter of agreeing on which update it came
from.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from ttrl_cli import seeding
from ttrl_cli.errors import DivergedError, UsageError
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.records import Adapter, Completion, IntArray, Json, Prompt
from ttrl_cli.sampler.base import clean_text
from ttrl_cli.sampler.decoding import Decoding, packed
from ttrl_cli.sampler.decoding import start as start_decoding
from ttrl_cli.sampler.draw import draw

_MAX_ROWS = 256
_DRAWS_AHEAD = 64
_LEAST_SHARED = 16  # tokens of a common beginning that are worth a run of their own


@dataclass(slots=True)
class _Row:
    """One sample being written."""

    group: int
    index: int
    seed: int
    prompt_ids_S: IntArray
    rng: np.random.Generator
    most_tokens: int
    uniforms: list[float] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    def uniform(self) -> float:
        """The row's next uniform number; drawn ahead in blocks, the sequence is the same."""
        if not self.uniforms:
            self.uniforms = self.rng.random(_DRAWS_AHEAD)[::-1].tolist()
        return self.uniforms.pop()


@dataclass(slots=True)
class _Batch:
    """Rows decoding together, those of a prompt side by side; each row's next position."""

    rows: list[_Row]
    rows_P: list[int]
    decoding: Decoding
    position_B: torch.Tensor
    logits_BV: torch.Tensor

    def keep(self, live: list[int]) -> list[int]:
        """Drop all rows but those at the given places; returns where each place's row was."""
        source, self.rows_P = packed(live, self.rows_P)
        self.rows = [self.rows[place] for place in source]
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
    """

    def __init__(
        self, model: LoadedModel, *, max_tokens: int, temperature: float, seed: int
    ) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._seed = seed
        self.policy = 0

    def load(self, adapter: Adapter) -> None:
        """Note which update the shared weights came from."""
        self.policy = adapter.policy

    def cursor(self) -> None:
        """Nothing to keep: every draw hangs on its sample's own seed."""

    def seek(self, cursor: Json) -> None:
        """Nothing to go on from."""

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """See `Sampler.sample`.

        A completion ends where the model's context does, and counts as not finished. A prompt that
        leaves no room at all gets empty completions, which no grader takes: a parent that has
        outgrown the context is a failed expansion, and the search goes on elsewhere.

        Raises:
            UsageError: If no prompt of the first step leaves room: nothing could be sampled ever.
            DivergedError: If the model's logits are not finite.
        """
        encoded = {prompt.group: self._model.encode(prompt.messages) for prompt in prompts_P}
        fitting = [p for p in prompts_P if self._room(encoded[p.group]) > 0]
        if prompts_P and step == 1 and not fitting:
            shortest = min(len(ids_S) for ids_S in encoded.values())
            msg = f"the shortest prompt has {shortest} tokens; the model's context is only "
            msg += f"{self._model.max_context}"
            raise UsageError(msg)
        for prompt in prompts_P:
            if prompt not in fitting:
                for index in range(prompt.n):
                    row = self._row(prompt, index, step, encoded[prompt.group])
                    yield self._completion(row, finished=False)
        for chunk in _chunks(fitting):
            batch = self._prefill(chunk, step, encoded)
            while batch.rows:
                if stop():
                    return
                yield from self._advance(batch)

    @torch.inference_mode()
    def _prefill(
        self, prompts: Sequence[Prompt], step: int, encoded: Mapping[int, IntArray]
    ) -> _Batch:
        """Run each prompt once and lay its cache out for its samples.

        What all prompts begin with (a system message, worked examples) is run once for all.
        """
        rows: list[_Row] = []
        caches: list[Cache] = []
        logits = []
        shared = common_prefix([encoded[prompt.group] for prompt in prompts])
        start = self._run(shared, None).past_key_values if len(shared) else None
        for prompt in prompts:
            ids_S = encoded[prompt.group]
            out = self._run(ids_S[len(shared) :], copy.deepcopy(start))
            caches.append(out.past_key_values)
            logits.append(out.logits[:, -1].expand(prompt.n, -1))
            rows += [self._row(prompt, index, step, ids_S) for index in range(prompt.n)]
        lengths = torch.tensor([len(row.prompt_ids_S) for row in rows], device=self._model.device)
        rows_P = [prompt.n for prompt in prompts]
        return _Batch(
            rows=rows,
            rows_P=rows_P,
            decoding=start_decoding(self._model.network, caches, rows_P),
            position_B=lengths,
            logits_BV=torch.cat(logits),
        )

    def _run(self, ids_S: IntArray, cache: Cache | None) -> Any:
        """The model's output on some tokens, behind those of a cache."""
        tensor = torch.tensor(ids_S[None], device=self._model.device)
        return self._model.network(
            input_ids=tensor, past_key_values=cache, use_cache=True, logits_to_keep=1
        )

    def _room(self, ids_S: IntArray) -> int:
        """Tokens that a completion may have behind a prompt."""
        return min(self._max_tokens, self._model.max_context - len(ids_S))

    def _row(self, prompt: Prompt, index: int, step: int, ids_S: IntArray) -> _Row:
        seed = seeding.sample_seed(self._seed, step, prompt.group, index)
        return _Row(prompt.group, index, seed, ids_S, seeding.generator(seed), self._room(ids_S))

    @torch.inference_mode()
    def _advance(self, batch: _Batch) -> list[Completion]:
        """Draw one token a row; return the rows that are finished and drop them when many are."""
        uniform_B = torch.tensor([row.uniform() for row in batch.rows], dtype=torch.float64)
        token_B, logprob_B = draw(
            batch.logits_BV, uniform_B.to(batch.logits_BV.device), self._temperature
        )
        if not bool(logprob_B.isfinite().all()):
            msg = "the model's logits are not finite: its weights are broken; lower --lr"
            raise DivergedError(msg)
        done: list[Completion] = []
        live: list[int] = []
        for place, (row, token, logprob) in enumerate(
            zip(batch.rows, token_B.tolist(), logprob_B.tolist(), strict=True)
        ):
            row.token_ids.append(token)
            row.logprobs.append(logprob)
            ended = token in self._model.stop_ids
            if ended or len(row.token_ids) >= row.most_tokens:
                done.append(self._completion(row, finished=ended))
            else:
                live.append(place)
        if not live:
            batch.rows = []
        else:
            token_B = token_B[batch.keep(live)] if done else token_B
            batch.logits_BV = batch.decoding.step(token_B, batch.position_B)
            batch.position_B = batch.position_B + 1
        return done

    def _completion(self, row: _Row, *, finished: bool) -> Completion:
        token_ids_T = np.asarray(row.token_ids, dtype=np.int64)
        logprobs_T = np.asarray(row.logprobs, dtype=np.float64)
        return Completion(
            group=row.group,
            index=row.index,
            text=clean_text(self._model.decode(token_ids_T)),
            seed=row.seed,
            prompt_ids_S=row.prompt_ids_S,
            token_ids_T=token_ids_T,
            logprobs_T=logprobs_T,
            logprob=float(logprobs_T.sum()),
            finished=finished,
        )


def common_prefix(prompts: Sequence[IntArray]) -> IntArray:
    """The tokens that all of several prompts begin with, at least one short of the shortest.

    Empty where there is one prompt only, or where so little is common that a run of its own would
    not pay.
    """
    shortest = min(len(ids_S) for ids_S in prompts) - 1
    first = prompts[0][:shortest]
    same_S = np.all([ids_S[:shortest] == first for ids_S in prompts], axis=0)
    length = int(np.argmin(np.append(same_S, [False])))
    worth = len(prompts) > 1 and length >= _LEAST_SHARED
    return first[: length if worth else 0]


def _chunks(prompts_P: Sequence[Prompt]) -> Iterator[Sequence[Prompt]]:
    """Prompts in runs of at most _MAX_ROWS samples, at least one prompt each."""
    chunk: list[Prompt] = []
    for prompt in prompts_P:
        if chunk and sum(p.n for p in chunk) + prompt.n > _MAX_ROWS:
            yield chunk
            chunk = []
        chunk.append(prompt)
    if chunk:
        yield chunk
