"""What a run needs in memory, against what it takes: counted by hand, and on a tiny model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests._helpers import ttrl, write_problem
from tests.conftest import make_family
from ttrl_cli.config import SolveConfig
from ttrl_cli.errors import SetupError
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import load_model
from ttrl_cli.models.memory_plan import Plan, gib, plan
from ttrl_cli.models.shape import Shape, read_shape
from ttrl_cli.records import Round, Row
from ttrl_cli.sampler.vllm_engine import engine_options

GIB = 2**30
EIGHT = Shape(
    parameters=8_030_261_248,
    linear=6_979_321_856,
    adapter_per_rank=2_621_440,
    layers=32,
    hidden=4096,
    inner=14336,
    heads=32,
    kv_heads=8,
    width=128,
    vocabulary=128256,
    context=131072,
)
"""Llama 3.1 8B."""


ACTIVATIONS = "activations of a micro-batch"


def planned(total: float, *, engine: bool = True, device: str = "cuda", **options: Any) -> Plan:
    """A plan for eight billion parameters."""
    given = {"groups": 8, "group_size": 64, "max_tokens": 2048, "lora_rank": 32}
    return plan(
        EIGHT,
        SolveConfig(**(given | options)),
        dtype="bfloat16",
        device=device,
        total=int(total * GIB),
        checkpointing=True,
        engine=engine,
    )


def size(found: Plan, owner: str, what: str) -> int:
    """Bytes of one item."""
    (item,) = [item for item in found.items if (item.owner, item.what) == (owner, what)]
    return item.size


def test_a_shape_is_that_of_the_model(tiny_model: Path) -> None:
    """Parameters and the adapter's, counted without loading, are those of the loaded model."""
    shape = read_shape(str(tiny_model))
    network = load_model(SolveConfig(model=str(tiny_model), device="cpu", lora_rank=4)).network
    adapter = [p.numel() for p in network.parameters() if p.requires_grad]
    assert 4 * shape.adapter_per_rank == sum(adapter)
    assert shape.parameters == sum(p.numel() for p in network.parameters()) - sum(adapter)
    assert (shape.layers, shape.heads, shape.kv_heads, shape.width) == (2, 4, 2, 8)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(SetupError, match=str(tmp_path)):
        read_shape(str(tmp_path))


def test_eight_billion_by_hand() -> None:
    """Two bytes a weight; rank 32: 84 million parameters in float32, with moments and gradient.

    Keys and values: 2 * 32 layers * 8 heads * 128 * 2 bytes = 128 KiB a token.
    """
    found = planned(80)
    assert size(found, "learner", "weights") == size(found, "sampler", "weights") == 16_060_522_496
    assert size(found, "learner", "adapter") == 4 * 83_886_080
    assert size(found, "learner", "moments of the optimiser") == 8 * 83_886_080
    assert size(found, "learner", "gradient") == 4 * 83_886_080
    assert found.kv_token == 128 * 1024
    assert not found.sleeps
    assert found.why_not == ""
    assert max(found.during("update"), found.during("sampling")) <= 0.94 * 80 * GIB


def test_an_engine_gets_what_is_left_or_what_it_can_use() -> None:
    """On a large GPU no more than all samples need; on a smaller one all that is left."""
    rows = 8 * 64
    assert planned(600).kv_tokens == rows * (2048 + 2048)
    assert planned(80).during("update") == pytest.approx(0.94 * 80 * GIB, abs=1024)


def test_an_engine_sleeps_where_both_do_not_fit() -> None:
    """With too little room for eight sequences beside an update, they take turns."""
    side_by_side, in_turns = planned(54), planned(46)
    assert not side_by_side.sleeps
    assert in_turns.sleeps
    assert in_turns.during("update") < side_by_side.during("update")
    assert in_turns.kv_tokens >= 8 * (2048 + 2048)
    assert in_turns.why_not == ""


def test_without_learning_nothing_sleeps() -> None:
    """The engine has the device to itself."""
    found = planned(24, train=False)
    assert not found.sleeps
    assert {item.owner for item in found.items} == {"sampler"}
    assert found.why_not == ""


def test_what_does_not_fit_is_said() -> None:
    """Two copies of eight billion parameters do not fit into 24 GiB, whoever sleeps."""
    found = planned(24)
    assert found.why_not.endswith("24.0 GiB are available")
    few = {"groups": 1, "group_size": 8, "micro_batch_tokens": 4096}
    assert planned(24, engine=False, **few).why_not == ""
    assert planned(15, engine=False, **few).why_not != ""


def test_rows_of_a_sampler_without_an_engine_wait_too() -> None:
    """256 rows of 2,048 tokens and 8 prompts of as many take 66 GiB; fewer do with less.

    One row behind its prompt must fit: half a GiB.
    """
    wanted = (256 + 8) * 2048
    assert planned(100, engine=False).kv_tokens == wanted
    for total, why_not in ((80, ""), (40, "")):
        found = planned(total, engine=False)
        assert 4096 <= found.kv_tokens < wanted
        assert found.why_not == why_not
        assert found.during("sampling") == pytest.approx(0.94 * total * GIB, abs=2**18)
    assert found.least == 4096
    most = planned(141, engine=False, max_tokens=26_000)
    assert (most.kv_tokens - 8 * 2048) // 26_000 < 64
    assert most.why_not == ""


def test_one_row_must_fit() -> None:
    """Weights and adapter alone are 16 GiB; a row of 26,000 tokens is 3.4 GiB more."""
    options = {"engine": False, "train": False, "max_tokens": 26_000}
    assert planned(18, **options).why_no_row != ""
    assert planned(24, **options).why_no_row == planned(24, **options).why_not == ""


def test_what_cuda_takes_is_counted() -> None:
    """A context, workspaces of two engines, and CUDA graphs captured twice for 32 layers.

    They stay while the engine sleeps; on a CPU there are none.
    """
    mib = 2**20
    for total in (80, 46):
        found = planned(total)
        assert size(found, "learner", "CUDA context and workspaces") == (512 + 256) * mib
        assert size(found, "sampler", "CUDA graphs") == (256 + 2 * 24 * 32) * mib
        assert {item.phase for item in found.items if "CUDA" in item.what} == {"always"}
    assert not any("CUDA" in item.what for item in planned(80, device="cpu").items)


def test_joined_factors_of_adapters_are_counted() -> None:
    """Llama 3.1 8B: 7 * 4096 + 4 * 4096 + 6 * 1024 + 5 * 14336 = 122,880 numbers a rank and layer.

    In float32 with their gradients, and in bfloat16, while learning; in float32 while sampling.
    """
    numbers = 122_880 * 32 * 32
    found = planned(80, engine=False)
    assert size(found, "learner", "factors of adapters, joined") == numbers * (4 + 4 + 2)
    assert size(found, "sampler", "factors of adapters, joined") == numbers * 4


@pytest.mark.parametrize("engine", [False, True])
def test_what_others_use_is_not_planned_with(
    monkeypatch: pytest.MonkeyPatch, *, engine: bool
) -> None:
    """With 75 of 80 GiB free the plan is that for 75; vLLM is told a share of what is installed."""
    given = {"groups": 8, "group_size": 64, "max_tokens": 2048, "lora_rank": 32}
    found = plan(
        EIGHT,
        SolveConfig(**given),
        dtype="bfloat16",
        device="cuda",
        total=75 * GIB,
        installed=80 * GIB,
        checkpointing=True,
        engine=engine,
    )
    assert found.items == planned(75, engine=engine).items
    monkeypatch.setattr("os.environ", {})
    share = engine_options("folder", SolveConfig(**given), found)["gpu_memory_utilization"]
    assert share * 80 * GIB == pytest.approx(found.of("sampler"))


def test_four_bits_hold_the_linear_layers() -> None:
    """Embeddings and output stay in 16 bits."""
    found = planned(80, engine=False, load_in_4bit=True)
    other = 8_030_261_248 - 6_979_321_856
    assert size(found, "learner", "weights") == 2 * other + int(0.52 * 6_979_321_856)


def test_a_micro_batch_has_at_least_a_row() -> None:
    """A row of 26,000 tokens behind a prompt of 2,048 is run whole, whatever the budget says."""
    little, enough = (
        planned(80, engine=False, max_tokens=26_000, micro_batch_tokens=tokens)
        for tokens in (8192, 28_048)
    )
    assert size(little, "learner", ACTIVATIONS) == size(enough, "learner", ACTIVATIONS)
    more = planned(80, engine=False, max_tokens=26_000, micro_batch_tokens=56_096)
    assert size(more, "learner", ACTIVATIONS) == 2 * size(enough, "learner", ACTIVATIONS)


def test_processes_divide_the_samples() -> None:
    """With four processes, each has a quarter of a group's samples to write."""
    one, four = (planned(600, gpus=gpus) for gpus in (1, 4))
    assert one.kv_tokens == 4 * four.kv_tokens


def test_a_shared_model_needs_no_second_copy() -> None:
    """The sampler on the learner's weights has nothing of its own that stays while it learns."""
    found = planned(80, engine=False)
    assert {item.phase for item in found.items if item.owner == "sampler"} == {"sampling"}
    assert not any(item.what == "weights" for item in found.items if item.owner == "sampler")
    assert found.during("update") < found.during("sampling")


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("family", ["llama", "olmo2"])
def test_activations_are_bounded(tmp_path: Path, family: str, checkpointing: bool) -> None:
    """What a micro-batch keeps for its backward pass is at most what the plan says, and over half.

    With checkpointing the plan has room for a layer that is computed again, which is not kept.
    """
    folder = make_family(family, tmp_path)
    config = SolveConfig(
        model=str(folder),
        device="cpu",
        dtype="float32",
        lora_rank=4,
        kl=0.0,
        checkpointing=checkpointing,
        micro_batch_tokens=4096,
        max_tokens=127,
    )
    found = plan(
        read_shape(str(folder)),
        config,
        dtype="float32",
        device="cpu",
        total=8 * GIB,
        checkpointing=checkpointing,
        engine=False,
    )
    learner = LoraLearner(load_model(config), config)
    rng = np.random.default_rng(0)
    rows = tuple(
        Row(
            prompt_ids_S=np.array([5]),
            token_ids_T=rng.integers(2, 258, 127),
            logprobs_T=np.full(127, -5.0),
            advantages_T=np.ones(127),
        )
        for _ in range(32)
    )
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if not any(storage.data_ptr() == p.untyped_storage().data_ptr() for p in weights):
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = list(learner._model.network.parameters())
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        learner.accumulate(Round(step=1, rows=rows, normalizer=1.0))
    bound = size(found, "learner", "activations of a micro-batch")
    assert sum(kept.values()) < bound
    if not checkpointing:
        assert sum(kept.values()) > bound / 2


@pytest.mark.parametrize(
    ("amount", "text"),
    [(3 * 2**29, "1.5 GiB"), (2**27, "0.1 GiB"), (2**20, "1.0 MiB"), (2**10, "1.0 KiB")],
)
def test_sizes_are_readable(amount: int, text: str) -> None:
    """In the unit that leaves few digits."""
    assert gib(amount) == text


# the command


def test_doctor_shows_the_plan(tiny_model: Path) -> None:
    """Each item, the sums, and how many samples fit at a time; nothing is attacked."""
    done = ttrl("doctor", "--model", tiny_model, "--sampler", "vllm", "--gpu-memory", 8)
    assert done.code == 0, done.err
    assert "cuda: 8.0 GiB" in done.out
    assert "sampler  keys and values" in done.out
    assert "sandbox" not in done.out


def test_doctor_says_what_does_not_fit(tiny_model: Path) -> None:
    """Exit code 3 and what is needed, after the plan; --json has the same figures."""
    options = ["--model", tiny_model, "--gpu-memory", 0.005, "--json"]
    done = ttrl("doctor", *options)
    assert done.code == 3
    assert "of memory; 5.1 MiB are available" in done.err
    assert done.json["why_not"] in done.err
    assert done.json["update"] == sum(
        item["bytes"] for item in done.json["items"] if item["phase"] in ("always", "update")
    )


@pytest.mark.parametrize("train", [True, False])
def test_a_run_that_does_not_fit_is_refused(
    tmp_path: Path, tiny_model: Path, *, train: bool
) -> None:
    """Before weights are loaded, by every sampler: with what it needs, and the next command."""
    model = tmp_path / "huge"
    shutil.copytree(tiny_model, model)
    sizes = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(sizes | {"intermediate_size": 2**36}))
    problem = write_problem(tmp_path / "problem")
    given = ["--model", model, "--device", "cpu", "--out", tmp_path / "run"]
    done = ttrl("solve", problem, *given, *([] if train else ["--no-train"]))
    assert done.code == 3
    assert "--sampler transformers: the run needs at least" in done.err
    assert f"ttrl doctor --model {model}" in done.err
    assert "Traceback" not in done.err


def test_a_run_on_a_cpu_is_not_refused_for_an_update_that_few_reach() -> None:
    """Its rows may all be short: what must fit is one row beside the weights."""
    found = planned(24, engine=False, device="cpu", max_tokens=26_000)
    assert found.why_not != ""
    assert found.why_no_row == ""


def test_options_of_the_plan_need_a_model() -> None:
    """Without one they would have no effect."""
    done = ttrl("doctor", "--gpu-memory", 80)
    assert done.code == 2
    assert "--model" in done.err
