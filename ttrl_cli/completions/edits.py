"""A solution as changes to its parent: SEARCH/REPLACE blocks, and regions that may change.

    <<<<<<< SEARCH
    lines of the parent, one after the other, as they stand there
    =======
    what stands in their place
    >>>>>>> REPLACE

Edits are made in order, each to what the one before it left. A SEARCH part is compared line by
line: exactly, and if it stands nowhere so, without blanks at the ends of lines. One that is missing
or stands in several places is refused: guessing would change what nobody asked for.

Where a problem has regions, all of a solution that is not between a line with EVOLVE-BLOCK-START
and the next with EVOLVE-BLOCK-END must be as in the parent, those two lines included.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"
_SEARCH = re.compile(r"[ \t]*<{5,9} ?SEARCH[ \t]*", re.IGNORECASE)
_MIDDLE = re.compile(r"[ \t]*={5,9}[ \t]*")
_REPLACE = re.compile(r"[ \t]*>{5,9} ?REPLACE[ \t]*", re.IGNORECASE)
_SHOWN = 60  # characters of a line that a reason quotes


class EditError(Exception):
    """An edit cannot be made; the text says which and why, for the next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change.

    Attributes:
        search: Lines of the parent.
        replace: The lines that take their place.
    """

    search: tuple[str, ...]
    replace: tuple[str, ...]


def has_edits(text: str) -> bool:
    """Decide whether a line of a text begins an edit."""
    return any(_SEARCH.fullmatch(line) for line in text.split("\n"))


def find_edits(text: str) -> list[Edit]:
    """Find the edits in a completion, in order; what stands around them does not count.

    Raises:
        EditError: If one has no middle or no end.
    """
    edits: list[Edit] = []
    search: list[str] | None = None
    replace: list[str] | None = None
    for line in text.split("\n"):
        if replace is not None and search is not None:
            if _REPLACE.fullmatch(line):
                edits.append(Edit(search=tuple(search), replace=tuple(replace)))
                search = replace = None
            else:
                replace.append(line)
        elif search is not None:
            if _MIDDLE.fullmatch(line):
                replace = []
            else:
                search.append(line)
        elif _SEARCH.fullmatch(line):
            search = []
    if search is not None:
        missing = "======= line" if replace is None else ">>>>>>> REPLACE line"
        msg = f"edit {len(edits) + 1} has no {missing}"
        raise EditError(msg)
    return edits


def edited(parent: str, edits: Sequence[Edit]) -> str:
    """Return the parent with the edits made to it.

    Raises:
        EditError: If a SEARCH part is empty, stands nowhere or in several places.
    """
    lines = parent.split("\n")
    for number, edit in enumerate(edits, start=1):
        place = _place(lines, edit.search, number)
        lines[place : place + len(edit.search)] = edit.replace
    return "\n".join(lines)


def _place(lines: Sequence[str], search: Sequence[str], number: int) -> int:
    """Return the index of the line at which the SEARCH part of an edit begins."""
    if not any(line.strip() for line in search):
        msg = f"edit {number}: its SEARCH part is empty; name the lines that it replaces"
        raise EditError(msg)
    places = list(_places(lines, search))
    if not places:
        places = list(_places([one.rstrip() for one in lines], [one.rstrip() for one in search]))
    if len(places) == 1:
        return places[0]
    first = next(line.strip() for line in search if line.strip())[:_SHOWN]
    if not places:
        msg = f"edit {number}: its SEARCH part is not in the solution, from {first!r} on"
    else:
        msg = (
            f"edit {number}: its SEARCH part stands {len(places)} times in the solution, from "
            f"{first!r} on; add lines around it that tell which is meant"
        )
    raise EditError(msg)


def _places(lines: Sequence[str], search: Sequence[str]) -> Iterator[int]:
    """Yield where a sequence of lines stands in another, overlaps included.

    Knuth, Morris and Pratt: linear in both, whatever repeats.
    """
    back = [0] * len(search)
    matched = 0
    for index in range(1, len(search)):
        while matched and search[index] != search[matched]:
            matched = back[matched - 1]
        matched += search[index] == search[matched]
        back[index] = matched
    matched = 0
    for index, line in enumerate(lines):
        while matched and (matched == len(search) or line != search[matched]):
            matched = back[matched - 1]
        matched += line == search[matched]
        if matched == len(search):
            yield index - matched + 1


def fault_of_regions(text: str) -> str:
    """Say what is wrong with the marks of a text's regions; empty if nothing is."""
    inside, found = False, 0
    for number, line in enumerate(text.split("\n"), start=1):
        if START in line and END in line:
            return f"line {number} has both {START} and {END}"
        if START in line:
            if inside:
                return f"line {number} has {START} within a region"
            inside, found = True, found + 1
        elif END in line:
            if not inside:
                return f"line {number} has {END} without {START}"
            inside = False
    if inside:
        return f"the last {START} has no {END}"
    return "" if found else f"no line has {START}"


def require_same_outside(parent: str, child: str) -> None:
    """Refuse a solution that differs from its parent outside of the regions.

    Raises:
        EditError: If it does, or if its marks are not those of the parent.
    """
    wrong = fault_of_regions(child)
    if wrong:
        msg = f"the marks of the regions must stay as they are: {wrong}"
        raise EditError(msg)
    before, after = _outside(parent), _outside(child)
    if before == after:
        return
    for old, new in zip(before, after, strict=False):
        if old != new:
            msg = f"a line outside of the regions was changed: {old.strip()[:_SHOWN]!r}"
            raise EditError(msg)
    msg = "lines outside of the regions, or whole regions, were added or removed"
    raise EditError(msg)


def _outside(text: str) -> list[str]:
    """Return the lines outside of the regions, with those that mark them.

    Blanks at the ends of lines and blank lines at both ends of the text do not count.
    """
    kept, inside = [], False
    for line in text.strip("\n").split("\n"):
        if inside and END not in line:
            continue
        inside = START in line
        kept.append(line.rstrip())
    return kept
