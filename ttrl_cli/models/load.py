"""Loading models and tokenizers through transformers and peft.

Sampler and learner share one `LoadedModel`: one copy of the weights, so the sampler's next
log-probabilities are the updated adapter's by construction.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.cache_utils import DynamicCache, DynamicLayer
from transformers.utils import logging as transformers_logging

from ttrl_cli.completions import Marks
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError, first_line
from ttrl_cli.models import attention, sharding
from ttrl_cli.models.layers import checkpoint_activations, decoder_layers
from ttrl_cli.models.lean import weights
from ttrl_cli.models.tokenizer import Codec, folder_of, load_codec
from ttrl_cli.records import FloatArray, Probe

if TYPE_CHECKING:
    from collections.abc import Mapping

_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Capabilities of processors, each of which means that bfloat16 is fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A causal language model with a LoRA adapter and its tokenizer.

    Attributes:
        network: The peft model, in evaluation mode, on its device.
        codec: Its tokenizer and what goes with it.
        sharded: Whether its weights are sharded over the processes, which must then all run it.
        no_prefix_sharing: Whether each row is learned from with its whole prompt, as layers need
            whose activations are checkpointed or whose weights are sharded.
    """

    network: Any
    codec: Codec
    sharded: bool = False
    no_prefix_sharing: bool = False

    @property
    def dtype(self) -> str:
        """The type of the base model's weights, as a configuration names it."""
        return str(self.network.get_base_model().dtype).removeprefix("torch.")

    @property
    def marks(self) -> Marks:
        """How it marks thinking and turns."""
        return self.codec.marks

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return next(self.network.parameters()).device  # type: ignore[no-any-return]

    @torch.no_grad()
    def logprobs(self, probe: Probe) -> FloatArray:
        """Compute log-probabilities [T] of a probe's tokens at temperature 1, in nats.

        Use the model's own forward, which samplers and learner avoid where they have a faster one.
        """
        ids = torch.tensor(np.concatenate([probe.prompt_ids_S, probe.token_ids_T])[None])
        kept = len(probe.token_ids_T) + 1
        out = self.network(input_ids=ids.to(self.device), logits_to_keep=kept)
        logp_TV = out.logits[0, :-1].float().log_softmax(-1)
        token_T1 = torch.tensor(probe.token_ids_T, device=self.device)[:, None]
        logp_T: FloatArray = logp_TV.gather(1, token_T1)[:, 0].double().cpu().numpy()
        return logp_T


def set_threads(threads: int | None) -> None:
    """Set the number of CPU threads of torch; CPU results are reproducible for a fixed number."""
    if threads is not None:
        torch.set_num_threads(threads)


def choose_device(device: str) -> str:
    """Return the device, with `auto` resolved: cuda if there is a GPU, else cpu.

    Raises:
        SetupError: If cuda is asked for and torch sees none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        msg = "--device cuda: torch sees no GPU (try --device cpu)"
        raise SetupError(msg)
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(config: RunConfig) -> str:
    """Return the dtype of the base model, with `auto` resolved for this machine.

    A processor without bfloat16 instructions multiplies bfloat16 three to four times as slowly as
    float32.
    """
    if config.dtype != "auto":
        return config.dtype
    if choose_device(config.device) == "cuda":
        return "bfloat16"
    # older releases of torch have nothing public to ask; float32 is then the safer choice
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bfloat16" if any(able.get(name) for name in _BFLOAT16) else "float32"


def choose_checkpointing(config: RunConfig) -> bool:
    """Decide whether to use activation checkpointing; by default, only on a GPU."""
    if config.checkpointing is None:
        return choose_device(config.device) == "cuda"
    return config.checkpointing


def load_model(config: RunConfig, codec: Codec | None = None) -> LoadedModel:
    """Load base model and tokenizer and put a fresh adapter on every linear layer.

    The adapter's B matrices are zero, so it changes nothing until the first update; its A matrices
    are drawn from the run's seed.

    Args:
        config: The run's configuration.
        codec: The model's tokenizer and template, if already loaded.

    Raises:
        SetupError: If the model is not found, or does not fit.
        UsageError: If its chat template does not work.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    attention.register()
    folder = folder_of(config.model)
    codec = codec or load_codec(folder, thinking=config.thinking)
    device = choose_device(config.device)
    # what is going to be sharded need not fit on a GPU as a whole
    with sharding.read_in_all_processes():
        base = _load_base(folder, config, "cpu" if config.fsdp else device)
    _require_plain_cache(folder, base)
    base.requires_grad_(requires_grad=False)
    # sharded weights are gathered when a layer is called as a module, which lean forwards never do
    lean = weights.supported(base) and not config.fsdp
    again = choose_checkpointing(config) and config.train and not lean
    if lean:
        weights.fuse(base)
    network = _with_adapter(base, config)
    if again:  # inside of what gathers weights, so that both passes have them
        checkpoint_activations(decoder_layers(base, "take --no-checkpointing"))
    if config.fsdp:
        sharding.fsdp(network, decoder_layers(base, "take no --fsdp"), device)
    return LoadedModel(
        network=network,
        codec=codec,
        sharded=config.fsdp,
        no_prefix_sharing=again or config.fsdp,
    )


def _load_base(folder: str, config: RunConfig, device: str) -> Any:
    """Load the base model from a folder to a device.

    Raises:
        SetupError: If it cannot be loaded.
    """
    dtype = getattr(torch, choose_dtype(config))
    # weights in 4 bits are made on their device, and cannot be moved
    place = torch.cuda.current_device() if device == "cuda" else device
    special = {"device_map": {"": place}, **_four_bits(dtype)} if config.load_in_4bit else {}
    try:
        base = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=attention.NAME, **special
        )
        return base if config.load_in_4bit else base.to(device)
    except torch.OutOfMemoryError:
        raise
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        msg = f"model {folder!r} could not be loaded: {first_line(error)}"
        raise SetupError(msg) from error


def _four_bits(dtype: torch.dtype) -> dict[str, Any]:
    """Return the options with which transformers loads 4-bit weights.

    They are those of QLoRA (arXiv 2305.14314, section 3).

    Raises:
        SetupError: If bitsandbytes is not installed.
    """
    if not find_spec("bitsandbytes"):
        msg = "--load-in-4bit needs bitsandbytes; install it with: pip install 'ttrl-cli[qlora]'"
        raise SetupError(msg)
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    }


def _require_plain_cache(name: str, base: Any) -> None:
    """Refuse models whose prompts cannot be shared: sliding windows, recurrent states.

    Raises:
        SetupError: If a layer caches anything but keys and values of all tokens.
    """
    kinds = {type(layer) for layer in DynamicCache(config=base.config).layers}
    if kinds != {DynamicLayer}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds - {DynamicLayer}))
        msg = f"model {name} is not supported yet: it caches {names}, not plain keys and values"
        raise SetupError(msg)


def _with_adapter(base: Any, config: RunConfig) -> PeftModel:
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
    # peft draws the A matrices from the global generator of the CPU; the fork keeps that to
    # ourselves, and without GPUs in it, it neither starts CUDA nor warns of several GPUs
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        network = get_peft_model(base, lora)
    network.eval()
    if config.load_in_4bit:
        _keep_packing(network)
    return network


def _keep_packing(network: Any) -> None:
    """Keep 4-bit weights in their present packing, by putting their layers in training mode.

    On processors with bfloat16, bitsandbytes repacks layers in evaluation mode when nothing needs a
    gradient: for other kernels, with rounded scales. Sampling would then use other weights than
    learning. The mode of a single linear layer has no other effect.
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in network.modules():
        if isinstance(module, Linear4bit):
            module.train()


def dequantise(gguf: Path, folder: Path) -> None:
    """Convert a GGUF file to a folder of bfloat16 safetensors with its tokenizer.

    Args:
        gguf: The quantised model.
        folder: An empty folder to fill.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where, name = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.bfloat16)
    # transformers still calls the model quantised after it has dequantised it, and then
    # refuses to save it
    del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
