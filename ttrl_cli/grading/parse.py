"""From a completion to the text of a solution.

A completion that is nothing but a program or a JSON value is the solution, whatever its strings
hold. Else what the completion says is its first turn without thinking (`completions.visible`).
Which of its fenced blocks is the solution, `choose` says; where it has none, the text itself is, or
a value in it. What stands before a closing tag of thinking at the very end, which nothing opened,
may be a draft: it counts only if it can be a solution. What is tried never contains its own fence.
Every step is linear in the length of the completion, whatever it holds, and what is parsed of it is
bounded.
"""

import re
from dataclasses import dataclass
from typing import Literal

from ttrl_cli.completions import KNOWN, Marks, visible, without_end
from ttrl_cli.grading.choose import (
    WANTED,
    Blocks,
    Found,
    choose_cpp,
    choose_json,
    choose_python,
    choose_text,
)
from ttrl_cli.grading.source import Binding, SourceReader, is_bare_cpp, without_strings
from ttrl_cli.grading.values import CONTAINERS, kind_of, read_value
from ttrl_cli.records import Json
from ttrl_cli.sandbox.protocol import MalformedError, read_json

__all__ = ["Found", "Malformed", "find_solution", "kind_of", "parse_json"]

MAX_CHARS = 1_000_000
"""Longest solution accepted, in characters."""

SolutionKind = Literal["program", "text", "json"]


class Malformed(Exception):
    """Nothing in the completion parses as a solution; the text says why."""


def find_solution(
    text: str,
    kind: SolutionKind,
    language: str,
    *,
    entry: str = "run",
    expected: frozenset[str] = CONTAINERS,
    finished: bool = True,
    marks: Marks = KNOWN,
) -> Found:
    """Find the solution in a completion.

    Args:
        text: The completion.
        kind: What a solution is.
        language: The language of a program.
        entry: The function that a Python program defines.
        expected: The kinds of value that a json solution may be; see `kind_of`.
        finished: Whether the completion ended by itself.
        marks: How the model marks thinking and turns.

    Raises:
        Malformed: If the solution is empty or longer than MAX_CHARS.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    wanted = _Wanted(kind=kind, language=language, entry=entry, expected=expected)
    chosen = wanted.whole(plain, marks) or _chosen(plain, wanted, marks, finished=finished)
    solution = chosen.text.strip() if chosen.rule == "text" else chosen.text.strip("\n")
    if not solution.strip():
        msg = "the completion holds no solution"
        raise Malformed(msg)
    if len(solution) > MAX_CHARS:
        msg = f"the solution has {len(solution)} characters; the limit is {MAX_CHARS}"
        raise Malformed(msg)
    return Found(text=solution, rule=chosen.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The kind of solution that is looked for; see `find_solution`."""

    kind: SolutionKind
    language: str
    entry: str
    expected: frozenset[str]

    def whole(self, text: str, marks: Marks) -> Found | None:
        """Return the completion if it is nothing but a solution that has marks in it, else None."""
        if marks.opened or visible(text, marks, solution=True, draft=False) == text:
            return None
        text = without_end(text, marks).strip("\n")
        if self.kind == "json":
            value, kind = read_value(text)
            return Found(text=value, rule="text") if kind in self.expected | CONTAINERS else None
        if self.kind == "text":
            return None
        if self.language == "cpp":
            bare = without_strings(text)
            whole = is_bare_cpp(bare) and visible(bare, marks, solution=True, draft=False) == bare
            return Found(text=text, rule="text") if whole else None
        source = SourceReader(self.entry).solution(text)
        defines = source is not None and source.defines[self.entry] == Binding.CALLABLE
        return Found(text=source.text, rule="text") if source and defines else None

    def choose(self, found: Blocks) -> Found | None:
        """Choose the solution among the blocks; return None if nothing can be one."""
        if self.kind == "text":
            return choose_text(found)
        if self.kind == "json":
            return choose_json(found, self.expected)
        return choose_cpp(found) if self.language == "cpp" else choose_python(found, self.entry)

    @property
    def tags(self) -> re.Pattern[str] | None:
        """The tags of its blocks."""
        return WANTED.get(self.language if self.kind == "program" else self.kind)


def _chosen(text: str, wanted: _Wanted, marks: Marks, *, finished: bool) -> Found:
    """Choose the solution in a completion; if nothing can be one, return a fallback.

    What the model thought is read only if it said nothing else; then the fallback is empty.
    """
    said = visible(text, marks, solution=True, draft=False)
    draft = not said.strip()
    if draft:
        said = visible(text, marks, solution=True)
    found = Blocks(said, wanted.tags, finished=finished)
    chosen = wanted.choose(found)
    if chosen is None:
        return Found(text="", rule="text") if draft else found.last()
    return chosen


def parse_json(solution: str) -> Json:
    """Parse the data of a json solution; refuse NaN and infinities.

    Raises:
        Malformed: If the text is not strict JSON.
    """
    try:
        return read_json(solution)
    except MalformedError as error:
        raise Malformed(str(error)) from error
