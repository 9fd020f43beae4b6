"""The grader's interface."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ttrl_cli.records import Job, Verdict

Heard: TypeAlias = Callable[[Job, Verdict], None]


def no_one(job: Job, verdict: Verdict) -> None:
    """Ignore a verdict."""


class Grader(Protocol):
    """Grades completions while others are still being written.

    Jobs are keyed by (group, index); a key is not submitted twice before it was collected.
    """

    @property
    def graded(self) -> int:
        """Verdicts so far since the last collect; may be asked from another thread."""

    def submit(self, job: Job) -> None:
        """Take one completion to grade; return at once."""

    def finished(self) -> list[tuple[Job, Verdict]]:
        """Return what was graded since the last call, in the order it was finished; never wait."""

    def collect(self, heard: Heard = no_one) -> dict[tuple[int, int], Verdict]:
        """Wait for all jobs submitted since the last collect; return verdicts by (group, index).

        Args:
            heard: Told of each verdict that `finished` has not returned, as soon as it is there.
        """

    def close(self) -> None:
        """Stop at once and leave no process behind; unfinished jobs are lost."""
