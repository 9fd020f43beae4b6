"""What there is of GPUs here, what torch sees of them, and why it may see none."""

import os
from dataclasses import dataclass

import torch

from ttrl_cli.errors import SetupError, first_line
from ttrl_cli.models.driver import driver_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU that torch sees.

    Attributes:
        name: Its name.
        capability: Its compute capability, such as 9.0.
        free: Bytes that are free.
        installed: Bytes that it has.
    """

    name: str
    capability: str
    free: int
    installed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """What there is of GPUs here.

    Attributes:
        seen: Those that torch sees.
        driver: The version of the NVIDIA driver; "unknown" if it cannot be read, empty if none is
            loaded.
        torch: The version of torch.
        cuda: The version of CUDA that torch was built for; empty if for none.
        why_none: Why torch sees none although there is a driver; empty if it does, or none is.
    """

    seen: tuple[Gpu, ...]
    driver: str
    torch: str
    cuda: str
    why_none: str


def look() -> Gpus:
    """Look for GPUs and their driver."""
    seen = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return Gpus(
        seen=tuple(_gpu(index) for index in seen),
        driver=driver_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda or "",
        why_none=why_none(),
    )


def why_none() -> str:
    """Say why torch sees no GPU although a driver is loaded; empty if it sees one, or none is.

    GPUs that CUDA_VISIBLE_DEVICES hides, all of them, are meant to be hidden.
    """
    if not driver_version() or torch.cuda.is_available() or _hidden():
        return ""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return "torch does not say why"


def require_no_idle_gpu(option: str) -> None:
    """Refuse to use the CPU unasked where there is an NVIDIA driver and torch sees no GPU.

    Args:
        option: What was asked for.

    Raises:
        SetupError: With torch's reason, if so.
    """
    reason = why_none()
    if reason:
        msg = (
            f"{option}: NVIDIA driver {driver_version()} is loaded, and torch sees no GPU: "
            f"{reason} (torch {torch.__version__}, CUDA {torch.version.cuda or 'none'}); install a "
            "torch for this driver or a newer driver, or pass --device cpu"
        )
        raise SetupError(msg)


def _hidden() -> bool:
    """Decide whether all GPUs are hidden from this process on purpose."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return shown is not None and shown.strip() in ("", "-1")


def _gpu(index: int) -> Gpu:
    free, installed = torch.cuda.mem_get_info(index)
    major, minor = torch.cuda.get_device_capability(index)
    return Gpu(
        name=torch.cuda.get_device_name(index),
        capability=f"{major}.{minor}",
        free=free,
        installed=installed,
    )
