"""Fixtures that many tests share: a tiny random model that loads like any other."""

import json
import os
import signal
from pathlib import Path
from string import ascii_letters

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before torch is loaded

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tests._sandboxes import (
    backend,
    pytest_addoption,
    pytest_configure,
    pytest_generate_tests,
    sandbox,
    sandboxes,
)
from ttrl_cli.models.load import LoadedModel

__all__ = [
    "backend",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "sandbox",
    "sandboxes",
]

# what a shell starts in the background, or by nohup, ignores these, and so do its children
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


CHAT_TEMPLATE_END = ">"
"""With which every prompt ends."""


def make_tiny_model(
    folder: Path,
    *,
    chat_template: str | None = CHAT_TEMPLATE,
    head_dim: int = 8,
    context: int = 4096,
    layers: int = 2,
    tied: bool = False,
    draws: str = "",
    ends: bool = False,
) -> Path:
    """Write a random Llama over bytes, of two layers, with a tokenizer, as a folder.

    Args:
        folder: Where to write it.
        chat_template: The tokenizer's template.
        head_dim: Width of an attention head.
        context: The longest sequence.
        layers: How many layers.
        tied: Whether the embedding is the output layer as well.
        draws: The characters that the model draws, and no other token. Empty: any token.
        ends: Whether a model that draws some characters ends by itself, behind the first of them.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<end>", "<pad>", *letters])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<end>", pad_token="<pad>"
    )
    tokenizer.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=context,
        eos_token_id=0,
        pad_token_id=1,
        bos_token_id=None,
        initializer_range=0.2,
        tie_word_embeddings=tied,
    )
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = LlamaForCausalLM(config)
    if draws:
        _draw_only(model, [vocabulary[letter] for letter in draws])
        if ends:
            _may_end(model, behind=vocabulary[CHAT_TEMPLATE_END])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _draw_only(model: LlamaForCausalLM, tokens: list[int]) -> None:
    """Have a model draw some tokens alone: coordinate 0 is a constant that speaks against all."""
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 2.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        others = torch.ones(model.config.vocab_size, dtype=torch.bool)
        others[tokens] = False
        model.lm_head.weight[others, 0] = -100.0
        model.lm_head.weight[~others, 0] = 0.0


def _may_end(model: LlamaForCausalLM, *, behind: int) -> None:
    """Have a model that draws some tokens end by itself, but not right behind a token."""
    end = model.config.eos_token_id
    with torch.no_grad():
        # coordinate 1 is there for that token alone
        model.model.embed_tokens.weight[:, 1] = 0.0
        model.model.embed_tokens.weight[behind, 1] = 2.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[1] = 0.0
            layer.mlp.down_proj.weight[1] = 0.0
        model.lm_head.weight[:, 1] = 0.0
        # about one token in twenty
        model.lm_head.weight[end, :2] = torch.tensor([2.0, -100.0])


def random_adapter(model: LoadedModel, *, seed: int) -> None:
    """Give a model an adapter that changes something: B matrices of random numbers."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=rng))


FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "olmo2")
"""Families of models that tests make tiny ones of; the last is not built like Llama."""


def make_family(family: str, folder: Path) -> Path:
    """Write a tiny random model of a family, with random norms and biases, as a folder."""
    make_tiny_model(folder)
    raw = json.loads((folder / "config.json").read_text())
    kept = {k: v for k, v in raw.items() if k not in ("model_type", "architectures", "head_dim")}
    own = {"sliding_window": None} if family == "mistral" else {}
    rng = torch.Generator().manual_seed(3)
    with torch.random.fork_rng():
        config = AutoConfig.for_model(family, **kept, **own, head_dim=16)
        network = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            spread = 0.2 * torch.randn(parameter.shape, generator=rng)
            parameter.copy_(1 + spread if "norm" in name else spread)
    network.save_pretrained(folder)
    return folder


LONGEST = (
    *("test_parallel", "test_sharding", "test_resume", "test_verify", "test_learner"),
    *("test_self_check", "test_vote", "test_plugins", "test_grading", "test_cli"),
    *("test_problem_code", "test_library", "test_comparer", "test_sandbox", "test_solve"),
)
"""Files that take longest. With them first, no process of pytest-xdist is left with one at the end,
while the others have nothing more to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the files that take longest first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny matrices on shared cores: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model: two layers, 258 tokens, a chat template."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model that writes the digits 1 and 2 and nothing else.

    All its samples have an answer, and of a few samples some agree and some do not, whatever
    rounding makes of its random numbers.
    """
    return make_tiny_model(tmp_path_factory.mktemp("counting-model"), draws="12")


@pytest.fixture(scope="session")
def writing_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model that writes letters, at least one, and then may end."""
    folder = tmp_path_factory.mktemp("writing-model")
    return make_tiny_model(folder, draws=ascii_letters, ends=True)
