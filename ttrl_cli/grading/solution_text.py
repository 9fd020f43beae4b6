"""The solution in a completion of a problem: as it is graded, and as it is read again later."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache

from ttrl_cli.completions.edits import EditError
from ttrl_cli.escapes import encodable
from ttrl_cli.grading.edited import find_edited
from ttrl_cli.grading.parse import Found, Malformed, find_solution, kind_of, parse_json
from ttrl_cli.grading.values import CONTAINERS
from ttrl_cli.problem import Problem, Seed
from ttrl_cli.records import Job, Json


def solution_in(problem: Problem, job: Job) -> Found:
    """Find the solution in a completion.

    Raises:
        Malformed: If there is none.
        EditError: If it is edits that cannot be made.
    """
    solution = problem.spec.solution
    if problem.spec.edits:
        return find_edited(job, encodable(job.text), solution)
    return find_solution(
        encodable(job.text),
        solution.kind,
        solution.language,
        entry=solution.entry,
        expected=_kinds_of(problem.seeds) if solution.kind == "json" else CONTAINERS,
        finished=job.finished,
        marks=job.marks,
    )


def read_again(problem: Problem, attempt: Mapping[str, Json], parent: str) -> str:
    """Return the solution of a line of attempts.jsonl; empty without one.

    How the model marks its thinking is not known there; marks of known models are.

    Args:
        problem: The problem.
        attempt: The line.
        parent: The text of the solution that it was made from.
    """
    job = Job(
        group=attempt["group"],
        index=attempt["index"],
        text=attempt["text"],
        parent=parent,
        finished=attempt["finished"],
    )
    try:
        return solution_in(problem, job).text
    except (Malformed, EditError):
        return ""


@lru_cache(maxsize=1)
def _kinds_of(seeds: tuple[Seed, ...]) -> frozenset[str]:
    """Return the kinds of the values in the seeds of a json problem."""
    kinds: set[str] = set()
    for seed in seeds:
        with contextlib.suppress(Malformed):  # grading the seeds reports it
            kinds.add(kind_of(parse_json(seed.text)))
    return frozenset(kinds) or CONTAINERS
