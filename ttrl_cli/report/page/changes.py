"""How much of a text changed from a parent to its child."""

from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_PARTS = 20_000
"""A longer text is not compared: the time grows with the square of the parts that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How one text became another.

    Attributes:
        unit: "line" or, where a text has only one line, "word".
        removed: Units of the first that the second lacks.
        added: Units of the second that the first lacks.
        total: Units of the second.
    """

    unit: str
    removed: int
    added: int
    total: int

    def __str__(self) -> str:
        """Return the change in words."""
        if not self.removed and not self.added:
            return "no change"
        unit = f"{self.unit}s" if self.total != 1 else self.unit
        if self.removed == self.added:
            return f"{self.added} of {self.total} {unit} changed"
        return f"{self.added} of {self.total} {unit} new, {self.removed} removed"


def change(before: str, after: str) -> Change | None:
    """Count what changed, by lines, or by words where a text has one line; None if too long."""
    one_line = "\n" not in before.strip() or "\n" not in after.strip()
    unit = "word" if one_line else "line"
    old, new = (text.split() if one_line else text.splitlines() for text in (before, after))
    if max(len(old), len(new)) > MOST_PARTS:
        return None
    same = sum(
        m.size for m in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    )
    return Change(unit=unit, removed=len(old) - same, added=len(new) - same, total=len(new))
