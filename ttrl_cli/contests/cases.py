"""The cases of a contest: which seeds a trial has, and their inputs, made once per machine.

Inputs are kept as text files in the user's cache, in a folder named by what makes them, so that a
generator that changes never meets the files of an older one.
"""

import functools
import hashlib
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import filelock

from ttrl_cli.contests import rust_random
from ttrl_cli.environ import user_cache

HELD_OUT_FROM = 1000
"""The first held-out seed; a search has those from 0 on."""
_MOST_SEEDS = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of some seeds.

    Attributes:
        texts: What programs find on standard input, in the order of the seeds.
        cases: What the contest's `read` makes of each.
        seconds: How long it took to make or to read them.
    """

    texts: tuple[str, ...]
    cases: tuple[Any, ...]
    seconds: float


class Trial(Protocol):
    """What `measure` is told of a trial, as far as its cases hang on it."""

    @property
    def seed(self) -> int:
        """The trial's seed."""

    @property
    def given(self) -> bool:
        """Whether that was given, and not drawn."""

    @property
    def split(self) -> str:
        """For what it is: "search" or "held-out"."""


def case_seeds(trial: Trial, count: int) -> range:
    """Return the seeds of a trial's cases: its own one where that was given.

    A contest's cases are the same for everybody, so that nothing else of a trial's seed is used.

    Args:
        trial: The trial.
        count: How many cases there are where no seed was given.

    Raises:
        ValueError: If the seeds of a search would reach the held-out ones, or the one that was
            given is none of a generator's.
    """
    if trial.given:
        if not 0 <= trial.seed < _MOST_SEEDS:
            msg = f"{trial.seed} is no seed of a case: those are 0 to 2**64 - 1"
            raise ValueError(msg)
        return range(trial.seed, trial.seed + 1)
    if trial.split == "search" and count > HELD_OUT_FROM:
        msg = f"{count} cases: a search has {HELD_OUT_FROM} seeds at most"
        raise ValueError(msg)
    first = HELD_OUT_FROM if trial.split == "held-out" else 0
    return range(first, first + count)


def inputs(
    name: str, make: Callable[[int], str], read: Callable[[str], Any], seeds: Sequence[int]
) -> Inputs:
    """Return the inputs of seeds; make those that the user's cache does not hold.

    Whoever comes while another process makes them waits for it.

    Args:
        name: The contest's name, for the folder.
        make: Makes an input from a seed; its file, with `rust_random`, names the folder.
        read: Makes of an input what it is scored by.
        seeds: The seeds, as a range or a tuple.

    Raises:
        OSError: If the cache cannot be written.
    """
    began = time.monotonic()
    assert isinstance(seeds, Hashable)
    texts, cases = _read(name, make, read, seeds)
    return Inputs(texts=texts, cases=cases, seconds=time.monotonic() - began)


@functools.lru_cache(maxsize=2)  # a search and what is held out
def _read(
    name: str, make: Callable[[int], str], read: Callable[[str], Any], seeds: Sequence[int]
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    folder = _folder(name, make)
    _make_missing(name, folder, make, seeds)
    texts = tuple(_file(folder, seed).read_text(encoding="ascii") for seed in seeds)
    return texts, tuple(map(read, texts))


def _make_missing(
    name: str, folder: Path, make: Callable[[int], str], seeds: Sequence[int]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with filelock.FileLock(folder / "lock"):
        missing = [seed for seed in seeds if not _file(folder, seed).exists()]
        for seed in missing:
            _keep(_file(folder, seed), make(seed))
    if missing:
        taken = time.monotonic() - began
        said = f"{name}: made {len(missing)} cases in {taken:.1f} s, kept in {folder}"
        print(said, file=sys.stderr)  # noqa: T201 - a problem's code speaks there


def _folder(name: str, make: Callable[[int], str]) -> Path:
    """Return the folder for what a generator makes."""
    sources = (Path(make.__code__.co_filename), Path(rust_random.__file__))
    makers = hashlib.sha256(b"".join(hashlib.sha256(s.read_bytes()).digest() for s in sources))
    return user_cache() / "cases" / f"{name}-{makers.hexdigest()[:16]}"


def _file(folder: Path, seed: int) -> Path:
    return folder / f"{seed}.txt"


def _keep(path: Path, text: str) -> None:
    """Write a file that is wholly there or not at all; the lock is held."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="ascii")
    part.replace(path)
