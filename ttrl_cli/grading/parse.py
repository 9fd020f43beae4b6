"""From a completion to the text of a solution.

The solution is the last closed fenced block of the wanted language, or the whole text where there
is none. Whatever stands inside a thinking block never counts. Every step is linear in the length
of the completion, whatever it holds.
"""

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Literal

from ttrl_cli.records import Json
from ttrl_cli.sandbox.protocol import MalformedError, read_json

MAX_CHARS = 1_000_000
"""Longest solution accepted, in characters."""

SolutionKind = Literal["program", "text", "json"]
_THINK_TAG = re.compile(r"(</?think>)")
_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([\w+-]*)[^`]*")
_TAGS = {
    "python": frozenset({"", "python", "python3", "py"}),
    "cpp": frozenset({"", "cpp", "c++", "cc", "cxx"}),
}
_JSON_TAGS = frozenset({"", "json"})


class Malformed(Exception):
    """Nothing in the completion parses as a solution; the text says why."""


def parse_solution(text: str, kind: SolutionKind, language: str) -> str:
    """The solution's text.

    Args:
        text: The completion.
        kind: What a solution is.
        language: The language of a program, as its fence names it.

    Raises:
        Malformed: If the solution is empty or longer than MAX_CHARS.
    """
    visible = without_thinking(text)
    wanted = {"program": _TAGS.get(language, frozenset({"", language})), "json": _JSON_TAGS}
    tags = wanted.get(kind)
    blocks = [body for tag, body in fenced_blocks(visible) if tags is None or tag.lower() in tags]
    solution = blocks[-1].strip("\n") if blocks else visible.strip()
    if not solution.strip():
        msg = "the completion holds no solution"
        raise Malformed(msg)
    if len(solution) > MAX_CHARS:
        msg = f"the solution has {len(solution)} characters; the limit is {MAX_CHARS}"
        raise Malformed(msg)
    return solution


def parse_json(solution: str) -> Json:
    """The data of a json solution; NaN and infinities are refused.

    Raises:
        Malformed: If the text is not strict JSON.
    """
    try:
        return read_json(solution)
    except MalformedError as error:
        raise Malformed(str(error)) from error


def without_thinking(text: str) -> str:
    """The text outside of think blocks.

    An unclosed block reaches to the end. A closing tag without an opening one closes a block that
    the prompt had opened: all before it is thinking.
    """
    kept: list[str] = []
    inside = False
    for piece in _THINK_TAG.split(text):
        if piece == "<think>":
            inside = True
        elif piece == "</think>":
            if not inside:
                kept.clear()
            inside = False
        elif not inside:
            kept.append(piece)
    return "".join(kept)


def fenced_blocks(text: str) -> Iterator[tuple[str, str]]:
    """The closed fenced blocks of a Markdown text, as (tag, body), in order."""
    fence, indent, tag = "", "", ""
    body: list[str] = []
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if not fence:
            if match:
                (indent, fence, tag), body = match.groups(), []
        elif match and _closes(line, fence):
            inside = "\n".join(body)
            yield tag, dedent(inside) if indent else inside
            fence = ""
        else:
            body.append(line)


def _closes(line: str, fence: str) -> bool:
    marks = line.strip()
    return len(marks) >= len(fence) and set(marks) == {fence[0]}
