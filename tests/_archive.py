"""What tests ask an archive that a search does not."""

import numpy as np

from ttrl_cli.records import State
from ttrl_cli.search.archive import Archive


def kept_states(archive: Archive) -> list[State]:
    """All states that were ever kept, by number."""
    return [archive.numbered(node) for node in range(archive.standing().live_N.size)]


def live_states(archive: Archive) -> list[State]:
    """The live states in insertion order."""
    return [state for state in kept_states(archive) if archive.is_live(state.id)]


def lineage(archive: Archive, id: str) -> list[str]:
    """Ids of the live states among a state, its ancestors and its descendants, as inserted."""
    node = [state.id for state in kept_states(archive)].index(id)
    family = np.sort(np.concatenate(list(archive.relatives(node))))
    ids = [archive.numbered(int(member)).id for member in family]
    return [id for id in ids if archive.is_live(id)]
