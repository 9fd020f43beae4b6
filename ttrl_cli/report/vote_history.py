"""The history of a vote run: each question before and after, and what training did step by step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ttrl_cli.equivalence.math_verify import Compare, canonical, decided
from ttrl_cli.questions import Question, load_questions
from ttrl_cli.records import Json
from ttrl_cli.report.history import StepRow, read_steps
from ttrl_cli.report.votes import Marked, RunVotes, mark, marked, read_votes, tallies
from ttrl_cli.rundir import RunDir
from ttrl_cli.voting.statistics import Tally, entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """The vote on one question in one step.

    Attributes:
        stage: before, train or after.
        step: The step.
        policy: The step whose update made the weights that answered.
        answer: The winner; None where no sample had an answer.
        votes: Its votes.
        n: All samples.
        share: votes over n.
        tie: Whether another class has as many.
        clusters: Every class of equivalent answers with its votes, the winner first.
        right: Per class, whether it is equivalent to the label; None without a label.
        parsed: Samples with an answer.
        tokens: Tokens of all samples.
        entropy: Of the votes over the classes, in nats.
        too_long: Whether the question left no room in the model's context.
    """

    stage: str
    step: int
    policy: int
    answer: str | None
    votes: int
    n: int
    share: float
    tie: bool
    clusters: tuple[tuple[str, int], ...]
    right: tuple[bool, ...] | None
    parsed: int
    tokens: int
    entropy: float
    too_long: bool

    @property
    def correct(self) -> bool | None:
        """Whether the winner is right; None without a label."""
        return None if self.right is None else self.right[:1] == (True,)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionVotes:
    """A question and the votes on it.

    Attributes:
        question: With its label and the other fields of its record.
        before: The untrained model's vote; None until it was asked.
        train: The votes that were learned from or left out, in order.
        after: That of the weights that were kept, from the newest final pass; None without one.
    """

    question: Question
    before: Ballot | None
    train: tuple[Ballot, ...]
    after: Ballot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteStep:
    """The votes of one step together.

    Attributes:
        stage: before, train or after.
        questions: Questions that were asked.
        labelled: Those with a label; without any, the three accuracies are None.
        label_accuracy: Share of the winners that are right.
        reward_accuracy: Share of the samples whose pseudo-reward is the true one.
        truth_ratio: Share of the samples that are right: the ground-truth ratio, pass@1.
        majority_ratio: Mean share of the winner among all samples.
        entropy: Mean entropy of the votes, in nats.
        parsed: Share of the samples with an answer.
        length: Mean tokens of a sample.
    """

    step: int
    stage: str
    questions: int
    labelled: int
    label_accuracy: float | None
    reward_accuracy: float | None
    truth_ratio: float | None
    majority_ratio: float
    entropy: float
    parsed: float
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteHistory:
    """What is committed of a vote run.

    Attributes:
        questions: All questions of the file, in order, asked or not.
        votes: What each step's votes come to, in order.
        steps: The steps with their metrics, in order.
    """

    questions: tuple[QuestionVotes, ...]
    votes: tuple[VoteStep, ...]
    steps: tuple[StepRow, ...]


def by_keys(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Decide by canonical keys alone whether answers are the same; what they leave open is not.

    `grading.comparer` asks math-verify for what is open, in worker processes.
    """
    return [decided(canonical(a), canonical(b)) is True for a, b in pairs]


def read_vote_history(run: RunDir, compare: Compare = by_keys) -> VoteHistory:
    """Read the history of a vote run as of its last commit.

    Args:
        run: The run.
        compare: Compares answers with labels.

    Raises:
        UsageError: If a file of the run is missing or damaged.
    """
    questions = load_questions(run.path / "questions.jsonl", skip_bad=True).questions
    return vote_history(questions, read_votes(run), read_steps(run), compare)


def vote_history(
    questions: Sequence[Question],
    votes: RunVotes,
    steps: tuple[StepRow, ...],
    compare: Compare = by_keys,
) -> VoteHistory:
    """Make the history from a run's records; see `read_vote_history`."""
    by_id = {question.id: question for question in questions}
    before = marked(questions, votes.before, compare)
    train = mark([(by_id[line["id"]], line) for line in votes.train], compare)
    after = marked(questions, votes.after, compare)
    asked = {
        stage: _by_question(results)
        for stage, results in (("before", before), ("train", train), ("after", after))
    }
    return VoteHistory(
        questions=tuple(
            QuestionVotes(
                question=question,
                before=next(iter(asked["before"].get(question.id, ())), None),
                train=asked["train"].get(question.id, ()),
                after=next(iter(asked["after"].get(question.id, ())), None),
            )
            for question in questions
        ),
        votes=tuple(_steps([*before, *train, *after])),
        steps=steps,
    )


def _by_question(results: Iterable[Marked]) -> dict[str, tuple[Ballot, ...]]:
    found: dict[str, list[Ballot]] = {}
    for result in results:
        found.setdefault(result.question.id, []).append(_ballot(result))
    return {id_: tuple(ballots) for id_, ballots in found.items()}


def _ballot(result: Marked) -> Ballot:
    line = result.vote
    clusters = tuple((answer, votes) for answer, votes in line["clusters"])
    return Ballot(
        stage=line["stage"],
        step=line["step"],
        policy=line["policy"],
        answer=line["answer"],
        votes=line["votes"],
        n=line["n"],
        share=line["share"],
        tie=line["tie"],
        clusters=clusters,
        right=result.right,
        parsed=line["parsed"],
        tokens=line["tokens"],
        entropy=entropy([votes for _, votes in clusters]),
        too_long="too_long" in line,
    )


def _steps(results: Sequence[Marked]) -> Iterable[VoteStep]:
    """Sum up the votes of each step, in the order of the steps."""
    ordered = sorted(results, key=_step_of)
    for step, members in groupby(ordered, key=_step_of):
        some = list(members)
        yield _vote_step(step, some[0].vote, tallies(some))


def _step_of(result: Marked) -> int:
    step: int = result.vote["step"]
    return step


def _vote_step(step: int, first: Mapping[str, Json], every: Sequence[Tally]) -> VoteStep:
    labelled = [tally for tally in every if tally.right is not None]
    samples, known = sum(t.n for t in every), sum(t.n for t in labelled)
    return VoteStep(
        step=step,
        stage=first["stage"],
        questions=len(every),
        labelled=len(labelled),
        label_accuracy=_share(sum(t.winner_right for t in labelled), len(labelled)),
        reward_accuracy=_share(sum(t.agreeing for t in labelled), known),
        truth_ratio=_share(sum(t.correct for t in labelled), known),
        majority_ratio=sum(t.winner / t.n for t in every) / len(every),
        entropy=sum(entropy(t.votes) for t in every) / len(every),
        parsed=sum(t.parsed for t in every) / samples,
        length=sum(t.tokens for t in every) / samples,
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
