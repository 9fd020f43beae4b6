"""What this machine can do: its sandboxes, attacked for real, and its memory, planned."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ttrl_cli.api.accelerate_config import require_divisible, with_accelerate_file
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.records import Message
from ttrl_cli.sandbox.choose import Checked, check_all, choose
from ttrl_cli.sandbox.outside import AUTO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ttrl_cli.models.gpus import Gpus
    from ttrl_cli.models.memory_plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The result of `ttrl doctor`.

    Attributes:
        kernel: The system's name and version.
        sandboxes: What became of each backend's claims.
        chosen: The backend that `--sandbox auto` takes; empty if none works.
        warning: A warning about it; empty if there is none.
        gpus: The GPUs, their driver, and torch.
    """

    kernel: str
    gpus: "Gpus"
    sandboxes: tuple[Checked, ...]
    chosen: str
    warning: str


def doctor() -> Diagnosis:
    """Attack every sandbox on this machine, plug-ins too; each takes about ten seconds."""
    from ttrl_cli.models.gpus import look

    try:
        chosen, warning = choose(AUTO)
    except SetupError as error:
        chosen, warning = "", str(error)
    return Diagnosis(
        kernel=f"{platform.system()} {platform.release()}",
        sandboxes=tuple(check_all()),
        gpus=look(),
        chosen=chosen,
        warning=warning,
    )


def prompt_note(model: str | None) -> str:
    """Describe what is unusual about how a model is prompted; return an empty text if nothing is.

    Args:
        model: A cached name, a path, a hub id; None for the embedded model.

    Raises:
        SetupError: If its tokenizer cannot be loaded.
        UsageError: If its chat template does not work.
    """
    from ttrl_cli.models import store
    from ttrl_cli.models.tokenizer import load_codec

    folder = store.resolve(model)
    if Path(folder).is_dir() and not Path(folder, "tokenizer_config.json").exists():
        return ""  # a folder with the sizes of a model alone can be planned for
    asked = [Message(role="system", content="..."), Message(role="user", content="...")]
    return load_codec(folder).template.note(asked)


def memory_plan(options: "Mapping[str, object]", *, gigabytes: float | None = None) -> "Plan":
    """Plan the memory that a run would need; of the model, only its configuration is read.

    Args:
        options: Keys of the configuration.
        gigabytes: Memory of the GPU to plan for, in GiB; None plans for this machine's device.

    Raises:
        UsageError: If an option is wrong.
        SetupError: If the model's configuration cannot be found.
    """
    from ttrl_cli.models import memory_plan, shape, store

    config = with_accelerate_file(resolve(SolveConfig, {}, options, where="doctor"))
    require_divisible(config)
    if config.sampler not in ("transformers", "vllm"):
        msg = f"--sampler {config.sampler}: plans are for transformers or vllm"
        raise UsageError(msg)
    if config.load_in_4bit and config.sampler == "vllm":
        msg = "--load-in-4bit: --sampler vllm would sample from other weights"
        raise UsageError(msg)
    # not `folder_of`, which would fetch the weights
    folder, engine = store.resolve(config.model), config.sampler == "vllm"
    if gigabytes is None:
        return memory_plan.plan_here(config, folder, engine=engine)
    return memory_plan.plan(
        shape.read_shape(folder),
        config,
        dtype="bfloat16" if config.dtype == "auto" else config.dtype,
        device="cuda",
        total=int(gigabytes * 2**30),
        checkpointing=config.checkpointing is not False,
        engine=engine,
    )
