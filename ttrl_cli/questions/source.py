"""What every form of a file of questions is read into: numbered records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ttrl_cli.records import Json


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Something in the place of a record that is none; `why` says what was expected."""

    why: str


Record: TypeAlias = bytes | Mapping[str, Json] | BadRecord
"""A JSON object in UTF-8, or keys and values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The records of a file.

    Attributes:
        unit: What they are counted by: the line that one begins on, or its place.
        records: (number, record) from 1, in order; may raise `UsageError` where the form breaks.
        typed: False where everything is text, numbers too.
    """

    unit: Literal["line", "element", "row"]
    records: Iterable[tuple[int, Record]]
    typed: bool = True

    def place(self, name: str, number: int) -> str:
        """Return a record's place in the file, for messages."""
        return f"{name}:{number}" if self.unit == "line" else f"{name}: {self.unit} {number}"
