"""The result of a vote: one line per question, and the metrics of each pass.

Here, after the loop, is the only place that reads labels. Whether an answer is right is decided as
the vote decides which answers are one: by keys, then by the comparer.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ttrl_cli import seeding
from ttrl_cli.equivalence.math_verify import Compare
from ttrl_cli.questions import Question, Questions
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir, files
from ttrl_cli.voting.statistics import Tally, as_json, vote_metrics, wilson

Vote = Mapping[str, Json]
"""A line `vote` of the log."""
ANSWERS_FILE = "answers.jsonl"
SUMMARY_FILE = "summary.json"
CLUSTERS_SHOWN = 8
_COMPARED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """One question's vote, its classes marked by the label.

    Attributes:
        question: The question.
        vote: Its line of the log.
        right: Per class, whether it is equivalent to the label; None without a label.
    """

    question: Question
    vote: Vote
    right: tuple[bool, ...] | None


def write_results(
    run: RunDir,
    questions: Questions,
    compare: Compare,
    *,
    cut_off: Callable[[], int] = lambda: 0,
) -> None:
    """Write answers.jsonl and summary.json from what is committed.

    Args:
        run: The run.
        questions: Its questions.
        compare: Compares the answers with the labels.
        cut_off: Returns how many comparisons of the run were cut off, those with labels included.
    """
    votes = read_votes(run)
    trained = run.config.steps > 0
    before = marked(questions.questions, votes.before, compare)
    after = marked(questions.questions, votes.after, compare)
    # as long as nothing was learned, what the untrained model says is the answer
    final = after if after or votes.train else before
    files.write_lines(run.path / ANSWERS_FILE, [answer_line(m) for m in final])
    summary: dict[str, Json] = {
        "name": run.status.name,
        "asked": len(questions.questions),
        "bad": len(questions.bad),
    }
    if trained:
        summary |= {
            "training": _training(run, questions.questions, votes.train, compare),
            "before": _metrics(run, before),
            "after": _metrics(run, after) if after else None,
        }
    else:
        summary |= _metrics(run, before)
    summary["cut_off"] = cut_off()
    files.write_json(run.path / SUMMARY_FILE, summary)


def answers(run: RunDir) -> Iterator[dict[str, Json]]:
    """Yield the lines of answers.jsonl as they are printed."""
    path = run.path / ANSWERS_FILE
    if path.exists():
        for line in files.read_lines(path, path.stat().st_size):
            yield {key: value for key, value in line.items() if key != "schema_version"}


def read_summary(run: RunDir) -> dict[str, Json] | None:
    """Return the contents of summary.json; None before any result was written."""
    path = run.path / SUMMARY_FILE
    if not path.exists():
        return None
    summary: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))
    del summary["schema_version"]
    return summary


def marked(
    questions: Sequence[Question], votes: Mapping[str, Vote], compare: Compare
) -> list[Marked]:
    """Compare the votes with the labels; return those that exist, in the order of the questions."""
    voted = [(question, votes[question.id]) for question in questions if question.id in votes]
    return mark(voted, compare)


def answer_line(result: Marked) -> dict[str, Json]:
    """Return one line of output: our own keys, then the other fields of the question's record."""
    vote = result.vote
    own = {
        "id": result.question.id,
        "answer": vote["answer"],
        "votes": vote["votes"],
        "n": vote["n"],
        "share": vote["share"],
        "interval": list(wilson(vote["votes"], vote["n"])),
        "tie": vote["tie"],
        "clusters": vote["clusters"][:CLUSTERS_SHOWN],
        "parsed": vote["parsed"],
        "correct": None if result.right is None else result.right[:1] == (True,),
    }
    return {**own, **{k: v for k, v in result.question.extra.items() if k not in own}}


def mark(voted: Sequence[tuple[Question, Vote]], compare: Compare) -> list[Marked]:
    """Compare each vote's classes with its question's label."""
    found = []
    for start in range(0, len(voted), _COMPARED_AT_ONCE):
        some = voted[start : start + _COMPARED_AT_ONCE]
        pairs = [
            (question.answer, answer)
            for question, vote in some
            if question.answer is not None
            for answer, _ in vote["clusters"]
        ]
        verdicts = iter(compare(pairs))
        for question, vote in some:
            labelled = question.answer is not None
            right = tuple(next(verdicts) for _ in vote["clusters"]) if labelled else None
            found.append(Marked(question=question, vote=vote, right=right))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVotes:
    """The votes of a run: those of a pass by question id, of the newest final pass.

    A final pass is the newest one until another begins, so that an extension that is interrupted
    takes no answers away.

    Attributes:
        before: Those of the untrained model.
        train: Those of the training steps, in order.
        after: Those of the final pass.
    """

    before: dict[str, Vote]
    train: list[Vote]
    after: dict[str, Vote]


def read_votes(run: RunDir) -> RunVotes:
    """Read the votes of a run from what is committed."""
    found = RunVotes(before={}, train=[], after={})
    outdated = False
    for line in run.lines("votes.jsonl"):
        if line["event"] != "vote":
            continue
        if line["stage"] == "train":
            found.train.append(line)
            outdated = True
        elif line["stage"] == "before":
            found.before[line["id"]] = line
        else:
            if outdated:
                found.after.clear()
            outdated = False
            found.after[line["id"]] = line
    return found


def tallies(results: Sequence[Marked]) -> list[Tally]:
    """Return the counts of votes that the metrics need."""
    return [
        Tally(
            n=m.vote["n"],
            parsed=m.vote["parsed"],
            votes=tuple(votes for _, votes in m.vote["clusters"]),
            right=m.right,
            tokens=m.vote["tokens"],
        )
        for m in results
    ]


def _metrics(run: RunDir, results: Sequence[Marked]) -> dict[str, Json]:
    rng = seeding.report_rng(run.config.seed)
    too_long = sum("too_long" in result.vote for result in results)
    return {**as_json(vote_metrics(tallies(results), rng)), "too_long": too_long}


def _training(
    run: RunDir,
    questions: Sequence[Question],
    lines: Sequence[Vote],
    compare: Compare,
) -> dict[str, Json]:
    """Summarise the training, and how good its pseudo-labels were where there are labels."""
    by_id = {question.id: question for question in questions}
    results = mark([(by_id[line["id"]], line) for line in lines], compare)
    seen = _metrics(run, results)
    kept = [line for line in run.lines("votes.jsonl") if line["event"] == "kept"]
    min_share = run.vote_config.min_share
    return {
        "steps": len({line["step"] for line in lines}),
        "questions": len(lines),
        "unanimous": sum(line["votes"] == line["n"] for line in lines),
        "under_min_share": sum(line["share"] < min_share for line in lines),
        "tokens": seen["tokens"],
        "label_accuracy": seen["maj@n"],
        "reward_accuracy": seen["reward_accuracy"],
        "ended_by": kept[-1]["reason"] if kept else None,
        "why": kept[-1]["why"] if kept else "",
        "policy": kept[-1]["policy"] if kept else None,
    }
