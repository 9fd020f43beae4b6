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
    """Have every process read the weights.

    Where accelerate's launcher was told of FSDP, transformers leaves all but process 0 with weights
    that mean nothing, for accelerate to send them later.
    """
    return variables({"FSDP_CPU_RAM_EFFICIENT_LOADING": "false"})


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
