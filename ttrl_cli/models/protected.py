"""Messages that hold special tokens as text: a question must not end its own turn.

A tokenizer reads "<|im_end|>" as the token that ends a turn wherever it stands. Where a message
holds such a text, it is laid out with another character in its place, a private one of Unicode that
no template touches, and encoded as the plain text that it is. What stands between is encoded by
itself, as a tokenizer does around special tokens anyhow; one that begins each text with a space
(Llama 2) puts one there. A tokenizer that cannot encode such a text as plain keeps the token.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ttrl_cli.records import Message

_FIRST, _LAST = 0xF0000, 0xFFFFD  # of a private plane


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Messages without special tokens.

    Attributes:
        messages: The messages, with a private character for each special token in them.
        texts: Private character -> the token's text.
    """

    messages: tuple[Message, ...]
    texts: dict[str, str]

    def pieces(self, laid_out: str) -> list[tuple[str, bool]]:
        """Split the laid-out text; return the parts, and whether each is a special token's text."""
        parts = re.split(f"([{''.join(self.texts)}])", laid_out)
        return [(self.texts.get(part, part), part in self.texts) for part in parts if part]


def protect(
    messages: Sequence[Message], tokens: Iterable[str], own: frozenset[str]
) -> Protected | None:
    """Replace special tokens in messages by private characters; None if there are none to replace.

    Args:
        messages: A conversation.
        tokens: The tokenizer's special tokens.
        own: Tokens that the assistant's messages may contain, since they mark its thinking.
    """
    contents = "\n".join(message.content for message in messages)
    present = sorted((token for token in tokens if token in contents), key=len, reverse=True)
    free = (chr(code) for code in range(_FIRST, _LAST + 1) if chr(code) not in contents)
    places = dict(zip(present, free, strict=False))
    protected = tuple(
        replace(message, content=_replaced(message.content, places, _kept(message, own)))
        for message in messages
    )
    if protected == tuple(messages):
        return None
    return Protected(messages=protected, texts={place: token for token, place in places.items()})


def _kept(message: Message, own: frozenset[str]) -> frozenset[str]:
    return own if message.role == "assistant" else frozenset()


def _replaced(text: str, places: dict[str, str], kept: frozenset[str]) -> str:
    """Replace tokens in a text; where several begin at one place, replace the longest."""
    words = [re.escape(token) for token in places if token not in kept]
    if not words:
        return text
    return re.sub("|".join(words), lambda found: places[found[0]], text)


def plain_ids(tokenizer: Any, text: str) -> list[int]:
    """Encode a special token's text as plain text, if the tokenizer can; return the token ids."""
    found = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return [int(i) for i in found]
