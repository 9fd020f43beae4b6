"""What concerns GPUs alone, as far as it can be known without one: docs/gpu.md lists all of it."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests._helpers import ttrl, write_problem
from tests.test_plan import planned
from ttrl_cli.cli.doctor import _describe_gpus
from ttrl_cli.config import RunConfig, SolveConfig
from ttrl_cli.environ import variables
from ttrl_cli.errors import SetupError
from ttrl_cli.models import gpus
from ttrl_cli.models.load import choose_device, load_model
from ttrl_cli.models.memory_plan import ENGINE_TOKENS
from ttrl_cli.sampler.vllm_engine import engine_options


def tiny(model: Path, **options: Any) -> RunConfig:
    """A configuration for the tiny model on the CPU."""
    return RunConfig(model=str(model), device="cpu", dtype="float32", lora_rank=4, **options)


def test_attention_does_not_go_to_cudnn(tiny_model: Path) -> None:
    """It builds a plan for each shape, and no two rows have the same; the others stay allowed."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    load_model(tiny(tiny_model))
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()


def test_loading_asks_no_gpu_for_its_random_state(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two GPUs in the machine, a model for the CPU neither starts CUDA nor warns of them."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(tiny(tiny_model))


@pytest.mark.parametrize("max_tokens", [512, 2048, 26_000])
def test_an_engine_on_a_gpu_computes_what_the_plan_reckons_with(
    monkeypatch: pytest.MonkeyPatch, max_tokens: int
) -> None:
    """8,192 tokens at a time, where vLLM by itself would take 2,048; rows fit among them."""
    monkeypatch.setattr("os.environ", {})
    found = planned(141, max_tokens=max_tokens)
    options = engine_options("folder", SolveConfig(lora_rank=32), found)
    assert options["max_num_batched_tokens"] == ENGINE_TOKENS == 8192
    assert options["max_num_seqs"] <= ENGINE_TOKENS


# a driver is loaded, and torch sees no GPU


@pytest.fixture(params=["read", "unread"])
def driver(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A driver is loaded: its file names its version, or there is but the device it makes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(gpus, "DEVICE", tmp_path / "nvidiactl")
    (tmp_path / "nvidiactl").touch()
    if request.param == "unread":
        return "unknown"
    said = (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
    )
    (tmp_path / "version").write_text(said + "GCC version:  gcc version 12.2.0 (Debian 12.2.0)\n")
    return "550.54.15"


def why_none() -> str:
    """What a torch that is built without CUDA has to say."""
    return f"torch {torch.__version__} was built without CUDA"


without_cuda = pytest.mark.skipif(
    torch.version.cuda is not None, reason="torch is built for CUDA, and has a reason of its own"
)


@without_cuda
@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize("option", [[], ["--gpus", 2], ["--sampler", "vllm"]])
def test_the_cpu_is_not_used_in_silence(
    tmp_path: Path, tiny_model: Path, driver: str, device: str, option: list[Any]
) -> None:
    """A run is refused with driver, torch's reason and what to do, however many processes."""
    problem = write_problem(tmp_path / "problem")
    given = ["--model", tiny_model, "--device", device, "--out", tmp_path / "run", *option]
    done = ttrl("solve", problem, *given)
    assert done.code == 3
    assert f"--device {device}: NVIDIA driver {driver} is loaded" in done.err
    assert why_none() in done.err
    assert "--device cpu" in done.err


@without_cuda
def test_the_cpu_is_used_where_it_is_asked_for(driver: str) -> None:
    """By its name, or by hiding the GPUs; and where there is no driver, by `auto`."""
    assert driver
    assert choose_device("cpu") == "cpu"
    for hidden in ("", "-1"):
        with variables({"CUDA_VISIBLE_DEVICES": hidden}):
            assert choose_device("auto") == "cpu"
    with variables({"CUDA_VISIBLE_DEVICES": "0"}), pytest.raises(SetupError, match="--device auto"):
        choose_device("auto")


def test_no_driver_is_no_reason_to_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without one, `auto` is the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(gpus, "DEVICE", tmp_path / "nvidiactl")
    assert choose_device("auto") == "cpu"
    assert gpus.look().driver == gpus.look().why_none == ""


def test_a_driver_that_is_too_old_is_said_by_torch(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of what torch raises when it begins to use CUDA."""

    def refuse() -> None:
        msg = "The NVIDIA driver on your system is too old (found version 12040).\nUpdate it."
        raise RuntimeError(msg)

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", refuse)
    with pytest.raises(SetupError) as refused:
        choose_device("auto")
    assert (
        f"NVIDIA driver {driver} is loaded, and torch sees no GPU: The NVIDIA driver on your"
        in (str(refused.value))
    )
    assert "too old (found version 12040). (torch" in str(refused.value)
    assert "CUDA 13.0" in str(refused.value)


@without_cuda
def test_the_doctor_says_what_torch_sees(tiny_model: Path, driver: str) -> None:
    """Driver, torch and why there is no GPU, beside a plan for one that is elsewhere."""
    given = ["doctor", "--model", tiny_model]
    done = ttrl(*given, "--gpu-memory", 8)
    assert done.code == 0
    assert f"NVIDIA driver: {driver}; torch {torch.__version__}, built without CUDA" in done.out
    assert f"GPU: torch sees none: {why_none()}" in done.out
    here = ttrl(*given)
    assert here.code == 3
    assert why_none() in here.out
    assert "--device auto" in here.err
    found = ttrl(*given, "--gpu-memory", 8, "--json").json["gpu"]
    assert (found["driver"], found["seen"]) == (driver, [])


def test_the_doctor_names_each_gpu() -> None:
    """With its compute capability, and what is free of its memory."""
    gpu = gpus.Gpu(name="NVIDIA H200", capability="9.0", free=138 * 2**30, installed=140 * 2**30)
    found = gpus.Gpus(seen=(gpu, gpu), driver="580.1", torch="2.14.0", cuda="13.0", why_none="")
    assert _describe_gpus(found).splitlines() == [
        "NVIDIA driver: 580.1; torch 2.14.0, built for CUDA 13.0",
        "GPU 0: NVIDIA H200, compute capability 9.0, 138.0 GiB of 140.0 GiB free",
        "GPU 1: NVIDIA H200, compute capability 9.0, 138.0 GiB of 140.0 GiB free",
    ]
