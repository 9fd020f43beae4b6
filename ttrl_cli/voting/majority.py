"""The majority of a question's answers (TTRL, arXiv 2504.16084), pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """How a question's samples voted.

    Attributes:
        answer: The winning class's first answer; None where nothing was parsed.
        votes: Its votes.
        n: All samples, those without an answer included.
        parsed: Samples with an answer.
        tie: True where another class has as many votes.
        clusters: (answer, votes) of every class, most votes first, then the earlier.
        class_G: Per sample, the index of its class in `clusters`, the winner's is 0; None without
            an answer.
    """

    answer: str | None
    votes: int
    n: int
    parsed: int
    tie: bool
    clusters: tuple[tuple[str, int], ...]
    class_G: tuple[int | None, ...]

    @property
    def share(self) -> float:
        """The winner's share of all samples, in [0, 1]."""
        return self.votes / self.n if self.n else 0.0

    @property
    def unanimous(self) -> bool:
        """True where all samples have one answer."""
        return 0 < self.votes == self.n


def majority(
    answers_G: Sequence[str | None],
    logprobs_G: Sequence[float | None],
    key: Callable[[str], str],
) -> Vote:
    """Count the answers by class and return the vote.

    A missing answer is no vote, so it cannot win. A tie is broken by the sum of the
    log-probabilities if all samples of the tied classes have one, else by order of first
    appearance.

    Args:
        answers_G: Extracted answers, None where nothing was found.
        logprobs_G: Log-probability of each sample, None where unknown.
        key: Canonical key of an answer; answers with equal keys are one class.
    """
    classes: dict[str, list[int]] = {}
    for index, answer in enumerate(answers_G):
        if answer is not None:
            classes.setdefault(key(answer), []).append(index)
    ranked = sorted(classes.values(), key=lambda indices: -len(indices))
    if not ranked:
        nobody = tuple(None for _ in answers_G)
        return Vote(
            answer=None, votes=0, n=len(nobody), parsed=0, tie=False, clusters=(), class_G=nobody
        )
    tied = [indices for indices in ranked if len(indices) == len(ranked[0])]
    winner = _break_tie(tied, logprobs_G)
    ordered = [winner, *(indices for indices in ranked if indices is not winner)]
    class_of = {index: i for i, indices in enumerate(ordered) for index in indices}
    return Vote(
        answer=answers_G[winner[0]],
        votes=len(winner),
        n=len(answers_G),
        parsed=sum(len(indices) for indices in ranked),
        tie=len(tied) > 1,
        clusters=tuple((str(answers_G[indices[0]]), len(indices)) for indices in ordered),
        class_G=tuple(class_of.get(index) for index in range(len(answers_G))),
    )


def _break_tie(tied: list[list[int]], logprobs_G: Sequence[float | None]) -> list[int]:
    """Choose the winner among classes with equal votes, which come in order of appearance."""
    sums = []
    for indices in tied:
        known = [logprob for index in indices if (logprob := logprobs_G[index]) is not None]
        if len(known) < len(indices):
            return tied[0]
        sums.append(sum(known))
    return tied[sums.index(max(sums))]
