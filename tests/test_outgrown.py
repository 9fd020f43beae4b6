"""Prompts longer than the model's context: a warning each, a reason, and a count."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, read_lines, ttrl, write_lines, write_problem
from tests.conftest import make_tiny_model
from ttrl_cli.loop.outgrown import Outgrown, ungraded
from ttrl_cli.models.tokenizer import load_codec
from ttrl_cli.records import Message, Overflow, Prompt
from ttrl_cli.sampler.layout import BudgetForcing, Layout

LONG = Overflow(tokens=150, context=100)
CONTEXT = 120


def warned(outgrown: Outgrown, *keys: str) -> str:
    """What a step says in which these prompts left no room."""
    return outgrown.note(dict.fromkeys(keys, LONG))


def test_each_is_warned_of_once():
    """A question is named with both lengths when it is first asked, and not again."""
    outgrown = Outgrown("vote")
    assert warned(outgrown, "a") == (
        "question 'a' is too long: the prompt has 150 tokens; the model's context is 100; "
        "nothing was sampled"
    )
    assert warned(outgrown, "a") == ""
    assert warned(outgrown) == ""
    assert warned(outgrown, "a", "b").startswith("question 'b' is too long: ")


def test_several_are_one_line():
    """Those of one step share a line, which names five of them; parents are called parents."""
    outgrown = Outgrown("solve")
    kept = replace(LONG, reserved=20)
    found = {f"1.0.{i}": replace(kept, tokens=150 + i) for i in range(7)}
    assert outgrown.note(found) == (
        "7 parents are too long for the model's context of 100 tokens, of which 20 are for the "
        "answer: '1.0.0' (150 tokens), '1.0.1' (151 tokens), '1.0.2' (152 tokens), "
        "'1.0.3' (153 tokens), '1.0.4' (154 tokens) and 2 more; nothing was sampled"
    )


def test_many_are_few_lines():
    """Of 4,000 questions, one a step, a dozen lines are said, and none is left unsaid twice."""
    outgrown = Outgrown("vote")
    lines = [line for i in range(4000) if (line := warned(outgrown, str(i)))]
    # the first three, then whenever their number has doubled: 6, 12, ... 3072
    assert len(lines) == 3 + 10
    assert lines[3].startswith("3 questions are too long")
    assert lines[4].startswith("6 questions are too long")


def test_the_reason():
    """The verdict says both lengths, and is malformed: nothing was sampled that could be graded."""
    verdict = ungraded(Overflow(tokens=150, context=100, reserved=20))
    assert verdict.status.value == "malformed"
    assert verdict.reason == (
        "nothing was sampled: the prompt has 150 tokens; the model's context is 100, of which 20 "
        "are for the answer"
    )


def test_samplers_lay_out_what_others_follow(tiny_model: Path):
    """A prompt without room is refused at the first step only where no other prompts follow."""
    codec = replace(load_codec(str(tiny_model)), max_context=40)
    answer = BudgetForcing(tokens=6, sentence="So:")
    layout = Layout(codec=codec, max_tokens=9, answer=answer, seed=0)
    messages = (Message(role="user", content="x" * 60),)
    prompt = Prompt(key="q", group=3, messages=messages, n=2, others=True)
    fitting, empty = layout.lay_out([prompt], 1)
    assert fitting == []
    tokens = len("<user>") + 60 + len("<assistant>") + 1  # <end> is one
    expected = Overflow(tokens=tokens, context=40, reserved=answer.longest(codec))
    assert [(c.group, c.index, c.overflow) for c in empty] == [(3, 0, expected), (3, 1, expected)]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose context is 120 tokens, which are bytes."""
    return make_tiny_model(tmp_path_factory.mktemp("narrow"), context=CONTEXT)


def vote(folder: Path, model: Path, *options: object, sizes: dict[str, int]) -> Done:
    """Vote on questions of so many digits."""
    asked = [{"question": "1" * n, "id": key, "answer": 1} for key, n in sizes.items()]
    path = write_lines(folder / "q.jsonl", asked)
    given = ["--n", 2, "--steps", 0, "--max-tokens", 4, "--threads", 1, "--model", model]
    return ttrl("vote", path, *given, "--out", folder / "run", *options)


def test_a_vote_on_long_questions(tmp_path: Path, narrow: Path):
    """Each is warned of by id and lengths, has its own reason, and is counted."""
    sizes = {"first": 200, "short": 1, "second": 100}
    done = vote(tmp_path, narrow, "--groups", 1, "--last-number", sizes=sizes)
    lengths = {key: read_length(tmp_path, key) for key in ("first", "second")}
    assert lengths["first"] - lengths["second"] == 100
    for key, length in lengths.items():
        said = f"question '{key}' is too long: the prompt has {length} tokens; "
        assert done.err.count(f"{said}the model's context is {CONTEXT}") == 1
    found = read_lines(tmp_path / "run" / "attempts.jsonl")
    reasons = {a["parent"]: a["verdict"]["reason"] for a in found}
    assert reasons["first"] == (
        f"nothing was sampled: the prompt has {lengths['first']} tokens; "
        f"the model's context is {CONTEXT}"
    )
    assert "context" not in reasons["short"]
    assert [(a["tokens"], a["verdict"]["status"]) for a in found[:2]] == [(0, "malformed")] * 2
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (figures["questions"], figures["too_long"]) == (3, 2)
    assert rows(done.err)["too long"] == "2"
    assert rows(ttrl("show", tmp_path / "run").out)["too long"] == "2"
    shown = ttrl("show", tmp_path / "run", "--json").json
    assert (shown["too_long"], shown["figures"]["too_long"]) == (2, 2)


def read_length(folder: Path, key: str) -> int:
    """The length that the log of votes has of a question's prompt."""
    (line,) = [v for v in read_lines(folder / "run" / "votes.jsonl") if v["id"] == key]
    tokens, context = line["too_long"]
    assert context == CONTEXT
    return int(tokens)


def rows(text: str) -> dict[str, str]:
    """The rows of a summary for people, by name."""
    return {line[:18].strip(): line[18:].strip() for line in text.splitlines()}


def test_nothing_is_said_of_questions_that_fit(tmp_path: Path, narrow: Path):
    """A vote in which all fit says nothing of lengths, and its log has no key for them."""
    done = vote(tmp_path, narrow, sizes={"a": 1, "b": 2})
    assert "too long" not in done.err
    assert all("too_long" not in line for line in read_lines(tmp_path / "run" / "votes.jsonl"))


def test_a_file_of_long_questions_alone(tmp_path: Path, narrow: Path):
    """Where all questions of one round are the file, nothing could be sampled: exit code 2."""
    done = vote(tmp_path, narrow, sizes={"a": 200, "b": 150})
    assert done.code == 2
    assert f"the model's context is only {CONTEXT}" in done.err


GROWS = """
def verify(text):
    return text

def score(text):
    return {"value": len(text) + 1, "feedback": "1" * 4000}
"""


def test_a_parent_that_outgrows_the_context(tmp_path: Path, tiny_model: Path):
    """A search whose parents have become too long says which, why nothing came of it, and counts.

    The seed fits; what is made from it is shown with a feedback that does not.
    """
    template = tmp_path / "p" / "ask.md"
    template.parent.mkdir()
    template.write_text("{{ solution }}{% if before is not none %}{{ feedback * 3 }}{% endif %}")
    run: dict[str, Any] = {"groups": 1, "group_size": 2, "steps": 2, "workers": 1, "threads": 1}
    problem = write_problem(tmp_path / "p", GROWS, prompt={"template": "ask.md"}, run=run)
    options = ["--model", tiny_model, "--max-tokens", 4, "--no-train", "--out", tmp_path / "run"]
    done = ttrl("solve", problem, *options)
    assert done.code == 0, done.err
    second = read_lines(tmp_path / "run" / "attempts.jsonl")[2]
    parent = second["parent"]
    assert parent.startswith("1.0.")
    assert f"parent {parent!r} is too long: the prompt has " in done.err
    assert second["verdict"]["reason"].startswith("nothing was sampled: the prompt has ")
    assert second["verdict"]["reason"].endswith("the model's context is 4096")
    assert "  too long     1 prompt left no room in the model's context\n" in done.out
    assert ttrl("show", tmp_path / "run", "--json").json["too_long"] == 1
