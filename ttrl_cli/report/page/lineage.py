"""The solutions and attempts of a search as nodes of one tree, for a page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ttrl_cli.grading.solution_text import read_again
from ttrl_cli.loop.archive_log import logged_states
from ttrl_cli.problem import Problem
from ttrl_cli.records import Json, State
from ttrl_cli.rundir import RunDir


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A seed, a state of an earlier run, or an attempt.

    Attributes:
        id: As in the run directory.
        parent: Id of the parent; None for a root.
        step: The step it was made in; 0 or less for what was there before step 1.
        score: None unless valid.
        status: How grading ended; "seed" or "earlier" for what was there before step 1.
        reward: None unless valid and rewarded.
        advantage: None where nothing was learned from it.
        tokens: Tokens of the completion.
        finished: Whether the completion ended by itself.
        kept: Whether the archive took it in.
        texts: The long texts, by name.
    """

    id: str
    parent: str | None
    step: int
    score: float | None
    status: str
    reward: float | None = None
    advantage: float | None = None
    tokens: int = 0
    finished: bool = True
    kept: bool = True
    texts: dict[str, str]


def read_states(run: RunDir) -> dict[str, State]:
    """Read every state that the archive ever took in, by id, without its data."""
    logged = logged_states(run.lines("archive.jsonl"))
    return {raw["id"]: State(**{**raw, "data": None}) for raw in logged}


def nodes(run: RunDir, problem: Problem, states: dict[str, State]) -> Iterator[Node]:
    """Yield what was there before step 1, then the attempts in their order."""
    attempts = list(run.lines("attempts.jsonl"))
    made = {attempt["id"] for attempt in attempts}
    yield from _before([state for id_, state in states.items() if id_ not in made])
    for attempt in attempts:
        yield _attempt(attempt, problem, states)


def _before(earlier: list[State]) -> Iterator[Node]:
    """Yield roots at step 0 or, after a warm start, the earlier run's steps counted back from 0."""
    last = max((state.step for state in earlier), default=0)
    for state in earlier:
        kind = "seed" if state.parent is None else "earlier"
        yield Node(
            id=state.id,
            parent=state.parent,
            step=state.step - last,
            score=state.score,
            status=kind,
            texts=_of_state(state),
        )


def _attempt(line: dict[str, Json], problem: Problem, states: dict[str, State]) -> Node:
    verdict, state, parent = line["verdict"], states.get(line["id"]), states.get(line["parent"])
    node = Node(
        id=line["id"],
        parent=line["parent"],
        step=line["step"],
        score=verdict["score"],
        status=verdict["status"],
        reward=verdict["reward"],
        advantage=line["advantage"],
        tokens=line["tokens"],
        finished=line["finished"],
        kept=state is not None,
        texts={"text": line["text"], "reason": verdict["reason"]},
    )
    if state is None:  # the archive did not take it in
        above = "" if parent is None else parent.solution
        own = {"solution": read_again(problem, line, above)}
    else:
        own = _of_state(state)
    return replace(node, texts=node.texts | own)


def _of_state(state: State) -> dict[str, str]:
    shown = "" if state.shown.strip() == state.solution.strip() else state.shown
    return {
        "solution": state.solution,
        "shown": shown,
        "output": state.output,
        "feedback": state.feedback,
    }
