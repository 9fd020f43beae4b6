"""The attempts of a round as ballots: gathered by question, rewarded by their vote."""

from collections.abc import Sequence
from dataclasses import replace

from ttrl_cli.config import RewardName
from ttrl_cli.records import Attempt, Status
from ttrl_cli.voting.majority import Vote


def by_group(attempts: Sequence[Attempt]) -> dict[int, list[Attempt]]:
    """Gather attempts by group, in the order they come in."""
    groups: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault(attempt.group, []).append(attempt)
    return groups


def answer_of(attempt: Attempt) -> str | None:
    """Return the answer that was found in a completion; None if there is none."""
    return attempt.verdict.data if attempt.verdict.status is Status.OK else None


def rewarded(members_G: Sequence[Attempt], vote: Vote, reward: RewardName) -> list[Attempt]:
    """Return the attempts of one question with their rewards.

    Args:
        members_G: The attempts, in the order they voted in.
        vote: Their vote.
        reward: hard: 1 for an answer of the winning class, none for others (TTRL, arXiv
            2504.16084). soft: the share of all samples that gave an answer of the same class.
    """
    return [
        replace(a, verdict=replace(a.verdict, reward=_reward(index, vote, reward)))
        for a, index in zip(members_G, vote.class_G, strict=True)
    ]


def _reward(index: int | None, vote: Vote, reward: RewardName) -> float | None:
    if index is None:
        return None
    if reward == "soft":
        return vote.clusters[index][1] / vote.n
    return 1.0 if index == 0 else None
