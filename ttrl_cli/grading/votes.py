"""The grader of the vote loop: extraction, in process. See `GraderLike`."""

from ttrl_cli.records import Job, Status, Verdict
from ttrl_cli.voting.extract import extract_answer


class VoteGrader:
    """Extracts each completion's answer; whether it is right is the majority's to say."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[int, int], Verdict] = {}
        self._fresh: list[tuple[Job, Verdict]] = []

    def submit(self, job: Job) -> None:
        """Extract at once."""
        answer = extract_answer(job.text)
        if answer is None:
            verdict = Verdict(status=Status.MALFORMED, reason="no final answer found")
        else:
            verdict = Verdict(status=Status.OK, data=answer, solution=answer, shown=answer)
        self._verdicts[job.group, job.index] = verdict
        self._fresh.append((job, verdict))

    def finished(self) -> list[tuple[Job, Verdict]]:
        """What was submitted since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def collect(self) -> dict[tuple[int, int], Verdict]:
        """All verdicts since the last collect."""
        verdicts, self._verdicts, self._fresh = self._verdicts, {}, []
        return verdicts

    def close(self) -> None:
        """Nothing to stop."""
