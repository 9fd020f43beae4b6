"""Environment variables that libraries read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def let_waiting_threads_sleep() -> None:
    """Have OpenMP's threads sleep while they wait for each other, unless the user says otherwise.

    They spin by default, which costs a fair share of the cores, and more, where other programs
    are at work: what a thread waits for is done by one that does not get a core. Must be called
    before torch is imported, for its OpenMP reads the variable when it is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
