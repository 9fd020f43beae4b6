"""The distinct valid solutions of a run, from its archive and attempts: the best, and some others.

Texts of attempts are read when they are asked for: a long run has more than memory holds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ttrl_cli import seeding
from ttrl_cli.grading.identity import identity
from ttrl_cli.grading.solution_text import read_again
from ttrl_cli.loop.archive_log import logged_states
from ttrl_cli.problem import Problem
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir
from ttrl_cli.search.archive import data_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A valid solution of a run.

    Attributes:
        id: The attempt that found it, or the state of an earlier run, or "seed.K".
        step: The step that found it; 0 for a seed.
        parent: Id of the state that it was made from; None for a seed.
        score: As the search has it.
        picked: Whether it is one of the best, or was drawn.
        text: The solution.
    """

    id: str
    step: int
    parent: str | None
    score: float
    picked: Literal["top", "random"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Solutions that were picked, the best first, then those that were drawn.

    Attributes:
        solutions: The solutions.
        unread: Valid attempts in whose completions no solution was found again.
    """

    solutions: tuple[Solution, ...]
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A valid solution, without its text.

    Attributes:
        kept: Its text, where the archive took it in.
        digest: What the archive knows copies of it by; empty where it did not take it in.
        place: Where the record of its attempt begins in attempts.jsonl, in bytes.
    """

    id: str
    step: int
    parent: str | None
    score: float
    kept: str = ""
    digest: str = ""
    place: int = -1


def pick(run: RunDir, problem: Problem, *, top: int, random: int) -> Picked:
    """Pick the best distinct solutions of a run, and draw some of the others at random.

    Those that are drawn hang on the run's seed and on what it has committed, and on nothing else.
    Solutions are copies if the archive would take them for copies, or if their texts differ in
    comments and blanks alone.

    Args:
        run: The run.
        problem: Its problem.
        top: Most of the best; of equals the first that was found.
        random: Most of the others.

    Raises:
        UsageError: If a log of the run is missing or damaged.
    """
    kept = _kept(run)
    entries = _entries(run, kept)
    ranked = sorted(range(len(entries)), key=lambda at: -problem.signed(entries[at].score))
    reader = _Reader(run, problem, {id_: entry.kept for id_, entry in kept.items()})
    best = list(reader.distinct([entries[at] for at in ranked], "top", top))
    taken = {one.id for one in best}
    others = [entry for entry in entries if entry.id not in taken]
    order = seeding.shortlist_rng(run.config.seed).permutation(len(others))
    drawn = list(reader.distinct([others[at] for at in order], "random", random))
    return Picked(solutions=(*best, *drawn), unread=reader.unread)


def data_of(run: RunDir, ids: Sequence[str | None]) -> dict[str, Json]:
    """Return the verified data of states of a run, by id.

    Raises:
        UsageError: If the log of its archive is missing or damaged.
    """
    wanted = set(ids)
    return {state["id"]: state["data"] for state in _states(run) if state["id"] in wanted}


class _Reader:
    """Reads the texts of solutions, and tells copies.

    Args:
        run: The run.
        problem: Its problem.
        kept: The texts of the states that the archive took in, by id.

    Attributes:
        unread: Attempts in whose completions no solution was found again.
    """

    def __init__(self, run: RunDir, problem: Problem, kept: Mapping[str, str]) -> None:
        self._attempts = run.path / "attempts.jsonl"
        self._kept = kept
        self._problem = problem
        self._found: set[str] = set()
        self.unread = 0

    def distinct(
        self, entries: Sequence[_Entry], picked: Literal["top", "random"], most: int
    ) -> Iterator[Solution]:
        """Yield the first solutions that are no copies of others, in the order given."""
        for entry in entries:
            if most <= 0:
                return
            text = entry.kept or self._text(entry.place)
            if not text:
                self.unread += 1
                continue
            known_by = {identity(self._problem, text, None), entry.digest} - {""}
            if self._found & known_by:
                continue
            self._found |= known_by
            most -= 1
            yield Solution(
                id=entry.id,
                step=entry.step,
                parent=entry.parent,
                score=entry.score,
                picked=picked,
                text=text,
            )

    def _text(self, place: int) -> str:
        """Return the solution in the completion of an attempt; "" if none is found again."""
        with self._attempts.open("rb") as file:
            file.seek(place)
            line = json.loads(file.readline())
        return read_again(self._problem, line, self._kept.get(line["parent"], ""))


def _kept(run: RunDir) -> dict[str, _Entry]:
    """Return the solutions that the archive ever took in, by id, in the order of its log."""
    return {
        state["id"]: _Entry(
            id=state["id"],
            step=state["step"],
            parent=state["parent"],
            score=state["score"],
            kept=state["solution"],
            digest=state.get("identity") or data_digest(state["data"]),
        )
        for state in _states(run)
    }


def _entries(run: RunDir, kept: Mapping[str, _Entry]) -> list[_Entry]:
    """Return the valid solutions of a run in the order in which they were found.

    Args:
        run: The run.
        kept: Those that the archive took in.
    """
    before, attempts = dict(kept), []
    for place, line in run.placed_lines("attempts.jsonl"):
        verdict = line["verdict"]
        if verdict["status"] != "ok":
            continue
        entry = before.pop(line["id"], None)
        attempts.append(
            entry
            or _Entry(
                id=line["id"],
                step=line["step"],
                parent=line["parent"],
                score=verdict["score"],
                place=place,
            )
        )
    return [*before.values(), *attempts]  # first those that are no attempts of this run


def _states(run: RunDir) -> Iterator[Mapping[str, Json]]:
    return logged_states(run.lines("archive.jsonl"))
