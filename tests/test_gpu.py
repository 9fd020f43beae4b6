"""What concerns GPUs alone, as far as it can be known without one: docs/gpu.md lists all of it."""

import re
import warnings
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests._helpers import ttrl, write_problem
from tests.test_plan import planned
from ttrl_cli.api.settings import most_workers, workers
from ttrl_cli.cli.doctor import _describe_gpus
from ttrl_cli.config import RunConfig, SolveConfig
from ttrl_cli.environ import variables
from ttrl_cli.errors import SetupError
from ttrl_cli.models import driver as drivers
from ttrl_cli.models import gpus
from ttrl_cli.models.load import _placed, choose_device, load_model
from ttrl_cli.models.memory_plan import ENGINE_TOKENS
from ttrl_cli.models.products import product_in_float32
from ttrl_cli.records import Message, Prompt
from ttrl_cli.sampler.chunks import shares_of
from ttrl_cli.sampler.transformers import TransformersSampler
from ttrl_cli.sampler.vllm_engine import _refusals, engine_options


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
    monkeypatch.setattr(drivers, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(drivers, "DEVICE", tmp_path / "nvidiactl")
    (tmp_path / "nvidiactl").touch()
    if request.param == "unread":
        return "unknown"
    said = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 2024"
    (tmp_path / "version").write_text(f"{said}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0)\n")
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
    monkeypatch.setattr(drivers, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(drivers, "DEVICE", tmp_path / "nvidiactl")
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


# what else a machine with GPUs has


@pytest.mark.parametrize(
    ("cores", "gib", "beside_gpus", "expected"),
    [
        (2, 20, False, 2),
        (64, 200, False, 64),
        (192, 1500, True, 188),
        (96, 1500, True, 92),
        (8, 60, True, 6),
        (2, 20, True, 2),
        (1, 20, True, 1),
        (64, 4, False, 16),
        (64, 4, True, 16),
        (64, 0, True, 1),
    ],
)
def test_graders_leave_cores_and_memory(
    cores: int, gib: int, expected: int, *, beside_gpus: bool
) -> None:
    """At most four cores, or a quarter, stay free beside GPUs; each process has 256 MiB."""
    assert most_workers(cores, gib * 2**30, beside_gpus=beside_gpus) == expected


def test_cores_are_left_where_a_driver_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unless the run is for the CPU, or says how many processes grade."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(drivers, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(drivers, "DEVICE", tmp_path / "nvidiactl")
    enough = psutil.virtual_memory().available >= 8 * 2**28
    assert workers(RunConfig()) == 8 or not enough
    (tmp_path / "nvidiactl").touch()
    assert workers(RunConfig()) == 6 or not enough
    assert workers(RunConfig(device="cpu")) == 8 or not enough
    assert workers(RunConfig(workers=8)) == 8


def test_weights_are_read_straight_to_a_gpu() -> None:
    """Not through the machine's memory; on the CPU, transformers reads them as ever."""
    assert _placed(0, quantised=False) == {"device_map": {"": 0}}
    assert _placed(3, quantised=True) == {"device_map": {"": 3}}
    assert _placed("cpu", quantised=False) == {}
    assert _placed("cpu", quantised=True) == {"device_map": {"": "cpu"}}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AssertionError("Sleep mode can only be used for one instance"), "process of its own"),
        (AssertionError(), "AssertionError"),
        (ValueError("Free memory is less than desired.\nMore."), "less than desired.$"),
        (OSError("no such file"), "no such file"),
    ],
)
def test_what_vllm_refuses_is_an_error_of_the_machine(error: Exception, said: str) -> None:
    """Also where it asserts, as for a second engine that is to sleep in one process."""
    with pytest.raises(SetupError, match=f"--sampler vllm: .*{said}"), _refusals(sleeps=True):
        raise error


@pytest.mark.parametrize("shape", [(4, 8), (3, 4, 8)])
def test_scores_and_logits_are_not_rounded_on_a_gpu(shape: tuple[int, ...]) -> None:
    """Where a device is no CPU, products of bfloat16 come out in float32; on tensors without data.

    On a CPU they are what PyTorch makes of them, in float32 afterwards.
    """
    for device in ("meta", "cpu"):
        left = torch.ones(shape, dtype=torch.bfloat16, device=device)
        right = torch.ones((*shape[:-2], 8, 5), dtype=torch.bfloat16, device=device)
        with Products() as seen:
            found = product_in_float32(left, right)
        assert (found.dtype, found.shape) == (torch.float32, (*shape[:-1], 5))
        assert seen.dtypes == [torch.float32 if device == "meta" else torch.bfloat16]
    exact = torch.full(shape, 1 / 3) @ torch.ones(*shape[:-2], 8, 5)
    assert torch.equal(
        product_in_float32(torch.full(shape, 1 / 3), torch.ones(*shape[:-2], 8, 5)), exact
    )


class Products(TorchDispatchMode):
    """Notes the types that products of matrices have as they are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: list[torch.dtype] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and note it if it is a product."""
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm):
            self.dtypes.append(made.dtype)
        return made


class Uploads(TorchDispatchMode):
    """Counts tensors that are made of Python numbers, which a GPU would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count what comes of Python's lists."""
        self.count += func.overloadpacket is torch.ops.aten.lift_fresh
        return func(*args, **(kwargs or {}))


def test_dropping_rows_uploads_indices_once(tiny_model: Path) -> None:
    """For all layers together, not for keys and values of each; a token by itself uploads none."""
    model = load_model(tiny(tiny_model))
    sampler = TransformersSampler(model, max_tokens=8, temperature=1.0, seed=0)
    prompt = Prompt(key="q", group=0, messages=(Message(role="user", content="a"),), n=6)
    fitting, _ = sampler._layout.lay_out([prompt], 1)
    batch = sampler._prefill(shares_of(fitting), 1, 8)
    sampler._advance(batch)
    with torch.inference_mode(), Uploads() as seen:
        sampler._advance(batch)
    assert seen.count == 0
    with torch.inference_mode(), Uploads() as seen:
        batch.keep([0, 4, 5], torch.zeros(6, dtype=torch.int64))
    assert seen.count == 2  # which rows stay, and which of them move
    assert [row.index for row in batch.rows] == [0, 4, 5]


def test_the_page_names_tests_that_exist() -> None:
    """Each finding of docs/gpu.md, G1 to G14, has a row; the tests in it are there."""
    root = Path(__file__).parents[1]
    page = (root / "docs" / "gpu.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (G\d+) \|(.*)$", page, re.MULTILINE)
    assert [name for name, _ in rows] == [f"G{number}" for number in range(1, 15)]
    default = "tests/test_gpu.py"
    for _, row in rows:
        for part in re.split(r"(?=tests/\w+\.py)", row):
            found = re.match(r"tests/\w+\.py", part)
            code = (root / (found.group() if found else default)).read_text(encoding="utf-8")
            for test in re.findall(r"`(test_\w+)`", part):
                assert f"def {test}(" in code, test
