"""Environment variables that libraries read, and one of ours: where the user's cache is."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "TTRL_CACHE"
"""Moves the cache."""


def user_cache() -> Path:
    """Return the user's cache folder: $TTRL_CACHE, else where the system has such folders."""
    import platformdirs

    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ttrl")


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Set variables inside a `with` block, and restore them afterwards."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def let_waiting_threads_sleep() -> None:
    """Let OpenMP's threads sleep while they wait for each other, unless the user says otherwise.

    By default they spin. That costs a fair share of the cores, and more where other programs run:
    the thread that the others wait for may then get no core. Call this before torch is imported,
    because its OpenMP reads the variable when it is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
