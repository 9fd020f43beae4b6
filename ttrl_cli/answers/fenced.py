"""The text outside of fenced code, where final answers are sought first."""

import re

from ttrl_cli.completions.fences import Fence, fence_of
from ttrl_cli.completions.names import DE, EN, ES, FR, IS_EN, ZH

_LABEL = re.compile(
    rf"(?:\b(?:{EN}|{FR}|{DE}|{ES})|{ZH})[^\w\n]{{0,8}}(?:{IS_EN}|est|ist|es|是|为)?[^\w\n]{{0,8}}\Z",
    re.IGNORECASE,
)
_LONGEST_LABEL = 100


def outside_code(text: str) -> str:
    """Return a text without its fenced blocks, but for those that a label announces."""
    if "```" not in text and "~~~" not in text:
        return text
    kept: list[str] = []
    before = ""  # the last line that is not blank
    opening: Fence | None = None
    announced = False
    for line in text.split("\n"):
        fence = fence_of(line)
        if opening is None and fence is not None:
            opening, announced = fence, _LABEL.search(before[-_LONGEST_LABEL:]) is not None
            kept.append(line if announced else "")
        elif opening is not None:
            kept += [line] if announced else []
            if fence is not None and fence.closes(opening):
                opening, before = None, ""
        else:
            kept.append(line)
            before = line if line.strip() else before
    return "\n".join(kept)
