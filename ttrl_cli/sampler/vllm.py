"""Sampling by vLLM in this process, with the adapter of each step.

Each prompt is one request for its G samples, its beginning shared through the prefix cache. The
engine is stepped here, so that completions are handed out, and graded, while others are written.
An adapter is never merged into the base weights, where bfloat16 would round a small update away:
each is loaded beside them, under a name, a number and a path that were not used before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ttrl_cli import seeding
from ttrl_cli.errors import SetupError, first_line
from ttrl_cli.models.tokenizer import Codec
from ttrl_cli.records import Adapter, Completion, FloatArray, IntArray, Json, Probe, Prompt
from ttrl_cli.sampler.layout import BudgetForcing, LaidOut, Layout

_STOPPED = "stop"
"""What vLLM calls the end of a completion that ended by itself."""


@dataclass(slots=True)
class _Writing:
    """One sample being written."""

    index: int
    seed: int
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampled: list[bool] = field(default_factory=list)

    def write(self, token_ids: Sequence[int], logprobs: Sequence[float], *, sampled: bool) -> None:
        self.token_ids += token_ids
        self.logprobs += logprobs
        self.sampled += [sampled] * len(token_ids)


@dataclass(slots=True)
class _Request:
    """A request to the engine: samples of one prompt, or the second phase of one of them."""

    laid_out: LaidOut
    samples: list[_Writing]
    answering: bool

    @property
    def seed(self) -> int:
        """Of its first sample; the engine counts up from it."""
        first = self.samples[0].seed
        return first + seeding.SECOND_PHASE if self.answering else first


class VllmSampler:
    """Samples from a vLLM engine. See `Sampler` and `SeparateSampler`.

    Args:
        engine: The engine, in this process, with LoRA.
        codec: The model's tokenizer; its context is at most the engine's.
        max_tokens: Longest completion, or first phase of one, in tokens.
        temperature: Sampling temperature.
        seed: The run's seed.
        answer: The second phase of completions, if there is one.
        sleeps: Whether the engine lies down while the learner works; it must be able to.
    """

    def __init__(
        self,
        engine: Any,
        codec: Codec,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        answer: BudgetForcing | None = None,
        sleeps: bool = False,
    ) -> None:
        self._engine = engine
        self._sleeps = sleeps
        self._codec = codec
        self._layout = Layout(codec=codec, max_tokens=max_tokens, answer=answer, seed=seed)
        self._temperature = temperature
        self._lora: Any = None
        self._loaded: list[int] = []
        self._count = 0
        self._requests: dict[str, _Request] = {}

    def load(self, adapter: Adapter) -> None:
        """Load an adapter's files beside the base weights; without a path, use the base alone.

        The previous adapter stays loaded until the next call, since it may be requested again.

        Raises:
            SetupError: If vLLM cannot load it.
        """
        from vllm.lora.request import LoRARequest

        if adapter.path is None:
            self._lora = None
            return
        if self._lora is not None and self._lora.lora_path == str(adapter.path):
            return
        self._count += 1
        name = f"policy-{adapter.policy}-{self._count}"
        request = LoRARequest(name, self._count, str(adapter.path))
        try:
            self._engine.add_lora(request)
        except (RuntimeError, ValueError, OSError) as error:
            msg = f"vLLM cannot load the adapter: {first_line(error)}"
            raise SetupError(msg) from error
        self._lora = request
        self._loaded.append(self._count)
        while len(self._loaded) > 2:
            self._engine.remove_lora(self._loaded.pop(0))

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield completions from the engine. See `Sampler.sample` and `Layout.lay_out`.

        Draws also depend on which requests the engine batches together, which no seed determines.

        Raises:
            UsageError: If no prompt of the first step leaves room.
        """
        fitting, empty = self._layout.lay_out(prompts_P, step)
        yield from empty
        for laid_out in fitting:
            seed = seeding.group_seed(self._layout.seed, step, laid_out.prompt.group)
            samples = [_Writing(index, seed + index) for index in laid_out.prompt.indices]
            self._ask(_Request(laid_out, samples, answering=False), laid_out.ids_S)
        try:
            while self._requests:
                if stop():
                    return
                for output in self._engine.step():
                    yield from self._read(output)
        finally:
            self._engine.abort_request(list(self._requests))
            self._requests.clear()

    @property
    def replicas(self) -> tuple[str, ...]:
        """The one engine."""
        return ("vLLM",)

    def logprobs(self, probes: Sequence[Probe], replica: str = "vLLM") -> list[FloatArray]:
        """Score the probes as prompts. See `SeparateSampler.logprobs`.

        They are scored one at a time: on the CPU, vLLM cannot score several prompts with an adapter
        at once, and an engine's results depend on what it batches together, which must not vary
        here.
        """
        from vllm import SamplingParams

        del replica
        # vLLM scores prompts at temperature 1, whatever the temperature of the tokens behind
        params = SamplingParams(
            max_tokens=1, prompt_logprobs=0, detokenize=False, flat_logprobs=True
        )
        return [self._score(probe, params) for probe in probes]

    def sleep(self) -> None:
        """Move the weights to the machine's memory and free the KV cache; see `Sleeper.sleep`."""
        if self._sleeps:
            self._engine.sleep(level=1)

    def wake_up(self) -> None:
        """See `SeparateSampler.wake_up`."""
        if self._sleeps:
            import torch

            torch.cuda.empty_cache()  # what the learner keeps for its next update
            self._engine.wake_up()

    def cursor(self) -> None:
        """Return None: every draw depends on its group's seed only."""

    def seek(self, cursor: Json) -> None:
        """Do nothing: there is no state to restore."""

    def close(self) -> None:
        """Shut the engine down, which frees its memory."""
        self._engine.engine_core.shutdown()

    def _score(self, probe: Probe, params: Any) -> FloatArray:
        self._add("probe", np.concatenate([probe.prompt_ids_S, probe.token_ids_T]), params)
        outputs: list[Any] = []
        while self._engine.has_unfinished_requests():
            outputs += self._engine.step()
        # one number a token but the first, which nothing predicts
        logp_S = np.asarray(outputs[-1].prompt_logprobs.logprobs, dtype=np.float64)
        return logp_S[-len(probe.token_ids_T) :]

    def _ask(self, request: _Request, ids_S: IntArray) -> None:
        """Add a request to the engine."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        answer = self._layout.answer
        room = answer.tokens if answer and request.answering else request.laid_out.room
        params = SamplingParams(
            n=len(request.samples),
            max_tokens=room,
            temperature=self._temperature,
            seed=request.seed,
            logprobs=0,
            flat_logprobs=True,
            detokenize=bool(self._codec.stop_texts),  # which vLLM looks for in the text
            ignore_eos=True,
            stop=list(self._codec.stop_texts),
            stop_token_ids=sorted(self._codec.stop_ids),
            output_kind=RequestOutputKind.DELTA,
        )
        group, first = request.laid_out.prompt.group, request.samples[0].index
        name = f"{group}-{first}-answer" if request.answering else f"{group}"
        self._requests[name] = request
        self._add(name, ids_S, params)

    def _add(self, name: str, ids_S: IntArray, params: Any) -> None:
        prompt = {"prompt_token_ids": ids_S.tolist()}
        self._engine.add_request(name, prompt, params, lora_request=self._lora)

    def _read(self, output: Any) -> Iterator[Completion]:
        """Store the tokens that the engine has drawn; yield the finished completions."""
        request = self._requests[output.request_id]
        if output.finished:
            del self._requests[output.request_id]
        for piece in output.outputs:
            sample = request.samples[piece.index]
            sample.write(piece.token_ids, piece.logprobs.logprobs, sampled=True)
            if not piece.finish_reason:
                continue
            ended = piece.finish_reason == _STOPPED
            if self._layout.answer is None or ended or request.answering:
                yield self._completion(request, sample, finished=ended)
            else:
                self._make_answer(self._layout.answer, request, sample)

    def _make_answer(self, answer: BudgetForcing, request: _Request, sample: _Writing) -> None:
        """Request the second phase of a sample, after what it has written and the forced tokens."""
        laid_out = request.laid_out
        written_T = np.asarray(sample.token_ids, dtype=np.int64)
        forced = answer.forced_tokens(self._codec, laid_out.ids_S, written_T)
        sample.write(forced.tolist(), [0.0] * len(forced), sampled=False)
        ids = np.concatenate([laid_out.ids_S, written_T, forced])
        self._ask(_Request(laid_out, [sample], answering=True), ids)

    def _completion(self, request: _Request, sample: _Writing, *, finished: bool) -> Completion:
        return self._layout.completion(
            request.laid_out,
            sample.index,
            seed=sample.seed,
            token_ids=sample.token_ids,
            logprobs=sample.logprobs,
            sampled=sample.sampled,
            finished=finished,
        )
