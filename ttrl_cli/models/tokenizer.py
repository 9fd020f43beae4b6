"""Tokenizer, chat template and stop tokens of a model, without its weights."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from ttrl_cli.completions import CHANNELS, HARMONY, KNOWN, THINK, Marks, Tag, marks_of
from ttrl_cli.errors import SetupError, first_line
from ttrl_cli.models import store
from ttrl_cli.models.protected import plain_ids, protect
from ttrl_cli.models.template import PLAIN_MARK, Template, template_of
from ttrl_cli.records import IntArray, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TAIL = 16
"""Tokens at the end of a completion that a text which ends it may consist of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """Turns conversations into tokens, and tokens into text.

    Attributes:
        tokenizer: The tokenizer.
        template: The chat template.
        stop_ids: Token ids that end a completion.
        max_context: Longest sequence the model takes, in tokens.
        marks: How the model marks thinking and turns.
        kept_ids: Special tokens that are kept in the text, because they mark thinking.
    """

    tokenizer: Any
    template: Template
    stop_ids: frozenset[int]
    max_context: int
    marks: Marks = KNOWN
    kept_ids: frozenset[int] = frozenset()

    @property
    def stop_texts(self) -> tuple[str, ...]:
        """Texts that end a completion where no token does: a base model goes on by itself."""
        return (f"\n{PLAIN_MARK}",) if self.template.plain else ()

    def encode(self, messages: "Iterable[Message]") -> IntArray:
        """Encode a conversation with the chat template; return its token ids [S].

        It is then ready for an answer. Special tokens written out in a message are encoded as plain
        text: see `protected`.

        Raises:
            UsageError: If the template refuses it.
        """
        asked = tuple(messages)
        own = frozenset(word for tag in self.thinking for word in (tag.opening, tag.closing))
        protected = protect(asked, self._special_texts(), own)
        if protected is None:
            return self.ids(self.template.text(asked))
        parts = [
            self._plain_ids(text) if is_token else self.ids(text)
            for text, is_token in protected.pieces(self.template.text(protected.messages))
        ]
        return np.concatenate(parts)

    @property
    def thinking(self) -> tuple[Tag, ...]:
        """The tags that the model may write around its thinking."""
        harmony = (HARMONY,) if CHANNELS[0] in self.tokenizer.get_added_vocab() else ()
        return tuple(dict.fromkeys((*self.marks.thinking, THINK, *harmony)))

    def _special_texts(self) -> list[str]:
        """Return the texts of the special tokens."""
        added = self.tokenizer.added_tokens_decoder.values()
        return [str(token) for token in added if token.special]

    def _plain_ids(self, text: str) -> IntArray:
        """Encode a special token's text as plain text, if possible; return the token ids."""
        return np.asarray(plain_ids(self.tokenizer, text), dtype=np.int64)

    def ends(self, token_ids: "Sequence[int]") -> bool:
        """Decide whether the last token of a completion ends it."""
        if token_ids[-1] in self.stop_ids:
            return True
        last = str(self.tokenizer.convert_ids_to_tokens(token_ids[-1])) if self.stop_texts else ""
        if ":" not in last:  # with which every mark of the plain template ends
            return False
        tail = self.tokenizer.decode(token_ids[-_TAIL:], skip_special_tokens=True)
        return any(text in tail for text in self.stop_texts)

    def until_turn(self, text: str) -> str:
        """Cut a completion's text where a base model begins another turn of the user."""
        return min((text.partition(stop)[0] for stop in self.stop_texts), key=len, default=text)

    def ids(self, text: str) -> IntArray:
        """Encode a text without adding special tokens."""
        found = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return np.asarray(found, dtype=np.int64)

    def decode(self, token_ids_T: IntArray) -> str:
        """Decode sampled tokens; leave out special tokens unless they mark thinking."""
        ids = token_ids_T.tolist()
        if self.kept_ids.isdisjoint(ids):
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        parts = groupby(ids, key=self.kept_ids.__contains__)
        return "".join(
            str(self.tokenizer.decode(list(part), skip_special_tokens=not kept))
            for kept, part in parts
        )

    def raw(self, token_ids_T: IntArray) -> str:
        """Decode tokens, special ones included."""
        return str(self.tokenizer.decode(token_ids_T.tolist(), skip_special_tokens=False))


def folder_of(model: str | None) -> str:
    """Return the folder of a model's files; download those of a hub model if they are not cached.

    Args:
        model: A cached name, a path, a hub id; None for the embedded model.

    Raises:
        SetupError: If there is no such model, or the hub cannot be reached.
    """
    name = store.resolve(model)
    return name if Path(name).is_dir() else _fetch(name)


def load_codec(folder: str, *, thinking: bool | None = None) -> Codec:
    """Load the tokenizer and the chat template of the model in a folder.

    Args:
        folder: The model's files.
        thinking: See `Template`.

    Raises:
        SetupError: If a file is missing or broken.
        UsageError: If the chat template does not work.
    """
    transformers_logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, LookupError, TypeError, ImportError) as error:
        msg = f"model {folder!r} could not be loaded: {first_line(error)}"
        raise SetupError(msg) from error
    template = template_of(tokenizer, folder, thinking)
    marks, kept_ids = _marks(tokenizer, template)
    return Codec(
        tokenizer=tokenizer,
        template=template,
        stop_ids=_stop_ids(folder, config, tokenizer),
        max_context=int(getattr(config, "max_position_embeddings", 1 << 30)),
        marks=marks,
        kept_ids=kept_ids,
    )


def _marks(tokenizer: Any, template: Template) -> tuple[Marks, frozenset[int]]:
    """Find how a model marks thinking and turns, and which special tokens are among these marks."""
    added = {str(token): int(i) for token, i in tokenizer.get_added_vocab().items()}
    prompt = template.text([Message(role="user", content="?")])
    source = tokenizer.chat_template
    sources = source.values() if isinstance(source, dict) else [source]
    marks = marks_of("\n".join(sources), added, prompt)
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
    """Download a hub model's files; return their folder.

    Raises:
        SetupError: If the hub cannot be reached or has no such model.
    """
    try:
        return snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.jinja"])
    except (OSError, ValueError) as error:
        known = ", ".join(store.EMBEDDED)
        why = first_line(error)
        msg = f"model {name!r} was not found: {why}\nneither a folder nor one of: {known}"
        raise SetupError(msg) from error
