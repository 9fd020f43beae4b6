"""The grader of the vote loop: extraction, in process. See `Grader`."""

from ttrl_cli.answers.extract import extract
from ttrl_cli.grading.base import Heard, no_one
from ttrl_cli.records import Job, Status, Verdict


class AnswerGrader:
    """Extracts each completion's answer; the majority decides later whether it is right.

    Args:
        last_number: Take a completion's last number where no other rule finds an answer.
    """

    def __init__(self, *, last_number: bool) -> None:
        self._last_number = last_number
        self._verdicts: dict[tuple[int, int], Verdict] = {}
        self._fresh: list[tuple[Job, Verdict]] = []

    @property
    def graded(self) -> int:
        """Verdicts since the last collect."""
        return len(self._verdicts)

    def submit(self, job: Job) -> None:
        """Extract the answer at once."""
        verdict = self._verdict(job)
        self._verdicts[job.group, job.index] = verdict
        self._fresh.append((job, verdict))

    def finished(self) -> list[tuple[Job, Verdict]]:
        """Return what was submitted since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def collect(self, heard: Heard = no_one) -> dict[tuple[int, int], Verdict]:
        """Return all verdicts since the last collect, by (group, index)."""
        for job, verdict in self._fresh:
            heard(job, verdict)
        verdicts, self._verdicts, self._fresh = self._verdicts, {}, []
        return verdicts

    def close(self) -> None:
        """Do nothing: there is nothing to stop."""

    def _verdict(self, job: Job) -> Verdict:
        found = extract(
            job.text,
            choices=job.choices,
            last_number=self._last_number,
            marks=job.marks,
        )
        if found is None:
            return Verdict(status=Status.MALFORMED, reason="no final answer found")
        return Verdict(status=Status.OK, data=found.answer, rule=found.rule)
