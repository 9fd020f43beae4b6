"""The learner: one gradient step per round on a LoRA adapter.

Loss: minus the sum over tokens of ratio * advantage, ratio = exp(log pi_theta - log pi_sampler),
over a constant fixed once per round, so that the cut into micro-batches does not change what is
learned. The reference model of the KL shaping is the adapter switched off.
Departure from the paper (TTT-Discover, arXiv 2601.16175): gradients are clipped to a norm, because
a small model at a high learning rate has no other guard against one odd round.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import DivergedError, SetupError
from ttrl_cli.learner.batch import MicroBatch, merge_identical
from ttrl_cli.learner.forward import forward
from ttrl_cli.learner.head import TokenLoss
from ttrl_cli.learner.loss import kl_loss, policy_loss
from ttrl_cli.learner.passes import Pass, passes, whole_passes
from ttrl_cli.learner.published import AdapterFiles
from ttrl_cli.learner.shaping import mean_drift, shaped
from ttrl_cli.learner.shares import share
from ttrl_cli.models.load import LoadedModel, choose_checkpointing
from ttrl_cli.peers import Peers
from ttrl_cli.records import Adapter, FloatArray, Probe, Round, Row, UpdateReport

ADAPTER_FILE = "adapter_model.safetensors"
OPTIMISER_FILE = "optimizer.safetensors"

T = TypeVar("T")


class LoraLearner:
    """Updates the adapter of a `LoadedModel`. See `Learner`.

    Args:
        model: The model.
        config: Learning rate, KL coefficient, clipping and micro-batch budget.
        files: Where adapters go for a sampler with weights of its own; None for one that shares
            the model.
        peers: The processes that each do a part of every update; None where there is but one.
    """

    def __init__(
        self,
        model: LoadedModel,
        config: RunConfig,
        files: AdapterFiles | None = None,
        peers: Peers | None = None,
    ) -> None:
        self._peers = peers
        self._model = model
        self._config = config
        self._files = files
        self._published: Path | None = None
        self._policy = 0
        self._checkpointing = choose_checkpointing(config)
        self._budget = config.micro_batch_tokens
        self._halved = False
        self._warning = ""
        self._named = [(n, p) for n, p in model.network.named_parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(
            [p for _, p in self._named],
            lr=config.lr,
            betas=(0.9, 0.95),
            eps=1e-8,
            weight_decay=0.0,
        )

    @property
    def adapter(self) -> Adapter:
        """The current weights: in memory, or in files that are written when first asked for."""
        if self._files is not None and self._published is None:
            size = sum(p.numel() * p.element_size() for _, p in self._named)
            self._published = self._files.publish(self._write, size)
        return Adapter(policy=self._policy, path=self._published)

    def logprobs(self, probes: Sequence[Probe]) -> list[FloatArray]:
        """See `Learner.logprobs`."""
        return [self._model.logprobs(probe) for probe in probes]

    def update(self, round_: Round) -> UpdateReport:
        """Take one gradient step on a round; an empty round takes none and still counts.

        Raises:
            DivergedError: If the gradient is not finite; the weights are left as they were.
            SetupError: If the device's memory does not suffice, also for half a micro-batch.
        """
        started = time.monotonic()
        lr = self._config.lr * round_.lr_scale
        rows = merge_identical(round_.rows)
        metrics: dict[str, float] = {"train/rows": len(round_.rows)}
        if rows:
            metrics["train/distinct_rows"] = len(rows)
            if self._config.kl > 0 or self._config.kl_loss > 0:
                rows = self._with_base(rows)
                metrics["train/kl_base"] = mean_drift(rows)
            if self._config.kl > 0:
                rows = shaped(rows, self._config.kl)
            rows = self._teaching(rows)
        metrics["train/updates"] = int(bool(rows))
        if rows:
            metrics |= self._gradient(rows, round_.normalizer)
            metrics["train/grad_norm"] = self._step(lr)
        self._policy = round_.step
        metrics["train/lr"] = lr
        metrics["train/seconds"] = time.monotonic() - started
        warning, self._warning = self._warning, ""
        return UpdateReport(metrics=metrics, warning=warning)

    def gradients(self, round_: Round) -> dict[str, torch.Tensor]:
        """The loss's gradient by parameter name, without taking a step or shaping advantages."""
        self._optimiser.zero_grad(set_to_none=True)
        rows = self._teaching(merge_identical(round_.rows))
        self._accumulate(
            self._with_base(rows) if self._config.kl_loss > 0 else rows, round_.normalizer
        )
        return {name: p.grad.clone() for name, p in self._named if p.grad is not None}

    def save(self, folder: Path) -> None:
        """Write the adapter as a peft folder, and the optimiser beside it."""
        self._write(folder)
        tensors = {
            f"{name}.{key}": value
            for name, p in self._named
            for key, value in self._optimiser.state.get(p, {}).items()
        }
        save_file(tensors, folder / OPTIMISER_FILE)

    def load(self, folder: Path, *, policy: int) -> None:
        """Go on from a saved folder: weights, moments and step counts."""
        self.warm_start(folder)
        tensors = load_file(folder / OPTIMISER_FILE)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for place, (name, _) in enumerate(self._named):
            keys = [key for key in tensors if key.rpartition(".")[0] == name]
            moments[place] = {key.rpartition(".")[2]: tensors[key] for key in keys}
        groups = self._optimiser.state_dict()["param_groups"]
        # moves the moments to where the weights live, and leaves the step counts on the CPU
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self._policy = policy

    def warm_start(self, folder: Path) -> None:
        """Begin from another run's weights, with a fresh optimiser."""
        load_adapter(self._model, folder)
        self._published = None
        self._optimiser.state.clear()

    def _write(self, folder: Path) -> None:
        save_adapter(self._model, folder)

    def _teaching(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows whose loss has a gradient; the others need not be run."""
        held = self._config.kl_loss > 0
        return tuple(row for row in rows if held or row.advantages_T.any())

    def _with_base(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows with their log-probabilities under the model without its adapter."""
        places = self._mine(rows)
        base = self._fitting(lambda: self._logprobs([rows[place] for place in places]))
        found = dict(zip(places, base, strict=True))
        if self._peers is not None:
            for part in self._peers.gather(found):
                found |= part
        return tuple(replace(row, base_logprobs_T=found[place]) for place, row in enumerate(rows))

    def _mine(self, rows: Sequence[Row]) -> list[int]:
        """The places of the rows that are this process's part of the work."""
        rank, size = (self._peers.rank, self._peers.size) if self._peers else (0, 1)
        return share(rows, rank, size)

    @torch.no_grad()
    def _logprobs(self, rows: Sequence[Row]) -> list[FloatArray]:
        """Log-probabilities of each row's tokens under the base model; 0 where none are counted."""
        found: dict[int, FloatArray] = {}
        run = forward(self._model, self._config.temperature, adapter=False)
        for one in self._passes(rows):
            prefix = run.prefix(one.prefix_ids_S)
            for batch in one.batches:
                logp_N = run.score(batch, prefix).logp_N.double().cpu().numpy()
                logp_BT = np.zeros(batch.counted_BT.shape)
                logp_BT[batch.counted_BT.cpu().numpy()] = logp_N
                for place, logp_T in zip(batch.places, logp_BT, strict=bool(batch.places)):
                    row = rows[place]
                    # a prompt that is not shared leads the completion
                    start = len(row.prompt_ids_S) - 1 - len(one.prefix_ids_S)
                    found[place] = logp_T[start : start + len(row.token_ids_T)]
        return [found[place] for place in range(len(rows))]

    def _gradient(self, rows: tuple[Row, ...], normalizer: float) -> dict[str, float]:
        """Put the gradient of the round's loss in place; return what was seen on the way.

        Raises:
            SetupError: If the device's memory does not suffice.
        """
        mine = [rows[place] for place in self._mine(rows)]

        def compute() -> _Seen:
            self._optimiser.zero_grad(set_to_none=True)
            return self._accumulate(mine, normalizer)

        return self._combined(self._fitting(compute)).metrics(normalizer)

    def _fitting(self, compute: Callable[[], T]) -> T:
        """What a computation in micro-batches comes to, if need be with smaller ones, once.

        A process that runs out of memory makes all of them begin again.

        Args:
            compute: Is called once more where memory ran out; but for a model that is divided, it
                waits for no other process.

        Raises:
            SetupError: If the device's memory does not suffice.
            torch.OutOfMemoryError: The same, of a model that is divided: the others are then in the
                middle of what cannot begin again.
        """
        if self._model.sharded:
            return compute()
        found: list[T] = []
        try:
            found.append(compute())
        except torch.OutOfMemoryError:
            self._optimiser.zero_grad(set_to_none=True)
        fits = [bool(found)] if self._peers is None else self._peers.gather(bool(found))
        if all(fits):
            return found[0]
        if self._halved:
            msg = (
                f"out of memory with micro-batches of {self._budget} tokens, halved already; "
                "see ttrl doctor --model, and lower --micro-batch-tokens or --max-tokens"
            )
            raise SetupError(msg)
        self._halved = True
        self._budget = max(1, self._budget // 2)
        self._warning = f"out of memory: micro-batches now have {self._budget} tokens, half as many"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._fitting(compute)

    def _combined(self, seen: "_Seen") -> "_Seen":
        """Add up what all processes did: gradients in place, and what they saw."""
        if self._peers is None:
            return seen
        for _, parameter in self._named:
            if parameter.grad is None:  # of a process without rows
                parameter.grad = torch.zeros_like(parameter)
        self._peers.add([p.grad for _, p in self._named if p.grad is not None])
        every = self._peers.gather(seen)
        return _Seen(
            sums=tuple(sum(column) for column in zip(*(each.sums for each in every), strict=True)),
            most=max(each.most for each in every),
        )

    def _accumulate(self, rows: Sequence[Row], normalizer: float) -> "_Seen":
        """Add the gradient of some rows' loss; return what was seen on the way."""
        sums = torch.zeros(4, dtype=torch.float64)
        most = 0.0
        run = forward(self._model, self._config.temperature, checkpointing=self._checkpointing)
        for one in self._passes(rows):
            prefix = run.prefix(one.prefix_ids_S)
            for batch in one.batches:
                scored = run.score(batch, prefix, self._loss(batch))
                torch.autograd.backward(scored.loss / normalizer)
                counted_BT = batch.counted_BT
                weight_N = batch.weight_BT[counted_BT]
                ratio_N = torch.exp(scored.logp_N - batch.sampled_logp_BT[counted_BT])
                seen = (scored.loss, weight_N, weight_N * ratio_N, weight_N * scored.entropy_N)
                sums += torch.stack([x.detach().sum().double().cpu() for x in seen])
                if len(ratio_N):
                    most = max(most, float(ratio_N.max()))
            prefix.backward()
        run.collect()
        return _Seen(sums=tuple(sums.tolist()), most=most)

    def _loss(self, batch: MicroBatch) -> TokenLoss:
        """The loss of a micro-batch's tokens."""
        counted_BT, coefficient = batch.counted_BT, self._config.kl_loss
        sampled_N = batch.sampled_logp_BT[counted_BT]
        advantage_N, weight_N = batch.advantage_BT[counted_BT], batch.weight_BT[counted_BT]
        base_N = batch.base_logp_BT[counted_BT]

        def loss(logp_K: torch.Tensor, here: slice) -> torch.Tensor:
            sampled_K, weight_K = sampled_N[here], weight_N[here]
            total = policy_loss(logp_K, sampled_K, advantage_N[here], weight_K, self._config.clip)
            if coefficient > 0:
                kl = kl_loss(logp_K, sampled_K, base_N[here], weight_K)
                total = total + coefficient * kl
            return total

        return loss

    def _passes(self, rows: Sequence[Row]) -> Iterator[Pass]:
        """What the model is run on for some rows, in step with the others if it must be."""
        device = self._model.device
        if self._model.whole_rows:
            others = self._peers if self._model.sharded else None
            return whole_passes(rows, self._budget, device, others)
        return passes(rows, self._budget, device)

    def _step(self, lr: float) -> float:
        """Clip and step at this rate; return the gradient's norm before clipping."""
        parameters = [p for _, p in self._named]
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, self._config.max_grad_norm))
        if not np.isfinite(norm):
            msg = (
                f"the gradient's norm is {norm}, so the weights were left as they were; lower --lr"
            )
            raise DivergedError(msg)
        for group in self._optimiser.param_groups:
            group["lr"] = lr
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)  # their memory is wanted for sampling
        self._published = None
        return norm


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen while the gradient was computed.

    Attributes:
        sums: Of the loss, of the weights of tokens, of their weighted ratios and entropies.
        most: The largest ratio.
    """

    sums: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    most: float = 0.0

    def metrics(self, normalizer: float) -> dict[str, float]:
        """The same as metrics."""
        loss, tokens, ratio, entropy = self.sums
        return {
            "train/loss": loss / normalizer,
            "train/tokens": tokens,
            "train/ratio_mean": ratio / max(tokens, 1.0),
            "train/ratio_max": self.most,
            "train/entropy": entropy / max(tokens, 1.0),
        }


def save_adapter(model: LoadedModel, folder: Path) -> None:
    """Write the adapter as a peft folder that transformers, peft and vLLM load."""
    tensors = get_peft_model_state_dict(model.network, save_embedding_layers=False)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / ADAPTER_FILE)
    model.network.peft_config["default"].save_pretrained(str(folder))


def load_adapter(model: LoadedModel, folder: Path) -> None:
    """Read the adapter that `save_adapter` wrote."""
    set_peft_model_state_dict(model.network, load_file(folder / ADAPTER_FILE))
