"""Models by the plain way: what the fast ones must agree with."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ttrl_cli.models.load import LoadedModel
from ttrl_cli.records import Completion, Row


def stopping(model: LoadedModel, ids: Iterable[int]) -> LoadedModel:
    """Return the model with other tokens that end a completion."""
    return replace(model, codec=replace(model.codec, stop_ids=frozenset(ids)))


def plain_logprobs(network: Any, sample: Row | Completion, temperature: float) -> torch.Tensor:
    """Return log-probabilities [T] of a sample's tokens: one forward pass over all of them."""
    ids = torch.tensor(np.concatenate([sample.prompt_ids_S, sample.token_ids_T]))[None]
    logits_TV = network(input_ids=ids).logits[0, len(sample.prompt_ids_S) - 1 : -1]
    tokens_T1 = torch.tensor(sample.token_ids_T)[:, None]
    logp_TV = (logits_TV.float() / temperature).log_softmax(-1)
    return logp_TV.gather(1, tokens_T1)[:, 0]
