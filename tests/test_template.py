"""How models are asked: chat templates that refuse something, and models that have none."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests._helpers import command, read_lines, ttrl, write_lines, write_problem
from tests.conftest import CHAT_TEMPLATE, make_tiny_model
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.models.load import load_model
from ttrl_cli.models.tokenizer import Codec, load_codec
from ttrl_cli.records import Message, Prompt
from ttrl_cli.sampler.layout import Layout
from ttrl_cli.sampler.transformers import TransformersSampler

SYSTEM = Message(role="system", content="Be kind.")
USER = Message(role="user", content="Who?")
ANSWER = Message(role="assistant", content="Me.")
FOLDED = Message(role="user", content="Be kind.\n\nWho?")
WITHOUT_SYSTEM = {
    "refuses it": (
        "{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}" + CHAT_TEMPLATE
    ),
    "refuses it without a word": (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('') }}{% endif %}"
        + CHAT_TEMPLATE
    ),
    "wants turns to alternate": (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}" + CHAT_TEMPLATE
    ),
    "leaves it out": CHAT_TEMPLATE.replace("in messages", "in messages if m.role != 'system'"),
    "knows two roles": (
        "{% set names = {'user': 'user', 'assistant': 'assistant'} %}{% for m in messages %}"
        "<{{ names[m['role']] + '' }}>{{ m['content'] }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    ),
}
BROKEN = {
    "a syntax error": ("{% for m in messages %}", "Unexpected end of template"),
    "an error without a text": ("{{ raise_exception('') }}", "TemplateError"),
    "an error of several lines": ("{{ raise_exception('\n first\nsecond') }}", "first"),
    "an undefined name": ("{{ nobody.name }}", "'nobody' is undefined"),
    "a filter that is none": ("{{ messages | shout }}", "No filter named 'shout'"),
    "a sum of text and number": ("{{ messages[0]['content'] + 1 }}", "can only concatenate str"),
    "a division by zero": ("{{ 1 / 0 }}", "division by zero"),
    "a call of nothing": ("{{ none() }}", "'NoneType' object is not callable"),
    "a text that is always the same": ("<user>Hello<assistant>", "leaves out what the user asks"),
    "messages of several parts": (
        "{% for m in messages %}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endfor %}",
        "leaves out what the user asks",
    ),
}


def codec_of(folder: Path, template: str | None) -> Codec:
    """The words of a tiny model with a chat template."""
    return load_codec(str(make_tiny_model(folder / "model", chat_template=template)))


# -- templates that take no system message ---------------------------------------------------


@pytest.mark.parametrize("case", WITHOUT_SYSTEM)
def test_the_system_text_goes_before_the_users(tmp_path: Path, case: str):
    """Where a template takes no system message, its text stands before the user's first one."""
    codec = codec_of(tmp_path, WITHOUT_SYSTEM[case])
    asked = codec.raw(codec.encode([SYSTEM, USER, ANSWER, USER]))
    assert asked == "<user>Be kind.\n\nWho?<end><assistant>Me.<end><user>Who?<end><assistant>"
    assert "its text goes before the user's first message" in codec.template.note([SYSTEM, USER])
    assert codec.template.note([USER]) == ""


def test_a_template_that_takes_it_is_left_alone(tmp_path: Path):
    """A template with a system role gets the message as it is, and nothing is said."""
    codec = codec_of(tmp_path, CHAT_TEMPLATE)
    asked = codec.raw(codec.encode([SYSTEM, USER]))
    assert asked == "<system>Be kind.<end><user>Who?<end><assistant>"
    assert codec.template.note([SYSTEM, USER]) == ""


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_a_run_says_it_once(tmp_path: Path, kind: str):
    """A run on such a model works; it says so once, and in provenance.json."""
    model = make_tiny_model(tmp_path / "model", chat_template=WITHOUT_SYSTEM["refuses it"])
    options = ("--model", model, "--steps", 1, "--max-tokens", 4, "--groups", 1)
    if kind == "solve":
        problem = write_problem(tmp_path / "p", prompt={"system": "Be kind."})
        done = command(
            "solve", problem, "--out", tmp_path / "run", *options, "--group-size", 2, "--no-train"
        )
        assert done.code in (0, 4), done.err
    else:
        questions = write_lines(tmp_path / "q.jsonl", [{"question": "Who?"}])
        done = command(
            "vote", questions, "--system", "Be kind.", "--out", tmp_path / "run", *options, "--n", 2
        )
        assert done.code in (0, 4), done.err
    words = "takes no system message: its text goes before the user's first message"
    assert done.err.count(words) == 1
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert words in provenance["chat_template"]["note"]
    assert provenance["chat_template"]["plain"] is None


# -- templates that do not work --------------------------------------------------------------


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_template_is_refused(tmp_path: Path, case: str):
    """A template that fails on a question is the user's to know, in one sentence."""
    template, why = BROKEN[case]
    with pytest.raises(UsageError) as caught:
        codec_of(tmp_path, template)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"the chat template of model {tmp_path / 'model'} ")
    assert why in line


@pytest.mark.parametrize("case", ["a syntax error", "an error without a text"])
@pytest.mark.parametrize("kind", ["solve", "vote", "doctor"])
def test_commands_refuse_it_before_weights(tmp_path: Path, kind: str, case: str):
    """Every command ends with exit code 2, though there are no weights that could be loaded."""
    model = make_tiny_model(tmp_path / "model", chat_template=BROKEN[case][0])
    (model / "model.safetensors").unlink()
    problem = write_problem(tmp_path / "p")
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "Who?"}])
    out = ("--out", tmp_path / "run")
    arguments = {
        "solve": ["solve", problem, *out],
        "vote": ["vote", questions, *out],
        "doctor": ["doctor"],
    }[kind]
    done = ttrl(*arguments, "--model", model)
    assert done.code == 2
    assert "the chat template of model" in done.err
    assert not (tmp_path / "run").exists()


def test_worked_examples_that_a_template_refuses(tmp_path: Path):
    """A template for single questions refuses worked examples before weights are loaded."""
    template = "{% if messages | length > 1 %}{{ raise_exception('one turn only') }}{% endif %}"
    model = make_tiny_model(tmp_path / "model", chat_template=template + CHAT_TEMPLATE)
    (model / "model.safetensors").unlink()
    example = {"user": "a", "assistant": "b"}
    problem = write_problem(tmp_path / "p", prompt={"examples": [example]})
    done = ttrl("solve", problem, "--out", tmp_path / "run", "--model", model)
    assert done.code == 2
    assert "fails on a conversation of user, assistant, user: one turn only" in done.err


# -- models without a template ---------------------------------------------------------------


def test_a_base_model_is_asked_in_plain_text(tmp_path: Path):
    """Without a template, system text, worked examples and question are laid out as a text."""
    codec = codec_of(tmp_path, None)
    asked = codec.raw(codec.encode([SYSTEM, USER, ANSWER, Message(role="user", content=" Why?\n")]))
    assert asked == ("Be kind.\n\nQuestion: Who?\nSolution: Me.\n\nQuestion: Why?\nSolution:")
    assert codec.stop_texts == ("\nQuestion:",)
    assert "has no chat template: it is asked in plain text" in codec.template.note([USER])


def test_a_first_token_that_the_tokenizer_adds(tmp_path: Path):
    """A model that learned to see a first token sees it in front of the plain text."""
    folder = make_tiny_model(tmp_path, chat_template=None)
    raw = json.loads((folder / "tokenizer.json").read_text())
    raw["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<pad>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<pad>": {"id": "<pad>", "ids": [1], "tokens": ["<pad>"]}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(raw))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"bos_token": "<pad>"}))
    codec = load_codec(str(folder))
    assert codec.raw(codec.encode([USER])) == "<pad>Question: Who?\nSolution:"


def test_a_template_in_a_file_of_its_own(tmp_path: Path):
    """A folder's chat_template.jinja is used, with a byte order mark or without."""
    folder = make_tiny_model(tmp_path, chat_template=None)
    (folder / "chat_template.jinja").write_text("\ufeff" + CHAT_TEMPLATE, encoding="utf-8")
    codec = load_codec(str(folder))
    assert not codec.template.plain
    assert codec.raw(codec.encode([USER])) == "<user>Who?<end><assistant>"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" 12\n\nQuestion: Tom has 4 cars.\nSolution: 9", " 12\n"),
        (" 12 Question: is that so?", " 12 Question: is that so?"),
        (" 12\nQuestions: none", " 12\nQuestions: none"),
        (" 12", " 12"),
    ],
)
def test_a_text_ends_where_the_next_question_begins(tmp_path: Path, text: str, kept: str):
    """Of a completion that goes on with a question of its own, what stands before it is kept."""
    codec = codec_of(tmp_path, None)
    layout = Layout(codec=codec, max_tokens=99, answer=None, seed=0)
    (laid_out,), _ = layout.lay_out([Prompt(key="q", group=0, messages=(USER,), n=1)], 1)
    ids = codec.ids(text).tolist()
    made = layout.completion(
        laid_out, 0, seed=0, token_ids=ids, logprobs=[0.0] * len(ids), sampled=[True] * len(ids),
        finished=True,
    )  # fmt: skip
    assert made.text == kept
    ends = [codec.ends(ids[:length]) for length in range(1, len(ids) + 1)]
    assert any(ends) == ("\nQuestion:" in text)
    if any(ends):
        assert codec.decode(codec.ids(text)[: ends.index(True) + 1]).endswith("\nQuestion:")


def parrot(folder: Path, text: str) -> Path:
    """Write a base model that says the characters of a text, all different, over and over."""
    make_tiny_model(folder, chat_template=None)
    network = AutoModelForCausalLM.from_pretrained(folder)
    ids = load_codec(str(folder)).ids(text).tolist()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name:
                parameter.zero_()
        for place, (token, following) in enumerate(zip(ids, [*ids[1:], ids[0]], strict=True)):
            network.get_input_embeddings().weight[token, place] = 1.0
            network.get_output_embeddings().weight[following, place] = 100.0
    network.save_pretrained(folder)
    return folder


def test_sampling_ends_where_the_next_question_begins(tmp_path: Path):
    """The sampler ends a completion with the mark: what a model says behind it is not sampled."""
    folder = parrot(tmp_path, "\nQuestion:")
    model = load_model(RunConfig(model=str(folder), dtype="float32", device="cpu", lora_rank=4))
    sampler = TransformersSampler(model, max_tokens=40, temperature=1.0, seed=0)
    asked = Prompt(key="q", group=0, messages=(USER,), n=2)
    for completion in sampler.sample([asked], step=1, stop=lambda: False):
        assert completion.finished
        assert model.codec.decode(completion.token_ids_T) == "\nQuestion:"
        assert completion.text == ""


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_a_run_on_a_base_model(tmp_path: Path, kind: str):
    """A base model learns and is exported; the plain template is shown, kept and goes along."""
    model = make_tiny_model(tmp_path / "model", chat_template=None)
    options = ("--model", model, "--steps", 1, "--max-tokens", 4, "--groups", 1, "--lora-rank", 4)
    run = tmp_path / "run"
    if kind == "solve":
        problem = write_problem(tmp_path / "p")
        done = ttrl("solve", problem, "--out", run, *options, "--group-size", 2)
    else:
        questions = write_lines(tmp_path / "q.jsonl", [{"question": "Who?"}])
        done = ttrl("vote", questions, "--out", run, *options, "--n", 2)
    assert done.code in (0, 4), done.err
    assert done.err.count('it is asked in plain text, "Question: ..." and "Solution: ..."') == 1
    kept = json.loads((run / "provenance.json").read_text())["chat_template"]
    assert "Solution:" in kept["plain"]
    assert read_lines(run / "attempts.jsonl")
    if kind == "solve":
        assert ttrl("export", run, tmp_path / "adapter").code == 0
        assert (tmp_path / "adapter" / "chat_template.jinja").read_text() == kept["plain"]
