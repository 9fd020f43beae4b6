"""The text outside of fenced code, where final answers are sought first."""

import re

from ttrl_cli.answers.objects import pairs
from ttrl_cli.completions.fences import Fence, fence_of
from ttrl_cli.completions.names import DE, EN, ES, FR, IS_EN, ZH

_LABEL = re.compile(
    rf"(?:\b(?:{EN}|{FR}|{DE}|{ES})|{ZH})[^\w\n]{{0,8}}(?:{IS_EN}|est|ist|es|是|为)?[^\w\n]{{0,8}}\Z",
    re.IGNORECASE,
)
_LONGEST_LABEL = 100


def outside_code(text: str) -> str:
    """Return a text without its fenced blocks; keep answers in JSON and what a label announces."""
    if "```" not in text and "~~~" not in text:
        return text
    kept: list[str] = []
    before = ""  # the last line that is not blank
    opening: Fence | None = None
    block: list[str] = []
    for line in text.split("\n"):
        fence = fence_of(line)
        if opening is None and fence is None:
            kept.append(line)
            before = line if line.strip() else before
            continue
        block.append(line)
        if opening is None:
            opening = fence
        elif fence is not None and fence.closes(opening):
            kept += block if _counts(block, before) else [""]
            opening, block, before = None, [], ""
    if block:
        kept += block if _counts(block, before) else [""]
    return "\n".join(kept)


def _counts(block: list[str], before: str) -> bool:
    """Decide whether a block, with its fences, is announced, or is an object with an answer."""
    if _LABEL.search(before[-_LONGEST_LABEL:]):
        return True
    inside = "\n".join(block[1:])
    return inside.lstrip().startswith("{") and next(pairs(inside), None) is not None
