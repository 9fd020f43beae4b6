"""From a completion to the text of a solution.

What the completion says is its first turn without thinking (`completions.visible`). Which of its
fenced blocks is the solution, `choose` says; where it has none, the text itself is. What is tried
never contains its own fence. Every step is linear in the length of the completion, whatever it
holds, and what is parsed of it is bounded.
"""

from typing import Literal

from ttrl_cli.completions import KNOWN, Marks, visible
from ttrl_cli.grading.choose import (
    CONTAINERS,
    WANTED,
    Blocks,
    Found,
    choose_cpp,
    choose_json,
    choose_python,
    choose_text,
    kind_of,
)
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
    wanted = WANTED.get(language if kind == "program" else kind)
    found = Blocks(visible(plain, marks, solution=True), wanted, finished=finished)
    if kind == "text":
        chosen = choose_text(found)
    elif kind == "json":
        chosen = choose_json(found, expected)
    else:
        chosen = choose_cpp(found) if language == "cpp" else choose_python(found, entry)
    solution = chosen.text.strip() if chosen.rule == "text" else chosen.text.strip("\n")
    if not solution.strip():
        msg = "the completion holds no solution"
        raise Malformed(msg)
    if len(solution) > MAX_CHARS:
        msg = f"the solution has {len(solution)} characters; the limit is {MAX_CHARS}"
        raise Malformed(msg)
    return Found(text=solution, rule=chosen.rule)


def parse_json(solution: str) -> Json:
    """The data of a json solution; NaN and infinities are refused.

    Raises:
        Malformed: If the text is not strict JSON.
    """
    try:
        return read_json(solution)
    except MalformedError as error:
        raise Malformed(str(error)) from error
