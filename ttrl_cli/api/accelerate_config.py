"""Sharded weights, and the options that a configuration file of accelerate's stands for."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ttrl_cli import process_group
from ttrl_cli.config import C, RunConfig
from ttrl_cli.errors import UsageError, first_line
from ttrl_cli.reading import read_user_text

_COPIES = ("NO", "MULTI_GPU", "MULTI_CPU")
_USED = frozenset(
    {
        "compute_environment",
        "distributed_type",
        "fsdp_config",
        "mixed_precision",
        "num_machines",
        "num_processes",
        "use_cpu",
    }
)
_LAUNCHER = frozenset(
    {
        "debug",
        "machine_rank",
        "main_process_ip",
        "main_process_port",
        "main_training_function",
        "rdzv_backend",
        "same_network",
    }
)
"""What the launcher alone makes something of."""
_NOTHING: tuple[object, ...] = (None, False, 0, "", "no", "NO", "all", {}, [])
"""Values of other keys that ask for nothing."""
_FSDP_USED = frozenset(
    {"fsdp_activation_checkpointing", "fsdp_offload_params", "fsdp_reshard_after_forward"}
)
_FSDP_WITHOUT_EFFECT = frozenset(
    {
        # how trainable weights are sharded, saved and loaded; here they are unsharded
        "fsdp_auto_wrap_policy",
        "fsdp_min_num_params",
        "fsdp_state_dict_type",
        "fsdp_transformer_layer_cls_to_wrap",
        # memory of the machine while weights are read, which every process does for itself
        "fsdp_cpu_ram_efficient_loading",
        # of FSDP 1, and written beside version 2 by older questionnaires
        "fsdp_backward_prefetch",
        "fsdp_forward_prefetch",
        "fsdp_sync_module_states",
        "fsdp_use_orig_params",
    }
)


def with_accelerate_file(config: C) -> C:
    """Add the settings of the accelerate configuration file that no option sets.

    The file is read only here. The returned configuration holds its settings, so a resumed run does
    not need the file.

    Raises:
        UsageError: If the file cannot be read, asks for something that is not supported or would be
            ignored, or contradicts an option.
    """
    path = config.accelerate_config
    if path is None:
        return config
    where = f"--accelerate-config {path}"
    asked = _read(path, where)
    given = config.model_fields_set
    said: dict[str, object] = {"accelerate_config": str(Path(path).resolve())}
    processes, machines = asked["num_processes"], asked["num_machines"]
    if processes > 0:
        if "gpus" in given and config.gpus != processes:
            msg = f"--gpus {config.gpus}, but {where}: num_processes is {processes}"
            raise UsageError(msg)
        said["gpus"] = processes
    if machines > 1 and process_group.size() == 1:
        msg = f"{where}: num_machines is {machines}; start it by accelerate launch"
        raise UsageError(msg)
    if "dtype" not in given and asked["mixed_precision"] == "bf16":
        said["dtype"] = "bfloat16"
    if "device" not in given and asked["use_cpu"]:
        said["device"] = "cpu"
    sharded = _sharded(asked, where).items()
    said |= {key: value for key, value in sharded if key not in given and value is not None}
    return config.model_copy(update=said)


def require_divisible(config: RunConfig) -> None:
    """Refuse options that cannot be combined with --fsdp.

    Raises:
        UsageError: If --fsdp is set and there is one process, --load-in-4bit is set, or the sampler
            needs unsharded weights.
    """
    if not config.fsdp:
        return
    if config.gpus == 1:
        msg = "--fsdp divides weights among processes, and there is one; --gpus N"
        raise UsageError(msg)
    if config.load_in_4bit:
        msg = "--load-in-4bit: --fsdp cannot divide weights in 4 bits"
        raise UsageError(msg)
    if config.sampler == "transformers":
        raise UsageError(needs_unsharded_weights(config))


def needs_unsharded_weights(config: RunConfig) -> str:
    """Return the message that refuses --fsdp with a sampler that shares the learner's weights."""
    return (
        f"--fsdp divides the weights among processes, and --sampler {config.sampler} "
        "needs them whole; use --sampler vllm, or vllm-server:URL,..."
    )


def _read(path: str, where: str) -> dict[str, Any]:
    """Read the file's keys with accelerate's own reader, and check them.

    The format differs between accelerate's releases.

    Raises:
        UsageError: If the file cannot be read, or asks for something that is not supported.
    """
    asked = _loaded(path, where)
    kind, precision = asked["distributed_type"], asked.get("mixed_precision") or "no"
    if kind == "DEEPSPEED":
        msg = (
            f"{where}: DeepSpeed is not supported; --fsdp divides weights as its stage 3 does "
            "(distributed_type FSDP)"
        )
        raise UsageError(msg)
    if kind not in (*_COPIES, "FSDP"):
        known = ", ".join(("FSDP", *_COPIES))
        msg = f"{where}: distributed_type {kind} is not supported; {known} are"
        raise UsageError(msg)
    if precision not in ("no", "bf16"):
        msg = f"{where}: mixed_precision {precision} is not supported; no and bf16 are"
        raise UsageError(msg)
    for key, value in asked.items():
        if key not in _USED | _LAUNCHER and value not in _NOTHING:
            hint = "; choose GPUs by CUDA_VISIBLE_DEVICES" if key == "gpu_ids" else ""
            msg = f"{where}: {key} is not supported (got {value!r}){hint}"
            raise UsageError(msg)
    own = asked.get("fsdp_config") or {}
    if not isinstance(own, dict) or (own and kind != "FSDP"):
        msg = f"{where}: fsdp_config must be a section, and distributed_type FSDP (got {kind})"
        raise UsageError(msg)
    for key in ("num_processes", "num_machines"):
        if not isinstance(asked.setdefault(key, 0), int):
            msg = f"{where}: {key} must be a whole number (got {asked[key]!r})"
            raise UsageError(msg)
    empty: dict[str, object] = {"use_cpu": False, "fsdp_config": {}}
    return {**empty, **asked, "mixed_precision": precision}


def _loaded(path: str, where: str) -> dict[str, Any]:
    """Load the file with accelerate's reader, from a copy in UTF-8.

    Raises:
        UsageError: If the file cannot be read.
    """
    from accelerate.commands.config.config_args import load_config_from_file
    from yaml import YAMLError

    with TemporaryDirectory() as folder:
        copy = Path(folder, Path(path).name)
        try:
            copy.write_text(read_user_text(Path(path)), encoding="utf-8")
            asked: dict[str, Any] = load_config_from_file(str(copy)).to_dict()
        except (OSError, ValueError, TypeError, AttributeError, YAMLError) as error:
            why = first_line(error).replace(str(copy), path)
            msg = f"{where}: {why if Path(path).is_file() else 'there is no such file'}"
            raise UsageError(msg) from error
    return asked


def _sharded(asked: dict[str, Any], where: str) -> dict[str, object]:
    """Return the options on sharded weights that the file sets; a value of None means not set.

    Raises:
        UsageError: If this run would ignore one of the file's keys.
    """
    if asked["distributed_type"] != "FSDP":
        return {}
    own = _checked_fsdp(asked["fsdp_config"], where)
    return {"fsdp": True, "checkpointing": own.get("fsdp_activation_checkpointing")}


def _checked_fsdp(own: dict[str, Any], where: str) -> dict[str, Any]:
    """Check the keys of fsdp_config and return them.

    Raises:
        UsageError: If one of them is not supported or would be ignored.
    """
    if own.get("fsdp_version", 1) != 2:
        msg = f"{where}: fsdp_config.fsdp_version must be 2"
        raise UsageError(msg)
    for key, value in own.items():
        if key not in _FSDP_USED | _FSDP_WITHOUT_EFFECT | {"fsdp_version"}:
            msg = f"{where}: fsdp_config.{key} is not supported"
            raise UsageError(msg)
        if key in _FSDP_USED and not isinstance(value, bool):
            msg = f"{where}: fsdp_config.{key} must be true or false (got {value!r})"
            raise UsageError(msg)
    if own.get("fsdp_offload_params", False):
        msg = f"{where}: fsdp_config.fsdp_offload_params is not supported; set it to false"
        raise UsageError(msg)
    if not own.get("fsdp_reshard_after_forward", True):
        msg = (
            f"{where}: fsdp_config.fsdp_reshard_after_forward is not supported as false: weights "
            "would stay whole while the sampler needs their memory"
        )
        raise UsageError(msg)
    return own
