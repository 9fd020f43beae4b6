"""Small archives of a minimisation, and what extends them."""

from typing import Any

from ttrl_cli.records import Json, State
from ttrl_cli.search.archive import Archive, Expansion


def make_state(id: str, parent: str | None, signed: float, data: Json = None) -> State:
    """Return a state whose data is its id unless given."""
    return State(
        id=id,
        parent=parent,
        step=0 if parent is None else 1,
        score=-signed,
        signed=signed,
        data=id if data is None else data,
        solution=f"solution {id}",
        shown=f"shown {id}",
        output="output",
        feedback="feedback",
    )


def make_archive(*signed: float, **bounds: Any) -> Archive:
    """Return an archive of roots with these scores."""
    return Archive.from_seeds(seeds(*signed), **bounds)


def seeds(*signed: float) -> list[State]:
    """Return roots with these scores, and data of their own."""
    return [make_state(f"seed.{i}", None, value) for i, value in enumerate(signed)]


def expand(archive: Archive, parent: str, *children: Any, samples: int = 4) -> Expansion:
    """Extend by children, each given as (id, signed) or (id, signed, data)."""
    states = tuple(make_state(child[0], parent, *child[1:]) for child in children)
    best = max((state.signed for state in states), default=None)
    return archive.extend(
        Expansion(step=1, group=0, parent=parent, samples=samples, best=best, children=states)
    )
