"""Grading the roots of a search: the problem's seeds, and solutions of the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.config import SolveConfig
from ttrl_cli.errors import ProblemError, SetupError, UsageError
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.loop.roots import Root, planned_roots, root_states
from ttrl_cli.problem import Problem, Seed
from ttrl_cli.prompts import solve_messages
from ttrl_cli.reading import read_user_text
from ttrl_cli.records import State, Status, Verdict
from ttrl_cli.rundir.start import Start
from ttrl_cli.search.archive import digest_of

START_OPTION = "--start"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedRoot:
    """A root and its verdict, which is valid."""

    root: Root
    verdict: Verdict


def given_solutions(
    problem: Problem,
    config: SolveConfig,
    given: Sequence[Path | Seed],
    start_from: Path | None = None,
) -> tuple[Seed, ...]:
    """Read the solutions of the user's own that a run is to start from.

    Args:
        problem: The problem.
        config: Of the run.
        given: Files, or solutions that are at hand.
        start_from: The run of a warm start, whose roots come first.

    Raises:
        UsageError: If one cannot be read, is the same as an earlier one, or would not be used.
    """
    found: dict[str, Seed] = {}
    for one in given:
        solution = one if isinstance(one, Seed) else Seed(name=str(one), text=_text(one))
        if solution.text in found:
            raise _twice(solution.name, found[solution.text].name)
        found[solution.text] = solution
    before = len(problem.seeds) if start_from is None else config.groups
    if found and config.search == "best-of-n" and before + len(found) > config.groups:
        msg = (
            f"{START_OPTION}: best-of-n improves on the first {config.groups} roots alone, and "
            f"{before} come before yours; take --search puct, or more --groups"
        )
        raise UsageError(msg)
    return tuple(found.values())


def _text(path: Path) -> str:
    """Read a file as files of seeds are read.

    Raises:
        UsageError: If it cannot be read.
    """
    try:
        return read_user_text(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"{START_OPTION} {path}: cannot be read: {why}"
        raise UsageError(msg) from error


def graded_roots(
    problem: Problem, grader: ProblemGrader, config: SolveConfig, start: Start
) -> tuple[GradedRoot, ...]:
    """Grade the roots of a run, each solution once per seed that it is run with.

    A prompt is made of each as well, to check the problem's template.

    Args:
        problem: The problem.
        grader: Its grader.
        config: Of the run; its seed and its groups count.
        start: The user's own solutions, and whether roots have seeds of their own.

    Raises:
        ProblemError: If a root that a seed makes is not valid, or if the template is wrong.
        UsageError: If a solution of the user's is not valid, or is there already.
        SetupError: If such a solution could not be graded.
    """
    seed = config.seed if start.seeded else None
    roots = planned_roots(problem, start.solutions, config.groups, seed)
    asked = list(dict.fromkeys((root.source.text, root.seed or 0) for root in roots))
    verdicts = grader.grade_solutions([text for text, _ in asked], [number for _, number in asked])
    by_asked = dict(zip(asked, verdicts, strict=True))
    graded = [
        GradedRoot(root=root, verdict=by_asked[root.source.text, root.seed or 0]) for root in roots
    ]
    for one in graded:
        if one.root.place < len(problem.seeds):
            _require_seed(problem, one)
        else:
            _require_start(one)
    _require_new(problem, graded)
    for state in root_states(problem, verdicts):
        for before in (None, state.score):
            solve_messages(problem, state, before)
    return tuple(graded)


def states_of(problem: Problem, graded: Sequence[GradedRoot]) -> list[State]:
    """Return the states of graded roots."""
    return root_states(problem, [one.verdict for one in graded])


def _require_seed(problem: Problem, graded: GradedRoot) -> None:
    """Refuse a root that a seed makes, if it is not valid.

    Raises:
        ProblemError: If that is so; it names the seed and, where others may be valid, the root.
    """
    root, verdict = graded.root, graded.verdict
    if verdict.valid:
        return
    made = "" if root.seed is None else f" as root {root.number} (seed={root.seed})"
    if verdict.blame:
        why = f"of the seed {root.source.name}{made}: {verdict.reason}"
        raise ProblemError(problem.file, verdict.blame, why)
    what = f"{root.source.name} is not a valid solution{made}"
    why = f"{what}: {verdict.status}: {verdict.reason}"
    raise ProblemError(problem.file, f"seeds[{root.place}]", why)


def _require_start(graded: GradedRoot) -> None:
    """Refuse a solution of the user's that is not valid.

    Raises:
        UsageError: If that is so.
        SetupError: If it could not be graded.
    """
    root, verdict = graded.root, graded.verdict
    if verdict.valid:
        return
    made = "" if root.seed is None else f" as root {root.number} (seed={root.seed})"
    what = f"{START_OPTION} {root.source.name}"
    if verdict.status is Status.FAILED:
        msg = f"{what}: could not be graded: {verdict.reason}"
        raise SetupError(msg)
    msg = f"{what}: not a valid solution{made}: {verdict.status}: {verdict.reason}"
    raise UsageError(msg)


def _require_new(problem: Problem, graded: Sequence[GradedRoot]) -> None:
    """Refuse a solution of the user's that has the data of a seed, or of an earlier one.

    Raises:
        UsageError: If that is so.
    """
    first: dict[str, Root] = {}
    for one in graded:
        earlier = first.setdefault(digest_of(one.verdict), one.root)
        later = one.root.place
        if later >= len(problem.seeds) and earlier.place != later:
            raise _twice(one.root.source.name, earlier.source.name)


def _twice(name: str, earlier: str) -> UsageError:
    return UsageError(f"{START_OPTION} {name}: the same solution as {earlier}; leave it out")
