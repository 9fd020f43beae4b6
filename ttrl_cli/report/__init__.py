"""From a run directory to summaries, metrics, digests and the history of the run."""

from ttrl_cli.report.history import (
    AttemptRow,
    History,
    Node,
    Point,
    StepRow,
    Texts,
    read_history,
    read_steps,
    read_texts,
)
from ttrl_cli.report.standing import Progress, Standing, problem_spec, read_standing
from ttrl_cli.report.summary import Best, Summary, digest, summarise
from ttrl_cli.report.vote_history import (
    Ballot,
    QuestionVotes,
    VoteHistory,
    VoteStep,
    read_vote_history,
)

__all__ = [
    "AttemptRow",
    "Ballot",
    "Best",
    "History",
    "Node",
    "Point",
    "Progress",
    "QuestionVotes",
    "Standing",
    "StepRow",
    "Summary",
    "Texts",
    "VoteHistory",
    "VoteStep",
    "digest",
    "problem_spec",
    "read_history",
    "read_standing",
    "read_steps",
    "read_texts",
    "read_vote_history",
    "summarise",
]
