"""A model's words: its tokenizer, its chat template, where its completions end. No weights."""

import contextlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from ttrl_cli.completions import CHANNELS, KNOWN, Marks, marks_of
from ttrl_cli.errors import SetupError
from ttrl_cli.models import store
from ttrl_cli.records import IntArray, Message

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """What turns conversations into tokens, and tokens into text.

    Attributes:
        tokenizer: The tokenizer, with a chat template.
        stop_ids: Token ids that end a completion.
        max_context: Longest sequence the model takes, in tokens.
        thinking: What the chat template is told of thinking, if anything; templates that do not
            know the word `enable_thinking` take no notice.
        marks: How the model marks thinking and turns.
        kept_ids: Special tokens that are kept in the text, because they mark thinking.
    """

    tokenizer: Any
    stop_ids: frozenset[int]
    max_context: int
    thinking: bool | None = None
    marks: Marks = KNOWN
    kept_ids: frozenset[int] = frozenset()

    def encode(self, messages: "Iterable[Message]") -> IntArray:
        """Token ids [S] of a conversation laid out by the chat template, ready for an answer."""
        return self.ids(_laid_out(self.tokenizer, messages, self.thinking))

    def ids(self, text: str) -> IntArray:
        """Token ids of a text as it stands."""
        found = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return np.asarray(found, dtype=np.int64)

    def decode(self, token_ids_T: IntArray) -> str:
        """The text of sampled tokens; special tokens are left out, unless they mark thinking."""
        ids = token_ids_T.tolist()
        if self.kept_ids.isdisjoint(ids):
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        parts = groupby(ids, key=self.kept_ids.__contains__)
        return "".join(
            str(self.tokenizer.decode(list(part), skip_special_tokens=not kept))
            for kept, part in parts
        )

    def raw(self, token_ids_T: IntArray) -> str:
        """The text of tokens, special ones and all."""
        return str(self.tokenizer.decode(token_ids_T.tolist(), skip_special_tokens=False))


def folder_of(model: str | None) -> str:
    """The folder of a model's files; those of a hub model are downloaded unless they are here.

    Args:
        model: A cached name, a path, a hub id; None for the embedded model.

    Raises:
        SetupError: If there is no such model, or the hub cannot be reached.
    """
    name = store.resolve(model)
    return name if Path(name).is_dir() else _fetch(name)


def load_codec(folder: str, *, thinking: bool | None = None) -> Codec:
    """Load the words of the model in a folder.

    Args:
        folder: The model's files.
        thinking: See `Codec`.

    Raises:
        SetupError: If a file is missing or broken, or there is no chat template.
    """
    transformers_logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        msg = f"model {folder!r} could not be loaded: {str(error).strip().splitlines()[0]}"
        raise SetupError(msg) from error
    if tokenizer.chat_template is None:
        msg = f"model {folder} has no chat template; use an instruct model"
        raise SetupError(msg)
    marks, kept_ids = _marks(tokenizer, thinking)
    return Codec(
        tokenizer=tokenizer,
        stop_ids=_stop_ids(folder, config, tokenizer),
        max_context=int(getattr(config, "max_position_embeddings", 1 << 30)),
        thinking=thinking,
        marks=marks,
        kept_ids=kept_ids,
    )


def _laid_out(tokenizer: Any, messages: "Iterable[Message]", thinking: bool | None) -> str:
    """Return a conversation as the chat template lays it out, ready for an answer."""
    turns = [{"role": m.role, "content": m.content} for m in messages]
    told = {} if thinking is None else {"enable_thinking": thinking}
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False, **told)
    return str(text)


def _marks(tokenizer: Any, thinking: bool | None) -> tuple[Marks, frozenset[int]]:
    """Return how a model marks thinking and turns, and the special tokens among those marks."""
    added = {str(token): int(i) for token, i in tokenizer.get_added_vocab().items()}
    prompt = ""
    with contextlib.suppress(jinja2.TemplateError):  # whoever lays out a real prompt says so
        prompt = _laid_out(tokenizer, [Message(role="user", content="?")], thinking)
    template = tokenizer.chat_template
    templates = template.values() if isinstance(template, dict) else [template]
    marks = marks_of("\n".join(templates), added, prompt)
    words = {word for tag in marks.thinking for word in (tag.opening, tag.closing)}
    if CHANNELS[0] in added:
        words.update(CHANNELS)
    special = set(tokenizer.all_special_ids)
    return marks, frozenset(i for word, i in added.items() if word in words and i in special)


def _stop_ids(folder: str, config: Any, tokenizer: Any) -> frozenset[int]:
    own = Path(folder, "generation_config.json").exists()
    declared = (GenerationConfig.from_pretrained(folder) if own else config).eos_token_id
    ids = declared if isinstance(declared, list) else [declared, tokenizer.eos_token_id]
    return frozenset(int(i) for i in ids if i is not None)


def _fetch(name: str) -> str:
    """The folder of a hub model's files.

    Raises:
        SetupError: If the hub cannot be reached or has no such model.
    """
    try:
        return snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.jinja"])
    except (OSError, ValueError) as error:
        why = str(error).strip().splitlines()[0]
        known = ", ".join(store.EMBEDDED)
        msg = f"model {name!r} was not found: {why}\nneither a folder nor one of: {known}"
        raise SetupError(msg) from error
