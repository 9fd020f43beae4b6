"""What one group of samples added under one parent, and when two states are the same."""

import hashlib
import json
import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Protocol

from ttrl_cli.records import Json, State


class Identified(Protocol):
    """A state or a verdict."""

    @property
    def identity(self) -> str:
        """What tells it from others; empty where its data do."""

    @property
    def data(self) -> Json:
        """Its verified data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """One group of samples under one parent, and the states it added.

    Attributes:
        step: The step it happened in.
        group: Index of the group within the step.
        parent: Id of the state that was expanded.
        samples: Samples drawn, G.
        best: Best signed score among all valid children, duplicates and those not kept included;
            None where the expansion failed.
        children: The valid children in the order of their index; after `Archive.extend`, those
            admitted.
    """

    step: int
    group: int
    parent: str
    samples: int
    best: float | None
    children: tuple[State, ...]


def data_digest(data: Json) -> str:
    """Return the SHA-256 (hex) of verified data as canonical JSON; duplicates have equal digests.

    Raises:
        ValueError: If the data holds a number that is not finite.
        TypeError: If it is not JSON.
    """
    text = json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(found: Identified) -> str:
    """Return what duplicates have in common: the digest of their identity, else of their data.

    Raises:
        ValueError: If the data holds a number that is not finite.
        TypeError: If it is not JSON.
    """
    return found.identity or data_digest(found.data)


def check_expansion(expansion: Expansion, known: Container[str]) -> None:
    """Refuse an expansion that contradicts itself or an archive.

    Args:
        expansion: All valid children of one group.
        known: Ids of the states that were ever kept.

    Raises:
        ValueError: If the parent is unknown, a child cannot enter, or `samples` or `best`
            contradicts the children.
    """
    if expansion.parent not in known:
        msg = f"expansion of {expansion.parent!r}, which is not in the archive"
        raise ValueError(msg)
    check_states(expansion.children, expansion.parent, known)
    if expansion.samples < max(1, len(expansion.children)):
        msg = f"{expansion.samples} samples cannot give {len(expansion.children)} children"
        raise ValueError(msg)
    floor = max((child.signed for child in expansion.children), default=-math.inf)
    best = floor if expansion.best is None else expansion.best
    if expansion.best is None and expansion.children:
        msg = "best is None, and there are valid children"
        raise ValueError(msg)
    if expansion.best is not None and not (math.isfinite(best) and best >= floor):
        msg = f"best {best!r} is not a number, or below the best child's {floor!r}"
        raise ValueError(msg)


def check_states(states: Sequence[State], parent: str | None, known: Container[str]) -> None:
    """Refuse states that cannot become children of a parent, or seeds if the parent is None.

    Raises:
        ValueError: If one names another parent, has a known id or a score that is not finite.
    """
    earlier: set[str] = set()
    for state in states:
        if state.parent != parent:
            msg = f"state {state.id!r} names parent {state.parent!r}, not {parent!r}"
            raise ValueError(msg)
        if state.id in known or state.id in earlier:
            msg = f"state {state.id!r} is in the archive already"
            raise ValueError(msg)
        if not math.isfinite(state.signed):
            msg = f"state {state.id!r} has the score {state.signed!r}, which is not finite"
            raise ValueError(msg)
        earlier.add(state.id)
