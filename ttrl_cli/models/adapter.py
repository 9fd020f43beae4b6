"""A LoRA adapter in files: a peft folder that transformers, peft and vLLM load."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ttrl_cli.errors import UnwritableError, first_line
from ttrl_cli.models.load import LoadedModel

_FILE = "adapter_model.safetensors"


def save_adapter(model: LoadedModel, folder: Path) -> None:
    """Write the adapter into a folder."""
    tensors = get_peft_model_state_dict(model.network, save_embedding_layers=False)
    write_tensors({k: v.contiguous() for k, v in tensors.items()}, folder / _FILE)
    model.network.peft_config["default"].save_pretrained(str(folder))


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write tensors into a file.

    Raises:
        UnwritableError: If the file system refuses the write; safetensors raises its own error.
    """
    try:
        save_file(dict(tensors), path)
    except (SafetensorError, OSError) as error:
        said = re.search(r"I/O error: (.*) \(os error", str(error))
        raise UnwritableError(path, said[1] if said else first_line(error)) from error


def load_adapter(model: LoadedModel, folder: Path) -> None:
    """Load the adapter that `save_adapter` wrote."""
    set_peft_model_state_dict(model.network, load_file(folder / _FILE))
