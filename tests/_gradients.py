"""The gradient that a learner's update would take its step by."""

import torch

from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.records import Round


def gradients_of(
    model: LoadedModel, learner: LoraLearner, round_: Round
) -> dict[str, torch.Tensor]:
    """Gradients of a round's loss by parameter name; no step is taken."""
    learner.accumulate(round_)
    named = model.network.named_parameters()
    return {name: p.grad.clone() for name, p in named if p.grad is not None}
