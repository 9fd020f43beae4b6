"""How a model marks its thinking and the turns of a conversation."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORDS = r"think|thought|reason|reflect|scratchpad"
_LIKE_A_TAG = re.compile(
    rf"[<\[◁]{{1,2}}[^\s<>\[\]◁▷'\"`{{}}]{{0,24}}(?:{_WORDS})[^\s<>\[\]◁▷'\"`{{}}]{{0,16}}[>\]▷]{{1,2}}",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"[<\[]\S+[>\]]")
_ENDS = re.compile(r"/|(?<![a-z])(?:end|close|stop)(?![a-z])", re.IGNORECASE)
CHANNELS = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|constrain|>")
"""What marks thinking and answer in harmony."""
_PROMPT_END = 64  # characters in which a template may have opened the thinking
_SIDE = re.compile(r"(?<![a-z])(?:begin|start|open|end|close|stop|of)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What opens and closes a block of thinking, word for word."""

    opening: str
    closing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a model's chat template says; the families that everybody knows count besides.

    Attributes:
        thinking: Tags around thinking.
        turns: What begins or ends a turn.
        opened: The prompt ends within a block of thinking.
    """

    thinking: tuple[Tag, ...] = ()
    turns: tuple[str, ...] = ()
    opened: bool = False


QUOTES = "'\"`"
"""What a mark stands in that is only mentioned in code."""
_AROUND = {**dict(zip(QUOTES, QUOTES, strict=True)), "“": "”", "”": "”", "„": "“", "‘": "’"}
_AROUND |= {"«": "»", "「": "」", "『": "』", "(": ")", "（": "）", "*": "*"}
"""What a mark stands in that is only mentioned in a text."""
_BEFORE = re.compile(  # words that a mark stands behind as a word of a sentence
    r"(?:^|[^\w<>/])(?:the|an?|this|that|these|those|my|your|our|its|no|any|each|every|and|or|of|between"
    r"|without|via|called|named|us(?:e|es|ed|ing)|writ(?:e|ing)|tags?|tokens?|opening|closing|le|la"
    r"|balises?|das|dem|den|tags|el|etiquetas?)[ ]\Z",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[ ](?![ ]*(?:\n|\Z))|[,.;:!?)](?=\s|\Z)")
_NOUN = re.compile(
    r"(?P<spaced>[ -](?:(?:opening|closing)[ ])?(?:tags?|tokens?|blocks?|sections?|elements?"
    r"|markers?|delimiters?)\b)|[ ]?(?:标签|标记)",
    re.IGNORECASE,
)
_JOINED = r"[ ]?(?:and|or|to|&|/|,|\.{3}|…|und|et|y|和)[ ]?"
_PAIRED = re.compile(rf"{_JOINED}[<\[]/")  # <think> and </think>
_PAIR = re.compile(rf"[>\]]{_JOINED}\Z")
_LONGEST_WORD = 14
THINK = Tag(opening="<think>", closing="</think>")
"""What most models write around their thinking."""
HARMONY = Tag(
    opening="<|channel|>analysis<|message|>",
    closing="<|end|><|start|>assistant<|channel|>final<|message|>",
)
"""What thinking stands between in harmony."""
KNOWN = Marks()
"""The known families alone: for scripted completions, and where a template says nothing."""


def marks_of(template: str, tokens: Iterable[str], prompt: str) -> Marks:
    """Find the marks that a chat template uses.

    Args:
        template: The template's source.
        tokens: The tokenizer's added tokens; some are tags that the template does not contain.
        prompt: A conversation in the template's layout, ready for an answer.
    """
    added = list(dict.fromkeys(tokens))
    tags = tags_in("\n".join([template, *added]))
    end = prompt[-_PROMPT_END:]
    return Marks(
        thinking=tags,
        turns=tuple(t for t in added if t in prompt and _is_turn(t)),
        opened=any(end.rfind(tag.opening) > end.rfind(tag.closing) for tag in tags),
    )


def _is_turn(token: str) -> bool:
    """Decide whether a token of a laid-out prompt marks a turn: no blanks, and no thinking tag."""
    return bool(_IN_BRACKETS.fullmatch(token)) and not _LIKE_A_TAG.fullmatch(token)


def tags_in(text: str) -> tuple[Tag, ...]:
    """Return the pairs of thinking tags that a text contains, in order."""
    openings: dict[str, str] = {}
    closings: dict[str, str] = {}
    for found in _LIKE_A_TAG.findall(text):
        side = closings if _ENDS.search(found) else openings
        side.setdefault(_key(found), found)
    return tuple(
        Tag(opening=opening, closing=closings[key])
        for key, opening in openings.items()
        if key in closings
    )


def _key(tag: str) -> str:
    """Return the part of a tag's name that its opening and closing form share."""
    return re.sub(r"[\W_]", "", _SIDE.sub("", tag.replace("_", " "))).lower()


def is_mentioned(text: str, start: int, end: int) -> bool:
    """Decide whether a mark is only mentioned: in quotes, in bold, or as a word of a sentence."""
    before = text[start - 1 : start] if start else ""
    if before and text[end : end + 1] == _AROUND.get(before):
        return "``" not in (text[max(0, start - 2) : start], text[end : end + 2])
    return _in_prose(text, start, end)


def _in_prose(text: str, start: int, end: int) -> bool:
    """Decide whether a mark is a word of a sentence, such as "the <think> tag"."""
    before = text[max(0, start - _LONGEST_WORD) : start]
    if noun := _NOUN.match(text, end):
        word = before.rstrip(" ") if noun["spaced"] and before[-1:] == " " else before
        return word[-1:].isalnum() and (word != before or not noun["spaced"])
    if _PAIRED.match(text, end) or (text[start + 1 : start + 2] == "/" and _PAIR.search(before)):
        return True
    return bool(_BEFORE.search(before)) and _BEHIND.match(text, end) is not None
