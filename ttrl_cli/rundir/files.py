"""Files that are either wholly there or not there at all."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ttrl_cli.errors import OF_THE_SYSTEM, UnwritableError, UsageError, first_line
from ttrl_cli.escapes import dumps
from ttrl_cli.records import Json
from ttrl_cli.solutions import NEVER_COPIED

SCHEMA_VERSION = 1
PROVENANCE_FILE = "provenance.json"
"""The first file of a run directory, by which one is known."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an UnwritableError, whose message is one sentence.

    Raises:
        UnwritableError: If the block raises an OSError.
    """
    try:
        yield
    except UnwritableError:
        raise
    except OSError as error:
        raise UnwritableError(path, error.strerror or first_line(error)) from error


def write_json(path: Path, value: Mapping[str, Json], *, indent: int | None = 1) -> None:
    """Replace a JSON file atomically; put `schema_version` first.

    Raises:
        UnwritableError: If it cannot be written.
        ValueError: If a number in it is not finite.
    """
    body = dumps({"schema_version": SCHEMA_VERSION, **value}, indent=indent)
    write_text(path, body + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically.

    Raises:
        UnwritableError: If it cannot be written; an older one then remains.
    """
    with writing(path), _replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_checked(path: Path) -> dict[str, Json]:
    """Read a JSON file of ours; check its schema version and leave it out.

    Raises:
        UsageError: If the file does not exist, is damaged, or was written by a newer ttrl.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{path.parent} is not a run directory: it has no {path.name}"
        raise UsageError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {error}"
        raise UsageError(msg) from error
    version = raw.pop("schema_version", None) if isinstance(raw, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        msg = (
            f"{path} has schema version {version!r}; this ttrl reads up to "
            f"{SCHEMA_VERSION}: use a newer ttrl"
        )
        raise UsageError(msg)
    return dict(raw)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file, which replaces `path` if the block succeeds."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append_lines(path: Path, lines: Iterable[Mapping[str, Json]]) -> None:
    """Append JSON lines, each with its `schema_version`.

    Raises:
        UnwritableError: If the file cannot be written.
    """
    with writing(path), path.open("a", encoding="utf-8") as file:
        for line in lines:
            record = {"schema_version": SCHEMA_VERSION, **line}
            file.write(dumps(record) + "\n")


def write_lines(path: Path, lines: Iterable[Mapping[str, Json]]) -> None:
    """Replace a file of JSON lines atomically, each line with its `schema_version`.

    Raises:
        UnwritableError: If it cannot be written.
    """
    with writing(path), _replacing(path) as temporary:
        temporary.unlink(missing_ok=True)
        temporary.touch()
        append_lines(temporary, lines)


def read_lines(path: Path, length: int) -> Iterator[dict[str, Json]]:
    """Yield the records in the first `length` bytes of a JSON lines file.

    Raises:
        UsageError: If the file is missing, shorter, or holds a line that is no record.
    """
    return (record for _, record in read_placed_lines(path, length))


def read_placed_lines(path: Path, length: int) -> Iterator[tuple[int, dict[str, Json]]]:
    """Yield the records as `read_lines` does, each behind its place in the file, in bytes.

    Raises:
        UsageError: As `read_lines` does.
    """
    try:
        with path.open("rb") as file:
            while (place := file.tell()) < length:
                yield place, json.loads(file.readline())
    except (OSError, ValueError) as error:
        msg = f"{path} is damaged: {error}"
        raise UsageError(msg) from error


def truncate(path: Path, length: int) -> None:
    """Cut a file to a committed length in bytes; create it if it is missing.

    Raises:
        UnwritableError: If the file cannot be written.
    """
    with writing(path), path.open("ab") as file:
        file.truncate(length)


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Replace metrics that are not finite by None."""
    return {k: v if math.isfinite(v) else None for k, v in metrics.items()}


def sync(path: Path) -> None:
    """Force a file or folder onto the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Sync every file below a folder and the folder itself."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def copy_folder(source: Path, target: Path, *, most_bytes: int) -> None:
    """Copy a folder, except version control, environments, caches and runs.

    Raises:
        UnwritableError: If the file system refuses to write.
        ValueError: If it holds more than `most_bytes`, or something in it cannot be copied.
    """
    size = sum(path.stat().st_size for path in _kept_files(source))
    if size > most_bytes:
        msg = f"{source} holds {size / 2**20:.0f} MiB, more than {most_bytes / 2**20:.0f} MiB"
        raise ValueError(msg)
    with writing(target):
        target.mkdir()
    try:
        shutil.copytree(source, target, ignore=_left_out, dirs_exist_ok=True)
    except shutil.Error as error:
        origin, copy, why = error.args[0][0]  # the first of all that went wrong, in words
        number = re.match(r"\[Errno (\d+)\] ([^:]*)", why)
        if number is not None and int(number[1]) in OF_THE_SYSTEM:
            raise UnwritableError(copy, number[2]) from error
        msg = f"{origin} cannot be copied: {why}"
        raise ValueError(msg) from error


def _kept_files(folder: Path) -> Iterator[Path]:
    names = [path.name for path in folder.iterdir()]
    for name in set(names) - _left_out(folder, names):
        path = folder / name
        if path.is_dir():
            yield from _kept_files(path)
        elif path.is_file():
            yield path


def _left_out(folder: str | Path, names: Iterable[str]) -> set[str]:
    return {
        name
        for name in names
        if name in NEVER_COPIED or (Path(folder) / name / PROVENANCE_FILE).exists()
    }
