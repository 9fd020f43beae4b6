"""A LoRA adapter in files: a peft folder that transformers, peft and vLLM load."""

from pathlib import Path

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from ttrl_cli.models.load import LoadedModel

_FILE = "adapter_model.safetensors"


def save_adapter(model: LoadedModel, folder: Path) -> None:
    """Write the adapter into a folder."""
    tensors = get_peft_model_state_dict(model.network, save_embedding_layers=False)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / _FILE)
    model.network.peft_config["default"].save_pretrained(str(folder))


def load_adapter(model: LoadedModel, folder: Path) -> None:
    """Read the adapter that `save_adapter` wrote."""
    set_peft_model_state_dict(model.network, load_file(folder / _FILE))
