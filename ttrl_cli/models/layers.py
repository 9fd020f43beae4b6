"""The decoder layers of any causal model, called as modules by its own forward."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from ttrl_cli.errors import SetupError


def decoder_layers(base: Any, instead: str) -> list[Any]:
    """Return the decoder layers of a transformers model, in order.

    Args:
        base: A causal model.
        instead: What the user can do without them, for the message.

    Raises:
        SetupError: If the model does not declare its layer class.
    """
    names = set(base._no_split_modules or ())
    layers = [module for module in base.modules() if type(module).__name__ in names]
    if not layers:
        msg = f"{type(base).__name__} does not say what its layers are; {instead}"
        raise SetupError(msg)
    return layers


def checkpoint_activations(layers: list[Any]) -> None:
    """Turn on activation checkpointing for the layers: keep their inputs, recompute the rest.

    For passes without a KV cache only: recomputation would append the KV twice.
    """
    for layer in layers:
        layer.forward = _checkpointed(layer.forward)


def _checkpointed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        # nothing is random: the network is in evaluation mode
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    return run
