"""`vote`: questions with an answer; the majority of the samples is the label (arXiv 2504.16084).

    before   one pass over all questions by the untrained model, P at a time
    train    epochs over the questions in random order:
               sample N answers each, vote                  step.py, assign_rewards
               reward agreement with the majority           assign_rewards
               learn from the first K of the N              assign_rewards; advantages.py
    after    one pass, fresh samples, by the weights that were kept

Without training (`steps: 0`) the first pass is the only one. The weights kept are the last ones,
unless the collapse watch stopped the training: then those that were last seen healthy. Labels are
not known here. Departures from the reference: no answer is no vote, so it cannot win; answers are
counted by equivalence, not as strings; a question whose samples all agree is not learned from,
where the reference takes a step with a gradient of zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from ttrl_cli import seeding
from ttrl_cli.equivalence.math_verify import classes
from ttrl_cli.loop.ballots import answer_of, by_group, rewarded
from ttrl_cli.loop.budget import Budget, Closed
from ttrl_cli.loop.step import Extension, Parts, commit, restore_weights, take_step
from ttrl_cli.loop.vote_log import (
    Ended,
    Stage,
    VoteLog,
    cut_off_line,
    kept_by,
    kept_line,
    vote_line,
)
from ttrl_cli.questions import Question, VotePrompt, question_messages
from ttrl_cli.records import Attempt, Completion, Job, Prompt
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.voting import collapse
from ttrl_cli.voting.majority import Vote, majority
from ttrl_cli.voting.statistics import entropy


class Comparing(Protocol):
    """Decides which pairs of answers are equivalent; counts those it cannot decide.

    Attributes:
        timeouts: Pairs that ended without a result.
        cut_off: Those pairs, and answers that could not be worked out alone.
    """

    timeouts: int
    cut_off: list[tuple[str, ...]]

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """Return for each pair of answers whether they are equivalent."""

    def recall(self, cut_off: Iterable[Sequence[str]]) -> None:
        """Take over the pairs and answers that an earlier process of the run cut off."""


class VoteTask:
    """A vote on a file of questions, with training. See `step.Task`.

    Args:
        questions: All questions, in order.
        prompt: How they are asked.
        run: The run directory.
        compare: Compares answers where their keys cannot tell.
    """

    def __init__(
        self, questions: Sequence[Question], prompt: VotePrompt, run: RunDir, compare: Comparing
    ) -> None:
        self._questions = questions
        self._prompt = prompt
        self._run = run
        self._config = run.vote_config
        self._compare = compare
        self._log = VoteLog.replay(run.lines("votes.jsonl"))
        compare.recall(self._log.cut_off)
        self._timeouts = compare.timeouts
        self._logged = len(compare.cut_off)
        if self._log.kept is not None and not self._log.kept.stands(self._config):
            self._log.kept = None
        self._asked: list[Question] = []
        self._votes: dict[int, Vote] = {}
        self._next_index: dict[Stage, int] = {"before": 0, "after": 0}
        self._reserve: Totals | None = None

    # -- where the run stands ----------------------------------------------------------------

    def stage(self) -> Stage:
        """Return the stage of the next step."""
        if len(self._log.parsed_before) < len(self._questions) or self._config.steps == 0:
            return "before"
        return "train" if self._log.kept is None else "after"

    def stages(self) -> dict[str, int]:
        """Return the steps that each stage still has if nothing ends the training early."""
        before = self._rounds(len(self._questions) - len(self._log.parsed_before))
        if self._config.steps == 0:
            return {"before": before}
        if self._log.kept is None:  # answers that there are will not be those of the final weights
            after = self._rounds(len(self._questions))
            return {"before": before, "train": self.steps_left(), "after": after}
        after = self._rounds(len(self._questions) - len(self._log.after))
        return {"before": before, "train": 0, "after": after}

    def rounds_left(self) -> int:
        """Return the steps until the end of the final pass if training does not end early."""
        ending = int(self._config.steps > 0 and self._log.kept is None)  # `end_training` is one
        return sum(self.stages().values()) + ending

    def steps_left(self) -> int:
        """Return the training steps that are left under the bound on steps."""
        return max(0, self._config.steps - self._log.trained)

    def reserve(self) -> Totals:
        """Estimate the cost of the final pass by the first one; return nothing outside training."""
        if self.stage() != "train":
            return Totals()
        if self._reserve is None:
            self._reserve = _cost_of_first_pass(self._run)
        return self._reserve

    def training_over(self) -> tuple[Ended, str] | None:
        """Return what ends the training now, and why in words; None while it goes on.

        It ends when all training steps were taken, or when the collapse watch finds a collapse.
        """
        why = collapse.collapse(self._log.health, self._limits())
        if why:
            return "collapse", why
        return None if self.steps_left() else ("steps", "")

    def ended_by(self, reason: Closed) -> str:
        """Return what ended the run.

        This is what ended the training if the run is complete, and else `reason`, which closed the
        budget.
        """
        kept = self._log.kept
        complete = self.rounds_left() == 0
        return kept.reason if kept is not None and complete and reason == "steps" else reason

    def end_training(self, parts: Parts, reason: Ended, why: str) -> None:
        """End the training, and commit this as a step in which nothing is sampled.

        After a collapse, the weights that were last seen healthy are restored first.
        """
        policy = parts.learner.adapter.policy
        if reason == "collapse":
            folder_step = collapse.last_good_policy(self._log.health, self._limits())
            policy = restore_weights(parts, folder_step)
        totals = self._run.status.totals
        totals = replace(totals, steps=totals.steps + 1, seconds=parts.budget.seconds)
        line = kept_line(totals.steps, kept_by(policy, reason, why, self._config))
        self._run.append("votes.jsonl", [line])
        self._log.add([line])
        commit(parts, totals)

    def _kept_checkpoints(self) -> frozenset[int]:
        """Return the checkpoint that a collapse would restore; none without training steps."""
        if not self._log.health:
            return frozenset()
        return frozenset({collapse.last_good_policy(self._log.health, self._limits())})

    def progress(self) -> tuple[int, int]:
        """Return the training steps taken so far, and the bound on them."""
        return self._log.trained, self._config.steps

    # -- one step ----------------------------------------------------------------------------

    def prompts(self, step: int) -> list[Prompt]:
        """Choose the step's questions; return their prompts."""
        del step
        self._asked = self._next_questions()
        return [
            Prompt(
                key=question.id,
                group=group,
                messages=question_messages(question, self._prompt),
                n=self._config.group_size,
                others=len(self._questions) > len(self._asked),
            )
            for group, question in enumerate(self._asked)
        ]

    def job(self, completion: Completion, step: int) -> Job:
        """Return the grader's job for a completion, with the question's choices if it has any."""
        del step
        return Job(
            group=completion.group,
            index=completion.index,
            text=completion.text,
            choices=dict(self._asked[completion.group].choices),
        )

    def assign_rewards(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Vote on each question, and reward agreement with the vote.

        In training, the first K samples of each question are learned from, unless its vote is
        unanimous or below `min_share`.
        """
        groups = by_group(attempts)
        answers = {group: [answer_of(a) for a in members] for group, members in groups.items()}
        given = [[a for a in answers_G if a is not None] for answers_G in answers.values()]
        self._votes = {}
        judged: list[Attempt] = []
        for group, class_of in zip(groups, classes(given, self._compare), strict=True):
            logprobs_G = [a.completion.logprob for a in groups[group]]
            vote = majority(answers[group], logprobs_G, key=class_of.__getitem__)
            self._votes[group] = vote
            k = 0 if self._gated(vote) else self._config.learned
            members_G = rewarded(groups[group], vote, self._config.reward)
            judged += [replace(a, learned=i < k) for i, a in enumerate(members_G)]
        return judged

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Extension:
        """Log each question's vote and the comparisons that were cut off; return metrics."""
        stage = self.stage()
        lines = [
            vote_line(stage, members, self._votes[group])
            for group, members in by_group(attempts).items()
        ]
        self._run.append("votes.jsonl", lines)
        if lines:
            self._log.add(lines)
        fresh = self._compare.cut_off[self._logged :]
        if fresh:
            self._run.append("votes.jsonl", [cut_off_line(step, fresh)])
            self._logged += len(fresh)
        metrics = self._metrics(stage, len(attempts))
        return Extension(metrics=metrics, checkpoints=self._kept_checkpoints())

    # -- details -----------------------------------------------------------------------------

    def _next_questions(self) -> list[Question]:
        """Return the questions of the next step.

        In a pass they are the next ones without a vote; in training they are drawn.
        """
        count = self._config.groups
        stage = self.stage()
        if stage == "train":
            return self._drawn(count)
        voted = self._log.after if stage == "after" else self._log.parsed_before
        index = self._next_index[stage]
        while index < len(self._questions) and self._questions[index].id in voted:
            index += 1
        self._next_index[stage] = index
        # a budget may have cut a round short: behind the first question without a vote there may
        # be some that have one
        waiting = (q for q in islice(self._questions, index, None) if q.id not in voted)
        return list(islice(waiting, count))

    def _drawn(self, count: int) -> list[Question]:
        """Draw the next `count` questions of a training epoch.

        Each epoch goes through all questions once, in a random order of its own.
        """
        self._next_index["after"] = 0  # what other weights answered is asked again
        epoch, index = divmod(self._log.trained, self._rounds(len(self._questions)))
        rng = seeding.epoch_rng(self._config.seed, epoch)
        order = rng.permutation(len(self._questions))[index * count : (index + 1) * count]
        return [self._questions[index] for index in order]

    def _rounds(self, questions: int) -> int:
        return -(-questions // self._config.groups)

    def _limits(self) -> collapse.CollapseLimits:
        return collapse.CollapseLimits(
            patience=self._config.patience,
            parsed_floor=self._config.parsed_floor,
            entropy_floor=self._config.entropy_floor,
        )

    def _gated(self, vote: Vote) -> bool:
        """Decide whether to learn nothing from a question.

        This is so outside training, and for a vote that is unanimous or below `min_share`.
        """
        return self.stage() != "train" or vote.share < self._config.min_share or vote.unanimous

    def _metrics(self, stage: Stage, samples: int) -> dict[str, float]:
        votes = list(self._votes.values())
        count = max(len(votes), 1)
        metrics = {
            "vote/share": sum(vote.share for vote in votes) / count,
            "vote/parsed": sum(vote.parsed for vote in votes) / max(samples, 1),
            "vote/entropy": sum(entropy([n for _, n in vote.clusters]) for vote in votes) / count,
            "vote/ties": sum(vote.tie for vote in votes) / count,
            "vote/unanimous": sum(vote.unanimous for vote in votes) / count,
        }
        metrics["vote/timeouts"] = self._compare.timeouts - self._timeouts
        self._timeouts = self._compare.timeouts
        if stage == "train":
            divided = sum(vote.share < self._config.min_share for vote in votes)
            metrics["vote/under_min_share"] = divided / count
        return metrics


def vote_loop(task: VoteTask, parts: Parts) -> str:
    """Take steps until the final pass is complete or the budget is closed.

    A bound that is reached in training ends only the training: the cost of the final pass was set
    aside. An interrupt ends the run.

    Returns:
        What ended the run.
    """
    while True:
        over = task.training_over() if task.stage() == "train" else None
        if over is not None:
            task.end_training(parts, *over)
        reason = closed_by(task, parts.budget, parts.run.status.totals)
        if not reason:
            take_step(task, parts, stage=task.stage())
        elif reason == "interrupt" or task.stage() != "train":
            return task.ended_by(reason)
        else:
            task.end_training(parts, reason, "")


def closed_by(task: VoteTask, budget: Budget, totals: Totals) -> Closed:
    """Return why no further step of the stage may be taken; empty while one may.

    The cost of the final pass is reserved in the budget first.
    """
    budget.reserved = task.reserve()
    return budget.closed_by(totals, totals.steps + task.rounds_left())


def _cost_of_first_pass(run: RunDir) -> Totals:
    """Return the samples, tokens and seconds of the pass before training, commits included."""
    votes = [line for line in run.lines("votes.jsonl") if line.get("stage") == "before"]
    steps = [line for line in run.lines("metrics.jsonl") if line["stage"] == "before"]
    return Totals(
        samples=sum(line["n"] for line in votes),
        tokens=sum(line["tokens"] for line in votes),
        seconds=steps[-1]["total/seconds"] - steps[0]["total/seconds"] + steps[0]["time/step"],
    )
