"""Base weights divided among the processes of a run, by FSDP2.

What is frozen is divided, by decoder layer or by module in it: weights are gathered when they are
used, forward and backward, and given up behind each. Whole in every process stay the adapter, with
its moments, and the two ends of the model, embedding and output. So updates, checkpoints and what
samplers are given are those of a run in which nothing is divided.

The processes must run the layers in step, as often as each other: whoever has less to do runs
something that counts for nothing.
"""

from contextlib import AbstractContextManager
from typing import Any

from ttrl_cli.environ import variables

GATHERED = 3
"""Layers that are whole at a time, at most: one is computed, one comes and one goes."""


def read_by_everyone() -> AbstractContextManager[None]:
    """Make every process read the weights, within the context.

    If accelerate's launcher is set up for FSDP, transformers loads them in process 0 only and
    leaves meaningless weights in the others, for accelerate to fill later.
    """
    return variables({"FSDP_CPU_RAM_EFFICIENT_LOADING": "false"})


def fsdp(network: Any, layers: list[Any], device: str) -> None:
    """Shard a network's frozen decoder layers by FSDP2, over the default process group.

    Args:
        network: A peft model, alike in all processes; it may be on the CPU.
        layers: Its decoder layers.
        device: The device to put the model on: cpu or cuda.
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
