"""The archive as a log: one line with the roots, then one per expansion.

Replaying the lines gives the archive back exactly, so a step appends what it added and nothing is
ever rewritten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from ttrl_cli.config import SolveConfig
from ttrl_cli.loop.confirm import Incumbent
from ttrl_cli.records import Json, State
from ttrl_cli.search.archive import Archive, Expansion, data_digest

_OPTIONAL = ("identity", "error", "per_trial")


def roots_line(roots: Iterable[State]) -> dict[str, Json]:
    """Return the log line that holds the roots."""
    return {"event": "roots", "states": [_line(state) for state in roots]}


def expansion_line(expansion: Expansion) -> dict[str, Json]:
    """Return the log line of one expansion, with the children that were admitted."""
    children = [_line(child) for child in expansion.children]
    return {"event": "expansion", **asdict(replace(expansion, children=())), "children": children}


def best_line(incumbent: Incumbent) -> dict[str, Json]:
    """Return the log line of a new best solution, where scores have errors."""
    return {
        "event": "best",
        "state": _line(incumbent.state),
        "first": incumbent.first,
        "deciding": incumbent.deciding,
        "metrics": dict(incumbent.metrics),
    }


def best_lines(lines: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """Yield the lines that `best_line` made."""
    return (line for line in lines if line["event"] == "best")


def last_best(lines: Iterable[dict[str, Json]]) -> Incumbent | None:
    """Return the best solution as of the end of a log; None where scores have no errors."""
    found = None
    for line in best_lines(lines):
        found = line
    if found is None:
        return None
    return Incumbent(
        state=_state(found["state"]),
        first=found["first"],
        deciding=found["deciding"],
        metrics=found["metrics"],
    )


def _line(state: State) -> dict[str, Json]:
    """Return a state's fields, without the optional ones that it does not have."""
    fields = asdict(state)
    return {k: v for k, v in fields.items() if k not in _OPTIONAL or v not in ("", None, ())}


def rebuild(lines: Iterable[dict[str, Json]], config: SolveConfig) -> Archive:
    """Rebuild the archive from its log, whose first line holds the roots."""
    events = iter(lines)
    archive = new_archive(_states(next(events)["states"]), config)
    for line in events:
        if line["event"] == "expansion":
            archive.extend(_expansion(line))
    return archive


def new_archive(roots: Iterable[State], config: SolveConfig) -> Archive:
    """Return an archive that holds the roots alone."""
    return Archive.from_seeds(
        tuple(roots),
        capacity=config.archive_size,
        children_per_parent=config.children_per_parent,
        visits_per_sample=config.visits == "sample",
    )


def logged_states(lines: Iterable[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """Yield the states that an archive ever took in, as its log has them."""
    for line in lines:
        yield from line["states"] if line["event"] == "roots" else line.get("children", ())


def renamed(lines: Iterable[dict[str, Json]], prefix: str) -> Iterator[dict[str, Json]]:
    """Yield the lines of another run's log, with a prefix on every id."""
    for line in lines:
        if line["event"] == "roots":
            yield {**line, "states": [_renamed(s, prefix) for s in line["states"]]}
        elif line["event"] == "best":
            yield {**line, "state": _renamed(line["state"], prefix)}
        else:
            children = [_renamed(s, prefix) for s in line["children"]]
            yield {**line, "parent": prefix + line["parent"], "children": children}


def _renamed(state: dict[str, Json], prefix: str) -> dict[str, Json]:
    parent = state["parent"]
    return {
        **state,
        "id": prefix + state["id"],
        "parent": None if parent is None else prefix + parent,
    }


def warm_lines(
    old: Sequence[dict[str, Json]], seeds: Sequence[State], name: str
) -> list[dict[str, Json]]:
    """Rename the ids in another run's archive log, and add this run's seeds as roots.

    A seed whose data the other run has found is left out: as a root it would replace the child with
    the same data, which may have descendants. Old roots are repeated until there are P of them.
    """
    log = list(renamed(old, f"{name}/"))
    roots = log[0]["states"]
    found = {line_digest(state) for state in logged_states(log[1:])}
    own = [s for s in roots_line(seeds)["states"] if line_digest(s) not in found]
    missing = len(seeds) - len(roots) - len(own)
    repeated = [
        {**roots[index % len(roots)], "id": f"seed.{len(seeds) + index}"}
        for index in range(missing)
    ]
    merged = [*roots, *own, *repeated]
    first = {**log[0], "states": merged}
    return [
        {key: value for key, value in line.items() if key != "schema_version"}
        for line in [first, *log[1:]]
    ]


def line_digest(state: Mapping[str, Json]) -> str:
    """Return what duplicates of a state in a log have in common."""
    return state.get("identity") or data_digest(state["data"])


def _states(raw: Iterable[dict[str, Json]]) -> tuple[State, ...]:
    return tuple(_state(fields) for fields in raw)


def _state(fields: dict[str, Json]) -> State:
    return State(**{**fields, "per_trial": tuple(fields.get("per_trial", ()))})


def _expansion(line: dict[str, Json]) -> Expansion:
    fields = {k: v for k, v in line.items() if k not in ("event", "schema_version", "children")}
    return replace(
        Expansion(**fields, children=()),
        children=_states(line["children"]),
    )
