"""Which of a completion's blocks is the solution.

Blocks are ranked: the wanted tag and its aliases, then no tag, then others. Blank ones do not
count. A block that was never closed counts like others in a completion that ended by itself; in one
that was cut, only where there is no other. Of a Python block with prose behind it that was never
closed, the longest beginning counts that parses and defines the entry.

Python   the last block of the best rank that parses and defines the entry; together with those
         blocks that define names it lacks, if there are any. If no block does, all of a rank
         joined in order. Then the whole text, if that is a program; then what other pairs of
         fences hold (a fence in a string may have cut a program in two, a missing one may have
         joined it with prose); then what stands before the first fence; then what of the text
         outside of blocks parses (`unfenced`). A function, a class or
         another name of one defines; only where there is none, what a call returned, a function
         without a body, an import, and last a constant or a loop's variable (`Binding`).
C++      the last block with a main, behind those without where it includes nothing and they do;
         else what other fences hold, or what stands before the first, with a main; else the
         program in the text outside of blocks; else all of a rank joined.
json     the last block that parses to the expected kind of value: that of the seeds; else the
         whole text, what other fences hold, or what stands before the first, if that does; else
         the last block that parses at all; in a text without any fence, what `values` finds.
text     the last block.

Where nothing fits, the last closed block of the best rank is tried, for what it makes go wrong.
Without blocks the text itself is tried, fences left out.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ttrl_cli.completions.fences import Block, block, blocks, fence_of
from ttrl_cli.grading.source import (
    MAX_PARSED_TOGETHER,
    Binding,
    Source,
    SourceReader,
    has_main,
    includes,
)
from ttrl_cli.grading.unfenced import cpp_program, has_bare_words, plain_lines, python_pieces
from ttrl_cli.grading.values import last_value, read_value

WANTED = {
    "python": re.compile(r"(?:[ci]|micro)?py(?:thon)?[\d.]*"),
    "cpp": re.compile(r"(?:c\+\+|cpp|cc|cxx|g\+\+|hpp)[\d.]*"),
    "json": re.compile(r"json[5c]?"),
}
"""Tags of a language, and of json."""
_MOST_BLOCKS = 16  # of one rank that are looked at, the last ones
_MOST_PAIRS = 8  # fences tried as the beginning of a program, and as its end, of each kind
_IN_TEXT = "program-in-text"
_RULES = ("block", "untagged-block", "other-block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A solution.

    Attributes:
        text: The solution's text.
        rule: What it was taken from; docs/run-directory.md has the list.
    """

    text: str
    rule: str


class Blocks:
    """The blocks of a completion, ranked.

    Args:
        text: What a completion says.
        wanted: The tags that are asked for; None where all are alike.
        finished: Whether the completion ended by itself.
    """

    def __init__(self, text: str, wanted: re.Pattern[str] | None, *, finished: bool) -> None:
        self.text = text
        self.finished = finished
        self.wanted = wanted
        found = [part for part in blocks(text) if part.body.strip()]
        closed = [part for part in found if part.closed]
        self.all = found if finished or not closed else closed

    def rank(self, tag: str) -> int:
        """Return 0 for a wanted tag, 1 for no tag, 2 for any other tag."""
        if self.wanted is None:
            return 0
        last = tag.rpartition(".")[2]  # of a file's name
        if self.wanted.fullmatch(tag) or self.wanted.fullmatch(last):
            return 0
        return 2 if tag else 1

    def ranked(self, rank: int) -> list[Block]:
        """Return the last blocks of this rank, in order."""
        return [part for part in self.all if self.rank(part.tag) == rank][-_MOST_BLOCKS:]

    def up_to(self, rank: int) -> list[Block]:
        """Return the last blocks of this rank or a better one, in order."""
        return [part for part in self.all if self.rank(part.tag) <= rank][-_MOST_BLOCKS:]

    def before(self) -> str:
        """Return the text before the first fence; an empty text if there is no fence."""
        lines = self.text.split("\n")
        first = next((index for index, line in enumerate(lines) if fence_of(line)), 0)
        return "\n".join(lines[:first])

    def last(self) -> Found:
        """Return the fallback: the last block of the best rank, else the text without fences."""
        for rank in range(len(_RULES)):
            if ranked := self.ranked(rank):
                closed = [part for part in ranked if part.closed]
                chosen = (closed or ranked)[-1]
                return Found(text=chosen.body, rule=self.rule(chosen))
        plain = [line for line in self.text.split("\n") if not fence_of(line)]
        return Found(text="\n".join(plain).strip(), rule="text")

    def rule(self, chosen: Block) -> str:
        """Name the rule that a block was found by."""
        return _RULES[self.rank(chosen.tag)] if chosen.closed else "open-block"


def choose_text(found: Blocks) -> Found:
    """Return the last block, or the text if there is no block."""
    if not found.all:
        return found.last()
    chosen = found.all[-1]
    return Found(text=chosen.body, rule=found.rule(chosen))


def choose_json(found: Blocks, expected: frozenset[str]) -> Found | None:
    """Return the last value of an expected kind, else a block that parses, else None."""
    any_kind: Found | None = None
    for rank in range(len(_RULES)):
        for chosen in reversed(found.ranked(rank)):
            text, kind = read_value(chosen.body)
            if kind in expected:
                return Found(text=text, rule=found.rule(chosen))
            if kind and any_kind is None:
                any_kind = Found(text=text, rule=found.rule(chosen))
    for rule, other in _others(found):
        text, kind = read_value(other)
        if kind in expected:
            return Found(text=text, rule=rule)
    value = None if found.all else last_value(found.text, expected)
    return any_kind if value is None else Found(text=value, rule="value-in-text")


def choose_cpp(found: Blocks) -> Found | None:
    """Return the last program with a main, else several blocks joined, else None."""
    for rank in range(len(_RULES)):
        ranked = found.ranked(rank)
        for chosen in reversed(ranked):
            if not has_main(chosen.body):
                continue
            parts = [part for part in ranked if part is chosen or not has_main(part.body)]
            if not includes(chosen.body) and any(includes(part.body) for part in parts):
                return _joined(parts)
            begun = "" if chosen.closed else cpp_program(chosen.body, fenced=True)
            return Found(text=begun or chosen.body, rule=found.rule(chosen))
    for rule, other in _others(found):
        if has_main(other) and found.all:
            return Found(text=other, rule=rule)
    if not found.all and (bare := cpp_program(plain_lines(found.text), fenced=False)):
        return Found(text=bare, rule="text" if bare == found.text.strip() else _IN_TEXT)
    best = next(filter(None, map(found.ranked, range(len(_RULES)))), [])
    return _joined(best) if len(best) > 1 else None


def choose_python(found: Blocks, entry: str) -> Found | None:
    """Return the last program that defines the entry, as a function if one does; else None."""
    best: tuple[Found, Binding] | None = None
    for program, binding in _programs(found, entry):
        if binding == Binding.CALLABLE:
            return program
        if best is None or binding > best[1]:
            best = program, binding
    return best[0] if best else None


def _programs(found: Blocks, entry: str) -> Iterator[tuple[Found, Binding]]:
    """Yield texts that may be the program, the most likely first, each with the entry's binding."""
    reader = SourceReader(entry)
    for rank in range(len(_RULES)):
        ranked = found.ranked(rank)
        for chosen in reversed(ranked):
            if source := reader.solution(chosen.body) or _begun(chosen, reader):
                yield _with_helpers(found, reader, chosen, source), source.defines[entry]
        if len(ranked) > 1 and (joined := reader.solution(_joined(ranked).text)):
            yield Found(text=joined.text, rule="joined-blocks"), joined.defines[entry]
    for rule, other in _others(found):
        if source := reader.solution(other):
            if rule == "text" and has_bare_words(source.text):
                yield from _in_text(found, reader, entry)
            yield Found(text=source.text, rule=rule), source.defines[entry]
    yield from _in_text(found, reader, entry)


def _in_text(found: Blocks, reader: SourceReader, entry: str) -> Iterator[tuple[Found, Binding]]:
    """Yield the programs outside of blocks, the last first, with the pieces that define names."""
    pieces = python_pieces(plain_lines(found.text), reader)[-_MOST_BLOCKS:]
    for piece in reversed(pieces):
        if source := reader.solution(piece.body):
            together = _joined(_helpers(piece, source, pieces, reader)).text
            whole = reader.solution(together) or source
            yield Found(text=whole.text, rule=_IN_TEXT), source.defines[entry]


def _begun(chosen: Block, reader: SourceReader) -> Source | None:
    """Parse what an unclosed block begins with, up to a further fence or to prose behind it."""
    if chosen.closed:
        return None
    lines = chosen.body.split("\n")
    end = next((index for index, line in enumerate(lines) if fence_of(line)), len(lines))
    return reader.beginning("\n".join(lines[:end]))


def _with_helpers(found: Blocks, reader: SourceReader, chosen: Block, source: Source) -> Found:
    """Return a program joined with the blocks that define the names it lacks."""
    rank = found.rank(chosen.tag)
    together = _helpers(chosen, source, found.up_to(max(rank, 1)), reader)
    joined = reader.solution(_joined(together).text) if len(together) > 1 else None
    if joined is not None:
        return Found(text=joined.text, rule="joined-blocks")
    return Found(text=source.text, rule=found.rule(chosen))


def _helpers(
    chosen: Block, source: Source, others: Sequence[Block], reader: SourceReader
) -> list[Block]:
    """Return a block and all blocks that define names missing in it or in each other, in order."""
    sources = {
        index: other
        for index, part in enumerate(others)
        if part is not chosen and (other := reader.read(part.body)) is not None
    }
    taken: set[int] = set()
    lacks = set(source.lacks)
    waiting = lacks.copy()
    while waiting:
        name = waiting.pop()
        define = [(o.defines[name], p) for p, o in sources.items() if name in o.defines]
        index = max(define)[1] if define else None
        if index is not None and index not in taken:
            taken.add(index)
            waiting |= sources[index].lacks - lacks
            lacks |= sources[index].lacks
    return [part for index, part in enumerate(others) if part is chosen or index in taken]


def _joined(parts: Sequence[Block]) -> Found:
    return Found(text="\n\n".join(part.body for part in parts), rule="joined-blocks")


def _others(found: Blocks) -> Iterator[tuple[str, str]]:
    """Yield further texts that may be the solution, as (rule, text)."""
    yield "text", found.text
    left = MAX_PARSED_TOGETHER
    for reading in _readings(found):
        left -= len(reading)
        if left < 0:
            break
        yield "other-fences", reading
    yield "text", found.before()


def _readings(found: Blocks) -> Iterator[str]:
    """Yield the texts between fences, paired in other ways than Markdown pairs them."""
    lines = found.text.split("\n")
    fences = {index: fence for index, line in enumerate(lines) if (fence := fence_of(line))}
    bare = [index for index, fence in fences.items() if not fence.info]
    tagged = [p for p, fence in fences.items() if fence.info and found.rank(fence.tag) == 0]
    glued = {p for p, line in enumerate(lines) if p not in fences and _glued(line)}
    ends = sorted([*bare, *glued])
    for start in [*tagged[: -_MOST_PAIRS - 1 : -1], *bare[:_MOST_PAIRS]]:
        first = bisect_right(ends, start)
        later = ends[first : first + _MOST_PAIRS]
        for end in [*later, *([len(lines)] if found.finished else [])]:
            body = lines[start + 1 : end]
            if end in glued:
                body.append(lines[end].rstrip().rstrip("`~"))
            yield block(fences[start], body, closed=True).body


def _glued(line: str) -> bool:
    """Decide whether a line ends with a fence that should be on the next line."""
    return line.rstrip().endswith(("```", "~~~"))
