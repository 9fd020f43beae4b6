"""What a run needs in memory, computed before anything is loaded.

Counted exactly: weights, adapter, its gradient and moments. Bounded from above: what a micro-batch
keeps for its backward pass, logits, factors of adapters laid side by side, and what an engine
computes with. Reckoned, from what others report: CUDA's context, workspaces and graphs. The rest
goes to the KV cache of samples. A sampler with an engine of its own has a second copy of the
weights; where too little is left beside an update, the engine sleeps meanwhile.
"""

from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from ttrl_cli.config import RunConfig
from ttrl_cli.models.load import choose_checkpointing, choose_device, choose_dtype
from ttrl_cli.models.shape import Shape, read_shape
from ttrl_cli.models.sharding import GATHERED

_BYTES = {"bfloat16": 2, "float32": 4}
_FLOAT = 4
_FOUR_BITS = 0.52
"""Bytes of a weight in 4 bits, with its share of the scales of its block (QLoRA, section 3)."""
_SLACK = 0.06
"""Share of a device's memory that is left alone: fragmentation."""
CONTEXT = 2**29
"""Bytes of CUDA's context in a process, with the kernels that it loads."""
_WORKSPACES = 2**28
"""Bytes of workspaces: cuBLAS has some of up to 32 MiB for each thread and stream."""
_GRAPH = 24 * 2**20
"""Bytes of a decoder layer's CUDA graphs, over all batch sizes that vLLM captures."""
_CAPTURES = 2
"""How often vLLM captures them: with an adapter and without."""
_PROMPT = 2048
"""Tokens that a prompt is taken to have."""
_SHARED_ROWS = 256
"""Rows that the sampler on the learner's weights decodes together; more only of one prompt."""
_ENGINE_ROWS = 1024
ENGINE_TOKENS = 8192
"""Tokens that vLLM computes at once on a GPU."""
_HEAD_TOKENS = 1024
"""Tokens whose logits exist at a time while learning, at most."""
_FEWEST_SEQUENCES = 8
"""Whole sequences that an engine must have room for beside an update, or it sleeps meanwhile."""

Phase = Literal["always", "sampling", "update"]
Owner = Literal["learner", "sampler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a plan: who needs how many bytes for what, and when."""

    owner: Owner
    what: str
    size: int
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run needs in memory, item by item.

    Attributes:
        shape: The model's sizes.
        dtype: Type of the base weights.
        device: cpu or cuda.
        total: Memory that the run may take, in bytes: what is free.
        installed: Memory that the device has.
        items: What is needed.
        kv_token: Bytes of a token's KV.
        sequence: Tokens of a sample with its prompt, estimated before the run.
        least: Tokens that the KV cache must have room for.
        sleeps: Whether an engine sleeps during updates.
    """

    shape: Shape
    dtype: str
    device: str
    total: int
    installed: int
    items: tuple[Item, ...]
    kv_token: int
    sequence: int
    least: int
    sleeps: bool

    def of(self, owner: str) -> int:
        """Return the bytes that the learner or the sampler needs in all."""
        return sum(item.size for item in self.items if item.owner == owner)

    def during(self, phase: Phase) -> int:
        """Return the bytes needed in a phase, including what is always needed."""
        return sum(item.size for item in self.items if item.phase in (phase, "always"))

    @property
    def kv_bytes(self) -> int:
        """Room for the KV cache of samples."""
        return sum(item.size for item in self.items if item.what == KV_CACHE)

    @property
    def kv_tokens(self) -> int:
        """Tokens that the KV cache has room for."""
        return self.kv_bytes // self.kv_token

    @property
    def why_not(self) -> str:
        """What does not fit, in words; empty if everything does."""
        return self._too_little(max(self._sampling_least, self.during("update")))

    @property
    def why_no_row(self) -> str:
        """What does not fit while a single row is sampled, in words; empty if everything does."""
        return self._too_little(self._sampling_least)

    @property
    def _sampling_least(self) -> int:
        kv_bytes = max(self.kv_bytes, self.least * self.kv_token)
        return self.during("sampling") - self.kv_bytes + kv_bytes

    def _too_little(self, needed: int) -> str:
        if needed <= self.total * (1 - _SLACK):
            return ""
        return f"the run needs at least {gib(needed)} of memory; {gib(self.total)} are available"


KV_CACHE = "keys and values"
CUDA = "CUDA context and workspaces"
FACTORS = "factors of adapters, joined"


def gib(size: int) -> str:
    """Format a size in GiB, MiB or KiB."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit / 10:
            return f"{size / unit:.1f} {name}"
    return f"{size / 2**10:.1f} KiB"


def rows_of(config: RunConfig, most: int) -> int:
    """Return how many rows one process decodes at a time."""
    return min(config.groups * -(-config.group_size // config.gpus), most)


@dataclass(frozen=True, slots=True)
class Memory:
    """A device's memory, in bytes.

    Attributes:
        free: What this process may take.
        installed: What the device has.
    """

    free: int
    installed: int


def memory(device: str) -> Memory:
    """Return the memory of this process's GPU, or of the machine.

    What other processes use is not free; what this one keeps for later is.
    """
    if device == "cpu":
        found = psutil.virtual_memory()
        return Memory(free=int(found.available), installed=int(found.total))
    free, installed = torch.cuda.mem_get_info()
    kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return Memory(free=free + kept, installed=installed)


def plan_here(config: RunConfig, folder: str, *, engine: bool) -> Plan:
    """Plan a run's memory on this machine.

    Args:
        config: The run's configuration.
        folder: The model's files.
        engine: See `plan`.

    Raises:
        SetupError: If the model's configuration cannot be read, or there is no such device.
    """
    device = choose_device(config.device)
    found = memory(device)
    # this process's context, which the plan counts, is there already: to ask for memory makes it
    free = found.free // config.gpus if device == "cpu" else found.free + CONTEXT
    return plan(
        read_shape(folder),
        config,
        dtype=choose_dtype(config),
        device=device,
        total=min(free, found.installed),
        installed=found.installed,
        checkpointing=choose_checkpointing(config),
        engine=engine,
    )


def plan(
    shape: Shape,
    config: RunConfig,
    *,
    dtype: str,
    device: str,
    total: int,
    installed: int | None = None,
    checkpointing: bool,
    engine: bool,
) -> Plan:
    """Plan a run's memory.

    Args:
        shape: The model's sizes.
        config: The run's configuration.
        dtype: Type of the base weights.
        device: cpu or cuda.
        total: Memory that the run may take, in bytes.
        installed: Memory that the device has; by default as much.
        checkpointing: Whether the learner uses activation checkpointing.
        engine: Whether the sampler has an engine with weights of its own on this device.
    """
    learned = config.train or not engine
    always = _of_cuda(shape, learned=learned, engine=engine) if device == "cuda" else []
    learner = _learner(shape, config, dtype, checkpointing) if learned else []
    fixed = _engine(shape, config, dtype) if engine else _shared(shape, config)
    busy = sum(item.size for item in learner if item.phase == "update")
    resting = sum(item.size for item in [*always, *learner]) - busy
    free = int(total * (1 - _SLACK)) - resting - sum(fixed.values())
    kv_token = 2 * shape.layers * shape.kv_heads * shape.width * _BYTES[dtype]
    written = min(config.max_tokens + (config.answer_tokens or 0), shape.context)
    sequence = _sequence(shape, config)
    rows = rows_of(config, _ENGINE_ROWS) if engine else _shared_rows(config)
    fewest = min(rows, _FEWEST_SEQUENCES) * sequence * kv_token
    sleeps = engine and config.train and device == "cuda" and free - busy < fewest
    # an engine keeps its KV cache while the learner works; the other sampler has none then
    beside = busy if engine and not sleeps else 0
    # which beginnings are shared, an engine finds out by itself; the other sampler knows
    tokens = rows * sequence if engine else rows * written + config.groups * _PROMPT
    kv = min(tokens * kv_token, max(0, free - beside))
    phase: Phase = "always" if engine and not sleeps else "sampling"
    sampler = [
        Item(owner="sampler", what=what, size=size, phase=phase)
        for what, size in {**fixed, KV_CACHE: kv}.items()
    ]
    return Plan(
        shape=shape,
        dtype=dtype,
        device=device,
        total=total,
        installed=total if installed is None else installed,
        items=(*always, *learner, *sampler),
        kv_token=kv_token,
        sequence=sequence,
        least=sequence,  # where there is no room for more, samples wait
        sleeps=sleeps,
    )


def _sequence(shape: Shape, config: RunConfig) -> int:
    """Estimate the tokens of a sample with its prompt before the run."""
    return min(_PROMPT + config.max_tokens + (config.answer_tokens or 0), shape.context)


def _of_cuda(shape: Shape, *, learned: bool, engine: bool) -> list[Item]:
    """List what CUDA itself needs; an engine's graphs stay also while it sleeps."""
    owner: Owner = "learner" if learned else "sampler"
    items = [Item(owner=owner, what=CUDA, size=CONTEXT + _WORKSPACES, phase="always")]
    if engine:
        size = _WORKSPACES + _CAPTURES * _GRAPH * shape.layers
        items.append(Item(owner="sampler", what="CUDA graphs", size=size, phase="always"))
    return items


def _learner(shape: Shape, config: RunConfig, dtype: str, checkpointing: bool) -> list[Item]:
    """List what the learner needs, together with a sampler that shares its weights."""
    adapter = shape.adapter_per_rank * config.lora_rank * _FLOAT
    packed = shape.linear if config.load_in_4bit else 0
    weights = (shape.parameters - packed) * _BYTES[dtype] + int(packed * _FOUR_BITS)
    always = {"weights": weights, "adapter": adapter}
    if config.fsdp:  # all but this process's part of the layers is elsewhere
        always["weights"] -= shape.linear * _BYTES[dtype] * (config.gpus - 1) // config.gpus
        # also while an engine is awake: probes of what it has are run before it rests
        gathered = GATHERED * shape.linear * _BYTES[dtype] // shape.layers
        always["layers that are gathered"] = gathered
    update = {}
    if config.train:
        always["moments of the optimiser"] = 2 * adapter
        update = {
            "gradient": adapter,
            FACTORS: _factors(shape, config) * (2 * _FLOAT + _BYTES[dtype]),
            "activations of a micro-batch": _activations(shape, config, dtype, checkpointing),
            "logits of a micro-batch": 3 * _HEAD_TOKENS * shape.vocabulary * _FLOAT,
        }
    phases: list[tuple[Phase, dict[str, int]]] = [("always", always), ("update", update)]
    return [
        Item(owner="learner", what=what, size=size, phase=phase)
        for phase, sizes in phases
        for what, size in sizes.items()
    ]


def _activations(shape: Shape, config: RunConfig, dtype: str, checkpointing: bool) -> int:
    """Return the most bytes that a micro-batch keeps for its backward pass."""
    size = _BYTES[dtype]
    kv = shape.kv_heads * shape.width
    # queries, keys and values before and after RoPE, and the output of attention
    attention = 3 * shape.heads * shape.width + 4 * kv
    # inputs of the two norms and the residual stream between them, gate and up
    layer = (3 * shape.hidden + attention + 2 * shape.inner) * size
    layer += 7 * config.lora_rank * _FLOAT  # between an adapter's factors, of seven linear layers
    # there is a row in a micro-batch, however long it is
    tokens = max(config.micro_batch_tokens, _sequence(shape, config))
    if not checkpointing:
        return tokens * (shape.layers + 1) * layer
    kept = shape.layers * (shape.hidden + 2 * kv) * size
    # one layer that is computed again, and the gradients that go through it
    return tokens * (kept + 2 * layer)


def _factors(shape: Shape, config: RunConfig) -> int:
    """Return the numbers of the adapters' factors, where those of one input are side by side.

    The B matrices of queries, keys and values are blocks on a diagonal, as are those of gate and
    up, between zeros.
    """
    heads, kv = shape.heads * shape.width, shape.kv_heads * shape.width
    # queries, keys, values; output; gate, up; down: inputs of each, and what it makes of them
    inputs = 3 * shape.hidden + heads + 2 * shape.hidden + shape.inner
    outputs = 3 * (heads + 2 * kv) + shape.hidden + 2 * 2 * shape.inner + shape.hidden
    return shape.layers * config.lora_rank * (inputs + outputs)


def _shared_rows(config: RunConfig) -> int:
    """Return the most rows that the sampler on the learner's weights decodes together."""
    return rows_of(config, max(_SHARED_ROWS, -(-config.group_size // config.gpus)))


def _shared(shape: Shape, config: RunConfig) -> dict[str, int]:
    """Return the bytes of what that sampler needs besides weights and KV cache."""
    rows = _shared_rows(config)
    return {
        FACTORS: _factors(shape, config) * _FLOAT,
        "logits": 3 * rows * shape.vocabulary * _FLOAT,
    }


def _engine(shape: Shape, config: RunConfig, dtype: str) -> dict[str, int]:
    """Return the bytes of what an engine needs besides the KV cache."""
    size = _BYTES[dtype]
    rows = rows_of(config, _ENGINE_ROWS)
    return {
        "weights": shape.parameters * size,
        "adapters": 2 * shape.adapter_per_rank * config.lora_rank * size,
        "activations": 2 * ENGINE_TOKENS * (2 * shape.inner + 2 * shape.hidden) * size,
        "logits": 3 * rows * shape.vocabulary * _FLOAT,
    }
