"""A trial: what the problem's code makes its inputs from, the same for all candidates of a run.

Its seed is 128 bits that no candidate can know: a keyed hash (HMAC, SHA-256) of what the trial is
for, under the run's secret. Whoever sees the inputs learns nothing of other trials.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from ttrl_cli.records import Json

Split: TypeAlias = Literal["search", "held-out"]
_SEED_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """Names a trial, as it is sent to a grading worker.

    Attributes:
        secret: The run's secret; a worker that is sent the trial puts its own here.
        split: What it is for: the search, or what is kept apart from it.
        number: Which one of the split; a search measures all its candidates on trial 0.
        purpose: What else it is for, in place of the number: a fresh measurement.
        given: The seed itself, in place of one that is drawn; None for a drawn one.
    """

    secret: str = field(default="", repr=False)
    split: Split = "search"
    number: int = 0
    purpose: str = ""
    given: int | None = None

    @property
    def seed(self) -> int:
        """The trial's seed, of 128 bits."""
        if self.given is not None:
            return self.given
        which = self.purpose or str(self.number)
        return int.from_bytes(_hash(self.secret.encode(), f"{self.split}/{which}"), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A solution that is to be graded on a trial.

    Attributes:
        solution: Its text.
        trial: The trial of a measured problem; no other problem has one.
        parent_data: The verified data of the solution that it was made from; None for a seed.
        seed: Handed to programs that accept `seed`, of a problem without `measure`.
    """

    solution: str
    trial: TrialSpec
    parent_data: Json = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a problem's `measure` is told besides the candidate.

    Attributes:
        seed: 128 bits that no candidate can know; `rng` uses all of them.
        split: "search" or "held-out".
        given: Whether the seed was given from outside, and not drawn.
        settings: The problem's settings.
        parent: The data of the solution that this one was made from, which candidates are not
            told unless measure passes it on; None for a seed.
    """

    seed: int
    split: Split
    given: bool = False
    settings: Mapping[str, Json] = field(default_factory=dict)
    parent: Json = None
    _make: Callable[[str, str, Sequence[str]], Any] | None = field(default=None, repr=False)
    _waiting: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, repr=False)

    def untimed(self) -> AbstractContextManager[None]:
        """Make or read inputs in the block: its time does not count against `measure.seconds`."""
        return self._waiting()

    def rng(self, name: str = "") -> np.random.Generator:
        """Return a generator that all 128 bits of the seed determine; each name has its own."""
        key = _hash(self.seed.to_bytes(_SEED_BYTES, "big"), name)
        return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))

    def program(self, source: str, language: str = "python", flags: Sequence[str] = ()) -> Any:
        """Return a candidate that the problem's own code wrote, in a sandbox of its own.

        Args:
            source: Its text.
            language: python or cpp.
            flags: Further flags for the compiler.
        """
        if self._make is None:
            msg = "programs can be made while measure runs, and not otherwise"
            raise RuntimeError(msg)
        return self._make(source, language, flags)


def new_secret() -> str:
    """Draw a secret, of 256 bits."""
    return secrets.token_hex(32)


def _hash(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode("utf-8"), "sha256")[:_SEED_BYTES]
