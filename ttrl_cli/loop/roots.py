"""The roots of a search: the states it begins from, at least as many as a step has parents.

    root i is made from source i mod S          S sources: the seeds, then the user's own solutions
    its program is run with root_seed(run, i)   if it takes `seed`; seeding.py

A root hangs on its source, the run's seed and its number, and on nothing else that sets runs apart:
objective, learning, search and group size may differ, and fewer roots are the first of more. So
runs that are compared begin alike. A program that stops by the clock is as equal as the machine.

What cannot differ is graded once, and its state is the same in each of its roots: json, texts,
programs that do not take `seed`, and what is known by its text (`measure`, evaluators).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ttrl_cli import seeding
from ttrl_cli.grading.seeded import takes_seed
from ttrl_cli.problem import Problem, Seed
from ttrl_cli.records import State, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """How a root is made.

    Attributes:
        number: Its place among the roots.
        source: The solution that it is made from.
        place: The solution's place among the seeds, or behind them among the user's own.
        seed: What its program is run with; None where that changes nothing.
    """

    number: int
    source: Seed
    place: int
    seed: int | None


def planned_roots(
    problem: Problem, start: Sequence[Seed], count: int, run_seed: int | None
) -> tuple[Root, ...]:
    """Return how each root is made: from the seeds and the user's own solutions, in turn.

    Args:
        problem: The problem.
        start: The user's own solutions.
        count: Roots wanted, P; if there are more sources, each has one root.
        run_seed: The seed of the run; None in a run that was begun when all programs were run once.
    """
    sources = [*problem.seeds, *start]
    varies = [run_seed is not None and _varies(problem, source) for source in sources]
    roots = []
    for number in range(max(count, len(sources))):
        place = number % len(sources)
        seed = None
        if run_seed is not None and varies[place]:
            seed = seeding.root_seed(run_seed, number)
        roots.append(Root(number=number, source=sources[place], place=place, seed=seed))
    return tuple(roots)


def _varies(problem: Problem, source: Seed) -> bool:
    """Decide whether a source may be another state with another seed."""
    spec = problem.spec
    known_by_text = spec.measure is not None or spec.evaluator is not None
    programs = spec.solution.kind == "program" and not known_by_text
    return programs and takes_seed(source.text, spec.solution)


def root_states(problem: Problem, verdicts: Sequence[Verdict]) -> list[State]:
    """Return the states of the roots.

    Args:
        problem: The problem.
        verdicts: A valid verdict for each root, in order.
    """
    return [_state(problem, number, verdict) for number, verdict in enumerate(verdicts)]


def _state(problem: Problem, number: int, verdict: Verdict) -> State:
    assert verdict.score is not None
    return State(
        id=f"seed.{number}",
        parent=None,
        step=0,
        score=verdict.score,
        signed=problem.signed(verdict.score),
        data=verdict.data,
        solution=verdict.solution,
        shown=verdict.shown,
        output=verdict.output,
        feedback=verdict.feedback,
        identity=verdict.identity,
        error=verdict.error,
        per_trial=verdict.per_trial,
    )
