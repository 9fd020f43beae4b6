"""A vote as the data of a page: its questions with their clusters, before, during and after."""

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean

from ttrl_cli.equivalence.math_verify import Compare
from ttrl_cli.errors import UsageError
from ttrl_cli.questions import Questions, load_prompt, load_questions, question_messages
from ttrl_cli.records import Json
from ttrl_cli.report.page.about import about, columns
from ttrl_cli.report.page.findings import health_sentences, signs_json, vote_sentences
from ttrl_cli.report.page.texts import Texts
from ttrl_cli.report.summary import summarise
from ttrl_cli.report.votes import (
    Marked,
    mark,
    marked,
    read_summary,
    read_votes,
    tallies,
)
from ttrl_cli.rundir import RunDir
from ttrl_cli.sampler.registry import is_replay
from ttrl_cli.voting.statistics import entropy

MOST_VALUES = 24
"""A field with more values than these divides the questions into nothing that can be looked at."""


def vote_run(
    run: RunDir, compare: Compare, by: str | None = None
) -> tuple[dict[str, Json], list[str]]:
    """Return the data of a vote, and its packed texts.

    Args:
        run: A run of `ttrl vote`.
        compare: Compares answers with labels.
        by: The field of the questions by whose values they are grouped first.

    Raises:
        UsageError: If the run is damaged, or no question has the field.
    """
    config = run.vote_config
    questions = load_questions(run.path / "questions.jsonl", skip_bad=True)
    fields = _fields(questions, by, run)
    votes = read_votes(run)
    by_id = {question.id: question for question in questions.questions}
    training = mark([(by_id[line["id"]], line) for line in votes.train], compare)
    metrics = columns(run.lines("metrics.jsonl"))
    attempts, texts, prompts = _texts(run, questions)
    said, seen = health_sentences(metrics, trained=config.train, replayed=is_replay(config.sampler))
    figures = read_summary(run)
    passes = {
        "before": {
            m.question.id: _vote(m) for m in marked(questions.questions, votes.before, compare)
        },
        "after": {
            m.question.id: _vote(m) for m in marked(questions.questions, votes.after, compare)
        },
    }
    data = {
        **about(run, summarise(run, None)),
        "figures": figures,
        "questions": [
            {
                "id": question.id,
                "text": question.question,
                "label": question.answer,
                "fields": {key: _value(question.extra.get(key)) for key in fields},
                "before": passes["before"].get(question.id),
                "after": passes["after"].get(question.id),
                "prompt": prompts[question.id],
            }
            for question in questions.questions
        ],
        "fields": fields,
        "by": by,
        "attempts": attempts,
        "metrics": metrics,
        "training": training_columns(training),
        "findings": vote_sentences(figures),
        "health": {"text": said, "signs": signs_json(seen)},
    }
    return data, texts.parts()


def training_columns(training: Sequence[Marked]) -> dict[str, list[Json]]:
    """Return the figures of each training step, as TTRL plots them.

    `label_accuracy` is the share of questions whose majority is right, `reward_accuracy` the share
    of samples whose pseudo-reward is the true one, `ground_truth` the share of samples that are
    right; all three over the questions with a label, None without any.
    """
    return columns(
        _training_step(step, list(of_step))
        for step, of_step in groupby(training, key=lambda one: one.vote["step"])
    )


def _training_step(step: int, results: Sequence[Marked]) -> dict[str, Json]:
    every = tallies(results)
    labelled = [tally for tally in every if tally.right is not None]
    samples = sum(tally.n for tally in labelled)
    return {
        "step": step,
        "label_accuracy": fmean(t.winner_right for t in labelled) if labelled else None,
        "reward_accuracy": sum(t.agreeing for t in labelled) / samples if labelled else None,
        "ground_truth": sum(t.correct for t in labelled) / samples if labelled else None,
        "majority": fmean(t.winner / t.n for t in every),
        "entropy": fmean(entropy(t.votes) for t in every),
        "length": sum(t.tokens for t in every) / sum(t.n for t in every),
    }


def _vote(result: Marked) -> dict[str, Json]:
    vote = result.vote
    return {
        "answer": vote["answer"],
        "n": vote["n"],
        "parsed": vote["parsed"],
        "clusters": vote["clusters"],
        "right": result.right,
        "tie": vote["tie"],
    }


def _texts(
    run: RunDir, questions: Questions
) -> tuple[dict[str, list[Json]], Texts, dict[str, int]]:
    """Pack the attempts' texts, then the questions' prompts; return columns, texts and numbers."""
    texts = Texts()
    place = {question.id: index for index, question in enumerate(questions.questions)}
    lines = []
    for attempt in run.lines("attempts.jsonl"):
        verdict = attempt["verdict"]
        texts.add(
            {
                "text": attempt["text"],
                "reason": verdict["reason"],
                "answer": verdict.get("answer"),
                "rule": verdict.get("rule"),
            }
        )
        lines.append(
            {
                "question": place.get(attempt["parent"], -1),
                "step": attempt["step"],
                "status": verdict["status"],
                "reward": verdict["reward"],
                "tokens": attempt["tokens"],
                "finished": attempt["finished"],
            }
        )
    prompt = load_prompt(run.path / "prompt.yaml")
    prompts = {}
    for question in questions.questions:
        messages = question_messages(question, prompt)
        turns = [{"role": one.role, "content": one.content} for one in messages]
        prompts[question.id] = texts.add({"messages": turns})
    return columns(lines), texts, prompts


def _fields(questions: Questions, by: str | None, run: RunDir) -> list[str]:
    """Return the fields by which the questions can be grouped, `by` among them.

    Raises:
        UsageError: If no question has `by`.
    """
    values: dict[str, set[str]] = {}
    for question in questions.questions:
        for key, value in question.extra.items():
            if value is None or isinstance(value, str | int | float | bool):
                values.setdefault(key, set()).add(_value(value))
    if by is not None and by not in values:
        known = ", ".join(values) or "none"
        msg = f"--by {by}: no question of {run.path} has this field; they have: {known}"
        raise UsageError(msg)
    few = [key for key, seen in values.items() if 1 < len(seen) <= MOST_VALUES]
    return few if by is None or by in few else [by, *few]


def _value(value: Json) -> str:
    return "none" if value is None else str(value)
