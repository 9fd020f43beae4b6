"""Moving arrays to where a model is."""

from typing import Any

import numpy.typing as npt
import torch


def upload(array: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy an array to a device, without waiting for what the device has still to do.

    Args:
        array: The array, writable; on the CPU the tensor shares its memory.
        device: Where it goes.
    """
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
