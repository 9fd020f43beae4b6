"""Questions in tables: CSV and its like by the standard library, Parquet by pyarrow.

The first row of a CSV file names its columns; one of them is the question's. Nothing else of it is
guessed: a table is known by that row, whatever the file is called.
"""

import csv
import json
import math
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.questions.encoding import hint
from ttrl_cli.questions.keys import fold
from ttrl_cli.questions.literals import Decimal, first_twice, shown
from ttrl_cli.questions.record import TEXT_KEYS
from ttrl_cli.questions.source import BadRecord, Record, Source
from ttrl_cli.records import Json

_DELIMITERS = (",", "\t", ";", "|")
_NAMES = (".csv", ".tsv")


def csv_source(raw: bytes, name: str) -> Source | None:
    """Return the records of a table; None if no column of the first row is a question.

    Raises:
        UsageError: If the file's name is that of a table but no column is a question, if it is not
            UTF-8, or if a row is not CSV.
    """
    first = next((line for line in BytesIO(raw) if line.strip()), b"").decode("utf-8", "replace")
    if first.lstrip()[:1] in ("{", "["):
        return None
    for delimiter in _DELIMITERS:
        header = next(csv.reader([first], delimiter=delimiter), [])
        if any(fold(cell.strip()) in TEXT_KEYS for cell in header):
            return Source(unit="line", records=_rows(raw, name, delimiter), typed=False)
    if name.casefold().endswith(_NAMES):
        msg = f"{name}:1: the first row names no column question, prompt or problem (got "
        msg += f"{shown(first.strip())}); write a row with the columns' names above it"
        raise UsageError(msg)
    return None


def parquet_source(raw: bytes, name: str) -> Source:
    """Return the records of a Parquet file.

    Raises:
        SetupError: If pyarrow is not installed.
        UsageError: If it cannot be read.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        msg = f"{name}: is a Parquet file, which pyarrow reads: pip install pyarrow"
        raise SetupError(msg) from error
    try:
        table: Any = parquet.read_table(BytesIO(raw))
    except (ArrowException, OSError) as error:
        msg = f"{name}: is a Parquet file that cannot be read: {error}"
        raise UsageError(msg) from error
    labels = _class_names(table.schema.metadata or {})
    records = (
        (number, {key: _plain(key, value, labels) for key, value in row.items()})
        for number, row in enumerate(table.to_pylist(), start=1)
    )
    return Source(unit="row", records=records)


def _rows(raw: bytes, name: str, delimiter: str) -> Iterator[tuple[int, Record]]:
    """Yield (number of its first line, keys and values) for each row below the first.

    Raises:
        UsageError: If it is not UTF-8, or a row is not CSV, so that the next row cannot be found.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: is not UTF-8: {error.reason}; {hint(raw, name)}"
        raise UsageError(msg) from error
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if columns:
                    yield begins, _row(columns, cells)
                else:
                    columns = _columns(cells, f"{name}:{begins}")
            begins = reader.line_num + 1
    except csv.Error as error:
        msg = f"{name}:{begins}: is not CSV: {error}"
        raise UsageError(msg) from error


def _columns(header: list[str], place: str) -> list[str]:
    columns = [cell.strip() for cell in header]
    twice = first_twice([column for column in columns if column])
    if twice is not None:
        msg = f"{place}: the column {shown(twice)} comes twice"
        raise UsageError(msg)
    return columns


def _row(columns: list[str], cells: list[str]) -> Record:
    """Return the cells that are not blank, by column; skip columns without a name.

    Such a column holds row numbers.
    """
    if len(cells) != len(columns):
        return BadRecord(f"expected {len(columns)} cells, as in the first row (got {len(cells)})")
    pairs = zip(columns, cells, strict=True)
    return {column: cell for column, cell in pairs if column and cell.strip()}


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return each column's class names if the file has them, in the metadata of datasets."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        named = {c: f.get("names") for c, f in features.items() if isinstance(f, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {column: names for column, names in named.items() if isinstance(names, list)}


def _plain(column: str, value: Any, labels: dict[str, list[str]]) -> Json:
    """Convert a cell to a JSON value: a class to its name, a number that is not finite to None."""
    names = labels.get(column)
    if names is not None and type(value) is int and 0 <= value < len(names):
        return names[value]
    if isinstance(value, list):
        return [_plain("", one, {}) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain("", one, {}) for key, one in value.items()}
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
