r"""The boxes of a text: \boxed{...}, \fbox{...}, \boxed 5 and <|begin_of_box|>...<|end_of_box|>.

\answer{...}, \finalanswer{...} and \ans{...} are boxes too.

A box counts if it is closed, holds no other box and is not blank; \{ and \} do not count as its
braces, but for a \} without its \{ in a box that nothing else closes. Boxes that nothing but
commas, semicolons, "and", "or" or "as well as" stands between, perhaps with a name ("x =", "the
maximum is") before each, are one answer together.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ttrl_cli.completions import names

_BRACE = re.compile(
    r"(?P<slashes>\\++)(?:(?P<box>(?:boxed|fbox)\s*+\{?|(?:(?:final)?answer|ans)\s*+\{)"
    r"|[{}])?|[{}]"
)
_UNBRACED = re.compile(r"[-+−]?(?:\d|\\[dt]?frac)(?:[^\s$\\]|\\(?!boxed|fbox))*+")
_TOKENS = re.compile(
    r"<\|begin_of_box\|>((?:(?!<\|(?:begin|end)_of_box\|>)[\s\S])*+)<\|end_of_box\|>"
)
_WORD = (
    r"(?:and|or|as\swell\sas|along\swith|together\swith|und|oder|sowie|et|ou|ainsi\sque|y|o|e"
    r"|así\scomo|while|whereas|和|或|及|与|以及)"
)
_SPACE = r"(?:[\s$*_()]|\\[,;:!()\[\]]|\\(?:q?quad|left|right)\b|\\ )*+"
_NAMED = (  # what the next box is: x =, the largest value is; but not: the answer is
    r"(?:[A-Za-z](?:_\{?\w{1,3}\}?)?\$?(?:\s*+=\s*+|\s(?:is|equals)\s)"
    r"|(?:the|its|their|his|her|an?|le|la|der|die|das|el)\s(?:(?!answer|final|correct|new|actual|result"
    r"|sum|total|check|réponse|antwort|respuesta)[^\W\d_]{1,16}\s){1,4}"
    rf"(?:{names.COPULA}|was|were|of)\s)[\s$(]*+"
)
_BETWEEN = re.compile(
    rf"{_SPACE}(?:[,，、;；]\s*(?:\\text\s?\{{\s?{_WORD}\s?\}}|{_WORD}\b)?|\\text\s?\{{\s?{_WORD}\s?\}}"
    rf"|(?<![^\W_]){_WORD}(?![^\W_])|\\(?:lor|land|vee|wedge)\b|\\?&)"
    rf"{_SPACE}(?:also\s+)?(?:{_NAMED})?"
)
_LONGEST_BETWEEN = 80
_COMMANDS = ("boxed", "fbox", "of_box", "\\answer", "\\finalanswer", "\\ans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box: what it holds, and where it stands."""

    content: str
    start: int
    end: int


def boxes(text: str) -> list[Box]:
    """Return the closed boxes of a text that hold no other box, in order."""
    if not any(name in text for name in _COMMANDS):
        return []
    tokens = [Box(content=m[1], start=m.start(), end=m.end()) for m in _TOKENS.finditer(text)]
    return sorted([*_latex(text), *tokens], key=lambda box: box.end)


@dataclass(slots=True, kw_only=True)
class _Open:
    r"""A brace that is open.

    Attributes:
        start: Where its box begins.
        content: Where what it holds begins; -1 where it opens no box.
        sets: Literal braces that are open in it: \{ without its \}.
        stray: Where its first \} stands that closes none of these; -1 without one.
    """

    start: int = -1
    content: int = -1
    sets: int = 0
    stray: int = -1


def _latex(text: str) -> list[Box]:
    found: list[Box] = []
    opened: list[_Open] = []
    latest = 0  # where the content of the latest box begins: what closes there is an innermost one
    for token in _BRACE.finditer(text):
        if token["box"] is not None:
            if token[0].endswith("{"):
                latest = token.end()
                opened.append(_Open(start=token.start(), content=latest))
            elif bare := _UNBRACED.match(text, token.end()):
                found.append(Box(content=bare[0], start=token.start(), end=bare.end()))
        elif len(token["slashes"] or "") % 2:
            if opened:
                _note_literal(opened[-1], token, latest)
        elif token[0].endswith("{"):
            opened.append(_Open())
        elif token[0].endswith("}") and opened and (box := opened.pop()).content == latest:
            inside = text[latest : token.end() - 1]
            found.append(Box(content=inside, start=box.start, end=token.end()))
    return found + [
        Box(content=text[box.content : box.stray], start=box.start, end=box.stray + 2)
        for box in opened
        if box.stray >= 0
    ]


def _note_literal(box: _Open, token: re.Match[str], latest: int) -> None:
    r"""Count a \{ or \} in the innermost open brace; note the first \} that closes nothing."""
    if token[0].endswith("{"):
        box.sets += 1
    elif token[0].endswith("}") and box.sets:
        box.sets -= 1
    elif token[0].endswith("}") and box.content == latest and box.stray < 0:
        box.stray = token.end() - 2


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
