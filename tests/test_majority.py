"""The majority of a question's answers."""

from collections.abc import Iterable

import pytest

from ttrl_cli.voting.majority import Vote, majority


def vote_on(answers: list[str | None], logprobs: Iterable[float | None] | None = None) -> Vote:
    """A vote by exact match."""
    given = [None] * len(answers) if logprobs is None else list(logprobs)
    return majority(answers, given, key=str.strip)


def test_majority():
    """The most frequent answer wins; shares are of all samples, unparsed ones included."""
    result = vote_on(["7", "8", None, " 7", "9"])
    assert (result.answer, result.votes, result.n, result.parsed) == ("7", 2, 5, 4)
    assert result.share == 0.4
    assert not result.tie
    assert result.clusters == (("7", 2), ("8", 1), ("9", 1))
    assert result.class_G == (0, 1, None, 0, 2)


def test_no_answer_cannot_win():
    """Where most samples have no answer, the one that is there wins; where all have none, none."""
    result = vote_on([None, None, None, "5"])
    assert (result.answer, result.votes, result.share, result.tie) == ("5", 1, 0.25, False)
    assert not result.unanimous
    nothing = vote_on([None, None])
    assert (nothing.answer, nothing.votes, nothing.n, nothing.parsed) == (None, 0, 2, 0)
    assert (nothing.tie, nothing.clusters, nothing.class_G) == (False, (), (None, None))
    assert not nothing.unanimous
    assert vote_on([]).share == 0.0


def test_unanimous():
    """A vote is unanimous only if every sample has the one answer."""
    assert vote_on(["5", "5"]).unanimous
    assert not vote_on(["5", "5", None]).unanimous
    assert not vote_on(["5", "5", "6"]).unanimous


@pytest.mark.parametrize(
    ("logprobs", "winner"),
    [
        (None, "a"),  # nobody knows: the first to appear
        ([-1.0, -2.0, -3.0, -1.0], "b"),  # a: -1 - 3 = -4;  b: -2 - 1 = -3
        ([-1.0, -2.0, None, -1.0], "a"),  # one of a's is unknown: the first to appear
        ([-1.0, -1.0, -1.0, -1.0], "a"),  # equal sums: the first to appear
    ],
)
def test_ties(logprobs: list[float | None] | None, winner: str):
    """A tie goes to the higher sum of log-probabilities if all are known, else to the earlier."""
    result = vote_on(["a", "b", "a", "b"], logprobs)
    assert (result.answer, result.tie) == (winner, True)
    assert result.class_G == ((0, 1, 0, 1) if winner == "a" else (1, 0, 1, 0))


def test_log_probabilities_break_ties_alone():
    """A high log-probability does not beat a vote more."""
    assert vote_on(["a", "a", "b"], [-90.0, -90.0, -0.1]).answer == "a"
