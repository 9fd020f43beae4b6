r"""The boxes of a text: \boxed{...}, \fbox{...}, \boxed 5 and <|begin_of_box|>...<|end_of_box|>.

A box counts if it is closed, holds no other box and is not blank; \{ and \} do not count as its
braces. Boxes that nothing but commas, semicolons, "and" or "or" stands between, perhaps with a name
("x =") before each, are one answer together.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_BRACE = re.compile(r"(?P<slashes>\\++)(?:(?P<box>(?:boxed|fbox)\s*+)\{?|[{}])?|[{}]")
_UNBRACED = re.compile(r"[-+−]?(?:\d|\\[dt]?frac)(?:[^\s$\\]|\\(?!boxed|fbox))*+")
_TOKENS = re.compile(
    r"<\|begin_of_box\|>((?:(?!<\|(?:begin|end)_of_box\|>)[\s\S])*+)<\|end_of_box\|>"
)
_WORD = r"(?:and|or|und|oder|et|ou|y|o|e|和|或|及|与)"
_SPACE = r"(?:[\s$*_()]|\\[,;:!()\[\]]|\\(?:q?quad|left|right)\b|\\ )*+"
_BETWEEN = re.compile(
    rf"{_SPACE}(?:[,，、;；]\s*(?:\\text\s?\{{\s?{_WORD}\s?\}}|{_WORD}\b)?|\\text\s?\{{\s?{_WORD}\s?\}}"
    rf"|(?<![^\W_]){_WORD}(?![^\W_])|\\(?:lor|land|vee|wedge)\b|\\?&)"
    rf"{_SPACE}(?:also\s+)?(?:[A-Za-z](?:_\{{?\w{{1,3}}\}}?)?\s*+=\s*+\$?)?"
)
_LONGEST_BETWEEN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box: what it holds, and where it stands."""

    content: str
    start: int
    end: int


def boxes(text: str) -> list[Box]:
    """Return the closed boxes of a text that hold no other box, in order."""
    if "boxed" not in text and "fbox" not in text and "of_box" not in text:
        return []
    tokens = [Box(content=m[1], start=m.start(), end=m.end()) for m in _TOKENS.finditer(text)]
    return sorted([*_latex(text), *tokens], key=lambda box: box.end)


def _latex(text: str) -> list[Box]:
    found: list[Box] = []
    opened: list[int] = []  # where the content of each open brace's box begins; -1 for no box
    latest = start = 0  # of the latest box: what closes there is an innermost one
    for token in _BRACE.finditer(text):
        escaped = len(token["slashes"] or "") % 2 == 1
        if token["box"] is not None:
            if token[0].endswith("{"):
                start, latest = token.span()
                opened.append(latest)
            elif bare := _UNBRACED.match(text, token.end()):
                found.append(Box(content=bare[0], start=token.start(), end=bare.end()))
        elif token[0].endswith("{") and not escaped:
            opened.append(-1)
        elif token[0].endswith("}") and not escaped and opened and opened.pop() == latest:
            inside = text[latest : token.end() - 1]
            found.append(Box(content=inside, start=start, end=token.end()))
    return found


def last_box(text: str, read: Callable[[str], str], *, several: bool) -> tuple[str, int] | None:
    """Return the answer of the last box that has one, and where the box ends.

    Args:
        text: A text.
        read: The answer that a box's content gives; empty for none.
        several: Whether boxes that belong together are one answer.
    """
    found = boxes(text)
    for place in range(len(found) - 1, -1, -1):
        if answer := read(found[place].content):
            answers = [answer]
            if several:
                answers = [*_before(text, found[: place + 1], read), answer]
            return (", ".join(answers) if len(set(answers)) > 1 else answer), found[place].end
    return None


def _before(text: str, found: Sequence[Box], read: Callable[[str], str]) -> list[str]:
    """Return, in order, the answers of the boxes that form one answer with the last box."""
    answers: list[str] = []
    for earlier, later in zip(found[-2::-1], found[:0:-1], strict=True):
        gap = later.start - earlier.end
        if not 0 < gap <= _LONGEST_BETWEEN:
            break
        if not _BETWEEN.fullmatch(text, earlier.end, later.start):
            break
        if not (answer := read(earlier.content)):
            break
        answers.append(answer)
    return answers[::-1]
