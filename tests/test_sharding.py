"""Base weights divided among two processes, on the CPU: the same updates, half of the weights."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

from tests import _divided
from tests._helpers import (
    DISTINCT,
    PATIENCE,
    SCRIPT,
    command,
    flags,
    kill_the_other,
    read_lines,
    spawn,
    spawn_module,
    ttrl,
    wait,
    write_problem,
)
from tests.conftest import make_tiny_model, random_adapter
from ttrl_cli.api.accelerate_config import with_accelerate_file
from ttrl_cli.api.launch import Launcher
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.learner.lora import OPTIMISER_FILE, LoraLearner
from ttrl_cli.learner.passes import unshared
from ttrl_cli.models.load import load_model
from ttrl_cli.models.shape import read_shape
from ttrl_cli.models.sharding import GATHERED
from ttrl_cli.process_group import CPU_VARIABLE, SAYS_READY, host_store, told_of_cpu

ROOT = Path(__file__).parents[1]
FSDP: dict[str, Any] = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "FSDP",
    "fsdp_config": {"fsdp_version": 2, "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP"},
    "machine_rank": 0,
    "main_training_function": "main",
    "mixed_precision": "no",
    "num_machines": 1,
    "num_processes": 2,
    "rdzv_backend": "static",
    "same_network": True,
    "use_cpu": True,
}


DEEPSPEED: dict[str, Any] = {
    **{key: value for key, value in FSDP.items() if key != "fsdp_config"},
    "distributed_type": "DEEPSPEED",
    "deepspeed_config": {"zero_stage": 3, "zero3_init_flag": True},
}


def write_accelerate(path: Path, **changed: Any) -> str:
    """Write a configuration file of accelerate's; fsdp_config is added to."""
    own = FSDP["fsdp_config"] | changed.pop("fsdp_config", {})
    path.write_text(yaml.safe_dump(FSDP | {"fsdp_config": own} | changed))
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that asks for weights in two parts."""
    return write_accelerate(tmp_path / "fsdp.yaml")


def two_processes(out: Path, model: Path, **options: object) -> list[Any]:
    """What two processes say that learn together."""
    out.mkdir()
    # the store in which they meet is ours: a port that is free now may be taken when they start
    store = host_store()
    given = {"MASTER_ADDR": store.host, "MASTER_PORT": str(store.port), "WORLD_SIZE": "2"}
    given |= {CPU_VARIABLE: "true", SAYS_READY: "1"}
    started = [
        spawn_module(
            *("tests._divided", out, model, json.dumps(options)),
            **given,
            RANK=str(rank),
            LOCAL_RANK=str(rank),
        )
        for rank in range(2)
    ]
    done = [wait(process) for process in started]
    assert [each.code for each in done] == [0, 0], [each.err for each in done]
    return [json.loads((out / f"told-{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def deep_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of more layers than are whole at a time; its two ends are one."""
    return make_tiny_model(tmp_path_factory.mktemp("deep-model"), layers=7, tied=True)


@pytest.mark.parametrize("again", [False, True])
def test_an_update_is_that_of_undivided_weights(
    tmp_path: Path, deep_model: Path, again: bool
) -> None:
    """Gradients, probes and KL against the base model to 1e-4; half of the layers each.

    No more than three layers are whole at a time, and none when all is done.
    """
    loaded = load_model(_divided.learner_config(deep_model))
    random_adapter(loaded, seed=1)
    alone = LoraLearner(loaded, _divided.learner_config(deep_model))
    expected = alone.update(_divided.round_())
    (logp_T,) = alone.logprobs([_divided.probe()])
    (tmp_path / "one").mkdir()
    alone.save(tmp_path / "one")

    first, second = two_processes(tmp_path / "two", deep_model, checkpointing=again, fsdp=True)

    ours, theirs = (load_file(tmp_path / name / OPTIMISER_FILE) for name in ("two", "one"))
    assert ours.keys() == theirs.keys()
    means = [key for key in ours if key.endswith("exp_avg")]
    assert means
    for key in means:  # a tenth of the gradient, after one step
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-6)
    for key in ("train/loss", "train/grad_norm", "train/kl_base", "train/tokens", "train/entropy"):
        assert first["metrics"][key] == pytest.approx(expected.metrics[key], rel=1e-4), key
    np.testing.assert_allclose(first["logp_T"], logp_T, atol=1e-4)
    assert first["logp_T"] == second["logp_T"]
    # all but the layers' linear maps and the norms is whole in both
    shape = read_shape(str(deep_model))
    every = shape.parameters + 4 * shape.adapter_per_rank
    norms = (2 * shape.layers + 1) * shape.hidden
    layer = shape.linear // shape.layers
    for told in (first, second):
        shared = 2 * (every - told["held"])
        assert shape.linear <= shared <= shape.linear + norms
        assert layer // 4 < told["most"] - told["held"] <= GATHERED * layer + norms


def test_divided_weights_in_bfloat16(tmp_path: Path, deep_model: Path) -> None:
    """They score as whole ones do, but for rounding; what turns positions stays float32."""
    # Adam would make steps of gradients that differ by rounding
    given = {"dtype": "bfloat16", "checkpointing": True, "lr": 1e-6}
    loaded = load_model(_divided.learner_config(deep_model, **given))
    random_adapter(loaded, seed=1)
    alone = LoraLearner(loaded, _divided.learner_config(deep_model, **given))
    alone.update(_divided.round_())
    (logp_T,) = alone.logprobs([_divided.probe()])
    for told in two_processes(tmp_path / "two", deep_model, **given, fsdp=True):
        np.testing.assert_allclose(told["logp_T"], logp_T, atol=0.1)
        assert told["buffers"] == ["torch.float32"]


def test_a_whole_row_is_the_same_row() -> None:
    """Prompt and completion stay in order; the prompt is forced; the first token leads."""
    (row, *_) = _divided.round_().rows
    found = unshared(row)
    ids = [*found.prompt_ids_S, *found.token_ids_T]
    assert ids == [*row.prompt_ids_S, *row.token_ids_T]
    assert found.counted_T.tolist() == [False] * 3 + row.counted_T.tolist()
    assert found.logprobs_T[found.counted_T].tolist() == row.logprobs_T[row.counted_T].tolist()


# whole runs


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """A PYTHONPATH on which these tests' sampler with weights of its own is a plug-in."""
    folder = tmp_path / "plugins"
    info = folder / "separate-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: separate\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[ttrl.samplers]\n"
        "separate = tests._separate:separate\n"
        "sharing = ttrl_cli.sampler.registry:transformers_sampler\n"
    )
    return f"{ROOT}:{folder}"


def options(model: Path, **changed: Any) -> list[Any]:
    """Options of the command line."""
    given = {"model": model, "dtype": "float32", "device": "cpu", "threads": 1, "lora_rank": 4}
    given |= {"lr": 1e-3, "max_tokens": 12, "groups": 2, "group_size": 4, "steps": 2}
    given |= {"objective": "mean-baseline", "sampler": "separate"}
    return flags(given | changed)


def launch(file: str, *arguments: Any, **environment: str) -> None:
    """Have accelerate start the command."""
    words = [SCRIPT.with_name("accelerate"), "launch", "--config_file", file]
    words += ["--num_cpu_threads_per_process", 1, "--module", "ttrl_cli", *arguments]
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_with_divided_weights_is_as_one_without(
    tmp_path: Path, tiny_model: Path, file: str, plugin: str
) -> None:
    """Texts are the same, the sampler is in step; accelerate starts the processes, or we do.

    A launcher that was told of FSDP makes transformers read weights in process 0 alone. The run is
    resumed with the configuration that a release with DeepSpeed stored, and goes on under FSDP.
    """
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    one, two = tmp_path / "one", tmp_path / "two"
    given = [*options(tiny_model), "--out", one, "--quiet"]
    done = command("solve", problem, *given, PYTHONPATH=plugin)
    assert done.code == 0, done.err
    more = {"accelerate_config": file, "steps": 1}
    given = ["solve", problem, *options(tiny_model, **more), "--out", two, "--quiet"]
    launch(file, *given, PYTHONPATH=plugin)
    Path(file).unlink()  # config.json says it all
    stored = json.loads((two / "config.json").read_text())
    assert stored["fsdp"]
    old = stored | {"fsdp": False, "deepspeed": True}
    (two / "config.json").write_text(json.dumps(old))
    done = command("resume", two, "--steps", 2, "--quiet", PYTHONPATH=plugin)
    assert done.code == 0, done.err
    assert json.loads((two / "config.json").read_text()) == stored | {"steps": 2}
    assert stored["gpus"] == 2
    ours, theirs = (read_lines(run / "attempts.jsonl") for run in (two, one))
    assert [line["text"] for line in ours] == [line["text"] for line in theirs]
    figures = read_lines(two / "metrics.jsonl"), read_lines(one / "metrics.jsonl")
    for mine, other in zip(*figures, strict=True):
        assert mine["policy/sync"] == pytest.approx(1.0, abs=0.01)
        assert mine["train/grad_norm"] == pytest.approx(other["train/grad_norm"], rel=1e-3)


@pytest.mark.parametrize("division", ["FSDP", "DeepSpeed"])
def test_a_launcher_must_be_told_twice(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, division: str
) -> None:
    """A process launched for divided weights does not quietly hold everything."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    monkeypatch.setenv(f"ACCELERATE_USE_{division.upper()}", "true")
    given = options(tiny_model, gpus=2, sampler="vllm")
    done = ttrl("solve", problem, *given, "--out", tmp_path / "r")
    assert done.code == 2, done.err
    assert f"launched with {division}" in done.err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (DEEPSPEED, "DeepSpeed is not supported; --fsdp"),
        ({"distributed_type": "MULTI_GPU"}, "fsdp_config must be"),
        ({"distributed_type": "MEGATRON_LM"}, "MEGATRON_LM"),
        ({"fsdp_config": {"fsdp_version": 1}}, "fsdp_version must be 2"),
        ({"fsdp_config": {"fsdp_offload_params": True}}, "fsdp_offload_params"),
        ({"fsdp_config": {"fsdp_new_thing": True}}, "fsdp_new_thing"),
        ({"fsdp_config": {"fsdp_reshard_after_forward": "FULL"}}, "true or false"),
        ({"fsdp_config": {"fsdp_reshard_after_forward": False}}, "would stay whole"),
        ({"gpu_ids": "2,3"}, "CUDA_VISIBLE_DEVICES"),
        ({"parallelism_config": {"parallelism_config_tp_size": 2}}, "parallelism_config"),
        ({"num_processes": "auto"}, "num_processes must be a whole number"),
        ({"num_machines": 2}, "num_machines is 2"),
        ({"compute_environment": "AMAZON_SAGEMAKER"}, ""),
        ({"mixed_precision": "fp16"}, "fp16"),
        ({"dynamo_config": {"dynamo_backend": "INDUCTOR"}}, "dynamo"),
        ({"no_such_key": 1}, "no_such_key"),
    ],
)
def test_what_would_be_ignored_is_refused(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    """A file that asks for what is not there is named, with the key."""
    file = write_accelerate(tmp_path / "asked.yaml", **changed)
    with pytest.raises(UsageError, match=f"(?s)asked.yaml.*{said}"):
        with_accelerate_file(RunConfig(accelerate_config=file))


@pytest.mark.parametrize("text", ["", "- a\n", "{", None])
def test_what_is_no_file_of_accelerate_is_refused(tmp_path: Path, text: str | None) -> None:
    """Empty, of another kind, broken, missing."""
    file = tmp_path / "fsdp.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=r"fsdp\.yaml"):
        with_accelerate_file(RunConfig(accelerate_config=str(file)))


def test_a_file_fills_in_what_options_do_not_say(tmp_path: Path) -> None:
    """Type, device, number of processes, FSDP and checkpointing; options go first."""
    own = {"fsdp_activation_checkpointing": False}
    file = write_accelerate(tmp_path / "fsdp.yaml", mixed_precision="bf16", fsdp_config=own)
    found = with_accelerate_file(RunConfig(accelerate_config=file))
    assert (found.gpus, found.fsdp) == (2, True)
    assert (found.dtype, found.device, found.checkpointing) == ("bfloat16", "cpu", False)
    given = RunConfig(accelerate_config=file, dtype="float32", device="auto", checkpointing=True)
    found = with_accelerate_file(given)
    assert (found.dtype, found.device, found.checkpointing) == ("float32", "auto", True)


def test_options_go_before_a_file(file: str) -> None:
    """`--no-fsdp` makes copies."""
    found = with_accelerate_file(RunConfig(accelerate_config=file, fsdp=False))
    assert (found.gpus, found.fsdp) == (2, False)


@pytest.mark.parametrize("word", ["1", "yes", "True"])
def test_words_for_the_cpu(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Those that accelerate understands."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", word)
    assert told_of_cpu()


def test_a_file_need_not_say_how_many(tmp_path: Path) -> None:
    """Without num_processes, --gpus says; MULTI_GPU makes copies."""
    file = tmp_path / "copies.yaml"
    file.write_text(yaml.safe_dump({"distributed_type": "MULTI_GPU", "mixed_precision": "no"}))
    found = with_accelerate_file(RunConfig(accelerate_config=str(file), gpus=3))
    assert (found.gpus, found.fsdp, found.dtype) == (3, False, "auto")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--sampler", "transformers"], "needs them whole"),
        (["--gpus", 3], "num_processes is 2"),
        (["--gpus", 1], "num_processes is 2"),
        (["--load-in-4bit"], "4 bits"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, tiny_model: Path, file: str, option: list[Any], said: str
) -> None:
    """Exit code 2 before anything is loaded."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    given = ["--model", tiny_model, "--accelerate-config", file, "--sampler", "vllm", *option]
    done = ttrl("solve", problem, *given, "--out", tmp_path / "run")
    assert done.code == 2, done.err
    assert said in done.err
    assert not (tmp_path / "run").exists()


def test_the_plan_counts_a_part_of_the_weights(tiny_model: Path, file: str) -> None:
    """`ttrl doctor`: half of the linear weights are elsewhere."""
    given = ["doctor", "--model", tiny_model, "--sampler", "vllm", "--json", "--dtype", "float32"]
    shape = read_shape(str(tiny_model))
    copies, parts = (
        [item for item in ttrl(*given, *more).json["items"] if item["owner"] == "learner"]
        for more in (["--gpus", 2], ["--accelerate-config", file])
    )
    assert copies[0]["what"] == parts[0]["what"] == "weights"
    assert copies[0]["bytes"] - parts[0]["bytes"] == 4 * shape.linear // 2
    gathered = [item["bytes"] for item in parts if item["what"] == "layers that are gathered"]
    assert gathered == [3 * 4 * shape.linear // shape.layers]


def test_dividing_needs_others(tmp_path: Path, tiny_model: Path) -> None:
    """In one process it is a mistake; as many bytes as before would be there."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    done = ttrl("solve", problem, "--model", tiny_model, "--sampler", "vllm", "--fsdp")
    assert done.code == 2
    assert "--fsdp divides weights among processes, and there is one" in done.err
    done = ttrl("doctor", "--model", tiny_model, "--sampler", "vllm", "--fsdp")
    assert done.code == 2


def test_processes_launched_for_gpus_do_not_join_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would wait for each other by way of GPUs."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "ACCELERATE_USE_CPU": "no"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="ACCELERATE_USE_CPU=true"):
        Launcher(RunConfig(gpus=2, device="cpu", sampler="vllm"))


def test_a_sampler_cannot_have_the_divided_model(
    tmp_path: Path, tiny_model: Path, plugin: str
) -> None:
    """A plug-in that asks for the learner's own model is refused, by its name."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    given = options(tiny_model, gpus=2, sampler="sharing")
    run = tmp_path / "run"
    done = command("solve", problem, *given, "--fsdp", "--out", run, PYTHONPATH=plugin)
    assert done.code == 2, done.err
    assert "--sampler sharing needs them whole" in done.err


def test_a_process_that_dies_ends_the_run(tmp_path: Path, tiny_model: Path, plugin: str) -> None:
    """Exit code 3 and a sentence, wherever in a step the others then are."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    given = [*options(tiny_model, gpus=2, steps=10_000), "--fsdp", "--out", run]
    process = spawn("solve", problem, *given, PYTHONPATH=plugin)
    assert kill_the_other(run, process).code == 3
