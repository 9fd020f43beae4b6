"""From a completion to the text of a solution, where it may be edits of its parent.

A completion without any edit is a whole solution, as elsewhere: models rewrite what they were asked
to edit, and nothing is lost by it. Regions hold for both.
"""

from ttrl_cli.completions import visible
from ttrl_cli.completions.edits import (
    EditError,
    edited,
    find_edits,
    has_edits,
    require_same_outside,
)
from ttrl_cli.grading.parse import MAX_CHARS, Found, find_solution
from ttrl_cli.grading.values import CONTAINERS
from ttrl_cli.problem import Solution
from ttrl_cli.records import Job

EDITS = "edits"
"""The rule of a solution that was made by edits."""


def find_edited(job: Job, text: str, solution: Solution) -> Found:
    """Find the solution in a completion, or make it from the parent by the completion's edits.

    Args:
        job: What is known of the completion, its parent's solution among it.
        text: The completion.
        solution: What a solution is.

    Raises:
        Malformed: If there is no edit and no solution.
        EditError: If an edit cannot be made, or touches what lies outside of the regions.
    """
    found = None
    if solution.edit == "diff":
        plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
        said = visible(plain, job.marks, solution=True, draft=False)
        if has_edits(said):
            found = Found(text=edited(job.parent, find_edits(said)), rule=EDITS)
            _require_length(found.text)
    if found is None:
        found = find_solution(
            text,
            solution.kind,
            solution.language,
            entry=solution.entry,
            expected=CONTAINERS,
            finished=job.finished,
            marks=job.marks,
        )
    if solution.region:
        require_same_outside(job.parent, found.text)
    return found


def _require_length(text: str) -> None:
    """Refuse a solution that is blank or too long.

    Raises:
        EditError: If it is.
    """
    if not text.strip():
        msg = "the edits leave nothing of the solution"
        raise EditError(msg)
    if len(text) > MAX_CHARS:
        msg = f"the edited solution has {len(text)} characters; the limit is {MAX_CHARS}"
        raise EditError(msg)
