"""Base weights divided among the processes of a run: FSDP2.

What is frozen is divided, by decoder layer: a layer's weights are gathered when it is run, forward
and backward, and given up behind each. Whole in every process stay the adapter, with its moments,
and the two ends of the model, embedding and output. So updates, checkpoints and what samplers are
given are those of a run in which nothing is divided.

The processes must run the layers in step, as often as each other: whoever has less to do runs
something that counts for nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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


def shard(network: Any, layers: list[Any], device: str) -> None:
    """Divide a network's frozen decoder layers among the processes of the default group.

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
