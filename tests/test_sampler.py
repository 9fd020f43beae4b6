"""Samplers: one contract for all of them, then what each promises beyond it.

What the transformers sampler reports is compared with plain forward passes over full sequences, one
sample at a time, of the same tiny random model.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests._helpers import DISTINCT, flags, read_lines, ttrl, write_problem
from tests._models import plain_logprobs, stopping
from tests._vllm import VLLM, vllm_engine, vllm_of, vllm_servers
from tests.conftest import FAMILIES, make_family, random_adapter
from ttrl_cli import seeding
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import DivergedError, SetupError, UsageError
from ttrl_cli.models.lean import weights as fused
from ttrl_cli.models.load import LoadedModel, load_model
from ttrl_cli.records import Adapter, Completion, Message, Prompt
from ttrl_cli.sampler import chunks, registry
from ttrl_cli.sampler.base import Sampler
from ttrl_cli.sampler.chunks import Bounds, Share, first_chunk
from ttrl_cli.sampler.decoding import packed
from ttrl_cli.sampler.draw import draw
from ttrl_cli.sampler.layout import BudgetForcing, LaidOut
from ttrl_cli.sampler.registry import SamplerContext
from ttrl_cli.sampler.replay import ReplaySampler
from ttrl_cli.sampler.transformers import TransformersSampler
from ttrl_cli.sampler.vllm_server import VllmServerSampler

__all__ = ["vllm_engine", "vllm_servers"]

MAX_TOKENS = 8
TEXTS = ("hello", "a question that is much longer than the first one", "why?")

Factory = Callable[[], Sampler]


def prompts(*sizes: int, texts: Sequence[str] = TEXTS) -> list[Prompt]:
    """Prompts of different lengths, `sizes` samples each."""
    return [
        Prompt(
            key=f"q{group}",
            group=group,
            messages=(Message(role="user", content=texts[group]),),
            n=n,
        )
        for group, n in enumerate(sizes)
    ]


def never() -> bool:
    """The stop that is never asked for."""
    return False


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    """The tiny model with a random adapter; about one token in ten ends a completion."""
    config = RunConfig(model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4)
    loaded = load_model(config)
    random_adapter(loaded, seed=1)
    return stopping(loaded, range(0, 258, 10))


@pytest.fixture(scope="module")
def endless(model: LoadedModel) -> LoadedModel:
    """The same weights, and no token ends a completion."""
    return stopping(model, ())


def sampler_of(model: LoadedModel, **options: Any) -> TransformersSampler:
    """A transformers sampler with the defaults of these tests."""
    return TransformersSampler(
        model, **{"max_tokens": MAX_TOKENS, "temperature": 1.0, "seed": 0, **options}
    )


def by_place(completions: Iterator[Completion]) -> dict[tuple[int, int], Completion]:
    """Completions by group and index."""
    return {(c.group, c.index): c for c in completions}


# the contract


NAMES = ("transformers", "replay", *(pytest.param(n, marks=VLLM) for n in ("vllm", "vllm-server")))


@pytest.fixture(params=NAMES)
def factory(
    request: pytest.FixtureRequest, tmp_path: Path, model: LoadedModel
) -> Iterator[Factory]:
    """Makes a sampler of each kind."""
    if request.param == "transformers":
        yield lambda: sampler_of(model)
    elif request.param == "vllm":
        engine, codec = request.getfixturevalue("vllm_engine")
        ending = replace(codec, stop_ids=frozenset(range(0, 258, 10)))
        yield lambda: vllm_of(engine, ending, max_tokens=MAX_TOKENS)
    elif request.param == "vllm-server":
        served = request.getfixturevalue("vllm_servers")
        ending = replace(served.codec, stop_ids=frozenset(range(0, 258, 10)))
        made = VllmServerSampler(
            served.urls, ending, max_tokens=MAX_TOKENS, temperature=1.0, seed=0
        )
        yield lambda: made
        made.close()
    else:
        path = tmp_path / "replay.jsonl"
        texts = ["plain", "lone surrogate \ud800", "ünïcode 数", ""]
        lines = [json.dumps({"text": text}) for text in texts]
        path.write_bytes("\n".join(lines).encode() + b'\n{"text": "bytes \xff\xfe"}\n')
        yield lambda: ReplaySampler(path)


def test_each_prompt_gets_its_completions(factory: Factory) -> None:
    """Every prompt gets n completions with the indices 0 to n - 1, under its own group."""
    found = list(factory().sample(prompts(3, 1, 4), step=1, stop=never))
    places = sorted((c.group, c.index) for c in found)
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]


def test_groups_need_not_start_at_zero(factory: Factory) -> None:
    """A completion's group is its prompt's, whatever the prompt's place in the list."""
    asked = [replace(p, group=g) for p, g in zip(prompts(1, 2), (7, 3), strict=True)]
    found = factory().sample(asked, step=1, stop=never)
    assert sorted((c.group, c.index) for c in found) == [(3, 0), (3, 1), (7, 0)]


def test_no_prompts_give_no_completions(factory: Factory) -> None:
    """Nothing asked, nothing sampled."""
    assert list(factory().sample([], step=1, stop=never)) == []


def test_prompts_without_room_say_so(factory: Factory) -> None:
    """A prompt longer than any context gets empty completions that name its length and it."""
    sampler = factory()
    if isinstance(sampler, ReplaySampler):
        pytest.skip("a script has no context")
    asked = prompts(2, 3, texts=["hello", "a" * 100_000])
    found = by_place(sampler.sample(asked, step=1, stop=never))
    assert [place for place, c in found.items() if c.overflow is None] != []
    for (group, _), completion in found.items():
        if group == 0:
            assert completion.overflow is None
            continue
        assert (completion.text, len(completion.token_ids_T), completion.finished) == ("", 0, False)
        assert completion.overflow is not None
        assert completion.overflow.tokens == len(completion.prompt_ids_S) > 100_000
        assert 0 < completion.overflow.context < 100_000
    assert len(found) == 5


def test_stop_at_once_samples_nothing(factory: Factory) -> None:
    """Where stop is true from the start, nothing is yielded."""
    assert list(factory().sample(prompts(3, 3), step=1, stop=lambda: True)) == []


def test_stop_ends_early(factory: Factory) -> None:
    """Once stop is true the iterator ends, without what was unfinished."""
    answers = iter([False] * 3 + [True] * 100)
    found = list(factory().sample(prompts(6, 6), step=1, stop=lambda: next(answers)))
    assert len(found) < 12
    assert next(answers, None) is True


def test_load_is_accepted_between_steps(factory: Factory) -> None:
    """A sampler takes a newer adapter, and samples as many completions after it."""
    sampler = factory()
    sampler.load(Adapter(policy=0))
    assert len(list(sampler.sample(prompts(2), step=1, stop=never))) == 2
    sampler.load(Adapter(policy=1))
    assert len(list(sampler.sample(prompts(2), step=2, stop=never))) == 2


def test_completions_are_consistent(factory: Factory) -> None:
    """Texts encode as UTF-8; tokens and log-probabilities have one length; logprob is their sum."""
    for completion in factory().sample(prompts(5, 5), step=1, stop=never):
        completion.text.encode("utf-8")
        tokens = len(completion.token_ids_T)
        assert completion.logprobs_T.shape == (tokens,)
        assert (completion.logprobs_T <= 0).all()
        if tokens:
            assert completion.logprob == pytest.approx(completion.logprobs_T.sum())
            assert len(completion.prompt_ids_S) > 0


# log-probabilities of the transformers sampler


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_logprobs_are_those_of_a_plain_forward(model: LoadedModel, temperature: float) -> None:
    """Log-probabilities equal log_softmax(logits / temperature) for prompts of unlike lengths."""
    sampler = sampler_of(model, temperature=temperature, max_tokens=24)
    for completion in sampler.sample(prompts(4, 3, 5), step=1, stop=never):
        expected = plain_logprobs(model.network, completion, temperature).detach().numpy()
        np.testing.assert_allclose(completion.logprobs_T, expected, atol=1e-4)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Tiny random models of several families with random adapters, biases and norms."""
    folder = make_family(request.param, tmp_path_factory.mktemp(request.param))
    loaded = load_model(RunConfig(model=str(folder), dtype="float32", device="cpu", lora_rank=4))
    random_adapter(loaded, seed=4)
    return stopping(loaded, range(0, 258, 10))


def test_families_are_decoded_as_their_own_forward_does(family: LoadedModel) -> None:
    """Whatever decodes a family, its log-probabilities are those of plain forward passes."""
    found = list(sampler_of(family, max_tokens=12).sample(prompts(4, 3, 5), step=1, stop=never))
    assert len({len(c.token_ids_T) for c in found}) > 2
    for completion in found:
        expected = plain_logprobs(family.network, completion, 1.0).detach().numpy()
        np.testing.assert_allclose(completion.logprobs_T, expected, atol=1e-4)


def test_other_families_decode_by_their_own_forward(family: LoadedModel) -> None:
    """A family with other norms than Llama's is not supported, nor is a head with a bias."""
    base = family.network.get_base_model()
    assert fused.supported(base) is (base.config.model_type != "olmo2")
    head = base.get_output_embeddings()
    head.bias = torch.nn.Parameter(torch.zeros(head.out_features))
    try:
        assert not fused.supported(base)
    finally:
        head.bias = None


def test_bfloat16_is_as_exact_as_the_models_own_forward(tiny_model: Path) -> None:
    """In bfloat16, decoded log-probabilities are off by at most twice what the model's own are.

    What is right is the model in float32, with the same weights.
    """
    loaded = {
        dtype: load_model(RunConfig(model=str(tiny_model), dtype=dtype, device="cpu", lora_rank=4))
        for dtype in ("bfloat16", "float32")
    }
    exact = loaded["float32"].network
    with torch.no_grad():
        for (name, rounded), (_, kept) in zip(
            loaded["bfloat16"].network.named_parameters(), exact.named_parameters(), strict=True
        ):
            if "lora_B" in name:
                rng = torch.Generator().manual_seed(len(name))
                rounded.copy_(0.1 * torch.randn(rounded.shape, generator=rng))
            kept.copy_(rounded)
    found = list(
        sampler_of(loaded["bfloat16"], max_tokens=20).sample(prompts(20), step=1, stop=never)
    )
    errors = []
    for logprobs in (
        [c.logprobs_T for c in found],
        [plain_logprobs(loaded["bfloat16"].network, c, 1.0).detach().numpy() for c in found],
    ):
        right = [plain_logprobs(loaded["float32"].network, c, 1.0).detach().numpy() for c in found]
        difference = np.concatenate(logprobs) - np.concatenate(right)
        errors.append(float(np.sqrt(np.mean(difference**2))))
    assert 0 < errors[0] < 2 * errors[1]


def test_logits_that_are_not_finite_are_refused(tiny_model: Path) -> None:
    """A model whose weights have become NaN ends the run with a message, not with garbage."""
    config = RunConfig(model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4)
    broken = load_model(config)
    with torch.no_grad():
        broken.network.get_base_model().model.norm.weight.fill_(torch.nan)
    with pytest.raises(DivergedError, match="not finite"):
        list(sampler_of(broken).sample(prompts(2), step=1, stop=never))


def test_a_fused_model_keeps_its_weights(tiny_model: Path) -> None:
    """Weights laid side by side are the same; those of one input lie in one piece, input first."""
    plain = AutoModelForCausalLM.from_pretrained(tiny_model)
    laid_out = AutoModelForCausalLM.from_pretrained(tiny_model)
    fused.fuse(laid_out)
    weights = dict(laid_out.named_parameters())
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, weights[name])
    attention = laid_out.model.layers[0].self_attn
    weights_of_qkv = [getattr(attention, f"{n}_proj").weight for n in "qkv"]
    assert len({weight.untyped_storage().data_ptr() for weight in weights_of_qkv}) == 1
    assert {weight.stride() for weight in weights_of_qkv} == {(1, 64)}  # 32 + 16 + 16 outputs


def test_an_adapter_that_adds_nothing_is_left_out(tiny_model: Path) -> None:
    """With B matrices of zero the lean decoder computes no adapter, and with others it does."""
    config = RunConfig(model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4)
    network = load_model(config).network
    linear = network.get_base_model().model.layers[1].mlp.down_proj
    assert fused.effective_factors([linear]) is None
    with torch.no_grad():
        linear.lora_B["default"].weight[3, 2] = 1e-6
    assert fused.effective_factors([linear]) is not None


@pytest.mark.parametrize(
    ("live", "rows", "source", "left"),
    [
        ([0, 1, 2, 3], [2, 2], [0, 1, 2, 3], [2, 2]),
        ([1, 2, 3], [2, 2], [1, 3, 2], [1, 2]),
        ([0, 4, 5], [3, 3], [0, 4, 5], [1, 2]),
        ([2, 5], [3, 0, 3], [2, 5], [1, 0, 1]),
        ([], [1, 1], [], [0, 0]),
    ],
)
def test_rows_of_a_prompt_stay_together(
    live: list[int], rows: list[int], source: list[int], left: list[int]
) -> None:
    """Rows that are left are packed prompt by prompt; those that can stay in place do."""
    assert packed(live, rows) == (source, left)


def test_long_completions_outgrow_the_first_buffer(endless: LoadedModel) -> None:
    """Log-probabilities are right on both sides of each growth of the cache, 64 and 128 tokens."""
    sampler = sampler_of(endless, max_tokens=140)
    found = list(sampler.sample(prompts(2, 1), step=1, stop=never))
    for completion in found:
        assert len(completion.token_ids_T) == 140
        expected = plain_logprobs(endless.network, completion, 1.0).detach().numpy()
        np.testing.assert_allclose(completion.logprobs_T, expected, atol=1e-4)


def test_prompts_are_the_chat_template(model: LoadedModel) -> None:
    """A prompt's ids are those of the conversation laid out for an answer."""
    (completion,) = sampler_of(model).sample(prompts(1), step=1, stop=never)
    assert model.codec.tokenizer.decode(completion.prompt_ids_S) == "<user>hello<end><assistant>"


def test_text_is_the_tokens_without_the_special_ones(endless: LoadedModel) -> None:
    """The text decodes the sampled ids; special tokens are in the ids and not in the text."""
    found = list(sampler_of(endless, max_tokens=20).sample(prompts(300), step=1, stop=never))
    special = endless.codec.tokenizer.all_special_ids
    assert any(np.isin(c.token_ids_T, special).any() for c in found)
    for completion in found:
        ordinary = completion.token_ids_T[~np.isin(completion.token_ids_T, special)]
        assert completion.text == endless.codec.tokenizer.decode(ordinary.tolist())


# what its draws depend on


def test_draws_do_not_depend_on_company(model: LoadedModel) -> None:
    """A prompt gets the same samples alone or beside others, with n = 2 or n = 5."""
    together = by_place(sampler_of(model).sample(prompts(5, 5, 5), step=4, stop=never))
    for group in range(3):
        alone = replace(prompts(2, 2, 2)[group], n=2)
        for place, completion in by_place(
            sampler_of(model).sample([alone], step=4, stop=never)
        ).items():
            beside = together[place]
            assert completion.seed == beside.seed
            assert completion.text == beside.text
            np.testing.assert_array_equal(completion.token_ids_T, beside.token_ids_T)
            np.testing.assert_allclose(completion.logprobs_T, beside.logprobs_T, atol=1e-4)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"step": 2}, {"group": 9}])
def test_draws_depend_on_seed_step_and_group(model: LoadedModel, changed: dict[str, int]) -> None:
    """Another seed, step or group gives other samples of the same prompt; the same gives equal."""
    place = {"seed": 0, "step": 1, "group": 0}

    def texts(at: dict[str, int]) -> list[str]:
        prompt = replace(prompts(4)[0], group=at["group"])
        sampler = sampler_of(model, seed=at["seed"])
        return [
            found.text
            for _, found in sorted(
                by_place(sampler.sample([prompt], step=at["step"], stop=never)).items()
            )
        ]

    assert texts(place) == texts(place)
    assert texts(place) != texts({**place, **changed})
    assert len(set(texts(place))) == 4


def test_a_completion_names_its_seed(model: LoadedModel) -> None:
    """The first token is the one that the recorded seed's first uniform number draws."""
    for completion in sampler_of(model).sample(prompts(3, 3), step=2, stop=never):
        assert completion.seed == seeding.sample_seed(0, 2, completion.group, completion.index)
        uniform = torch.tensor([seeding.generator(completion.seed).random()])
        ids = torch.tensor(completion.prompt_ids_S)[None]
        with torch.no_grad():
            token_B, _ = draw(model.network(input_ids=ids).logits[:, -1], uniform.double(), 1.0)
        assert token_B.item() == completion.token_ids_T[0]


@pytest.mark.parametrize("place", [0, 1])
def test_tokens_follow_the_model(endless: LoadedModel, place: int) -> None:
    """Over 2,000 samples a token's frequencies pass a chi-square test at one in 10,000.

    The first token comes from the prompt's own pass, the second is decoded.
    """
    asked = prompts(2000)
    found = list(sampler_of(endless, max_tokens=2).sample(asked, step=1, stop=never))
    counts = np.bincount([c.token_ids_T[place] for c in found], minlength=258)
    ids = torch.tensor(found[0].prompt_ids_S)[None]
    with torch.no_grad():
        p_V = endless.network(input_ids=ids).logits[0, -1].softmax(-1).double()
        if place == 1:  # over all first tokens
            longer = torch.cat([ids.expand(258, -1), torch.arange(258)[:, None]], 1)
            p_V = p_V @ endless.network(input_ids=longer).logits[:, -1].softmax(-1).double()
    p_V = p_V.numpy()
    common = p_V * 2000 >= 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = 2000 * np.append(p_V[common], p_V[~common].sum())
    chi_square = ((observed - expected) ** 2 / expected).sum()
    # the quantile by Wilson and Hilferty, z = 3.72
    degrees = len(observed) - 1
    assert chi_square < degrees * (1 - 2 / (9 * degrees) + 3.72 * (2 / (9 * degrees)) ** 0.5) ** 3


# drawing from a known distribution


def known_logits(vocabulary: int) -> tuple[torch.Tensor, np.ndarray]:
    """Logits [V] of a distribution in sixteenths on a few tokens, zero elsewhere, and it."""
    p_V = np.zeros(vocabulary)
    p_V[[3, 4, 250, vocabulary - 2]] = [1 / 16, 8 / 16, 3 / 16, 4 / 16]
    with np.errstate(divide="ignore"):
        return torch.tensor(np.log(p_V), dtype=torch.float32), p_V


@pytest.mark.parametrize("vocabulary", [256, 300, 1025])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draw_is_exact_on_a_grid(vocabulary: int, temperature: float) -> None:
    """On a grid of uniforms each token is drawn exactly as often as its probability says."""
    logits_V, p_V = known_logits(vocabulary)
    size = 1600
    uniform_B = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    token_B, logp_B = draw((logits_V * temperature).expand(size, -1), uniform_B, temperature)
    assert (np.bincount(token_B.numpy(), minlength=vocabulary) == size * p_V).all()
    assert (token_B.diff() >= 0).all()
    np.testing.assert_allclose(logp_B.numpy(), np.log(p_V[token_B.numpy()]), atol=1e-5)


@pytest.mark.parametrize("vocabulary", [256, 300, 1025])
def test_draw_never_takes_a_token_of_probability_zero(vocabulary: int) -> None:
    """The least and the greatest uniform number draw the first and last possible token."""
    logits_V, _ = known_logits(vocabulary)
    ends_B = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    token_B, _ = draw(logits_V.expand(2, -1), ends_B, 1.0)
    assert token_B.tolist() == [3, vocabulary - 2]


def test_draw_never_ends_in_an_empty_block() -> None:
    """The greatest uniform number stays among the possible tokens, whatever their sum rounds to."""
    rng = np.random.default_rng(8)
    logits_BV = torch.full((2000, 1025), -torch.inf)
    logits_BV[:, :9] = torch.tensor(rng.normal(scale=2, size=(2000, 9)), dtype=torch.float32)
    highest_B = torch.full((2000,), 1 - 2**-53, dtype=torch.float64)
    token_B, logp_B = draw(logits_BV, highest_B, 1.0)
    assert int(token_B.max()) < 9
    assert bool(logp_B.isfinite().all())


def test_draw_stays_inside_the_vocabulary() -> None:
    """Rounding at the end of a block's sum draws no padding and no token of probability zero."""
    rng = np.random.default_rng(4)
    logits_BV = torch.tensor(rng.normal(scale=20, size=(2000, 300)), dtype=torch.float32)
    logits_BV[:, 280:] = -torch.inf
    uniform_B = torch.full((2000,), 1 - 2**-53, dtype=torch.float64)
    token_B, logp_B = draw(logits_BV, uniform_B, 1.0)
    assert token_B.max() < 280
    assert logp_B.isfinite().all()


def test_draw_rows_are_their_own() -> None:
    """Each row is drawn from its own logits with its own uniform number."""
    logits_BV = torch.full((3, 300), -torch.inf)
    logits_BV[[0, 0, 1, 2], [5, 290, 280, 0]] = 0.0
    token_B, logp_B = draw(logits_BV, torch.tensor([0.75, 0.1, 0.9], dtype=torch.float64), 1.0)
    assert token_B.tolist() == [290, 280, 0]
    np.testing.assert_allclose(logp_B.numpy(), [np.log(0.5), 0, 0], atol=1e-6)


@pytest.mark.parametrize("place", [1, 299])
def test_draw_keeps_rare_tokens(place: int) -> None:
    """A token of probability 1e-9 is drawn at its place, beside a token of probability 1."""
    logits_V = torch.full((300,), -torch.inf)
    logits_V[[0, place]] = torch.tensor([0.0, np.log(1e-9)], dtype=torch.float32)
    uniform_B = 1 - torch.tensor([2e-9, 0.5e-9], dtype=torch.float64)
    token_B, logp_B = draw(logits_V.expand(2, -1), uniform_B, 1.0)
    assert token_B.tolist() == [0, place]
    assert logp_B[1].item() == pytest.approx(np.log(1e-9), rel=1e-5)


def test_draw_agrees_with_the_whole_distribution() -> None:
    """On random logits, blocks or not, a draw is the inverse of the cumulative distribution."""
    rng = np.random.default_rng(3)
    logits_BV = torch.tensor(rng.normal(scale=3, size=(500, 1000)), dtype=torch.float32)
    uniform_B = torch.tensor(rng.random(500))
    token_B, logp_B = draw(logits_BV, uniform_B, 1.3)
    logp_BV = (logits_BV / 1.3).log_softmax(-1)
    cdf_BV = logp_BV.double().exp().cumsum(-1)
    expected_B = (cdf_BV / cdf_BV[:, -1:] > uniform_B[:, None]).int().argmax(-1)
    assert torch.equal(token_B, expected_B)
    exact_BV = (logits_BV.double() / 1.3).log_softmax(-1)
    exact_B = exact_BV.gather(1, token_B[:, None])[:, 0].float()
    torch.testing.assert_close(logp_B, exact_B, rtol=1e-6, atol=1e-6)


# its batch of rows


def test_finished_rows_are_streamed_and_leave_the_batch(model: LoadedModel) -> None:
    """A completion of k tokens is yielded after k draws, and later passes run without its row."""
    draws = 0
    sizes: list[int] = []

    def count() -> bool:
        nonlocal draws
        draws += 1
        return False

    def note(_: Any, inputs: tuple[torch.Tensor]) -> None:
        if inputs[0].dim() == 1:  # one token a row; prompts have a row of tokens
            sizes.append(len(inputs[0]))

    hook = model.network.get_input_embeddings().register_forward_pre_hook(note)
    try:
        lengths = []
        for found in sampler_of(model, max_tokens=20).sample(prompts(4, 6), step=1, stop=count):
            assert len(found.token_ids_T) == draws
            lengths.append(len(found.token_ids_T))
    finally:
        hook.remove()
    assert len(set(lengths)) > 3
    assert sizes == [sum(n > t for n in lengths) for t in range(1, max(lengths))]


def test_finished_says_whether_the_end_was_reached(model: LoadedModel) -> None:
    """A completion that ends by itself is finished; one cut at max_tokens is not."""
    found = list(sampler_of(model, max_tokens=6).sample(prompts(12), step=1, stop=never))
    assert {c.finished for c in found} == {True, False}
    for completion in found:
        ends = [int(i) in model.codec.stop_ids for i in completion.token_ids_T]
        assert completion.finished is ends[-1]
        assert not any(ends[:-1])
        assert completion.finished or len(completion.token_ids_T) == 6


def test_many_prompts_are_sampled_in_chunks(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on rows of a batch changes no sample, even below the size of one group."""
    whole = by_place(sampler_of(model).sample(prompts(3, 2, 4), step=1, stop=never))
    monkeypatch.setattr(chunks, "_MAX_ROWS", 3)
    parts = by_place(sampler_of(model).sample(prompts(3, 2, 4), step=1, stop=never))
    assert {place: c.text for place, c in parts.items()} == {
        place: c.text for place, c in whole.items()
    }


def shares(*sizes: tuple[int, int]) -> list[Share]:
    """Prompts of so many tokens, with so many samples each."""
    laid_out = [
        LaidOut(prompt=prompt, ids_S=np.zeros(tokens, np.int64), room=10)
        for prompt, (tokens, _) in zip(prompts(*(n for _, n in sizes)), sizes, strict=True)
    ]
    return [Share(each, tuple(each.prompt.indices)) for each in laid_out]


@pytest.mark.parametrize(
    ("sizes", "tokens", "rows", "expected"),
    [
        # without bounds, all of a prompt and at most 256 rows
        ([(5, 4), (5, 4)], None, None, [[4, 4]]),
        ([(5, 200), (5, 100)], None, None, [[200], [100]]),
        ([(5, 300)], None, None, [[300]]),
        # ten tokens a row and five of each prompt: 95 have room for nine rows of one
        ([(5, 20)], 95, None, [[9], [9], [2]]),
        ([(5, 4), (5, 4)], 95, None, [[4, 4]]),
        ([(5, 4), (5, 8)], 95, None, [[4, 4], [4]]),
        # a prompt that leaves no room for a row of its own beside the first waits
        ([(5, 8), (30, 2)], 95, None, [[8], [2]]),
        # one row is taken where not one fits
        ([(500, 2)], 95, None, [[1], [1]]),
        ([(5, 3)], 3, None, [[1], [1], [1]]),
        # after halving
        ([(5, 4), (5, 4)], None, 3, [[3], [1, 2], [2]]),
        ([(5, 4)], 1000, 1, [[1], [1], [1], [1]]),
    ],
)
def test_rows_that_decode_together_fit(
    sizes: list[tuple[int, int]], tokens: int | None, rows: int | None, expected: list[list[int]]
) -> None:
    """Chunks hold what memory has room for, divide a prompt's samples if they must, lose none."""
    waiting = shares(*sizes)
    bounds = Bounds(own=10, tokens=tokens, rows=rows)
    found, seen = [], []
    while waiting:
        chunk, waiting = first_chunk(waiting, bounds)
        found.append([len(share.indices) for share in chunk])
        seen += [(s.laid_out.prompt.group, index) for s in chunk for index in s.indices]
    assert found == expected
    assert seen == [(g, index) for g, (_, n) in enumerate(sizes) for index in range(n)]


def same_texts(one: Iterator[Completion], other: Iterator[Completion]) -> bool:
    """Whether two samplers have drawn the same, in whatever order."""
    return {at: c.text for at, c in by_place(one).items()} == {
        at: c.text for at, c in by_place(other).items()
    }


@pytest.mark.parametrize("kv_tokens", [1, 60, 100])
def test_room_for_keys_and_values_changes_no_sample(model: LoadedModel, kv_tokens: int) -> None:
    """Rows decode as many at a time as there is room for, even one by one, with the same draws."""
    whole = sampler_of(model).sample(prompts(3, 2, 4), step=1, stop=never)
    parts = sampler_of(model, kv_tokens=kv_tokens).sample(prompts(3, 2, 4), step=1, stop=never)
    assert same_texts(whole, parts)


class Small(torch.nn.Module):
    """A device with room to decode so many rows at a time, in front of a model's embeddings.

    Args:
        embeddings: The model's own.
        rows: The room.
        spared: Tokens that are decoded before memory runs out.
    """

    def __init__(self, embeddings: torch.nn.Module, rows: int, spared: int) -> None:
        super().__init__()
        self.embeddings = embeddings
        self.weight = embeddings.weight
        self.rows = rows
        self.spared = spared

    def forward(self, ids: torch.Tensor) -> Any:
        """Embed, if there is room."""
        if ids.dim() == 1 and len(ids) > self.rows:  # prompts have a row of tokens
            self.spared -= 1
            if self.spared < 0:
                msg = "CUDA out of memory"
                raise torch.OutOfMemoryError(msg)
        return self.embeddings(ids)


def on_a_small_device(folder: Path, rows: int, spared: int = 0, **options: Any) -> LoadedModel:
    """The tiny model on a device with room to decode so many rows at a time."""
    config = RunConfig(model=str(folder), dtype="float32", device="cpu", lora_rank=4)
    loaded = load_model(config.model_copy(update=options))
    random_adapter(loaded, seed=1)
    base = loaded.network.get_base_model().model
    base.embed_tokens = Small(base.embed_tokens, rows, spared)
    return stopping(loaded, range(0, 258, 10))


@pytest.mark.parametrize(("room", "spared"), [(4, 0), (4, 3), (2, 5), (1, 0)])
def test_rows_are_halved_where_memory_runs_out(
    model: LoadedModel, tiny_model: Path, room: int, spared: int
) -> None:
    """What was not finished is drawn again, the same; it is said, and later steps begin halved."""
    answer = BudgetForcing(tokens=3, sentence="So:")
    whole, tight = (
        sampler_of(m, answer=answer) for m in (model, on_a_small_device(tiny_model, room, spared))
    )
    for step in (1, 2):
        asked = prompts(3, 2, 4)
        found = [list(sampler.sample(asked, step=step, stop=never)) for sampler in (whole, tight)]
        assert len(found[1]) == 9
        assert same_texts(iter(found[0]), iter(found[1]))
        assert whole.drawn == tight.drawn
        if step == 1:
            rows = {4: 4, 2: 2, 1: 1}[room]
            expected = f"out of memory: {rows} rows are now sampled at a time, half as many"
            assert tight.take_warning() == expected
    assert tight.take_warning() == whole.take_warning() == ""


def small_sampler(context: SamplerContext, argument: str) -> TransformersSampler:
    """A factory for the registry: its model's device has room for so many rows."""
    model, config = context.model(), context.config
    base = model.network.get_base_model().model
    base.embed_tokens = Small(base.embed_tokens, int(argument), 2)
    return sampler_of(model, max_tokens=config.max_tokens)


def test_a_run_says_that_it_halved_its_rows(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning, also when quiet, and the step has all of its attempts."""
    monkeypatch.setitem(registry.SAMPLERS, "few", "tests.test_sampler:small_sampler")
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    given = {"model": tiny_model, "dtype": "float32", "device": "cpu", "sampler": "few:9"}
    given |= {"groups": 2, "group-size": 8, "max-tokens": 12, "steps": 1, "kl": 0}
    given |= {"objective": "mean-baseline", "out": tmp_path / "run"}
    done = ttrl("solve", problem, "--quiet", "--no-train", *flags(given))
    assert done.code == 0, done.err
    assert done.err.count("out of memory: 8 rows are now sampled at a time, half as many") == 1
    assert len(read_lines(tmp_path / "run" / "attempts.jsonl")) == 16


def test_one_row_that_does_not_fit_ends_the_run(tiny_model: Path) -> None:
    """It cannot be halved; the error names the option."""
    sampler = sampler_of(on_a_small_device(tiny_model, 0))
    with pytest.raises(SetupError, match=r"one row was sampled alone.*--max-tokens"):
        list(sampler.sample(prompts(3), step=1, stop=never))


def test_stopping_ends_all_chunks(model: LoadedModel) -> None:
    """Once stopped, what is left is not begun."""
    sampler = sampler_of(model, kv_tokens=1)
    calls = iter([False] * 3 + [True] * 100)
    found = list(sampler.sample(prompts(3, 2, 4), step=1, stop=lambda: next(calls)))
    assert len(found) <= 3
    assert next(calls)


def test_completions_end_with_the_context(model: LoadedModel) -> None:
    """Completions get what the prompt leaves of the context; a prompt too long gets empty ones."""
    short, long = "a", "a" * 50
    asked = [
        Prompt(key=text, group=group, messages=(Message(role="user", content=text),), n=2)
        for group, text in enumerate((long, short))
    ]
    tokens = len(model.codec.encode(asked[1].messages))
    codec = replace(model.codec, max_context=tokens + 5, stop_ids=frozenset())
    narrow = replace(model, codec=codec)
    found = list(sampler_of(narrow, max_tokens=9).sample(asked, step=1, stop=never))
    lengths = {(c.group, c.index): len(c.token_ids_T) for c in found}
    assert lengths == {(0, 0): 0, (0, 1): 0, (1, 0): 5, (1, 1): 5}
    assert not any(c.finished for c in found)
    with pytest.raises(UsageError, match="the model's context is only"):
        list(sampler_of(narrow, max_tokens=9).sample(asked[:1], step=1, stop=never))


# models that do not load


@pytest.mark.parametrize("made", [False, True])
def test_an_unknown_path_is_refused(tmp_path: Path, *, made: bool) -> None:
    """A model path that is missing, or holds no model, is a SetupError that names it."""
    path = tmp_path / "nowhere"
    if made:
        path.mkdir()
    with pytest.raises(SetupError, match="nowhere"):
        load_model(RunConfig(model=str(path)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_is_refused(tiny_model: Path) -> None:
    """Asking for cuda where torch sees no GPU is a SetupError."""
    with pytest.raises(SetupError, match="--device cuda: torch sees no GPU"):
        load_model(RunConfig(model=str(tiny_model), device="cuda"))


# replay


def replay(folder: Path, *lines: dict[str, Any] | bytes) -> ReplaySampler:
    """A replay sampler of lines, dictionaries or raw bytes."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path = folder / "replay.jsonl"
    path.write_bytes(b"\n".join(raw) + b"\n")
    return ReplaySampler(path)


def texts(sampler: ReplaySampler, *sizes: int) -> list[str]:
    """What a sampler serves, in order."""
    return [c.text for c in sampler.sample(prompts(*sizes), step=1, stop=never)]


def test_keyed_lines_come_first_and_then_the_shared(tmp_path: Path) -> None:
    """A prompt gets its own lines in order, then shared ones; the shared start over at the end."""
    sampler = replay(
        tmp_path,
        {"text": "s1"},
        {"text": "q1 a", "key": "q1"},
        {"text": "q0 a", "key": "q0"},
        {"text": "s2"},
        {"text": "q0 b", "key": "q0"},
    )
    assert texts(sampler, 3, 3) == ["q0 a", "q0 b", "s1", "q1 a", "s2", "s1"]
    assert texts(sampler, 1, 1) == ["s2", "s1"]


def test_a_cursor_goes_on_where_it_was_taken(tmp_path: Path) -> None:
    """A second sampler that seeks a cursor, through JSON, serves what the first would have."""
    lines: list[dict[str, Any]] = [{"text": f"s{i}"} for i in range(3)]
    lines += [{"text": f"q0 {i}", "key": "q0"} for i in range(3)]
    first, second = replay(tmp_path, *lines), replay(tmp_path, *lines)
    texts(first, 2, 2)
    second.seek(json.loads(json.dumps(first.cursor())))
    assert texts(second, 3, 3) == texts(first, 3, 3) == ["q0 2", "s2", "s0", "s1", "s2", "s0"]


def test_a_prompt_that_finds_nothing_ends_the_run(tmp_path: Path) -> None:
    """Where a key is used up and no line is shared, a UsageError names the key."""
    sampler = replay(tmp_path, {"text": "a", "key": "q0"})
    with pytest.raises(UsageError, match="nothing left to replay for q0"):
        texts(sampler, 2)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "Expecting property name"),
        (b'{"key": "q0"}', "Field required"),
        (b'{"text": 3}', "valid string"),
        (b'{"text": "a", "extra": 1}', "Extra inputs"),
        (b'{"text": "a", "logprob": 0.5}', "less than or equal to 0"),
        (b'["a"]', "valid dictionary"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    """A malformed line is a UsageError with file, line number and reason; blank lines count."""
    with pytest.raises(UsageError, match=rf"replay\.jsonl:3: .*{why}"):
        replay(tmp_path, {"text": "fine"}, b"", line)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_replay_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file without lines is a UsageError."""
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"empty\.jsonl: no completions"):
        ReplaySampler(path)


def test_a_missing_replay_file_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read is a UsageError that names the option."""
    with pytest.raises(UsageError, match=r"--sampler replay:.*gone.*No such file"):
        ReplaySampler(tmp_path / "gone")


def test_replayed_completions_carry_their_logprob(tmp_path: Path) -> None:
    """A line's logprob is the completion's; without one it is unknown; there are no tokens."""
    sampler = replay(tmp_path, {"text": "a", "logprob": -3.5}, {"text": "b"})
    known, unknown = sampler.sample(prompts(2), step=1, stop=never)
    assert known.logprob == -3.5
    assert unknown.logprob is None
    for completion in (known, unknown):
        assert completion.seed is None
        assert completion.finished
        assert completion.token_ids_T.size == completion.logprobs_T.size == 0


def test_what_is_not_unicode_is_replaced(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 become U+FFFD, lone surrogates '?'; the rest of the line stays."""
    sampler = replay(tmp_path, b'{"text": "a\xffb"}', b'{"text": "a\\ud800b"}')
    assert texts(sampler, 2) == ["a\ufffdb", "a?b"]
