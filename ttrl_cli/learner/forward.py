"""How rows are scored, with gradient: by the lean forward, or by the model's own."""

from typing import Any, Protocol

import numpy as np
import torch
from transformers.cache_utils import Cache, DynamicLayer

from ttrl_cli.learner.batch import MicroBatch
from ttrl_cli.learner.head import Scored, TokenLoss, score
from ttrl_cli.learner.prefix import PrefixGraph
from ttrl_cli.models.lean.rows import lay_out
from ttrl_cli.models.lean.sequence import Sequences
from ttrl_cli.models.lean.weights import supported
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.models.transfer import upload
from ttrl_cli.records import IntArray


class Forward(Protocol):
    """Scores the rows of one update, under weights that do not change meanwhile."""

    def prefix(self, prefix_ids_S: IntArray) -> PrefixGraph:
        """Run a prompt without its last token; return its prefix KV, with its graph."""

    def score(
        self, batch: MicroBatch, prefix: PrefixGraph, loss: TokenLoss | None = None
    ) -> Scored:
        """Score the tokens of a micro-batch that `MicroBatch.counted_BT` marks, in its order."""

    def collect(self) -> None:
        """Add all gradients to the parameters; called once, after the last backward pass."""


def forward(
    model: LoadedModel, temperature: float, *, adapter: bool = True, checkpointing: bool = False
) -> Forward:
    """Return the forward pass for a model: the lean one if it supports the model.

    Args:
        model: The model.
        temperature: Temperature of the distributions that are scored.
        adapter: False for the reference model, in which nothing is trained.
        checkpointing: Whether the lean forward uses activation checkpointing; other models were
            loaded with or without it.
    """
    if not model.sharded and supported(model.network.get_base_model()):
        return _LeanForward(model, temperature, adapter=adapter, checkpointing=checkpointing)
    return _ModelForward(model, temperature, adapter=adapter)


class _LeanForward:
    """The lean forward of `models.lean.sequence`."""

    def __init__(
        self, model: LoadedModel, temperature: float, *, adapter: bool, checkpointing: bool
    ) -> None:
        grad = torch.is_grad_enabled()
        self._sequences = Sequences(
            model.network, adapter=adapter, grad=grad, checkpointing=checkpointing
        )
        self._device = model.device
        self._temperature = temperature

    def prefix(self, prefix_ids_S: IntArray) -> PrefixGraph:
        if not len(prefix_ids_S):
            return PrefixGraph([])
        tokens = lay_out(prefix_ids_S[None], [len(prefix_ids_S)], 0, self._device)
        return PrefixGraph(self._sequences.prompt(tokens))

    def score(
        self, batch: MicroBatch, prefix: PrefixGraph, loss: TokenLoss | None = None
    ) -> Scored:
        # nothing follows a row's last token
        ids_BT, labels_BT = batch.input_ids_BT[:, :-1], batch.labels_BT[:, 1:]
        tokens = lay_out(ids_BT, batch.lengths, prefix.length, self._device, labels_BT)
        hidden_KH = self._sequences.hidden(tokens, prefix.leaves)[tokens.scoring_K]
        return score(hidden_KH, self._sequences.head_VH, tokens.scored_K, self._temperature, loss)

    def collect(self) -> None:
        self._sequences.collect()


class _ModelForward:
    """The model's own forward, with TRL's fused head."""

    def __init__(self, model: LoadedModel, temperature: float, *, adapter: bool) -> None:
        self._network = model.network
        self._device = model.device
        self._adapter = adapter
        _add_head(model.network.get_base_model(), temperature)

    def prefix(self, prefix_ids_S: IntArray) -> PrefixGraph:
        if not len(prefix_ids_S):
            return PrefixGraph([])
        ids = upload(prefix_ids_S[None].copy(), self._device)
        cache = self._run(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        return PrefixGraph([(layer.keys, layer.values) for layer in cache.layers])

    def score(
        self, batch: MicroBatch, prefix: PrefixGraph, loss: TokenLoss | None = None
    ) -> Scored:
        ids_BT, labels_BT = upload(np.stack([batch.input_ids_BT, batch.labels_BT]), self._device)
        counted_N = upload(np.flatnonzero(batch.counted_BT), self._device)
        out = self._run(
            input_ids=ids_BT,
            labels=labels_BT,
            past_key_values=_cache(prefix, len(batch.indices)),
            fused_lm_head=True,
        )
        logp_N, entropy_N = out.log_probs.flatten()[counted_N], out.entropy.flatten()[counted_N]
        total = logp_N.new_zeros(()) if loss is None else loss(logp_N, slice(None))
        return Scored(total, logp_N.detach(), entropy_N.detach())

    def collect(self) -> None:
        """Do nothing; the gradients are in the parameters already."""

    def _run(self, **inputs: Any) -> Any:
        if self._adapter:
            return self._network(**inputs)
        with self._network.disable_adapter():
            return self._network(**inputs)


def _add_head(base: Any, temperature: float) -> None:
    """Add TRL's fused head to a model, unless it has it already.

    Raises:
        ValueError: If the model has a fused head for another temperature.
    """
    known = getattr(base, "fused_head_temperature", temperature)
    if known != temperature:
        msg = f"this model is scored at temperature {known}, not {temperature}"
        raise ValueError(msg)
    if not hasattr(base, "fused_head_temperature"):
        from trl.trainer import add_fused_lm_head  # slow to import, and seldom needed

        add_fused_lm_head(base, temperature=temperature, outputs=("log_probs", "entropy"))
        base.fused_head_temperature = temperature


def _cache(prefix: PrefixGraph, rows: int) -> Cache | None:
    """Return a KV cache of the prefix for a batch of `rows` rows; None if the prefix is empty.

    The KV is not copied until it is used.
    """
    if not prefix.leaves:
        return None
    layers: list[Any] = []
    for keys, values in prefix.leaves:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys = keys.expand(rows, -1, -1, -1)
        layer.values = values.expand(rows, -1, -1, -1)
        layers.append(layer)
    return Cache(layers=layers)
