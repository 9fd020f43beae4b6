"""Thinking, which never counts: one function for solve and vote.

Known are <think>, <thinking>, <thought>, <reasoning>, <reflection>, <scratchpad>, <analysis>,
<monologue>, <deliberation> and <cot>, in any case, with attributes, a prefix (<seed:think>,
<inner_monologue>, <chain_of_thought>) or <..._process>; <plan>, <reason>, <rationale>, <draft>,
<notes>, <brainstorm>, <critique> and <internal> where they are closed; [THINK]; the
tokens <|begin_of_thought|>, <|START_THINKING|>, <|think|>, <|inner_prefix|> and ◁think▷; the
channels of harmony (analysis and commentary are thinking, final is not), also as they read when the
special tokens are left out: "analysis...assistantfinal...". The tags of the model's chat template
count besides.

    a block          ends at the first closing tag of its family; if there is none, at the last of
                     another family; if there is none either, with the text
    a closing tag    that nothing opened closes what the prompt had opened: all before is thinking
    a fenced block   outside of thinking holds code, and a tag in it is code. But a block that was
                     never closed is a draft's: a closing tag ends it if the fences that follow come
                     in pairs, and there is no quote on its line
    a mention        is a tag that stands alone in quotes, backticks or bold, or that is a word of a
                     sentence ("the <think> tag"): it opens and closes nothing
    <think/>         is nothing
    a closing tag    at the very end, which nothing opened, closes nothing where it would leave
                     nothing, unless it ends a draft that left its fence open

Every step is linear in the length of the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from ttrl_cli.completions.fences import Fence, fence_of
from ttrl_cli.completions.marks import QUOTES, Marks, is_mentioned
from ttrl_cli.completions.turns import first_turn

_XML = (
    r"<\s*+(?P<end>/\s*+)?(?!final)(?:[a-z]{1,16}[:_-]){0,2}"
    r"(?P<name>think(?:ing)?|thoughts?|reasoning|reflections?|scratch[_-]?pad|analysis|monologue"
    r"|deliberation|cot|internal|plan(?:s|ning)?|reasons?|rationales?|brainstorm(?:ing)?|drafts?|notes?"
    r"|critiques?)(?:[_-](?:process|trace|steps?))?(?:\s[^<>]*+|/)?>"
)
_ONE_FAMILY = {
    **dict.fromkeys(("thinking", "thought", "thoughts"), "think"),
    **dict.fromkeys(("scratch_pad", "scratch-pad"), "scratchpad"),
    "reflections": "reflection",
    **dict.fromkeys(("plans", "planning"), "plan"),
    **{f"{name}s": name for name in ("reason", "rationale", "draft", "note", "critique")},
    "brainstorming": "brainstorm",
}
_ONLY_CLOSED = frozenset(  # words that a tag of something else may be called by
    ("internal", "plan", "reason", "rationale", "draft", "note", "critique", "brainstorm")
)
_HARMONY = r"(?:<\|start\|>\s?assistant\s?)?<\|channel\|>\s?"
_MESSAGE = r"(?:[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>)"
_TOKENS = {  # family: what opens a block, and what closes it
    "bracket": (r"\[think(?:ing)?\]", r"\[/think(?:ing)?\]"),
    "of": (r"<\|begin_of_(?:thought|thinking)\|>", r"<\|end_of_(?:thought|thinking)\|>"),
    "start": (r"<\|start_thinking\|>", r"<\|end_thinking\|>"),
    "bar": (r"<\|think(?:ing)?\|>", r"<\|/think(?:ing)?\|>"),
    "inner": (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    "triangle": ("◁think▷", "◁/think▷"),
    "harmony": (
        rf"{_HARMONY}(?:analysis|commentary){_MESSAGE}",
        rf"{_HARMONY}final{_MESSAGE}",
    ),
}
_BARE = "bare"  # harmony without its special tokens
_BARE_START = re.compile(r"\s*(?:analysis|commentary)(?=(?P<text>[A-Z0-9\"'(*$\\#-])?)")
_BARE_FINAL = "assistantfinal"
_HINTS = (
    r"think|thought|reason|reflection|scratch|analysis|monologue|deliberation|cot[\s>]|internal"
    r"|[<_:-](?:plan|rationale|brainstorm|draft|note|critique)"
    r"|<\|channel|<\|inner_|assistantfinal"
)


class _Tag(NamedTuple):
    """A tag in a text: where, of which family, and whether it opens a block."""

    start: int
    end: int
    family: str
    opens: bool


def spoken(text: str, marks: Marks, *, gap: str = "", draft: bool = False) -> str:
    """Return the text outside of thinking.

    Args:
        text: A completion whose lines end in newlines alone.
        marks: The tags of the model's chat template, and whether the prompt opened one.
        gap: What replaces each block that was cut out. A fence after one begins a new line anyway.
        draft: Whether to keep the text before unopened closing tags at the very end.
    """
    tags = _Tags(text, marks)
    stray = tags.stray(marks) if draft else len(text)
    start = seen = tags.end_of_block(0, "") if marks.opened else 0
    kept: list[str] = []
    fence: Fence | None = None  # of the block of code that a tag stands in
    for tag in tags.all:
        if tag.start < seen:
            continue
        fence = _fence_after(text[seen : tag.start], fence)
        seen = tag.end
        if fence is not None and not tags.ends_draft(tag):
            continue
        if tag.opens:
            kept.append(text[start : tag.start])
            start = seen = tags.end_of_block(tag.end, tag.family)
        elif tag.start >= stray and fence is None:
            kept.append(text[start : tag.start])
            start = tag.end
        else:
            kept.clear()
            start = tag.end
        fence = None
    return _joined([*kept, text[start:]], gap)


class _Tags:
    """The tags of a text.

    Attributes:
        all: Each of them, in order, mentions left out.
    """

    def __init__(self, text: str, marks: Marks) -> None:
        self._text = text
        self._looked, self._quoted = 0, False  # how far, and whether a quote stands on its line
        self.all = _without_lone(list(_tags(text, marks)))
        closing = [tag for tag in self.all if not tag.opens]
        self._closing: dict[str, list[_Tag]] = {"": closing}
        for tag in closing:
            self._closing.setdefault(tag.family, []).append(tag)

    def end_of_block(self, start: int, family: str) -> int:
        """Return where the thinking block that begins at `start` ends.

        Only a closing tag of the same family ends it, or any for the family "". Without one, the
        last closing tag of all does, or else the end of the text.
        """
        own = self._closing.get(family, [])
        after = bisect_left(own, start, key=lambda tag: tag.start)
        if after < len(own):
            return own[after].end
        last = self._closing[""][-1:]
        return last[0].end if last and last[0].start >= start else len(self._text)

    def stray(self, marks: Marks) -> int:
        """Return where the unopened closing tags at the end of the text begin."""
        closing = len(self._closing[""])
        left = closing - (len(self.all) - closing) - marks.opened
        end = len(self._text)
        for tag in reversed(self.all):
            behind = self._text[tag.end : end]
            if tag.opens or left <= 0 or (behind.strip() and first_turn(behind, marks).strip()):
                break
            left, end = left - 1, tag.start
        return end

    def ends_draft(self, tag: _Tag) -> bool:
        """Decide whether a tag within a code block ends a draft that left its fence open.

        Call it with the tags in order, so that no part of a long line is searched twice.
        """
        if tag.opens or (len(self._fences) - bisect_left(self._fences, tag.end)) % 2:
            return False
        line = self._text.rfind("\n", self._looked, tag.start)
        if line >= 0:
            self._looked, self._quoted = line, False
        place, self._looked = self._looked, max(self._looked, tag.start)
        seen = any(self._text.find(quote, place, tag.start) >= 0 for quote in QUOTES)
        self._quoted = self._quoted or seen
        return not self._quoted

    @cached_property
    def _fences(self) -> list[int]:
        """Where the lines begin that are fences."""
        lines = self._text.split("\n")
        starts = accumulate((len(line) + 1 for line in lines), initial=0)
        return [start for start, line in zip(starts, lines, strict=False) if fence_of(line)]


def _tags(text: str, marks: Marks) -> Iterator[_Tag]:
    """Yield the tags of a text in order, without mere mentions."""
    if (bare := _BARE_START.match(text)) and (bare["text"] or _BARE_FINAL in text):
        yield _Tag(start=bare.start(), end=bare.end(), family=_BARE, opens=True)
    if not _hints(marks).search(text):
        return
    for found in _pattern(marks).finditer(text):
        side, _, family = (found.lastgroup or "").partition("_")
        if side == "name":
            family = found["name"].lower()
            family = _ONE_FAMILY.get(family, family)
            side = "close" if found["end"] else "open"
        start, end = found.span()
        if text[end - 2] != "/" and not is_mentioned(text, start, end):
            yield _Tag(start, end, family, side == "open")


def _without_lone(tags: list[_Tag]) -> list[_Tag]:
    """Drop the tags that only count as a pair if the text does not have both."""
    opened, closed = ({tag.family for tag in tags if tag.opens is side} for side in (True, False))
    lone = _ONLY_CLOSED - (opened & closed)
    return [tag for tag in tags if tag.family not in lone]


@lru_cache(maxsize=8)
def _hints(marks: Marks) -> re.Pattern[str]:
    """Return a fast pattern that matches every text with a tag, and few others."""
    own = [re.escape(tag.closing) for tag in marks.thinking]
    return re.compile("|".join([_HINTS, *own]), re.IGNORECASE)


@lru_cache(maxsize=8)
def _pattern(marks: Marks) -> re.Pattern[str]:
    """Return the pattern of the known tags and those of a template."""
    pairs = dict(_TOKENS)
    for place, tag in enumerate(marks.thinking):
        pairs[f"own{place}"] = (re.escape(tag.opening), re.escape(tag.closing))
    sides = [
        f"(?P<open_{family}>{opening})|(?P<close_{family}>{closing})"
        for family, (opening, closing) in pairs.items()
    ]
    every = "|".join([_XML, f"(?P<close_{_BARE}>{_BARE_FINAL})", *sides])
    return re.compile(every, re.IGNORECASE)


def _fence_after(text: str, fence: Fence | None) -> Fence | None:
    """Return the fence that is open after a text, given the one open before it."""
    if "```" not in text and "~~~" not in text:
        return fence
    for line in text.split("\n"):
        found = fence_of(line)
        if found is not None and fence is None:
            fence = found
        elif found is not None and fence is not None and found.closes(fence):
            fence = None
    return fence


def _joined(pieces: list[str], gap: str) -> str:
    """Join pieces of a text with `gap`; begin a new line before a fence."""
    joined = pieces[:1]
    for piece in pieces[1:]:
        joined += ["\n" if fence_of(piece.partition("\n")[0]) else gap, piece]
    return "".join(joined)
