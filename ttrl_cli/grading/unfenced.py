r"""Programs in a text without fences: the prose around them, and tags, are left out.

A Python program is what parses: from each line that may begin one, the longest beginning that
does, without a bare word at its end. Several of these are pieces of one program. A C++ program
reaches from its first include, or declaration, to the end of its last function or type. Tags are
such as <answer>, [PYTHON], <code> and \begin{verbatim}, at the beginning or the end of a line.
"""

import ast
import re
from collections.abc import Sequence
from itertools import takewhile
from textwrap import dedent

from ttrl_cli.completions.fences import Block, fence_of
from ttrl_cli.grading.source import SourceReader, has_main, tree_of

_TAGS_BEFORE = re.compile(
    r"\s*(?:</?[A-Za-z_|][^<>\s]{0,24}>|\[/?[A-Z_+]{1,16}\]|\\(?:begin"
    r"|end)\{(?:verbatim|lstlisting|minted|code)\}"
    r"(?:\[[^\]\n]{0,60}\]|\{[^}\n]{0,20}\})*)+[ \t]*"
)
_TAGS_BEHIND = re.compile(
    r"[ \t]*(?:</[A-Za-z_][^<>\s]{0,24}>|<\|[^<>|\s]{1,24}\|>|\[/[A-Z_+]{1,16}\]"
    r"|\\end\{[a-z]{1,12}\})+[ \t]*\Z"
)
_TITLED = re.compile(r"[^\n'\"(]{0,60}[:：][ \t]*(?=(?:def|class|import|from)[ \t]+\w)")
_PYTHON = re.compile(
    r"[ \t]*(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[:(]"
    r"|@\w|[A-Za-z_][\w.]*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*[ \t]*"
    r"(?::[ \t]*[A-Za-z_][\w\[\], .]*)?=(?!=)|#|\"\"\"|'''"
    r"|(?:if|for|while|with)[ \t].*:[ \t]*(?:#.*)?$|try:)"
)
_MOST_STARTS = 24
_TYPE = (
    r"(?:int|void|double|float|long|short|char|bool|auto|string|size_t|unsigned|signed"
    r"|u?int\d+_t|ll"
    r"|std::[\w:<>, ]+|vector<[\w:<>, ]+>|pair<[\w:<>, ]+>|map<[\w:<>, ]+>|struct|class|enum)"
)
_CPP = re.compile(
    r"^[ \t]*(?:#[ \t]*(?:include|define|pragma|if|ifdef|ifndef|undef)\b"
    r"|using[ \t]+(?:namespace\b|\w+[ \t]*=|std::)"
    rf"|typedef\b|template[ \t]*<|namespace\b|(?:(?:static|const|constexpr|inline"
    rf"|extern)[ \t]+)*{_TYPE}[\w:<>*&\s,]*[({{=;])",
    re.MULTILINE,
)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b", re.MULTILINE)
_MARK = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]"
    r"|\\.){1,4}+'|^[ \t]*#(?:[^\n\\]|\\[\s\S])*+|[{};]",
    re.MULTILINE,
)
_HEAD = re.compile(
    rf"\s*(?:(?:template|namespace|extern|typedef|using|static|const|constexpr"
    rf"|inline)\b[^.!?]*|{_TYPE}\b[^.!?]*"
    r"|[\w:<>,*&\s]+\([^(){}]*\)\s*(?:const|noexcept|\s)*)\Z"
)


def plain_lines(text: str) -> str:
    """Return the text outside of fenced blocks, without tags at the ends of its lines."""
    kept = [
        _TITLED.sub("", _TAGS_BEHIND.sub("", _without_tags(line)), count=1)
        for line in text.split("\n")
        if fence_of(line) is None
    ]
    return "\n".join(kept)


def _without_tags(line: str) -> str:
    tags = _TAGS_BEFORE.match(line)
    return line[tags.end() :] if tags and tags[0].strip() else line


def python_pieces(text: str, reader: SourceReader) -> list[Block]:
    """Return what parses of a text as blocks, each with at least one statement, in order."""
    lines = text.split("\n")
    found: list[Block] = []
    place = tries = 0
    while place < len(lines) and tries < _MOST_STARTS:
        if not _PYTHON.match(lines[place]):
            place += 1
            continue
        tries += 1
        piece = dedent("\n".join(_at_least_as_indented(lines[place:]))).split("\n")
        count = reader.parsed(piece)
        if body := _without_bare_end("\n".join(piece[:count])):
            found.append(Block(tag="", body=body, closed=True))
        place += max(count, 1)
    return found


def _at_least_as_indented(lines: Sequence[str]) -> list[str]:
    """Return the lines up to the first that is indented less than the first of them."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    if not indent:
        return list(lines)
    return list(takewhile(lambda line: not line[:indent].strip(), lines))


def _without_bare_end(text: str) -> str:
    """Remove statements that do nothing from the end of a program: a word of prose may be one."""
    body = tree_of(text).body
    while body and _is_bare(body[-1]):
        body.pop()
    end = body[-1].end_lineno if body else 0
    return "\n".join(text.split("\n")[:end])


def _is_bare(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call)


def has_bare_words(text: str) -> bool:
    """Decide whether a program has a word of prose as a statement, such as END."""
    body = tree_of(text).body
    return _is_bare(body[-1]) or any(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)
        for statement in body
    )


def cpp_program(text: str, *, fenced: bool) -> str:
    """Return the C++ program in a text, without the prose around it; empty if it has no main.

    Args:
        text: What a completion says, or a block that was never closed.
        fenced: Whether the program begins with the text.
    """
    first = None if fenced else _INCLUDE.search(text) or _CPP.search(text)
    start = first.start() if first else 0
    end, head, depth, main = 0, start, 0, False
    for mark in _MARK.finditer(text, start):
        if mark[0] == "}":
            depth -= 1
            if depth < 0:
                break
        elif mark[0] == "{":
            depth += 1
            if depth == 1:
                said = text[head : mark.start()]
                if main and not _HEAD.match(said):
                    break
                main = main or has_main(f"{said}{{")
            continue
        elif mark[0] != ";":
            head = head if depth or text[head : mark.start()].strip() else mark.end()
            continue
        elif not depth and main and not _ends_item(text[head : mark.start()]):
            break
        if not depth:
            head = mark.end()
            end = head if main else 0
    return text[start:end].strip("\n")


def _ends_item(said: str) -> bool:
    """Decide whether what stands before a semicolon, outside of braces, is code."""
    return not said.strip() or _HEAD.match(said) is not None
