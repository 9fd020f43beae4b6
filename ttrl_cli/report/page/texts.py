"""The long texts of a page, in compressed parts that a browser unpacks when one is looked at.

A run of 5,000 attempts has tens of megabytes of text. Parsed at once they would take seconds, and
most are never read, so a page holds them as gzip in base64, some dozens to a part.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping

from ttrl_cli.escapes import dumps
from ttrl_cli.records import Json

PART_RECORDS = 64
"""Records of a part: enough to compress well, few enough to unpack within a frame."""
MAX_CHARACTERS = 100_000
"""How much of one text a page shows."""


class Texts:
    """Records of texts, in the order they were added."""

    def __init__(self) -> None:
        self._packed: list[str] = []
        self._waiting: list[Mapping[str, Json]] = []

    def add(self, record: Mapping[str, Json]) -> int:
        """Add a record; return its number. Empty fields are left out, long texts are cut."""
        number = len(self._packed) * PART_RECORDS + len(self._waiting)
        self._waiting.append({key: _cut(value) for key, value in record.items() if value})
        if len(self._waiting) == PART_RECORDS:
            self._packed.append(_packed(self._waiting))
            self._waiting = []
        return number

    def parts(self) -> list[str]:
        """Return all packed parts."""
        return [*self._packed, *([_packed(self._waiting)] if self._waiting else [])]


def unpacked(parts: Iterable[str]) -> Iterator[dict[str, Json]]:
    """Yield the records of packed parts, as a browser reads them."""
    for part in parts:
        yield from json.loads(gzip.decompress(base64.b64decode(part)))


def _packed(records: list[Mapping[str, Json]]) -> str:
    # without a time, so that equal runs give equal pages
    return base64.b64encode(gzip.compress(dumps(records).encode(), 6, mtime=0)).decode()


def _cut(value: Json) -> Json:
    if not isinstance(value, str) or len(value) <= MAX_CHARACTERS:
        return value
    left_out = len(value) - MAX_CHARACTERS
    return f"{value[:MAX_CHARACTERS]}\n[{left_out:,} more characters are in the run directory]"
