"""The room that a prompt leaves, and budget forcing for models that think."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ttrl_cli import seeding
from ttrl_cli.completions import Tag
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.escapes import encodable
from ttrl_cli.models.tokenizer import Codec
from ttrl_cli.records import BoolArray, Completion, FloatArray, IntArray, Overflow, Prompt

_PROMPT_END = 32
"""Tokens at the end of a prompt in which a chat template may have opened the thinking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetForcing:
    """Budget forcing: two-phase sampling as in TTT-Discover (arXiv 2601.16175).

    A completion that is cut while the model thinks gets a sentence that it did not write, and room
    to answer. One that had ended its thinking by itself just gets the room.

    Attributes:
        tokens: Room for the answer, at least 1.
        sentence: The forced sentence that makes the model answer.
    """

    tokens: int
    sentence: str

    def forced_tokens(
        self, codec: Codec, prompt_ids_S: IntArray, token_ids_T: IntArray
    ) -> IntArray:
        """Return the tokens to force on the model after its first phase, so that it answers.

        There are none if the model has already ended its thinking. A thinking block that is open
        gets its closing tag.
        """
        written = codec.raw(token_ids_T)
        if any(tag.closing in written for tag in codec.thinking) and not _open(codec, written):
            return np.empty(0, dtype=np.int64)
        asked = codec.raw(prompt_ids_S[-_PROMPT_END:])
        for turn in codec.marks.turns:
            asked = asked.rpartition(turn)[2]  # what a question says of tags opens nothing
        tag = _open(codec, asked + written)
        return codec.ids(self._forced(tag))

    def longest(self, codec: Codec) -> int:
        """Return the most tokens that the second phase can take, forced ones included."""
        forced = (self._forced(tag) for tag in (None, *codec.thinking))
        return self.tokens + max(len(codec.ids(text)) for text in forced)

    def _forced(self, tag: Tag | None) -> str:
        closing = f"\n{tag.closing}" if tag else ""
        return f"\n\n{self.sentence}{closing}\n\n"


def budget_forcing(config: RunConfig) -> BudgetForcing | None:
    """Return the budget forcing that a configuration asks for; None if it asks for none."""
    if config.answer_tokens is None:
        return None
    return BudgetForcing(tokens=config.answer_tokens, sentence=config.answer_prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """A prompt as token ids, with the room that it leaves.

    Attributes:
        prompt: The prompt.
        ids_S: Its token ids.
        room: Tokens of the first phase.
    """

    prompt: Prompt
    ids_S: IntArray
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Lays prompts out for a model.

    Attributes:
        codec: The model's tokenizer.
        max_tokens: Longest first phase, in tokens.
        answer: Budget forcing, if it is used.
        seed: The run's seed.
    """

    codec: Codec
    max_tokens: int
    answer: BudgetForcing | None
    seed: int

    @property
    def answer_room(self) -> int:
        """The most tokens that a second phase takes, forced ones included; 0 without one."""
        return self.answer.longest(self.codec) if self.answer else 0

    def lay_out(
        self, prompts_P: Sequence[Prompt], step: int
    ) -> tuple[list[LaidOut], list[Completion]]:
        """Encode a step's prompts.

        A completion ends where the model's context does. A prompt that leaves no room at all gets
        empty completions with `Completion.overflow` set: a parent that is too long for the context
        is a failed expansion, and the search continues elsewhere.

        Returns:
            The prompts that leave room, and the completions of those that do not.

        Raises:
            UsageError: If no prompt of the first step leaves room, and no others follow, so that
                nothing could ever be sampled.
        """
        taken = self.answer_room
        context = self.codec.max_context - taken
        fitting: list[LaidOut] = []
        empty: list[Completion] = []
        lengths: list[int] = []
        for prompt in prompts_P:
            ids_S = self.codec.encode(prompt.messages)
            room = min(self.max_tokens, context - len(ids_S))
            lengths.append(len(ids_S))
            if room > 0:
                fitting.append(LaidOut(prompt=prompt, ids_S=ids_S, room=room))
            else:
                overflow = Overflow(
                    tokens=len(ids_S), context=self.codec.max_context, reserved=taken
                )
                empty += [
                    self._empty(prompt, index, step, ids_S, overflow) for index in prompt.indices
                ]
        others = any(prompt.others for prompt in prompts_P)
        if prompts_P and step == 1 and not fitting and not others:
            msg = f"the shortest prompt has {min(lengths)} tokens; the model's context is only "
            msg += f"{self.codec.max_context}"
            if taken:
                msg += f", of which {taken} are for the answer"
            raise UsageError(msg)
        return fitting, empty

    def completion(
        self,
        laid_out: LaidOut,
        index: int,
        *,
        seed: int,
        token_ids: Sequence[int],
        logprobs: Sequence[float],
        sampled: Sequence[bool],
        finished: bool,
    ) -> Completion:
        """Make a completion from its tokens; ignore the log-probabilities of forced ones."""
        token_ids_T = np.asarray(token_ids, dtype=np.int64)
        sampled_T: BoolArray = np.asarray(sampled, dtype=bool)
        logprobs_T: FloatArray = np.where(sampled_T, np.asarray(logprobs, dtype=np.float64), 0.0)
        return Completion(
            group=laid_out.prompt.group,
            index=index,
            text=encodable(self.codec.until_turn(self.codec.decode(token_ids_T))),
            seed=seed,
            prompt_ids_S=laid_out.ids_S,
            token_ids_T=token_ids_T,
            logprobs_T=logprobs_T,
            logprob=float(logprobs_T.sum()),
            finished=finished,
            sampled_T=None if sampled_T.all() else sampled_T,
        )

    def _empty(
        self, prompt: Prompt, index: int, step: int, ids_S: IntArray, overflow: Overflow
    ) -> Completion:
        seed = seeding.sample_seed(self.seed, step, prompt.group, index)
        laid_out = LaidOut(prompt=prompt, ids_S=ids_S, room=0)
        completion = self.completion(
            laid_out, index, seed=seed, token_ids=(), logprobs=(), sampled=(), finished=False
        )
        return replace(completion, overflow=overflow)


def _open(codec: Codec, text: str) -> Tag | None:
    """Return the tag of the thinking block that is open at the end of a text; None if none is."""
    last = max(codec.thinking, key=lambda tag: text.rfind(tag.opening))
    closed = max(text.rfind(tag.closing) for tag in codec.thinking)
    return last if text.rfind(last.opening) > closed else None
