"""What the loop asks of a grader."""

from typing import Protocol

from ttrl_cli.records import Job, Verdict


class Grader(Protocol):
    """Grades completions while others are still being written.

    Jobs are keyed by (group, index); a key is not submitted twice before it was collected.
    """

    @property
    def graded(self) -> int:
        """Verdicts so far since the last collect; may be asked from another thread."""

    def submit(self, job: Job) -> None:
        """Take one completion; returns at once."""

    def finished(self) -> list[tuple[Job, Verdict]]:
        """What was finished since the last call, in the order it finished; never waits."""

    def collect(self) -> dict[tuple[int, int], Verdict]:
        """Wait for everything submitted since the last collect; verdicts by (group, index)."""

    def close(self) -> None:
        """Stop at once, leaving no process behind; what was not finished is lost."""
