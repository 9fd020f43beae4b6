"""Base weights divided among the processes of a run: by FSDP2, or by DeepSpeed's ZeRO stage 3.

What is frozen is divided, by decoder layer or by module in it: weights are gathered when they are
used, forward and backward, and given up behind each. Whole in every process stay the adapter, with
its moments, and the two ends of the model, embedding and output. So updates, checkpoints and what
samplers are given are those of a run in which nothing is divided.

The processes must run the layers in step, as often as each other: whoever has less to do runs
something that counts for nothing.
"""

import logging
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from typing import Any

from ttrl_cli.environment import variable
from ttrl_cli.errors import SetupError

GATHERED = 3
"""Layers that are whole at a time, at most: one is computed, one comes and one goes."""


def read_by_everyone() -> AbstractContextManager[None]:
    """Have every process read the weights.

    Where accelerate's launcher was told of FSDP, transformers leaves all but process 0 with weights
    that mean nothing, for accelerate to send them later.
    """
    return variable("FSDP_CPU_RAM_EFFICIENT_LOADING", "false")


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


def deepspeed(base: Any, layers: list[Any], device: str) -> Callable[[], None]:
    """Divide a model's decoder layers by DeepSpeed, among the default group's processes.

    DeepSpeed divides whatever it is shown, trained or not. So it is shown the decoder without its
    embedding, before there is an adapter.

    Args:
        base: A frozen causal model without an adapter, alike in all processes; it may lie on the
            CPU.
        layers: Its decoder layers.
        device: Where the model is to be: cpu or cuda.

    Returns:
        What divides again all that a pass has left whole: DeepSpeed gathers ahead, also what no
        backward pass comes to use.

    Raises:
        SetupError: If DeepSpeed settled for another device before.
    """
    _prepare_deepspeed(device)
    from deepspeed import initialize, zero
    from deepspeed.runtime.zero.linear import zero3_linear_wrap
    from torch import nn

    options = _zero_options(base, layers)
    backbone = base.base_model
    embedding = backbone.get_input_embeddings()
    backbone.set_input_embeddings(None)
    for layer in layers:  # one by one, as the whole may not fit on the device
        zero.Init(module=layer, config_dict_or_path=options)
        linears: list[Any] = [part for part in layer.modules() if type(part) is nn.Linear]
        for linear in linears:
            # PyTorch's own would hold on to gathered weights until the backward pass
            linear.forward = _product(linear, zero3_linear_wrap)
    engine, *_ = initialize(model=backbone, config=options)
    # what it divided, apart from the embedding and the adapter to come, as a module of its kind
    divided: Any = nn.ParameterList(backbone.parameters())
    divided.ds_external_parameters = tuple  # there are none
    backbone.set_input_embeddings(embedding)
    base.to(device)

    def scatter() -> None:
        engine.optimizer.release_backward_leftovers()
        engine.optimizer.get_param_coordinator().release_and_reset_all(divided)

    return scatter


def _prepare_deepspeed(device: str) -> None:
    """Import DeepSpeed for a device.

    Raises:
        SetupError: If it settled for another device before.
    """
    os.environ.setdefault("DS_ACCELERATOR", device)
    # the results of a run are not to stand behind what it says of itself
    with redirect_stdout(sys.stderr):
        import deepspeed
        from deepspeed.accelerator import get_accelerator

        # transfers of its own, which are not for what is done here, and would be compiled
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if (chosen := get_accelerator().device_name()) != device:
        msg = f"--deepspeed: it was imported for {chosen}; begin with DS_ACCELERATOR={device} set"
        raise SetupError(msg)
    deepspeed.utils.logger.setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "`torch.distributed.*deprecated", FutureWarning)


def _product(module: Any, product: Callable[..., Any]) -> Callable[[Any], Any]:
    """A linear layer's forward by another product of inputs, weight and bias."""
    return lambda x: product(x, module.weight, module.bias)


def _zero_options(base: Any, layers: list[Any]) -> dict[str, Any]:
    """What DeepSpeed is told: to hold no more at a time than FSDP does."""
    import torch

    largest = max(sum(p.numel() for p in layer.parameters()) for layer in layers)
    # norms and biases, which would travel one by one, within a pass as well
    small = max((p.numel() for one in layers for p in one.parameters() if p.dim() < 2), default=0)
    return {
        "train_micro_batch_size_per_gpu": 1,  # it wants to know; its optimiser would use it
        "bf16": {"enabled": base.dtype == torch.bfloat16},
        "zero_optimization": {
            "stage": 3,
            "stage3_param_persistence_threshold": small,
            "stage3_prefetch_bucket_size": largest,
            # bounds what is gathered ahead; what is computed comes on top
            "stage3_max_live_parameters": (GATHERED - 1) * largest,
            "stage3_max_reuse_distance": 0,
            "stage3_allgather_sequential": True,  # without another copy of what was gathered
            "memory_efficient_linear": False,  # would replace PyTorch's for the whole process
        },
    }
