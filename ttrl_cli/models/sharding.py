"""Base weights sharded over the processes of a run, by FSDP2.

Frozen weights are sharded by decoder layer: they are gathered when a layer is used, forward and
backward, and freed after it. Unsharded in every process are the adapter, with its moments, the
embedding and the output layer. So updates, checkpoints and what samplers are given are those of a
run in which nothing is sharded.

All processes must run the layers equally often: one with fewer micro-batches runs dummy ones.
"""

from contextlib import AbstractContextManager
from typing import Any

from ttrl_cli.environ import variables

GATHERED = 3
"""Layers that are unsharded at a time, at most: one computed, one prefetched, one being freed."""


def read_in_all_processes() -> AbstractContextManager[None]:
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
    # shards nothing more: it lets a layer's weights travel while another one is computed
    backbone = network.get_base_model().base_model
    fully_shard(backbone, mesh=mesh, ignored_params=set(backbone.parameters()))
    network.to(device)
