"""`vote`: questions with an answer; the majority of the samples is the label (arXiv 2504.16084).

The same step as `solve`: a question is the parent, the majority's agreement is the reward. This
version votes (`--steps 0`): one pass over all questions, P at a time, with nothing learned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ttrl_cli.loop.step import Parts, take_step
from ttrl_cli.questions import Question, question_messages
from ttrl_cli.records import Attempt, Completion, Job, Json, Prompt, Status, Verdict
from ttrl_cli.rundir import RunDir
from ttrl_cli.voting.majority import Vote, majority


class VoteTask:
    """One pass over a file of questions. See `step.Task`.

    Args:
        questions: All questions, in order.
        run: The run directory.
    """

    def __init__(self, questions: Sequence[Question], run: RunDir) -> None:
        self._run = run
        # a budget may have cut a round short: what counts is which questions have a vote
        voted = {line["id"] for line in run.lines("votes.jsonl")}
        self._pending = [question for question in questions if question.id not in voted]

    def rounds_left(self) -> int:
        """Steps until every question has been voted on."""
        return -(-len(self._pending) // self._run.config.groups)

    def prompts(self, step: int) -> list[Prompt]:
        """The step's questions."""
        del step
        config = self._run.config
        return [
            Prompt(
                key=question.id,
                group=group,
                messages=question_messages(question),
                n=config.group_size,
            )
            for group, question in enumerate(self._pending[: config.groups])
        ]

    def job(self, completion: Completion, step: int) -> Job:
        """A completion; answers need nothing else."""
        del step
        return Job(
            group=completion.group,
            index=completion.index,
            text=completion.text,
            parent_data=None,
            seed=0,
        )

    def seen(self, step: int, job: Job, verdict: Verdict) -> None:
        """A single answer says nothing before the vote."""

    def judge(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Reward 1 for agreeing with the majority of the group; otherwise none."""
        judged = []
        for group in sorted({a.group for a in attempts}):
            members = [a for a in attempts if a.group == group]
            for attempt, agrees in zip(members, count_votes(members).agrees_G, strict=True):
                reward = 1.0 if agrees else None
                judged.append(replace(attempt, verdict=replace(attempt.verdict, reward=reward)))
        return judged

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Mapping[str, float]:
        """Log each question's vote."""
        lines = []
        for group in sorted({a.group for a in attempts}):
            members = [a for a in attempts if a.group == group]
            lines.append(_line(step, members[0].parent, count_votes(members)))
        self._run.append("votes.jsonl", lines)
        asked = self._run.config.groups
        voted = {line["id"] for line in lines}
        unvoted = [q for q in self._pending[:asked] if q.id not in voted]
        self._pending = unvoted + self._pending[asked:]
        shares = [line["share"] for line in lines]
        return {
            "vote/share": sum(shares) / max(len(shares), 1),
            "vote/parsed": sum(line["parsed"] for line in lines) / max(len(attempts), 1),
        }


def count_votes(attempts: Sequence[Attempt]) -> Vote:
    """The vote of one question's attempts, by exact match of the extracted answers."""
    answers = [a.verdict.data if a.verdict.status is Status.OK else None for a in attempts]
    logprobs = [a.completion.logprob for a in attempts]
    return majority(answers, logprobs, key=str.strip)


def result_line(question: Question, vote: Mapping[str, Json]) -> dict[str, Json]:
    """One line of output: the vote's figures and, where there is a label, whether it is right."""
    answer, label = vote["answer"], question.answer
    correct = None if label is None else answer is not None and answer.strip() == label.strip()
    fields = {k: v for k, v in vote.items() if k not in ("schema_version", "event", "step", "id")}
    return {"id": question.id, **fields, "correct": correct}


def vote_loop(task: VoteTask, parts: Parts) -> str:
    """Step until every question is voted on or the budget is closed; return what closed it."""
    while True:
        totals = parts.run.status.totals
        reason = parts.budget.closed_by(totals, totals.steps + task.rounds_left())
        if reason:
            return reason
        take_step(task, parts)


def _line(step: int, id_: str, vote: Vote) -> dict[str, Json]:
    return {
        "event": "vote",
        "step": step,
        "id": id_,
        "answer": vote.answer,
        "votes": vote.votes,
        "n": vote.n,
        "share": vote.share,
        "tie": vote.tie,
        "clusters": [list(cluster) for cluster in vote.clusters[:8]],
        "parsed": vote.parsed,
    }
