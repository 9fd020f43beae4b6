"""Sampling by vLLM servers, with the adapter of each step.

Each sample is a request of its own: whichever server is free takes the next, and what a server had
not finished when it died goes to another. Servers see adapters as files, so they must see the
folder that they are written to. Each server proves that it has the learner's weights.
"""

import asyncio
import queue
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ttrl_cli import seeding
from ttrl_cli.errors import SetupError
from ttrl_cli.models.tokenizer import Codec
from ttrl_cli.records import Adapter, Completion, FloatArray, Json, Probe, Prompt
from ttrl_cli.sampler.layout import BudgetForcing, LaidOut, Layout
from ttrl_cli.sampler.servers import CONNECTIONS, Piece, Server, ServerLostError

_CHECK = 60.0
"""Seconds for the completion that shows what a server notes."""
_ROUNDING = 1e-3
_LOOK = 0.1
"""Seconds between two looks at whether to stop."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Sample:
    """One sample to be drawn."""

    laid_out: LaidOut
    index: int
    seed: int


class VllmServerSampler:
    """Samples from servers of one model. See `Sampler` and `SeparateSampler`.

    Args:
        urls: Of the servers.
        codec: The model's tokenizer.
        max_tokens: Longest completion, or first phase of one, in tokens.
        temperature: Sampling temperature.
        seed: The run's seed.
        answer: The second phase of completions, if there is one.

    Raises:
        SetupError: If no server answers, or one reports log-probabilities of another distribution
            than it draws from.
    """

    def __init__(
        self,
        urls: Sequence[str],
        codec: Codec,
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        answer: BudgetForcing | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._temperature = temperature
        self._names = f"ttrl-{uuid.uuid4().hex[:8]}"
        self._count = 0
        self._adapter: Adapter | None = None
        self._codec = codec
        self._settled = False
        self._servers = [Server(url) for url in dict.fromkeys(urls)]
        self._wait(self._greet())
        contexts = [server.context for server in self._alive]
        self._codec = replace(codec, max_context=min([codec.max_context, *contexts]))
        self._layout = Layout(codec=self._codec, max_tokens=max_tokens, answer=answer, seed=seed)
        self._settled = True

    def load(self, adapter: Adapter) -> None:
        """Make every server load the adapter's files, also those that answer again.

        Raises:
            SetupError: If no server is left, or one refuses.
        """
        if self._adapter is not None and self._adapter.path == adapter.path:
            return
        self._adapter = adapter
        self._count += 1
        self._wait(self._greet())

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield completions from the servers. See `Sampler.sample` and `Layout.lay_out`.

        Draws also depend on which requests a server batches together, which no seed determines.

        Raises:
            UsageError: If no prompt of the first step leaves room.
            SetupError: If no server is left, or one refuses.
        """
        fitting, empty = self._layout.lay_out(prompts_P, step)
        yield from empty
        self._wait(self._greet())  # some may be back
        samples = []
        for laid_out in fitting:
            seed = seeding.group_seed(self._layout.seed, step, laid_out.prompt.group)
            samples += [_Sample(laid_out, i, seed + i) for i in laid_out.prompt.indices]
        if not samples or stop():
            return
        finished: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        drawing = asyncio.run_coroutine_threadsafe(self._draw_all(samples, finished), self._loop)
        missing = len(samples)
        try:
            while missing:
                if stop():
                    while not finished.empty():
                        yield finished.get()
                    return
                try:
                    found = finished.get(timeout=_LOOK)
                except queue.Empty:
                    if drawing.done():
                        drawing.result()
                    continue
                missing -= 1
                yield found
        finally:
            drawing.cancel()  # closed connections make servers drop what they are at

    @property
    def replicas(self) -> tuple[str, ...]:
        """The servers that answer, by their addresses."""
        return tuple(server.url for server in self._alive)

    def logprobs(self, probes: Sequence[Probe], replica: str) -> list[FloatArray] | None:
        """Score the probes as prompts. See `SeparateSampler.logprobs`.

        Raises:
            SetupError: If the server refuses.
        """
        (server,) = [server for server in self._servers if server.url == replica]
        if server.lost:
            return None
        try:
            return [self._wait(self._score(server, probe)) for probe in probes]
        except ServerLostError as error:
            server.lost = str(error)
            return None

    def sleep(self) -> None:
        """Do nothing: servers have memory of their own."""

    def wake_up(self) -> None:
        """Do nothing: servers did not sleep."""

    def cursor(self) -> None:
        """Return None: every draw depends on its sample's seed only."""

    def seek(self, cursor: Json) -> None:
        """Do nothing: there is no state to restore."""

    def close(self) -> None:
        """Close the connections to the servers."""
        self._wait(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def _alive(self) -> list[Server]:
        return [server for server in self._servers if not server.lost]

    @property
    def _adapter_name(self) -> str:
        return f"{self._names}-{self._count}"

    def _model(self, server: Server) -> str:
        """Return the name of the weights for requests, of the adapter or the base model."""
        with_adapter = self._adapter is not None and self._adapter.path is not None
        return self._adapter_name if with_adapter else server.base

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _greet(self) -> None:
        """Find out which servers answer; load the adapter on those that do not have it.

        Raises:
            SetupError: If none answers, or one cannot be used.
        """
        await asyncio.gather(*(self._greet_one(server) for server in self._servers))
        if not self._alive:
            reasons = "\n".join(server.lost for server in self._servers)
            msg = f"--sampler vllm-server: no server answers\n{reasons}"
            raise SetupError(msg)

    async def _greet_one(self, server: Server) -> None:
        adapter = self._adapter
        try:
            if server.lost or not server.base:
                await server.ask_models(self._names)
                await self._check(server)
            wanted = adapter is not None and adapter.path is not None
            if wanted and self._adapter_name not in server.adapters:
                assert adapter is not None
                assert adapter.path is not None
                await server.load(self._adapter_name, str(adapter.path.resolve()))
            server.lost = ""
        except ServerLostError as error:
            server.lost = str(error)

    async def _check(self, server: Server) -> None:
        """Check a server's context, and that it reports log-probabilities of what it draws from.

        At a temperature near 0 the likeliest tokens are drawn, so their log-probabilities are about
        0. A server that reports the model's own distribution gives the same numbers as scoring the
        tokens; at temperature 1 this is right, too. A server that reports logits gives numbers
        above 0.

        Raises:
            ServerLostError: If it does not answer.
            SetupError: If it cannot be used.
        """
        if self._settled and server.context < self._codec.max_context:
            msg = f"{server.url} has a context of {server.context} tokens, less than the others'"
            raise SetupError(msg)
        ids = self._codec.ids("The quick brown fox jumps over the lazy dog. Then").tolist()
        drawn = await server.complete(
            model=server.base,
            prompt=ids,
            max_tokens=16,
            temperature=0.01,
            seed=1,
            ignore_eos=True,
            timeout=_CHECK,
        )
        scored = await server.score(ids + drawn.token_ids, server.base)
        noted, raw = np.asarray(drawn.logprobs), np.asarray(scored[len(ids) - 1 :])
        logits = bool((noted > _ROUNDING).any())
        unscaled = np.abs(noted - raw).sum() < np.abs(noted).sum()
        if logits or (unscaled and self._temperature != 1):
            msg = (
                f"{server.url} does not return log-probabilities at temperature "
                f"{self._temperature}; start it with --logprobs-mode processed_logprobs"
            )
            raise SetupError(msg)

    async def _draw_all(
        self, samples: Sequence[_Sample], finished: "queue.SimpleQueue[Completion]"
    ) -> None:
        """Draw all samples; each free connection takes the next one.

        Raises:
            SetupError: If no server is left, or one refuses.
        """
        waiting: asyncio.Queue[_Sample | None] = asyncio.Queue()
        for sample in samples:
            waiting.put_nowait(sample)
        missing = len(samples)

        async def work(server: Server) -> None:
            """Draw one sample after another until none is left or the server is lost."""
            nonlocal missing
            while (sample := await waiting.get()) is not None:
                try:
                    if server.lost:
                        raise ServerLostError(server.lost)
                    finished.put(await self._complete(server, sample))
                except ServerLostError as error:
                    server.lost = str(error)
                    waiting.put_nowait(sample)
                    return
                missing -= 1
                if not missing:
                    for _ in tasks:
                        waiting.put_nowait(None)

        busy = min(CONNECTIONS, missing)
        tasks = [asyncio.create_task(work(s)) for _ in range(busy) for s in self._alive]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if missing:
            lost = "\n".join(server.lost for server in self._servers)
            msg = f"--sampler vllm-server: no server is left\n{lost}"
            raise SetupError(msg)

    async def _complete(self, server: Server, sample: _Sample) -> Completion:
        """Draw a sample, with its second phase if there is one."""
        laid_out, answer = sample.laid_out, self._layout.answer
        ids = laid_out.ids_S.tolist()
        piece = await self._draw(server, ids, room=laid_out.room, seed=sample.seed)
        token_ids, logprobs = list(piece.token_ids), list(piece.logprobs)
        sampled = [True] * len(token_ids)
        if answer is not None and not piece.ended:
            written_T = np.asarray(token_ids)
            forced = answer.forced_tokens(self._codec, laid_out.ids_S, written_T).tolist()
            behind = ids + token_ids + forced
            seed = sample.seed + seeding.SECOND_PHASE
            piece = await self._draw(server, behind, room=answer.tokens, seed=seed)
            token_ids += forced + piece.token_ids
            logprobs += [0.0] * len(forced) + piece.logprobs
            sampled += [False] * len(forced) + [True] * len(piece.token_ids)
        return self._layout.completion(
            laid_out,
            sample.index,
            seed=sample.seed,
            token_ids=token_ids,
            logprobs=logprobs,
            sampled=sampled,
            finished=piece.ended,
        )

    async def _draw(self, server: Server, ids: list[int], *, room: int, seed: int) -> Piece:
        return await server.complete(
            model=self._model(server),
            prompt=ids,
            max_tokens=room,
            temperature=self._temperature,
            seed=seed,
            ignore_eos=True,
            stop=list(self._codec.stop_texts),
            stop_token_ids=sorted(self._codec.stop_ids),
            skip_special_tokens=False,
        )

    async def _score(self, server: Server, probe: Probe) -> FloatArray:
        ids = np.concatenate([probe.prompt_ids_S, probe.token_ids_T]).tolist()
        scored = await server.score(ids, self._model(server))
        return np.asarray(scored[-len(probe.token_ids_T) :], dtype=np.float64)

    async def _hang_up(self) -> None:
        await asyncio.gather(*(server.close() for server in self._servers))
