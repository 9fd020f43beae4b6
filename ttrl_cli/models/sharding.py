"""Base weights divided among the processes of a run: by FSDP2, or by DeepSpeed's ZeRO stage 3.

What is frozen is divided, by decoder layer or by module in it: weights are gathered when they are
used, forward and backward, and given up behind each. Whole in every process stay the adapter, with
its moments, and the two ends of the model, embedding and output. So updates, checkpoints and what
samplers are given are those of a run in which nothing is divided.

The processes must run the layers in step, as often as each other: whoever has less to do runs
something that counts for nothing.
"""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from ttrl_cli.errors import SetupError

GATHERED = 3
"""Layers that are whole at a time, at most: one is computed, one comes and one goes."""


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


def fsdp(network: Any, layers: list[Any], device: str) -> None:
    """Divide a network's frozen decoder layers by FSDP2, among the default group's processes.

    Args:
        network: A peft model, alike in all processes; it may lie on the CPU.
        layers: Its decoder layers.
        device: Where the model is to be: cpu or cuda.
    """
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (distributed.get_world_size(),))
    for layer in layers:
        trained = {p for p in layer.parameters() if p.requires_grad}
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)
    # divides nothing more: it lets a layer's weights travel while another one is computed
    backbone = network.get_base_model().base_model
    fully_shard(backbone, mesh=mesh, ignored_params=set(backbone.parameters()))
    network.to(device)


def deepspeed(base: Any, layers: list[Any], device: str) -> Any:
    """Divide a model's decoder layers by DeepSpeed, among the default group's processes.

    DeepSpeed divides whatever it is shown, trained or not. So it is shown no adapter, which must be
    added later, nor the model's two ends.

    Args:
        base: A frozen causal model without an adapter, alike in all processes; it may lie on the
            CPU.
        layers: Its decoder layers.
        device: Where the model is to be: cpu or cuda.

    Returns:
        What the division lasts as long as.

    Raises:
        SetupError: If DeepSpeed is missing, or settled for another device.
    """
    os.environ.setdefault("DS_ACCELERATOR", device)
    try:
        # the results of a run are not to stand behind what it says while it is imported
        with redirect_stdout(sys.stderr):
            import deepspeed as library
            from deepspeed.accelerator import get_accelerator
    except ModuleNotFoundError as error:
        msg = f"--deepspeed: {error}; install it with: pip install 'ttrl-cli[deepspeed]'"
        raise SetupError(msg) from error
    if (chosen := get_accelerator().device_name()) != device:
        msg = f"--deepspeed: it chose {chosen}, not {device}; set DS_ACCELERATOR={device}"
        raise SetupError(msg)
    library.utils.logger.setLevel(logging.ERROR)
    options = _zero_options(base, layers)
    backbone = base.base_model
    ends = backbone.get_input_embeddings()
    warnings.filterwarnings("ignore", "`torch.distributed.*deprecated", FutureWarning)
    with redirect_stdout(io.StringIO()):  # it says what it has compiled
        # one by one, as the whole may not fit on the device
        for layer in layers:
            library.zero.Init(module=layer, config_dict_or_path=options)
        backbone.set_input_embeddings(None)
        engine, *_ = library.initialize(model=backbone, config=options)
        backbone.set_input_embeddings(ends)
    base.to(device)
    return engine


def _zero_options(base: Any, layers: list[Any]) -> dict[str, Any]:
    """What DeepSpeed is told: to hold no more at a time than FSDP does."""
    import torch

    layer = max(sum(p.numel() for p in layer.parameters()) for layer in layers)
    # norms and biases, which would travel one by one
    vectors = max((p.numel() for one in layers for p in one.parameters() if p.dim() < 2), default=0)
    return {
        "train_micro_batch_size_per_gpu": 1,  # it wants to know; its optimiser would use it
        "bf16": {"enabled": base.dtype == torch.bfloat16},
        "zero_optimization": {
            "stage": 3,
            "stage3_param_persistence_threshold": vectors,
            "stage3_prefetch_bucket_size": layer,
            "stage3_max_live_parameters": GATHERED * layer,
            "stage3_max_reuse_distance": 0,
        },
    }
