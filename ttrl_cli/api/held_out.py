"""Measuring a run's best solution on held-out trials, once the run has ended.

Nothing of the search hangs on it: no prompt, reward, archive or digest.
"""

from itertools import chain

from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Asked, TrialSpec
from ttrl_cli.loop.archive_log import best_lines, logged_states
from ttrl_cli.loop.step import Reporter
from ttrl_cli.problem import Problem
from ttrl_cli.records import Json, Status
from ttrl_cli.report.solutions import data_of
from ttrl_cli.rundir import RunDir
from ttrl_cli.rundir.held_out import HeldOut, note_held_out, steps_seen

_TRIAL = 0


def lacks_held_out(run: RunDir, problem: Problem) -> bool:
    """Decide whether the best solution was not measured on held-out trials, though it is to be."""
    return problem.spec.held_out and run.best.held_out() is None


def measure_held_out(
    run: RunDir, problem: Problem, reporter: Reporter, grader: ProblemGrader
) -> None:
    """Measure the best solution on held-out trials, unless it was, or the problem has none.

    A failure of ours is a warning: resuming the run tries it again.

    Raises:
        UnwritableError: If the result cannot be written.
    """
    if not lacks_held_out(run, problem):
        return
    found = run.best.verdict()
    assert found is not None  # there is a seed at least
    asked = Asked(
        solution=run.best.solution(),
        trial=TrialSpec(split="held-out", number=_TRIAL),
        parent_data=_parent_data(run, found["id"]),
    )
    ((_, verdict),) = grader.grade_each([asked])
    if verdict.status is Status.FAILED:
        reporter.warned(
            f"the best solution was not measured on held-out trials: {verdict.reason}; "
            f"to try it again: ttrl resume {run.path}"
        )
        return
    steps = run.status.totals.steps
    measured = HeldOut.of(verdict, id_=found["id"], step=steps, trial=_TRIAL)
    # the log first: what may have been seen must be on record
    note_held_out(run.path, {"event": "best", **measured.as_json()})
    run.best.write_held_out(measured)


def _parent_data(run: RunDir, id_: str) -> Json:
    """Return the data of what a solution was made from, as it was measured in the search.

    Args:
        run: The run.
        id_: The solution's id; a seed has no parent, and None is returned.

    Raises:
        UsageError: If the run's archive is damaged.
    """
    kept = logged_states(run.lines("archive.jsonl"))
    # a best that was confirmed need not be among those that the archive kept
    best = (line["state"] for line in best_lines(run.lines("archive.jsonl")))
    parent = next((state["parent"] for state in chain(kept, best) if state["id"] == id_), None)
    return None if parent is None else data_of(run, [parent]).get(parent)


def inherit_held_out(run: RunDir, source: RunDir) -> None:
    """Note that a run starts from one whose held-out figures were made: it goes on with that one.

    Raises:
        UnwritableError: If it cannot be written.
    """
    if steps_seen(source.path):
        note_held_out(run.path, {"event": "start_from", "step": 0, "run": str(source.path)})
