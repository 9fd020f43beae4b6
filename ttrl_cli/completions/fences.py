r"""Fenced blocks of Markdown, as models write them.

A fence is a line of three or more backticks or tildes. It opens a block, whose tag is the first
word behind the marks (`python` of "```python title=x", "```{.python}" and "```Python:main.py"), and
only a bare fence of the same marks, and at least as many of them, closes that. It closes at no more
than three spaces of indent (CommonMark), or three more than a fence that is itself indented by four
or more: a fence in the docstring of a program is no end of the program. Tags and tokens that a
model glues on behind a fence (</s>, <|im_end|>, </answer>) are no part of it, nor is a tag before
it (<answer>). Text may stand before a fence that opens a block ("Here: ```python"), with a colon
before a fence without a tag. What is found here is linear in the length of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from textwrap import dedent

_SPACE = " \t\u00a0\r"  # a space that does not break is a space, too
_TAG = re.compile(r"[\s{.]*(?:lang(?:uage)?-)?(\w[\w+#.-]*)")
_MOST_INDENT = 3
_LONGEST_KNOWN = 80  # characters of a line that is parsed once
_GLUED = re.compile(r"(?:<[^<>\s`]{1,40}>|\[/?INST\])(?:[ \t]*(?:<[^<>\s`]{1,40}>|\[/?INST\]))*+")
_BEFORE = re.compile(r"<[A-Za-z_]{1,16}>[ \t]*(?=```|~~~)")
_BEHIND_TEXT = re.compile(  # Here: ```python; without a tag a colon must come before it
    r"[^`~\n]*[^`~\s](?:(?<=[:：])[ \t]*(?P<bare>`{3,}|~{3,})|(?:(?<=[:：.,;!?)*])|[ \t])[ \t]*"
    r"(?P<marks>`{3,}|~{3,})(?P<info>\{?\.?[A-Za-z][\w+#.-]{0,20}\}?))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A line that opens or closes a block.

    Attributes:
        marks: Its backticks or tildes.
        info: What follows them, without space around it.
        indent: Columns before them; a tab counts as four.
        behind_text: Whether prose stands before them on their line: then they close nothing.
    """

    marks: str
    info: str
    indent: int
    behind_text: bool = False

    @property
    def tag(self) -> str:
        """The language it names, in lower case; empty if it names none."""
        found = _TAG.match(self.info)
        return found[1].lower() if found else ""

    def closes(self, opening: "Fence") -> bool:
        """Decide whether this line ends the block that `opening` began."""
        most = _MOST_INDENT if opening.indent <= _MOST_INDENT else opening.indent + _MOST_INDENT
        same = self.marks[0] == opening.marks[0] and len(self.marks) >= len(opening.marks)
        return same and not self.info and not self.behind_text and self.indent <= most


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block.

    Attributes:
        tag: The language its fence names, in lower case; empty if it names none.
        body: What stands between the fences; without the indent where the fence has one.
        closed: False for a block that reaches to the end of the text.
    """

    tag: str
    body: str
    closed: bool


def fence_of(line: str) -> Fence | None:
    """Parse a line as a fence; return None if it is none."""
    if "```" not in line and "~~~" not in line:
        return None
    return _short(line) if len(line) <= _LONGEST_KNOWN else _parsed(line)


@lru_cache(maxsize=1024)
def _short(line: str) -> Fence | None:
    return _parsed(line)


def _parsed(line: str) -> Fence | None:
    bare = line.strip(_SPACE)
    bare = bare[before.end() :] if (before := _BEFORE.match(bare)) else bare
    if not bare.startswith(("```", "~~~")):
        return _behind_text(bare)
    marks = bare[: len(bare) - len(bare.lstrip(bare[0]))]
    info = bare[len(marks) :].strip(_SPACE)
    if marks[0] == "`" and "`" in info:
        return None  # code within a line
    if _GLUED.fullmatch(info):
        info = ""
    blank = line[: len(line) - len(line.lstrip(_SPACE))]
    return Fence(marks=marks, info=info, indent=len(blank.expandtabs(4)))


def _behind_text(line: str) -> Fence | None:
    """Parse a line of prose that ends with a fence; return None if it does not."""
    found = _BEHIND_TEXT.fullmatch(line)
    if found is None:
        return None
    marks = found["marks"] or found["bare"]
    return Fence(marks=marks, info=found["info"] or "", indent=0, behind_text=True)


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a text in order; the last one may not be closed."""
    opening: Fence | None = None
    body: list[str] = []
    for line in text.split("\n"):
        fence = fence_of(line)
        if opening is None:
            opening, body = fence, []
        elif fence is not None and fence.closes(opening):
            yield block(opening, body, closed=True)
            opening = None
        else:
            body.append(line)
    if opening is not None:
        yield block(opening, body, closed=False)


def block(opening: Fence, body: list[str], *, closed: bool) -> Block:
    """Make a block from its first fence and its lines."""
    inside = "\n".join(body)
    return Block(tag=opening.tag, body=dedent(inside) if opening.indent else inside, closed=closed)
