"""Environment variables that libraries read."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a while."""
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
    """Have OpenMP's threads sleep while they wait for each other, unless the user says otherwise.

    They spin by default, which costs a fair share of the cores, and more, where other programs
    are at work: what a thread waits for is done by one that does not get a core. Must be called
    before torch is imported, for its OpenMP reads the variable when it is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
