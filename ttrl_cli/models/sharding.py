"""Base weights divided among the processes of a run: FSDP2.

What is frozen is divided, by decoder layer: a layer's weights are gathered when it is run, forward
and backward. Whole in every process stay the adapter, with its moments, and the two ends of the
model, embedding and output. So updates, checkpoints and what samplers are given are those of a run
in which nothing is divided.

The processes must run the layers in step, as often as each other: whoever has less to do runs
something that counts for nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttrl_cli.config import C, RunConfig
from ttrl_cli.errors import UsageError

_COPIES = ("NO", "MULTI_GPU", "MULTI_CPU")
_WITHOUT_EFFECT = frozenset(
    {
        # how trainable weights are cut, saved and loaded; here they are whole
        "fsdp_auto_wrap_policy",
        "fsdp_transformer_layer_cls_to_wrap",
        "fsdp_state_dict_type",
        # memory of the machine while weights are read, which every process does for itself
        "fsdp_cpu_ram_efficient_loading",
        # of FSDP 1, and written beside version 2 by older questionnaires
        "fsdp_use_orig_params",
        "fsdp_sync_module_states",
        "fsdp_backward_prefetch",
        "fsdp_forward_prefetch",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a configuration file of accelerate asks for.

    Attributes:
        processes: How many there are to be.
        machines: On how many machines.
        shard: Whether base weights are divided among them.
        reshard: Whether a layer's weights are given up after its forward pass, to be gathered again
            for its backward pass.
        checkpointing: True to compute activations twice; None where the file does not say.
        dtype: Type of the base weights; None where the file does not say.
        device: cpu, or None where the file does not say.
    """

    processes: int
    machines: int
    shard: bool
    reshard: bool
    checkpointing: bool | None
    dtype: str | None
    device: str | None


def read_launch(path: str) -> Launch:
    """Read a file that `accelerate config` wrote.

    Raises:
        UsageError: If it cannot be read, or asks for what is not there.
    """
    # accelerate's own reader, so that its releases may differ about the format
    from accelerate.commands.config.config_args import load_config_from_file
    from yaml import YAMLError

    where = f"--accelerate-config {path}"
    try:
        asked: Any = load_config_from_file(path)
    except (OSError, ValueError, TypeError, AttributeError, YAMLError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        msg = f"{where}: {why}" if Path(path).is_file() else f"{where}: there is no such file"
        raise UsageError(msg) from error
    kind = str(getattr(asked.distributed_type, "value", asked.distributed_type))
    if kind == "DEEPSPEED":
        msg = (
            f"{where}: DeepSpeed is not supported; its stage 3 divides what distributed_type FSDP "
            "with fsdp_version 2 divides, and the other stages only what an adapter has little of"
        )
        raise UsageError(msg)
    if kind not in (*_COPIES, "FSDP"):
        msg = f"{where}: distributed_type {kind} is not supported; FSDP, MULTI_GPU and NO are"
        raise UsageError(msg)
    if getattr(asked, "dynamo_config", None):
        msg = f"{where}: dynamo_config is not supported: nothing is compiled"
        raise UsageError(msg)
    shard = kind == "FSDP"
    own = dict(getattr(asked, "fsdp_config", None) or {}) if shard else {}
    if shard:
        _check(own, where)
    return Launch(
        processes=int(asked.num_processes),
        machines=int(getattr(asked, "num_machines", 1) or 1),
        shard=shard,
        reshard=bool(own.get("fsdp_reshard_after_forward", True)),
        checkpointing=own.get("fsdp_activation_checkpointing") or None,
        dtype=_dtype(str(asked.mixed_precision or "no"), where),
        device="cpu" if asked.use_cpu else None,
    )


def _check(own: dict[str, Any], where: str) -> None:
    """Refuse what would be ignored.

    Raises:
        UsageError: If there is such a thing.
    """
    if own.pop("fsdp_version", 1) != 2:
        msg = f"{where}: fsdp_config.fsdp_version must be 2"
        raise UsageError(msg)
    if own.pop("fsdp_offload_params", False):
        msg = f"{where}: fsdp_config.fsdp_offload_params is not supported; set it to false"
        raise UsageError(msg)
    known = _WITHOUT_EFFECT | {"fsdp_reshard_after_forward", "fsdp_activation_checkpointing"}
    if unknown := sorted(own.keys() - known):
        msg = f"{where}: fsdp_config.{unknown[0]} is not supported"
        raise UsageError(msg)
    for key in ("fsdp_reshard_after_forward", "fsdp_activation_checkpointing"):
        if not isinstance(own.get(key, False), bool):
            msg = f"{where}: fsdp_config.{key} must be true or false (got {own[key]!r})"
            raise UsageError(msg)


def _dtype(precision: str, where: str) -> str | None:
    if precision not in ("no", "bf16"):
        msg = f"{where}: mixed_precision {precision} is not supported; no and bf16 are"
        raise UsageError(msg)
    return "bfloat16" if precision == "bf16" else None


def launch_of(config: RunConfig) -> Launch | None:
    """What the configuration's file asks for; None without one.

    Raises:
        UsageError: See `read_launch`.
    """
    return None if config.accelerate_config is None else read_launch(config.accelerate_config)


def launched(config: C) -> C:
    """The configuration with what its file of accelerate says, where no option says it.

    Raises:
        UsageError: If the file cannot be used, or not with these options.
    """
    launch = launch_of(config)
    if launch is None:
        return config
    where = f"--accelerate-config {config.accelerate_config}"
    if config.gpus not in (1, launch.processes):
        msg = f"--gpus {config.gpus}, but {where}: num_processes is {launch.processes}"
        raise UsageError(msg)
    if launch.shard and launch.processes == 1:
        msg = f"{where}: num_processes is 1, which leaves nothing to divide weights among"
        raise UsageError(msg)
    if launch.shard and config.sampler == "transformers":
        msg = (
            f"{where} divides the weights among processes, and --sampler transformers needs them "
            "whole; use --sampler vllm, or vllm-server:URL,..."
        )
        raise UsageError(msg)
    if launch.shard and config.load_in_4bit:
        msg = f"--load-in-4bit: {where} cannot divide weights in 4 bits"
        raise UsageError(msg)
    said: dict[str, object] = {
        "accelerate_config": str(Path(config.accelerate_config or "").resolve()),
        "gpus": launch.processes,
    }
    if config.checkpointing is None and launch.checkpointing:
        said["checkpointing"] = True
    if config.dtype == "auto" and launch.dtype:
        said["dtype"] = launch.dtype
    if config.device == "auto" and launch.device:
        said["device"] = launch.device
    return config.model_copy(update=said)


@contextmanager
def read_by_everyone() -> Iterator[None]:
    """Have every process read the weights.

    Where accelerate's launcher was told of FSDP, transformers leaves all but process 0 with weights
    that mean nothing, for accelerate to send them later.
    """
    name = "FSDP_CPU_RAM_EFFICIENT_LOADING"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def shard(network: Any, launch: Launch, device: str) -> None:
    """Divide a network's frozen decoder layers among the processes of the default group.

    Args:
        network: A peft model, alike in all processes; it may lie on the CPU.
        launch: What was asked for.
        device: Where the model is to be: cpu or cuda.

    Raises:
        SetupError: If the model does not say what its layers are.
    """
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    from ttrl_cli.models.layers import decoder_layers

    base = network.get_base_model()
    mesh = init_device_mesh(device, (distributed.get_world_size(),))
    for layer in decoder_layers(base, "--accelerate-config"):
        trained = {p for p in layer.parameters() if p.requires_grad}
        fully_shard(layer, mesh=mesh, reshard_after_forward=launch.reshard, ignored_params=trained)
    # divides nothing more: it lets a layer's weights travel while another one is computed
    fully_shard(base.base_model, mesh=mesh, ignored_params=set(base.base_model.parameters()))
    network.to(device)
