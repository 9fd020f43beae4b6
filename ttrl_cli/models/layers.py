"""The decoder layers of any causal model, called as modules by its own forward."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from ttrl_cli.errors import SetupError


def decoder_layers(base: Any, instead: str) -> list[Any]:
    """The layers of a model of transformers, in order.

    Args:
        base: A causal model.
        instead: What to do without them, for the message.

    Raises:
        SetupError: If the model does not say what its layers are.
    """
    names = set(base._no_split_modules or ())
    layers = [module for module in base.modules() if type(module).__name__ in names]
    if not layers:
        msg = f"{type(base).__name__} does not say what its layers are; {instead}"
        raise SetupError(msg)
    return layers


def compute_again(layers: list[Any]) -> None:
    """Have layers keep only their inputs, and compute the rest again for the backward pass.

    For passes without keys and values of earlier tokens, which would be added twice.
    """
    for layer in layers:
        layer.forward = _again(layer.forward)


def _again(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        # nothing is random: the network is in evaluation mode
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    return run
