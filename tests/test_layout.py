"""What prompts leave room for, and the second phase of completions that think for too long."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from tests._gradients import gradients_of
from tests._models import stopping
from tests.conftest import make_tiny_model, random_adapter
from ttrl_cli.completions import CHANNELS, Marks
from ttrl_cli.completions.marks import Tag
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.learner.batch import merge_identical
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import LoadedModel, load_model
from ttrl_cli.models.tokenizer import Codec, load_codec
from ttrl_cli.records import Completion, Message, Prompt, Round, Row
from ttrl_cli.sampler.layout import BudgetForcing, Layout
from ttrl_cli.sampler.transformers import TransformersSampler

ANSWER = BudgetForcing(tokens=6, sentence="So:")
FORCED = "\n\nSo:\n\n"


@pytest.fixture(scope="module")
def codec(tiny_model: Path) -> Codec:
    """A codec over bytes: a token is a byte."""
    return load_codec(str(tiny_model))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    """The tiny model with a random adapter; about one token in fifty ends a completion."""
    config = RunConfig(model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4)
    loaded = load_model(config)
    random_adapter(loaded, seed=1)
    return stopping(loaded, range(0, 258, 50))


def prompt(text: str = "hello", n: int = 4) -> Prompt:
    """A prompt of one message."""
    return Prompt(key="q", group=0, messages=(Message(role="user", content=text),), n=n)


def forced_tokens(codec: Codec, prompt_text: str, written: str) -> str:
    """What is forced behind a prompt and a beginning, as text."""
    return codec.raw(ANSWER.forced_tokens(codec, codec.ids(prompt_text), codec.ids(written)))


@pytest.mark.parametrize(
    ("asked", "written", "forced"),
    [
        ("<assistant>", "let me see", FORCED),
        ("<assistant>", "<think>let me see", "\n\nSo:\n</think>\n\n"),
        ("<assistant><think>", "let me see", "\n\nSo:\n</think>\n\n"),
        ("<assistant>", "<think>a</think>the answer", ""),
        ("<assistant><think>", "a</think>the answer", ""),
        ("<assistant>", "<think>a</think>hm<think>b", "\n\nSo:\n</think>\n\n"),
        ("<think>old</think><end><assistant>", "let me see", FORCED),
    ],
)
def test_a_sentence_ends_the_thinking(codec: Codec, asked: str, written: str, forced: str) -> None:
    """An open block is closed, a closed one left alone; without any the sentence stands alone."""
    assert forced_tokens(codec, asked, written) == forced


REASON = Tag(opening="[REASON]", closing="[/REASON]")
DELIBERATE = Tag(opening="<deliberate>", closing="</deliberate_at_length>")


@pytest.mark.parametrize(
    ("asked", "written", "forced"),
    [
        ("<assistant>", "let me see", FORCED),
        ("<assistant>", "[REASON]let me see", "\n\nSo:\n[/REASON]\n\n"),
        ("<assistant>[REASON]", "let me see", "\n\nSo:\n[/REASON]\n\n"),
        ("<assistant>", "<deliberate>a", "\n\nSo:\n</deliberate_at_length>\n\n"),
        ("<assistant>", "<think>let me see", "\n\nSo:\n</think>\n\n"),
        ("<assistant>", "[REASON]a[/REASON]the answer", ""),
        ("<assistant>[REASON]", "a[/REASON]the answer", ""),
        ("<assistant>", "[REASON]a[/REASON]hm<think>b", "\n\nSo:\n</think>\n\n"),
        ("<user>[REASON]?<end><assistant>", "let me see", FORCED),
    ],
)
def test_the_tag_that_is_open_is_closed(
    codec: Codec, asked: str, written: str, forced: str
) -> None:
    """What closes the thinking is the tag that belongs to the one that opened it."""
    marks = Marks(thinking=(REASON, DELIBERATE), turns=("<end>",))
    assert forced_tokens(replace(codec, marks=marks), asked, written) == forced


def test_a_model_that_speaks_harmony(tmp_path: Path) -> None:
    """Its analysis ends where its final channel begins."""
    folder = make_tiny_model(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": list(CHANNELS)})
    tokenizer.save_pretrained(folder)
    codec = load_codec(str(folder))
    final = "<|end|><|start|>assistant<|channel|>final<|message|>"
    thinking = "<|channel|>analysis<|message|>hm"
    assert forced_tokens(codec, "<assistant>", thinking) == f"\n\nSo:\n{final}\n\n"
    assert forced_tokens(codec, "<assistant>", f"{thinking}{final}7") == ""


def test_room_is_set_aside_for_the_longest_tag(codec: Codec) -> None:
    """Whichever tag the model opens, its closing one fits."""
    marks = Marks(thinking=(REASON, DELIBERATE))
    longest = len("\n\nSo:\n</deliberate_at_length>\n\n") + 6
    assert ANSWER.longest(replace(codec, marks=marks)) == longest


def test_the_second_phase_has_its_room_set_aside(codec: Codec) -> None:
    """Room is what the context leaves behind prompt, longest sentence and answer."""
    tokens = len(codec.encode(prompt().messages))
    longest = len("\n\nSo:\n</think>\n\n") + 6
    narrow = replace(codec, max_context=tokens + longest + 3)
    layout = Layout(codec=narrow, max_tokens=100, answer=ANSWER, seed=0)
    (fitting,), empty = layout.lay_out([prompt()], 1)
    assert fitting.room == 3
    assert empty == []


def test_a_prompt_without_room_for_an_answer_is_refused(codec: Codec) -> None:
    """Nothing could be sampled ever; the message says what the answer takes."""
    tokens = len(codec.encode(prompt().messages))
    narrow = replace(codec, max_context=tokens + 10)
    layout = Layout(codec=narrow, max_tokens=100, answer=ANSWER, seed=0)
    with pytest.raises(UsageError, match="22 are for the answer"):
        layout.lay_out([prompt()], 1)
    fitting, empty = layout.lay_out([prompt(n=3)], 2)
    assert fitting == []
    assert [(c.index, c.text, c.finished) for c in empty] == [(i, "", False) for i in range(3)]


def sample(model: LoadedModel, **options: Any) -> list[Completion]:
    """Sixty-four completions with a first phase of 20 tokens."""
    given = {"max_tokens": 20, "temperature": 1.0, "seed": 0, **options}
    sampler = TransformersSampler(model, **given)
    found = sampler.sample([prompt(n=64)], step=1, stop=lambda: False)
    return sorted(found, key=lambda completion: completion.index)


def test_cut_completions_are_made_to_answer(model: LoadedModel) -> None:
    """Twenty tokens, the sentence, at most six more; what ended before is as it would have been."""
    plain, found = sample(model), sample(model, answer=ANSWER)
    cut = 0
    for alone, completion in zip(plain, found, strict=True):
        if alone.finished:
            np.testing.assert_array_equal(completion.token_ids_T, alone.token_ids_T)
            assert completion.sampled_T is None
            continue
        cut += 1
        assert completion.sampled_T is not None
        end = 20 + len(FORCED)
        np.testing.assert_array_equal(completion.token_ids_T[:20], alone.token_ids_T)
        assert model.codec.raw(completion.token_ids_T[20:end]) == FORCED
        np.testing.assert_array_equal(np.flatnonzero(~completion.sampled_T), range(20, end))
        answered = completion.token_ids_T[end:]
        assert 1 <= len(answered) <= 6
        assert completion.finished == (int(answered[-1]) in model.codec.stop_ids)
    assert 0 < cut < 64


def test_an_answer_is_drawn_from_what_was_forced(model: LoadedModel) -> None:
    """Log-probabilities of both phases are those of a plain pass; forced tokens have 0."""
    completion = next(c for c in sample(model, answer=ANSWER) if c.sampled_T is not None)
    ids = np.concatenate([completion.prompt_ids_S, completion.token_ids_T])
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor(ids)[None]).logits[0]
    logp = logits[len(completion.prompt_ids_S) - 1 : -1].float().log_softmax(-1)
    expected = logp[range(len(completion.token_ids_T)), completion.token_ids_T].numpy()
    expected = np.where(completion.sampled_T, expected, 0.0)
    np.testing.assert_allclose(completion.logprobs_T, expected, atol=1e-4)
    assert completion.logprob == pytest.approx(expected.sum(), abs=1e-3)


# what is learned from them


def masked_rows() -> tuple[Row, ...]:
    """Rows of which some tokens were forced, in the middle and at the end."""
    rng = np.random.default_rng(7)
    rows = []
    for tokens, forced in ((9, slice(3, 6)), (5, slice(4, 5)), (7, slice(0, 0))):
        sampled_T = np.ones(tokens, dtype=bool)
        sampled_T[forced] = False
        rows.append(
            Row(
                prompt_ids_S=np.arange(2, 12),
                token_ids_T=rng.integers(2, 258, tokens),
                logprobs_T=np.where(sampled_T, -5.5 + 0.1 * rng.normal(size=tokens), 0.0),
                advantages_T=rng.normal(size=tokens),
                sampled_T=sampled_T,
            )
        )
    return tuple(rows)


@pytest.mark.parametrize("kl_loss", [0.0, 0.3])
def test_forced_tokens_have_no_loss(tiny_model: Path, kl_loss: float) -> None:
    """Gradients are those of the tokens that were drawn, each behind all that came before it."""
    config = RunConfig(
        model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4, kl=0.0, kl_loss=kl_loss
    )
    model = load_model(config)
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if "lora_" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    rows = masked_rows()
    loss = torch.zeros(())
    for row in rows:
        ids = torch.tensor(np.concatenate([row.prompt_ids_S, row.token_ids_T]))[None]
        first = len(row.prompt_ids_S) - 1
        token_T1 = torch.tensor(row.token_ids_T)[:, None]
        logp_T, base_T = (
            network(input_ids=ids).logits[0, first:-1].log_softmax(-1).gather(1, token_T1)[:, 0]
            for network in (model.network, _without_adapter(model))
        )
        ratio_T = (logp_T - torch.tensor(row.logprobs_T)).exp()
        drift_T = base_T.detach() - logp_T
        each_T = -ratio_T * torch.tensor(row.advantages_T)
        each_T = each_T + kl_loss * ratio_T * (drift_T.exp() - drift_T - 1)
        loss = loss + each_T[torch.tensor(row.sampled_T)].sum()
    named = [(n, p) for n, p in model.network.named_parameters() if p.requires_grad]
    expected = dict(
        zip([n for n, _ in named], torch.autograd.grad(loss, [p for _, p in named]), strict=True)
    )
    found = gradients_of(
        model, LoraLearner(model, config), Round(step=1, rows=rows, normalizer=1.0)
    )
    for name, gradient in found.items():
        scale = max(1.0, float(expected[name].abs().max()))
        torch.testing.assert_close(gradient, expected[name], atol=1e-5 * scale, rtol=0.0)


def _without_adapter(model: LoadedModel) -> Any:
    def run(**inputs: Any) -> Any:
        with model.network.disable_adapter(), torch.no_grad():
            return model.network(**inputs)

    return run


def test_what_the_forced_tokens_say_does_not_matter(tiny_model: Path) -> None:
    """Log-probabilities and advantages written beside forced tokens change nothing, nor the KL."""
    config = RunConfig(model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4, kl=0.1)
    reports = []
    for noise in (0.0, 3.0):
        model = load_model(config)
        rows = [
            replace(
                row,
                logprobs_T=np.where(row.sampled_T, row.logprobs_T, noise),
                advantages_T=np.where(row.sampled_T, row.advantages_T, -noise),
            )
            for row in masked_rows()
        ]
        report = LoraLearner(model, config).update(Round(step=1, rows=tuple(rows), normalizer=17.0))
        weights = [p.detach().clone() for p in model.network.parameters() if p.requires_grad]
        reports.append((report.metrics, weights))
    (first, weights), (second, others) = reports
    assert first["train/tokens"] == second["train/tokens"] == 17
    assert first["train/kl_base"] == second["train/kl_base"]
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))


def test_rows_that_differ_in_what_was_forced_are_not_merged() -> None:
    """The same tokens, drawn in one row and forced in the other, are two rows."""
    one = Row(
        prompt_ids_S=np.arange(3),
        token_ids_T=np.arange(4),
        logprobs_T=np.zeros(4),
        advantages_T=np.ones(4),
    )
    other = replace(one, sampled_T=np.array([True, False, True, True]))
    assert len(merge_identical([one, other, one])) == 2


# the chat template


@pytest.mark.parametrize(("thinking", "told"), [(None, "default"), (True, "on"), (False, "off")])
def test_the_chat_template_is_told_of_thinking(
    tmp_path: Path, thinking: bool | None, told: str
) -> None:
    """`thinking` reaches the template as `enable_thinking`, and nothing does without it."""
    template = (
        "{{ messages[0].content }}: {% if enable_thinking is not defined %}default"
        "{% elif enable_thinking %}on{% else %}off{% endif %}"
    )
    folder = make_tiny_model(tmp_path, chat_template=template)
    codec = load_codec(str(folder), thinking=thinking)
    assert codec.raw(codec.encode(prompt().messages)).endswith(f": {told}")


def test_the_marks_of_a_model(tmp_path: Path) -> None:
    """Tags and turns come from the template and the tokenizer; special tags stay in the text."""
    template = (
        "{% for m in messages %}<turn>{{ m.content }}{% endfor %}<turn>[REASON]"
        "{# the answer stands behind [/REASON] #}"
    )
    folder = make_tiny_model(tmp_path, chat_template=template)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<turn>", "[REASON]", "[/REASON]"]})
    tokenizer.save_pretrained(folder)
    codec = load_codec(str(folder))
    assert codec.marks == Marks(
        thinking=(Tag(opening="[REASON]", closing="[/REASON]"),), turns=("<turn>",), opened=True
    )
    assert codec.decode(codec.ids("a[/REASON]b<turn>c<end>")) == "a[/REASON]bc"


def test_a_template_that_marks_nothing(codec: Codec) -> None:
    """Its turns are known, and of thinking the families that everybody knows."""
    assert codec.marks == Marks(turns=("<end>",))
    assert not codec.kept_ids
