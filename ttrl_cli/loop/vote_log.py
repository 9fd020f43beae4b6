"""The log of a vote run: votes, the progress of training, the weights that are kept.

votes.jsonl is a log of events. `vote` is one question's vote, in a step of a stage: before (the
untrained model), train, or after (the weights that were kept). `kept` ends the training, naming
those weights and why it ended. `cut_off` names the answers whose comparison was cut off in a step.
Everything a vote needs to go on is replayed from it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self

from ttrl_cli.config import VoteConfig
from ttrl_cli.loop.budget import Closed
from ttrl_cli.records import Attempt, Json
from ttrl_cli.voting.collapse import Health
from ttrl_cli.voting.majority import Vote
from ttrl_cli.voting.statistics import entropy

Stage = Literal["before", "train", "after"]
Ended = Closed | Literal["collapse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The end of a training.

    Attributes:
        policy: The step whose update made the weights that are kept.
        reason: What ended it: one of the bounds, or the collapse watch.
        why: In words, where there is more to say.
        bound: The value of that bound (of `steps`, for the watch): a larger one reopens it.
    """

    policy: int
    reason: Ended
    why: str
    bound: float

    def stands(self, config: VoteConfig) -> bool:
        """Decide whether the bound that ended the training still has the same value."""
        bound = getattr(config, "steps" if self.reason == "collapse" else self.reason)
        return bool(bound == self.bound)


def kept_by(policy: int, reason: Ended, why: str, config: VoteConfig) -> Kept:
    """Return the record of a training that a bound or the collapse watch ended."""
    bound = getattr(config, "steps" if reason == "collapse" else reason)
    return Kept(policy=policy, reason=reason, why=why, bound=bound)


class VoteLog:
    """The state of a vote run.

    Attributes:
        parsed_before: By question id, the share of the untrained model's samples with an answer.
        after: Ids that were voted on since the training ended.
        trained: Training steps taken.
        health: One record per training step since the training was last ended.
        kept: How the training ended, if it did.
        cut_off: Pairs of answers whose comparison was cut off, and answers alone, in order.
    """

    def __init__(self) -> None:
        self.parsed_before: dict[str, float] = {}
        self.after: set[str] = set()
        self.trained = 0
        self.health: list[Health] = []
        self.kept: Kept | None = None
        self.cut_off: list[list[str]] = []

    @classmethod
    def replay(cls, lines: Iterable[dict[str, Json]]) -> Self:
        """Rebuild the state from the lines of a log."""
        log = cls()
        for step in _by_step(lines):
            log.add(step)
        return log

    def add(self, lines: list[dict[str, Json]]) -> None:
        """Add lines of one step and one event to the state; of several `kept` the last counts."""
        first = lines[0]
        if first["event"] == "cut_off":
            self.cut_off += [answers for line in lines for answers in line["answers"]]
        elif first["event"] == "kept":
            fields = ("policy", "reason", "why", "bound")
            self.kept = Kept(**{name: lines[-1][name] for name in fields})
            self.health = []
        elif first["stage"] == "before":
            self.parsed_before |= {line["id"]: line["parsed"] / line["n"] for line in lines}
        elif first["stage"] == "train":
            self.trained += 1
            self.kept, self.after = None, set()
            self.health.append(self._health(lines))
        else:
            self.after |= {line["id"] for line in lines}

    def _health(self, lines: list[dict[str, Json]]) -> Health:
        count = len(lines)
        return Health(
            step=lines[0]["step"],
            parsed=sum(line["parsed"] / line["n"] for line in lines) / count,
            parsed_before=sum(self.parsed_before[line["id"]] for line in lines) / count,
            entropy=sum(entropy([n for _, n in line["clusters"]]) for line in lines) / count,
            share=sum(line["share"] for line in lines) / count,
        )


def vote_line(stage: Stage, members_G: Sequence[Attempt], vote: Vote) -> dict[str, Json]:
    """Return the log line of one question's vote.

    Args:
        stage: The stage of the step.
        members_G: The question's attempts, all of one step.
        vote: Their vote.
    """
    first = members_G[0]
    rules = Counter(a.verdict.rule for a in members_G if a.verdict.rule)
    tokens = sum(len(a.completion.token_ids_T) for a in members_G)
    overflow = first.completion.overflow
    too_long = {} if overflow is None else {"too_long": [overflow.tokens, overflow.context]}
    return {
        "event": "vote",
        "stage": stage,
        "step": first.step,
        "policy": first.policy,
        "id": first.parent,
        "answer": vote.answer,
        "votes": vote.votes,
        "n": vote.n,
        "share": vote.share,
        "tie": vote.tie,
        "clusters": [list(cluster) for cluster in vote.clusters],
        "parsed": vote.parsed,
        "rules": dict(rules),
        "tokens": tokens,
        **too_long,
    }


def kept_line(step: int, kept: Kept) -> dict[str, Json]:
    """Return the log line of the end of a training."""
    return {"event": "kept", "step": step, **asdict(kept)}


def cut_off_line(step: int, answers: Iterable[Sequence[str]]) -> dict[str, Json]:
    """Return the log line of the comparisons that were cut off in a step."""
    return {"event": "cut_off", "step": step, "answers": [list(each) for each in answers]}


def _by_step(lines: Iterable[dict[str, Json]]) -> Iterator[list[dict[str, Json]]]:
    """Yield lines in runs that have the same step and event."""
    gathered: list[dict[str, Json]] = []
    for line in lines:
        if gathered and any(line[key] != gathered[0][key] for key in ("step", "event")):
            yield gathered
            gathered = []
        gathered.append(line)
    if gathered:
        yield gathered
