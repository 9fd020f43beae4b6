"""The learner on a tiny random model, against TRL's GRPO and against losses worked by hand.

What a test compares with never goes through the learner's own path: full sequences, one row at a
time or padded by TRL, through plain autograd.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer

from tests._gradients import gradients_of
from tests._helpers import DISTINCT, ttrl, write_problem
from tests._models import plain_logprobs
from tests.conftest import FAMILIES, make_family
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError
from ttrl_cli.learner.batch import group_rows, micro_batches
from ttrl_cli.learner.forward import forward
from ttrl_cli.learner.head import score
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.learner.shaping import mean_drift
from ttrl_cli.learner.shares import share
from ttrl_cli.models.lean import rows as lean_rows
from ttrl_cli.models.load import LoadedModel, load_model
from ttrl_cli.records import Adapter, Message, Prompt, Round, Row
from ttrl_cli.sampler import registry
from ttrl_cli.sampler.registry import SamplerContext
from ttrl_cli.sampler.transformers import TransformersSampler

TEMPERATURE = 0.7
CLIP = 0.2

# (prompt, tokens) of each row: uneven, three prompts in mixed order, completions of one token
UNEVEN = ((0, 5), (1, 1), (0, 12), (2, 7), (1, 3), (0, 1), (2, 7))
PROMPT_TOKENS = (9, 4, 17)

Tensors = dict[str, torch.Tensor]


def settings(path: Path, **options: Any) -> RunConfig:
    """A configuration for the tiny model; the gradient's norm is not clipped unless asked for."""
    defaults = {"kl": 0.0, "max_grad_norm": 1e9, "lr": 1e-2, "temperature": TEMPERATURE}
    return RunConfig(
        model=str(path),
        device="cpu",
        lora_rank=4,
        lora_alpha=8.0,
        **{"dtype": "float32", **defaults, **options},
    )


def learner_of(
    path: Path, *, noise: float = 0.02, **options: Any
) -> tuple[LoadedModel, LoraLearner]:
    """A freshly loaded model with a random adapter, the same each time, and its learner.

    `noise` is how far the adapter is from the one that `make_rows` samples with.
    """
    config = settings(path, **options)
    model = load_model(config)
    add_noise(model, seed=1, scale=0.1)
    add_noise(model, seed=2, scale=noise)
    return model, LoraLearner(model, config)


def add_noise(model: LoadedModel, *, seed: int, scale: float) -> None:
    """Move every LoRA matrix, the zero ones too."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter(model).values():
            parameter.add_(scale * torch.randn(parameter.shape, generator=rng))


def adapter(model: LoadedModel) -> Tensors:
    """The LoRA matrices by name, as they are in the model."""
    return {n: p for n, p in model.network.named_parameters() if "lora_" in n}


def first_gradient(model: LoadedModel, learner: LoraLearner) -> Tensors:
    """The gradient of a learner's first update: Adam's first moment is a tenth of it."""
    moments = learner._optimiser.state
    return {name: 10 * moments[p]["exp_avg"] for name, p in adapter(model).items()}


def copied(tensors: Tensors) -> Tensors:
    """Copies, detached."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def same(one: Tensors, other: Tensors) -> bool:
    """True where all tensors are bitwise equal."""
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def assert_close(one: Tensors, other: Tensors, tolerance: float = 1e-5) -> None:
    """All tensors agree to a share of their largest entry, or of 1 where that is less.

    Small entries of a gradient are sums of large terms: their float32 rounding is the terms', and
    differs from one kind of processor to the next.
    """
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        largest = max(1.0, float(other[name].abs().max()))
        torch.testing.assert_close(tensor, other[name], atol=tolerance * largest, rtol=0.0)


def plain_loss(network: Any, round_: Round, clip: float | None = None) -> torch.Tensor:
    """The round's loss, row by row."""
    loss = torch.zeros(())
    for row in round_.rows:
        ratio_T = (plain_logprobs(network, row, TEMPERATURE) - torch.tensor(row.logprobs_T)).exp()
        advantage_T = torch.tensor(row.advantages_T)
        gain_T = ratio_T * advantage_T
        if clip is not None:
            gain_T = torch.minimum(gain_T, ratio_T.clip(1 - clip, 1 + clip) * advantage_T)
        loss = loss - row.weight * gain_T.sum()
    return loss / round_.normalizer


def plain_gradients(model: LoadedModel, loss: torch.Tensor) -> Tensors:
    """Gradients of a loss with respect to the adapter, by name."""
    named = adapter(model)
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def make_rows(
    path: Path, layout: tuple[tuple[int, int], ...] = UNEVEN, *, per_token: bool = True
) -> tuple[Row, ...]:
    """Rows of random tokens whose log-probabilities come from the adapter before its noise."""
    model, _ = learner_of(path, noise=0.0)
    rng = np.random.default_rng(5)
    prompts = [rng.integers(2, 258, n) for n in PROMPT_TOKENS]
    rows = []
    for prompt, tokens in layout:
        advantage = rng.normal(size=tokens) if per_token else np.full(tokens, rng.normal())
        row = Row(
            prompt_ids_S=prompts[prompt],
            token_ids_T=rng.integers(2, 258, tokens),
            logprobs_T=np.zeros(tokens),
            advantages_T=advantage,
        )
        with torch.no_grad():
            logprobs_T = plain_logprobs(model.network, row, TEMPERATURE).double().numpy()
        rows.append(replace(row, logprobs_T=logprobs_T))
    return tuple(rows)


def make_round(rows: tuple[Row, ...], step: int = 1) -> Round:
    """A round over its number of completion tokens."""
    return Round(step=step, rows=rows, normalizer=float(sum(len(r.token_ids_T) for r in rows)))


@pytest.fixture(scope="module")
def uneven(tiny_model: Path) -> Round:
    """Seven rows of three prompts, advantages per token."""
    return make_round(make_rows(tiny_model))


@pytest.fixture(scope="module")
def even(tiny_model: Path) -> Round:
    """A full round: three prompts, two completions of eight tokens each, one advantage a row."""
    layout = tuple((prompt, 8) for prompt in (0, 0, 1, 1, 2, 2))
    return make_round(make_rows(tiny_model, layout, per_token=False))


# the oracle


def grpo(
    path: Path, folder: Path, round_: Round, *, epsilon: float, beta: float
) -> tuple[float, Tensors]:
    """Loss and gradients of TRL's GRPOTrainer on a model of its own with the adapter in `folder`.

    Its `dapo` loss is the sum over tokens over the number of tokens of the generation batch; in
    evaluation mode that is all there is to the normaliser.
    """
    base = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    network = PeftModel.from_pretrained(base, folder, is_trainable=True)
    trainer = GRPOTrainer(
        model=network,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=str(folder / "trl"),
            use_cpu=True,
            bf16=False,
            report_to="none",
            gradient_checkpointing=False,
            loss_type="dapo",
            beta=beta,
            epsilon=epsilon,
            temperature=TEMPERATURE,
            num_generations=2,
            per_device_train_batch_size=len(round_.rows),
        ),
        train_dataset=Dataset.from_dict({"prompt": ["a", "b"]}),
        processing_class=load_model(settings(path)).codec.tokenizer,
    )
    trainer.model.eval()
    inputs = grpo_inputs(round_)
    with torch.no_grad(), trainer.model.disable_adapter():
        base_logps = [plain_logprobs(trainer.model, row, TEMPERATURE) for row in round_.rows]
    inputs["ref_per_token_logps"] = torch.stack(base_logps)
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    named = trainer.model.named_parameters()
    return loss.item(), {n: p.grad for n, p in named if p.grad is not None}


def grpo_inputs(round_: Round) -> dict[str, torch.Tensor]:
    """A round as GRPOTrainer lays a batch out: prompts padded on the left, one advantage a row."""
    longest = max(len(row.prompt_ids_S) for row in round_.rows)
    pads = [longest - len(row.prompt_ids_S) for row in round_.rows]
    padded = [
        [1] * pad + row.prompt_ids_S.tolist() for pad, row in zip(pads, round_.rows, strict=True)
    ]
    return {
        "prompt_ids": torch.tensor(padded),
        "prompt_mask": torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads]),
        "completion_ids": torch.tensor(np.stack([row.token_ids_T for row in round_.rows])),
        "completion_mask": torch.ones(len(round_.rows), 8, dtype=torch.int64),
        "advantages": torch.tensor([row.advantages_T[0] for row in round_.rows]).float(),
        "old_per_token_logps": torch.tensor(
            np.stack([row.logprobs_T for row in round_.rows])
        ).float(),
        "num_items_in_batch": torch.tensor(round_.normalizer),
    }


@pytest.mark.parametrize(
    ("noise", "clip", "kl_loss"), [(0.02, None, 0.0), (0.1, CLIP, 0.0), (0.1, None, 0.7)]
)
def test_loss_and_gradients_equal_grpo(
    tiny_model: Path,
    tmp_path: Path,
    even: Round,
    noise: float,
    clip: float | None,
    kl_loss: float,
) -> None:
    """On a full round our loss and every gradient equal those of TRL's GRPOTrainer to 1e-5."""
    model, learner = learner_of(tiny_model, noise=noise, clip=clip, kl_loss=kl_loss)
    ratio = np.concatenate(
        [
            plain_logprobs(model.network, r, TEMPERATURE).detach().numpy() - r.logprobs_T
            for r in even.rows
        ]
    )
    assert np.abs(ratio).max() > 0.01
    if clip is not None:
        assert (np.exp(ratio) > 1 + clip).any()
        assert (np.exp(ratio) < 1 - clip).any()
    learner.save(tmp_path)
    epsilon = 1e9 if clip is None else clip
    loss, expected = grpo(tiny_model, tmp_path, even, epsilon=epsilon, beta=kl_loss)
    ours = gradients_of(model, learner, even)
    assert all(gradient.abs().max() > 1e-4 for gradient in expected.values())
    assert_close(ours, expected)
    report = learner.update(even)
    assert report.metrics["train/loss"] == pytest.approx(loss, abs=1e-5)


# the loss by hand


@pytest.mark.parametrize("budget", [1, 40, 8192])
@pytest.mark.parametrize("clip", [None, CLIP])
def test_uneven_rounds_equal_the_plain_computation(
    tiny_model: Path, uneven: Round, budget: int, clip: float | None
) -> None:
    """Loss and gradients on uneven rows equal full-sequence autograd for every micro-batch size."""
    model, learner = learner_of(tiny_model, noise=0.1, clip=clip, micro_batch_tokens=budget)
    loss = plain_loss(model.network, uneven, clip)
    assert_close(gradients_of(model, learner, uneven), plain_gradients(model, loss))
    metrics = learner.update(uneven).metrics
    assert metrics["train/loss"] == pytest.approx(loss.item(), abs=1e-5)
    assert metrics["train/tokens"] == 36
    assert metrics["train/rows"] == 7


@pytest.mark.parametrize("family", FAMILIES)
def test_families_learn_as_their_own_forward_does(
    tmp_path: Path, uneven: Round, family: str
) -> None:
    """Whatever runs a family, loss and gradients are those of autograd through its own forward."""
    folder = make_family(family, tmp_path)
    model, learner = learner_of(folder, noise=0.1, micro_batch_tokens=40)
    loss = plain_loss(model.network, uneven)
    expected = plain_gradients(model, loss)
    assert all(gradient.abs().max() > 0.1 for gradient in expected.values())
    assert_close(gradients_of(model, learner, uneven), expected)
    assert learner.update(uneven).metrics["train/loss"] == pytest.approx(loss.item(), abs=1e-5)


@pytest.mark.parametrize("family", ["llama", "qwen3", "olmo2"])
def test_activations_computed_again_give_the_same_gradients(
    tmp_path: Path, uneven: Round, family: str
) -> None:
    """With checkpointing gradients are the same, and less is kept for the backward pass.

    Bitwise the same in the lean forward. The model's own then runs prompts with each row, which is
    another order of sums; the base model's log-probabilities are those of the completions.
    """
    folder = make_family(family, tmp_path)
    found, kept, drift = [], [], []
    for checkpointing in (False, True):
        model, learner = learner_of(folder, noise=0.1, checkpointing=checkpointing, kl=0.1)
        sizes: list[int] = []

        def note(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            found.append(gradients_of(model, learner, uneven))
        kept.append(sum(sizes))
        drift.append(learner.update(uneven).metrics["train/kl_base"])
    assert_close(*found)
    assert same(*found) == (family != "olmo2")
    assert drift[0] == pytest.approx(drift[1], abs=1e-6)
    assert kept[1] < kept[0] / 2


@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
def test_every_row_has_one_process(uneven: Round, size: int) -> None:
    """Each row is one process's, also where there are more of those than rows."""
    parts = [share(uneven.rows, rank, size) for rank in range(size)]
    assert sorted(place for part in parts for place in part) == list(range(len(uneven.rows)))


def test_processes_have_about_as_many_tokens() -> None:
    """Of 5 rows of 10 tokens, two processes have 2 and 3; prompts are cut at one place at most."""
    row = make_plain_row(prompt=2, tokens=10)
    other = replace(row, prompt_ids_S=np.array([9, 9]))
    assert [share([row, other, row, other, row], rank, 2) for rank in (0, 1)] == [[0, 2], [4, 1, 3]]


def test_prompts_count_where_they_are_run_with_each_row() -> None:
    """Two short answers to a long prompt, 41 tokens each in all, weigh more than one of 12."""
    long, short = make_plain_row(prompt=2, tokens=1), make_plain_row(prompt=3, tokens=10)
    rows = [replace(long, prompt_ids_S=np.full(40, 2))] * 2 + [short]
    assert [share(rows, rank, 2) for rank in (0, 1)] == [[0, 1], [2]]
    assert [share(rows, rank, 2, with_prompts=True) for rank in (0, 1)] == [[0], [1, 2]]


def test_the_drift_is_that_of_all_samples() -> None:
    """A row that stands for three counts three times; forced tokens do not: (3 x 2 + 1 x 6) / 4."""
    row = make_plain_row(prompt=2, tokens=2)
    many = replace(row, reference_logprobs_T=np.array([-2.0, -50.0]), weight=3.0)
    one = replace(row, reference_logprobs_T=np.array([-6.0, -50.0]))
    mask_T = np.array([True, False])
    rows = tuple(replace(each, sampled_T=mask_T) for each in (many, one))
    assert mean_drift(rows) == pytest.approx(3.0)


def make_plain_row(*, prompt: int, tokens: int) -> Row:
    """A row of no consequence."""
    return Row(
        prompt_ids_S=np.full(2, prompt),
        token_ids_T=np.arange(tokens),
        logprobs_T=np.zeros(tokens),
        advantages_T=np.ones(tokens),
    )


class Small(torch.nn.Module):
    """A device with room for so many tokens at a time, in front of a model's embeddings."""

    def __init__(self, embeddings: torch.nn.Module, room: int) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.room = room

    def forward(self, ids: torch.Tensor) -> Any:
        """Embed, if there is room."""
        if ids.numel() > self.room:
            msg = "CUDA out of memory"
            raise torch.OutOfMemoryError(msg)
        return self.embeddings(ids)


def short_of_memory(path: Path, room: int, **options: Any) -> LoraLearner:
    """A learner with micro-batches of 80 tokens on a device with less room."""
    model, learner = learner_of(path, noise=0.1, micro_batch_tokens=80, **options)
    base = model.network.get_base_model().model
    base.embed_tokens = Small(base.embed_tokens, room)
    return learner


def test_out_of_memory_halves_the_micro_batch_once(tiny_model: Path, uneven: Round) -> None:
    """Half the micro-batch fits: the gradient is the same, it is said once, and it stays halved."""
    _, roomy = learner_of(tiny_model, noise=0.1, micro_batch_tokens=80)
    expected = roomy.update(uneven)
    tight = short_of_memory(tiny_model, 25)
    first, second = tight.update(uneven), tight.update(uneven)
    assert first.warning == "out of memory: micro-batches now have 40 tokens, half as many"
    assert second.warning == ""
    for key in ("train/loss", "train/grad_norm", "train/tokens"):
        assert first.metrics[key] == pytest.approx(expected.metrics[key], rel=1e-4)


def test_out_of_memory_in_the_base_models_pass(tiny_model: Path, uneven: Round) -> None:
    """The pass that the KL shaping needs comes first, and runs out of memory first."""
    _, roomy = learner_of(tiny_model, noise=0.1, micro_batch_tokens=80, kl=0.1)
    expected = roomy.update(uneven)
    found = short_of_memory(tiny_model, 25, kl=0.1).update(uneven)
    assert found.warning == "out of memory: micro-batches now have 40 tokens, half as many"
    for key in ("train/loss", "train/grad_norm", "train/kl_base"):
        assert found.metrics[key] == pytest.approx(expected.metrics[key], rel=1e-4)


def test_out_of_memory_twice_ends_the_run(tiny_model: Path, uneven: Round) -> None:
    """What does not fit in halves either is an error that names the options; no step is taken."""
    learner = short_of_memory(tiny_model, 5)
    before = copied(adapter(learner._model))
    with pytest.raises(SetupError, match=r"40 tokens, halved already.*--micro-batch-tokens"):
        learner.update(uneven)
    assert same(before, adapter(learner._model))


def on_a_small_device(context: SamplerContext, argument: str) -> TransformersSampler:
    """A factory for the registry: the model is on a device that has room for so many tokens."""
    model, config = context.model(), context.config
    base = model.network.get_base_model().model
    base.embed_tokens = Small(base.embed_tokens, int(argument))
    return TransformersSampler(model, max_tokens=config.max_tokens, temperature=1.0, seed=0)


def test_a_run_says_that_it_halved_its_micro_batches(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 rows of 13 tokens do not fit, half as many do: a warning, also when quiet, and exit 0."""
    monkeypatch.setitem(registry.SAMPLERS, "small", "tests.test_learner:on_a_small_device")
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    given = {"model": tiny_model, "dtype": "float32", "device": "cpu", "sampler": "small:700"}
    given |= {"groups": 1, "group-size": 64, "max-tokens": 12, "steps": 1, "kl": 0, "lr": 1e-3}
    given |= {"objective": "mean-baseline", "micro-batch-tokens": 25_000, "out": tmp_path / "run"}
    flat = [part for key, value in given.items() for part in (f"--{key}", value)]
    done = ttrl("solve", problem, "--quiet", *flat)
    assert done.code == 0, done.err
    assert "out of memory: micro-batches now have 12500 tokens, half as many" in done.err


@pytest.mark.parametrize("family", ["llama", "olmo2"])
def test_bfloat16_gradients_are_near_those_of_float32(
    tmp_path: Path, uneven: Round, family: str
) -> None:
    """In bfloat16 the gradient points where float32's does: their cosine is above 0.99."""
    folder = make_family(family, tmp_path)
    flat = []
    for dtype in ("float32", "bfloat16"):
        config = settings(folder, dtype=dtype)
        model = load_model(config)
        add_noise(model, seed=1, scale=0.1)
        found = gradients_of(model, LoraLearner(model, config), uneven)
        flat.append(torch.cat([found[name].float().flatten() for name in sorted(found)]))
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.99


def test_an_update_of_a_millionth_is_not_lost(tmp_path: Path, uneven: Round) -> None:
    """Beside bfloat16 weights, masters of about 0.1 move by 1e-6 an update, a 500th of its spacing.

    Adam's first step is the learning rate, whatever the gradient; and after 40 of them the factors
    that are computed with, rounded to bfloat16, are others.
    """
    folder = make_family("llama", tmp_path)
    model, learner = learner_of(folder, dtype="bfloat16", lr=1e-6)
    before = copied(adapter(model))
    learner.update(uneven)
    for name, after in adapter(model).items():
        moved = (after.detach() - before[name]).abs()
        assert after.dtype == torch.float32
        assert float(moved.quantile(0.1)) > 0.9e-6, name
        assert float(moved.max()) < 1.1e-6, name
    for step in range(2, 41):
        learner.update(replace(uneven, step=step))
    changed = [(p.bfloat16() != before[n].bfloat16()).sum() for n, p in adapter(model).items()]
    assert sum(changed) > 100


def test_gradients_of_factors_are_not_rounded(tmp_path: Path, uneven: Round) -> None:
    """Beside bfloat16 weights, gradients are float32 that bfloat16 cannot hold."""
    model, learner = learner_of(make_family("llama", tmp_path), dtype="bfloat16")
    for name, gradient in gradients_of(model, learner, uneven).items():
        assert gradient.dtype == torch.float32
        assert (gradient.bfloat16().float() != gradient).float().mean() > 0.9, name


def test_long_rows_attend_in_parts(tmp_path: Path) -> None:
    """Rows longer than what attends at a time have the gradients of plain autograd, too."""
    folder = make_family("llama", tmp_path)
    rows = make_rows(folder, ((1, lean_rows._QUERIES + 30), (1, 7)))
    model, learner = learner_of(folder, noise=0.1)
    expected = plain_gradients(model, plain_loss(model.network, make_round(rows)))
    assert_close(gradients_of(model, learner, make_round(rows)), expected)


@pytest.mark.parametrize("budget", [1, 40, 8192])
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_packed_rows_learn_as_their_own_forward_does(
    tmp_path: Path, uneven: Round, monkeypatch: pytest.MonkeyPatch, family: str, budget: int
) -> None:
    """Packed as on a GPU, rows with and without a shared prompt have the plain loss and gradients.

    With activation checkpointing, which computes the attention of packed rows twice.
    """
    monkeypatch.setattr(lean_rows, "_PADDED", frozenset())
    folder = make_family(family, tmp_path)
    alone = replace(uneven.rows[2], prompt_ids_S=np.array([77]))
    round_ = make_round((*uneven.rows, alone))
    model, learner = learner_of(folder, noise=0.1, micro_batch_tokens=budget, checkpointing=True)
    loss = plain_loss(model.network, round_)
    assert_close(gradients_of(model, learner, round_), plain_gradients(model, loss))
    assert learner.update(round_).metrics["train/loss"] == pytest.approx(loss.item(), abs=1e-5)


def plain_varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> torch.Tensor:
    """What PyTorch says that `varlen_attn` computes, row by row; its kernels are for GPUs."""
    assert (window_size, enable_gqa) == ((-1, 0), True)
    assert {cu_seq_q.dtype, cu_seq_k.dtype} == {torch.int32}
    assert (max_q, max_k) == (int(cu_seq_q.diff().max()), int(cu_seq_k.diff().max()))
    shared = query.shape[1] // key.shape[1]
    seen = []
    for q, k, v in zip(
        query.tensor_split(cu_seq_q[1:-1].long()),
        key.tensor_split(cu_seq_k[1:-1].long()),
        value.tensor_split(cu_seq_k[1:-1].long()),
        strict=True,
    ):
        k_heads, v_heads = (part.repeat_interleave(shared, 1) for part in (k, v))
        scores = scale * torch.einsum("qhd,khd->hqk", q, k_heads)
        later = torch.ones(scores.shape[1:], dtype=torch.bool).triu(len(k) - len(q) + 1)
        weights = scores.masked_fill(later, -torch.inf).softmax(-1)
        seen.append(torch.einsum("hqk,khd->qhd", weights, v_heads))
    return torch.cat(seen)


def test_packed_rows_attend_in_one_call(
    tmp_path: Path, uneven: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variable-length attention gets rows and prompts such that loss and gradients are plain."""
    monkeypatch.setattr(lean_rows, "_PADDED", frozenset())
    monkeypatch.setattr(lean_rows, "_has_varlen", lambda _: True)
    monkeypatch.setattr(lean_rows.varlen, "varlen_attn", plain_varlen)
    model, learner = learner_of(make_family("qwen3", tmp_path), noise=0.1)
    alone = replace(uneven.rows[2], prompt_ids_S=np.array([77]))
    round_ = make_round((*uneven.rows, alone))
    expected = plain_gradients(model, plain_loss(model.network, round_))
    assert_close(gradients_of(model, learner, round_), expected)


def test_packed_rows_have_no_padding(uneven: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of 12, 5 and 1 tokens behind 8 are 18 tokens from position 8 on, and 36 if padded."""
    group = group_rows(uneven.rows)[0]
    (batch,) = micro_batches(group, 8192)
    ids_BT, labels_BT = batch.input_ids_BT[:, :-1], batch.labels_BT[:, 1:]
    cpu = torch.device("cpu")
    assert len(lean_rows.lay_out(ids_BT, batch.lengths, 8, cpu, labels_BT).id_N) == 36
    monkeypatch.setattr(lean_rows, "_PADDED", frozenset())
    tokens = lean_rows.lay_out(ids_BT, batch.lengths, 8, cpu, labels_BT)
    rows = [uneven.rows[index] for index in batch.indices]
    led = [[row.prompt_ids_S[-1], *row.token_ids_T[:-1]] for row in rows]
    assert tokens.id_N.tolist() == [token for row in led for token in row]
    assert tokens.position_N.tolist() == [*range(8, 20), *range(8, 13), 8]
    assert tokens.scoring_K.tolist() == list(range(18))
    assert tokens.scored_K.tolist() == np.concatenate([row.token_ids_T for row in rows]).tolist()


def test_a_model_is_scored_at_one_temperature(tmp_path: Path, uneven: Round) -> None:
    """A model with TRL's head refuses a second temperature, which that head would not take up."""
    model, learner = learner_of(make_family("olmo2", tmp_path))
    gradients_of(model, learner, uneven)
    with pytest.raises(ValueError, match=f"scored at temperature {TEMPERATURE}, not 1"):
        forward(model, 1.0)


@pytest.mark.parametrize("tokens", [1, 128, 300])
@pytest.mark.parametrize("temperature", [0.6, 1.0])
def test_the_output_layer_scores_as_autograd_does(tokens: int, temperature: float) -> None:
    """Loss, log-probabilities, entropies and the gradient are those of autograd on all logits."""
    rng = torch.Generator().manual_seed(7)
    hidden = torch.randn(tokens, 16, generator=rng).requires_grad_()
    head = torch.randn(50, 16, generator=rng)
    token = torch.randint(50, (tokens,), generator=rng)
    factor = torch.randn(tokens, generator=rng)
    logp_NV = (hidden @ head.t() / temperature).log_softmax(-1)
    logp_N = logp_NV.gather(1, token[:, None])[:, 0]
    loss = (logp_N.exp() * factor).sum()
    (expected,) = torch.autograd.grad(3 * loss, hidden)
    scored = score(hidden, head, token, temperature, lambda x, here: (x.exp() * factor[here]).sum())
    (gradient,) = torch.autograd.grad(3 * scored.loss, hidden)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scored.loss, loss)
    torch.testing.assert_close(scored.logp_N, logp_N)
    torch.testing.assert_close(scored.entropy_N, -(logp_NV.exp() * logp_NV).sum(-1))
    assert score(hidden, head, token, temperature).loss == 0


def test_metrics_describe_the_round(tiny_model: Path, uneven: Round) -> None:
    """Ratio, entropy and gradient norm in the report equal those of a plain forward pass."""
    model, learner = learner_of(tiny_model, noise=0.1)
    weights = (1.0, 3.0, 1.0, 1.0, 0.5, 1.0, 1.0)
    rows = tuple(replace(r, weight=w) for r, w in zip(uneven.rows, weights, strict=True))
    round_ = make_round(rows)
    ratios, entropies, token_weights = [], [], []
    for row in rows:
        ids = torch.tensor(np.concatenate([row.prompt_ids_S, row.token_ids_T]))[None]
        with torch.no_grad():
            logits = model.network(input_ids=ids).logits[0, len(row.prompt_ids_S) - 1 : -1]
            logp_T = plain_logprobs(model.network, row, TEMPERATURE)
        entropies.append(torch.distributions.Categorical(logits=logits / TEMPERATURE).entropy())
        ratios.append(np.exp(logp_T.numpy() - row.logprobs_T))
        token_weights.append(np.full(len(row.token_ids_T), row.weight))
    loss = plain_loss(model.network, round_)
    gradients = plain_gradients(model, loss)
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
    weight = np.concatenate(token_weights)
    metrics = learner.update(round_).metrics
    assert metrics["train/ratio_max"] == pytest.approx(np.concatenate(ratios).max(), rel=1e-5)
    assert metrics["train/ratio_mean"] == pytest.approx(
        np.average(np.concatenate(ratios), weights=weight), rel=1e-5
    )
    assert metrics["train/entropy"] == pytest.approx(
        np.average(np.concatenate(entropies), weights=weight), rel=1e-5
    )
    assert metrics["train/grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert metrics["train/tokens"] == pytest.approx(weight.sum())
    assert metrics["train/lr"] == 1e-2


@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_a_weight_counts_samples(tiny_model: Path, uneven: Round, kl: float) -> None:
    """A row of weight 2 teaches what the same row twice teaches, KL shaping included."""
    first, *others = uneven.rows
    merged = replace(uneven, rows=(replace(first, weight=2.0), *others))
    twice = replace(uneven, rows=(first, *others, first))
    gradients, reports = [], []
    for round_ in (merged, twice):
        model, learner = learner_of(tiny_model, kl=kl)
        reports.append(learner.update(round_).metrics)
        gradients.append(first_gradient(model, learner))
    assert_close(*gradients)
    assert ("train/kl_base" in reports[0]) is (kl > 0)
    keys = {"train/loss", "train/kl_base", "train/tokens", "train/entropy"} & reports[0].keys()
    for key in keys:
        assert reports[0][key] == pytest.approx(reports[1][key], abs=1e-5)


def test_rows_that_teach_nothing_are_not_run(tiny_model: Path, uneven: Round) -> None:
    """Rows of weight 0, and without a KL loss of advantage 0, change nothing."""
    idle = [
        replace(uneven.rows[0], weight=0.0),
        replace(uneven.rows[2], advantages_T=np.zeros(12)),
        replace(uneven.rows[3], weight=0.0, advantages_T=np.zeros(7)),
    ]
    more = replace(uneven, rows=(*idle, *uneven.rows))
    model, learner = learner_of(tiny_model)
    assert_close(gradients_of(model, learner, more), gradients_of(model, learner, uneven))
    assert learner.update(more).metrics["train/tokens"] == 36
    before = copied(adapter(model))
    assert learner.update(replace(uneven, rows=tuple(idle))).metrics["train/updates"] == 0
    assert same(before, adapter(model))
    _, held = learner_of(tiny_model, kl_loss=0.5)
    assert held.update(more).metrics["train/tokens"] == 36 + 12


@pytest.mark.parametrize("rows", [1, 3])
def test_a_prompt_of_one_token_has_nothing_to_share(
    tiny_model: Path, uneven: Round, rows: int
) -> None:
    """Rows after a prompt of a single token have the gradients of the plain computation."""
    model, learner = learner_of(tiny_model, noise=0.1)
    prompt_ids_S = np.array([77])
    round_ = make_round(tuple(replace(r, prompt_ids_S=prompt_ids_S) for r in uneven.rows[:rows]))
    loss = plain_loss(model.network, round_)
    assert_close(gradients_of(model, learner, round_), plain_gradients(model, loss))


@pytest.mark.parametrize("budget", [1, 30, 60, 100])
def test_micro_batches_keep_to_the_budget(uneven: Round, budget: int) -> None:
    """No pass of several rows costs more than the budget, prefix included, and no row is lost."""
    for group in group_rows(uneven.rows):
        batches = list(micro_batches(group, budget))
        assert sorted(index for b in batches for index in b.indices) == sorted(group.indices)
        for batch in batches:
            rows, width = batch.input_ids_BT.shape
            assert rows == 1 or rows * (len(group.prefix_ids_S) + width) <= budget
    groups = [group.indices for group in group_rows(uneven.rows)]
    assert groups == [(2, 0, 5), (4, 1), (3, 6)]


def test_kl_shaping_measures_from_the_bare_model(tiny_model: Path, uneven: Round) -> None:
    """An update with KL shaping equals one on advantages shaped by hand, adapter disabled."""
    coefficient = 0.3
    model, learner = learner_of(tiny_model, kl=coefficient)
    with torch.no_grad(), model.network.disable_adapter():
        drift = [
            row.logprobs_T - plain_logprobs(model.network, row, TEMPERATURE).double().numpy()
            for row in uneven.rows
        ]
    mean = np.concatenate(drift).mean()
    assert np.concatenate(drift).std() > 0.1
    shaped = tuple(
        replace(row, advantages_T=row.advantages_T + coefficient * (mean - d_T))
        for row, d_T in zip(uneven.rows, drift, strict=True)
    )
    loss = plain_loss(model.network, replace(uneven, rows=shaped))
    expected = plain_gradients(model, loss)
    metrics = learner.update(uneven).metrics
    assert_close(first_gradient(model, learner), expected)
    assert metrics["train/loss"] == pytest.approx(loss.item(), abs=1e-5)
    assert metrics["train/kl_base"] == pytest.approx(mean, abs=1e-5)


# the step


def test_updates_are_adam_on_clipped_gradients(tiny_model: Path, uneven: Round) -> None:
    """Two updates equal Adam (0.9, 0.95, 1e-8), without decay, on gradients clipped to the norm."""
    lr, norm = 1e-2, 0.05
    model, learner = learner_of(tiny_model, lr=lr, max_grad_norm=norm)
    first = {n: torch.zeros_like(p) for n, p in adapter(model).items()}
    second = copied(first)
    expected = copied(adapter(model))
    for t in (1, 2):
        gradients = gradients_of(model, learner, uneven)
        total = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
        assert total > norm
        learner.update(replace(uneven, step=t))
        for name in expected:
            gradient = gradients[name] * norm / total
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.95 * second[name] + 0.05 * gradient**2
            scale = (second[name] / (1 - 0.95**t)).sqrt() + 1e-8
            expected[name] -= lr * first[name] / (1 - 0.9**t) / scale
        assert_close(copied(adapter(model)), expected)


@pytest.mark.parametrize("tokens", [1.0, 36.0])
def test_without_a_norm_adam_hides_the_scale_and_with_one_it_does_not(
    tiny_model: Path, uneven: Round, tokens: float
) -> None:
    """Two unclipped updates are the same for a mean over tokens and for their sum.

    Clipped to 0.05, the sum of the second round, which is ten times as large, is cut to the norm
    of the first's: the updates are others.
    """
    larger = tuple(replace(row, advantages_T=10 * row.advantages_T) for row in uneven.rows)
    moved = {}
    for norm in (None, 0.05):
        model, learner = learner_of(tiny_model, lr=1e-3, max_grad_norm=norm)
        for step, rows in enumerate((uneven.rows, larger), 1):
            learner.update(Round(step=step, rows=rows, normalizer=tokens))
        moved[norm] = copied(adapter(model))
    model, learner = learner_of(tiny_model, lr=1e-3, max_grad_norm=None)
    for step, rows in enumerate((uneven.rows, larger), 1):
        learner.update(Round(step=step, rows=rows, normalizer=18.0))
    assert_close(moved[None], copied(adapter(model)))
    gaps = [float((moved[None][n] - moved[0.05][n]).abs().max()) for n in moved[None]]
    assert max(gaps) > 1e-4


def test_an_update_raises_what_was_good(tiny_model: Path, uneven: Round) -> None:
    """A small step on a positive advantage makes the row's tokens likelier."""
    row = replace(uneven.rows[2], advantages_T=np.ones(12))
    model, learner = learner_of(tiny_model, lr=1e-3)
    before = plain_logprobs(model.network, row, TEMPERATURE).sum()
    learner.update(make_round((row,)))
    assert plain_logprobs(model.network, row, TEMPERATURE).sum() > before + 0.01


def test_base_weights_never_change(tiny_model: Path, uneven: Round) -> None:
    """Three large updates leave every base weight bitwise as it was and move every LoRA matrix."""
    model, learner = learner_of(tiny_model, lr=0.05, kl=0.1)
    before = copied(model.network.state_dict())
    for step in (1, 2, 3):
        learner.update(replace(uneven, step=step))
    for name, after in model.network.state_dict().items():
        assert torch.equal(after, before[name]) is ("lora_" not in name), name


def test_an_empty_round_takes_no_step(tiny_model: Path, uneven: Round) -> None:
    """An empty round leaves the weights alone, even with Adam in motion, and counts as a policy."""
    model, learner = learner_of(tiny_model, kl=0.1)
    learner.update(uneven)
    before = copied(adapter(model))
    report = learner.update(Round(step=2, rows=(), normalizer=1.0))
    assert same(adapter(model), before)
    assert learner.adapter == Adapter(policy=2)
    assert report.metrics["train/rows"] == 0
    assert "train/loss" not in report.metrics


@pytest.mark.parametrize("poison", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_refused(
    tiny_model: Path, uneven: Round, poison: float
) -> None:
    """A bad gradient raises, changes nothing, and leaves no trace in the next update."""
    model, learner = learner_of(tiny_model)
    clean, other = learner_of(tiny_model)
    before = copied(adapter(model))
    first = uneven.rows[0]
    bad = replace(first, advantages_T=np.full(len(first.token_ids_T), poison))
    with pytest.raises(FloatingPointError, match="left as they were"):
        learner.update(replace(uneven, rows=(bad, *uneven.rows[1:])))
    assert same(adapter(model), before)
    assert learner.adapter.policy == 0
    learner.update(uneven)
    other.update(uneven)
    assert same(adapter(model), adapter(clean))


# folders


def test_a_loaded_run_goes_on_bitwise(tiny_model: Path, tmp_path: Path, uneven: Round) -> None:
    """After save and load in a fresh model the next update is that of the run that never stopped.

    The fresh model has another adapter to begin with, and its optimiser has already moved.
    """
    second = replace(uneven, step=2, rows=uneven.rows[::-1])
    model, learner = learner_of(tiny_model, kl=0.1)
    learner.update(uneven)
    learner.save(tmp_path)
    learner.update(second)
    resumed, other = learner_of(tiny_model, noise=0.3, kl=0.1)
    other.update(make_round(uneven.rows[:2]))
    other.load(tmp_path, policy=1)
    assert other.adapter.policy == 1
    other.update(second)
    assert same(adapter(resumed), adapter(model))


def test_a_run_saved_before_its_first_update_can_be_loaded(
    tiny_model: Path, tmp_path: Path, uneven: Round
) -> None:
    """A folder without moments loads, and the first update is that of the run that saved it."""
    model, learner = learner_of(tiny_model)
    learner.save(tmp_path)
    learner.update(uneven)
    resumed, other = learner_of(tiny_model, noise=0.3)
    other.load(tmp_path, policy=0)
    other.update(uneven)
    assert same(adapter(resumed), adapter(model))


@pytest.mark.parametrize("used", [False, True])
def test_a_warm_start_brings_weights_and_a_fresh_optimiser(
    tiny_model: Path, tmp_path: Path, uneven: Round, *, used: bool
) -> None:
    """A warm start has the saved weights, but its next update is a first step of Adam."""
    model, learner = learner_of(tiny_model)
    learner.update(uneven)
    learner.save(tmp_path)
    saved = copied(adapter(model))
    warm, other = learner_of(tiny_model, noise=0.3)
    if used:
        other.update(uneven)
    other.warm_start(tmp_path)
    assert same(adapter(warm), saved)
    gradients = gradients_of(warm, other, uneven)
    other.update(uneven)
    stepped = {n: saved[n] - 1e-2 * g / (g.abs() + 1e-8) for n, g in gradients.items()}
    assert_close(copied(adapter(warm)), stepped)


def test_peft_loads_a_saved_adapter(tiny_model: Path, tmp_path: Path, uneven: Round) -> None:
    """The saved folder put onto the plain base model by peft gives the same logits."""
    model, learner = learner_of(tiny_model, lr=0.05)
    learner.update(uneven)
    learner.save(tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    ids = torch.tensor(uneven.rows[2].prompt_ids_S)[None]
    with torch.no_grad():
        bare = base(input_ids=ids).logits
        theirs = PeftModel.from_pretrained(base, tmp_path)(input_ids=ids).logits
        ours = model.network(input_ids=ids).logits
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=1e-5)
    assert (bare - ours).abs().max() > 0.1


# learner and sampler together


def test_the_sampler_draws_from_the_updated_weights(tiny_model: Path, uneven: Round) -> None:
    """After a large update sampled log-probabilities are the new weights', not the old ones'."""
    model, learner = learner_of(tiny_model, lr=0.05)
    sampler = TransformersSampler(model, max_tokens=12, temperature=TEMPERATURE, seed=3)
    prompt = Prompt(key="k", group=0, messages=(Message(role="user", content="hello"),), n=3)
    list(sampler.sample([prompt], step=1, stop=lambda: False))
    old = learner_of(tiny_model)[0]
    learner.update(uneven)
    sampler.load(learner.adapter)
    assert sampler.policy == 1
    for completion in sampler.sample([prompt], step=2, stop=lambda: False):
        row = Row(
            prompt_ids_S=completion.prompt_ids_S,
            token_ids_T=completion.token_ids_T,
            logprobs_T=completion.logprobs_T,
            advantages_T=np.ones(len(completion.token_ids_T)),
        )
        with torch.no_grad():
            fresh_T = plain_logprobs(model.network, row, TEMPERATURE).numpy()
            stale_T = plain_logprobs(old.network, row, TEMPERATURE).numpy()
        np.testing.assert_allclose(completion.logprobs_T, fresh_T, atol=1e-4)
        assert np.abs(completion.logprobs_T - stale_T).max() > 0.1


def test_sampled_rows_have_ratio_one(tiny_model: Path) -> None:
    """What the sampler just drew has importance ratios of 1 in the update that follows."""
    model, learner = learner_of(tiny_model)
    sampler = TransformersSampler(model, max_tokens=12, temperature=TEMPERATURE, seed=3)
    prompts = [
        Prompt(key=text, group=i, messages=(Message(role="user", content=text),), n=3)
        for i, text in enumerate(["hello", "a much longer question than the other"])
    ]
    rows = tuple(
        Row(
            prompt_ids_S=c.prompt_ids_S,
            token_ids_T=c.token_ids_T,
            logprobs_T=c.logprobs_T,
            advantages_T=np.ones(len(c.token_ids_T)),
        )
        for c in sampler.sample(prompts, step=1, stop=lambda: False)
    )
    metrics = learner.update(make_round(rows)).metrics
    assert metrics["train/ratio_max"] == pytest.approx(1, abs=1e-4)
    assert metrics["train/ratio_mean"] == pytest.approx(1, abs=1e-5)
    assert metrics["train/loss"] == pytest.approx(-1, abs=1e-5)
