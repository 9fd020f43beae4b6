"""Adapters as files, for samplers that have weights of their own."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ttrl_cli.errors import UnwritableError

_MEMORY = Path("/dev/shm")
_KEPT = 2
_ROOM = 4
"""Adapters that must fit into memory-backed storage for it to be used: what is kept, and slack."""


class AdapterFiles:
    """A folder per published adapter, each with a path that was never used before.

    vLLM keys its cache of prompts on an adapter's name and path: a path used twice would bring keys
    and values of older weights back. A sampler may still be reading the last one when the next is
    written, so the newest two are kept. All of them go when this object is closed.

    Args:
        root: Where the folders are made, for servers that see another file system; None for memory,
            where the system has room there, and else the folder of temporary files.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: list[Path] = []
        self._count = 0

    def publish(self, write: Callable[[Path], None], size: int) -> Path:
        """Write an adapter into a new folder, and remove all but the newest two.

        Args:
            write: Fills an empty folder with a peft adapter.
            size: Its approximate size, in bytes.

        Returns:
            The folder.

        Raises:
            UnwritableError: If the folder cannot be made, or the adapter does not fit into it.
        """
        if self._folder is None:
            parent = self._root or _storage(size)
            try:
                parent.mkdir(parents=True, exist_ok=True)
                self._folder = tempfile.TemporaryDirectory(prefix="ttrl-adapters-", dir=parent)
            except OSError as error:
                raise _unwritable(parent, error) from error
        self._count += 1
        folder = Path(self._folder.name, f"adapter-{self._count:06d}")
        try:
            folder.mkdir()
            write(folder)
            if self._root is not None:
                _open_to_all(Path(self._folder.name), folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        self._kept.append(folder)
        while len(self._kept) > _KEPT:
            shutil.rmtree(self._kept.pop(0))
        return folder

    def close(self) -> None:
        """Remove all published adapters."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _unwritable(folder: Path, error: OSError) -> UnwritableError:
    """Return the error for a folder into which no adapter can be written."""
    why = error.why if isinstance(error, UnwritableError) else error.strerror
    return UnwritableError(folder, f"{why}; --adapter-folder names another place for adapters")


def _open_to_all(outer: Path, folder: Path) -> None:
    """Let servers that run as another user read an adapter."""
    for path in (outer, folder):
        path.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def _storage(size: int) -> Path:
    """Return the file system in memory if it has room, else the folder of temporary files."""
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK)
    if usable and shutil.disk_usage(_MEMORY).free >= _ROOM * size:
        return _MEMORY
    return Path(tempfile.gettempdir())
