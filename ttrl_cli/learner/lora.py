"""The learner: one gradient step per round on a LoRA adapter.

Loss: minus the sum over tokens of ratio * advantage, ratio = exp(log pi_theta - log pi_sampler),
over a constant fixed once per round, so that the cut into micro-batches does not change what is
learned. The reference model of the KL shaping is the adapter switched off.
Departures from the paper (TTT-Discover, arXiv 2601.16175): gradients are clipped to a norm, because
a small model at a high learning rate has no other guard against one odd round; `max_grad_norm:
null` leaves them as they are. The constant is the number of tokens, where the paper's
implementation takes the sum: to Adam that is the same, to a clipped norm it is not.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import DivergedError, SetupError
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.learner.batch import merge_identical
from ttrl_cli.learner.runner import RowRunner, Seen
from ttrl_cli.learner.shaping import mean_drift, shaped
from ttrl_cli.learner.shares import share
from ttrl_cli.models.adapter import load_adapter, save_adapter, write_tensors
from ttrl_cli.models.load import LoadedModel
from ttrl_cli.process_group import ProcessGroup, naming_lost_processes
from ttrl_cli.records import Adapter, FloatArray, Probe, Round, Row, UpdateReport

OPTIMISER_FILE = "optimizer.safetensors"

T = TypeVar("T")


class LoraLearner:
    """Updates the adapter of a `LoadedModel`. See `ScoringLearner`.

    Args:
        model: The model.
        config: Learning rate, KL coefficient, clipping and micro-batch budget.
        files: Where adapters go for a sampler with weights of its own; None for one that shares
            the model.
        group: The processes that each do a part of every update; None where there is but one.
    """

    def __init__(
        self,
        model: LoadedModel,
        config: RunConfig,
        files: AdapterFiles | None = None,
        group: ProcessGroup | None = None,
    ) -> None:
        self._group = group
        self._model = model
        self._config = config
        self._files = files
        self._published: Path | None = None
        self._policy = 0
        self._runner = RowRunner(model, config, group)
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
        """See `ScoringLearner.logprobs`."""
        with naming_lost_processes():
            return [self._model.logprobs(probe) for probe in probes]

    def update(self, round_: Round) -> UpdateReport:
        """Take one gradient step on a round.

        An empty round changes no weights, and still counts as the update of its step.

        Raises:
            DivergedError: If the gradient is not finite; the weights are left as they were.
            SetupError: If the device's memory is too small even for half a micro-batch.
            torch.OutOfMemoryError: If it is too small for a sharded model.
        """
        started = time.monotonic()
        lr = self._config.lr * round_.lr_scale
        metrics = self.accumulate(round_)
        if metrics["train/updates"]:
            metrics["train/grad_norm"] = self._step(lr)
        self._policy = round_.step
        metrics["train/lr"] = lr
        metrics["train/seconds"] = time.monotonic() - started
        warning, self._warning = self._warning, ""
        return UpdateReport(metrics=metrics, warning=warning)

    def accumulate(self, round_: Round) -> dict[str, float]:
        """Compute the gradient of a round's loss in place, over all processes; return metrics.

        Raises:
            SetupError: If the device's memory is too small even for half a micro-batch.
            torch.OutOfMemoryError: If it is too small for a sharded model.
        """
        rows = merge_identical(round_.rows)
        metrics: dict[str, float] = {"train/rows": len(round_.rows)}
        if rows:
            metrics["train/distinct_rows"] = len(rows)
            if self._config.kl > 0 or self._config.kl_loss > 0:
                rows = self._with_reference(rows)
                metrics["train/kl_base"] = mean_drift(rows)
            if self._config.kl > 0:
                rows = shaped(rows, self._config.kl)
            rows = self._with_gradient(rows)
        metrics["train/updates"] = int(bool(rows))
        if rows:
            metrics |= self._gradient(rows, round_.normalizer)
        return metrics

    def save(self, folder: Path) -> None:
        """Write the adapter as a peft folder, and the optimiser beside it."""
        self._write(folder)
        tensors = {
            f"{name}.{key}": value
            for name, p in self._named
            for key, value in self._optimiser.state.get(p, {}).items()
        }
        write_tensors(tensors, folder / OPTIMISER_FILE)

    def load(self, folder: Path, *, policy: int) -> None:
        """Restore weights, moments and step counts from a saved folder."""
        self.warm_start(folder)
        tensors = load_file(folder / OPTIMISER_FILE)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for index, (name, _) in enumerate(self._named):
            keys = [key for key in tensors if key.rpartition(".")[0] == name]
            moments[index] = {key.rpartition(".")[2]: tensors[key] for key in keys}
        groups = self._optimiser.state_dict()["param_groups"]
        # moves the moments to where the weights live, and leaves the step counts on the CPU
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self._policy = policy

    def warm_start(self, folder: Path) -> None:
        """Start from another run's weights, with a fresh optimiser."""
        load_adapter(self._model, folder)
        self._published = None
        self._optimiser.state.clear()

    def _write(self, folder: Path) -> None:
        save_adapter(self._model, folder)

    def _with_gradient(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Return the rows whose loss has a gradient; the others need not be run."""
        held = self._config.kl_loss > 0
        return tuple(row for row in rows if held or row.advantages_T.any())

    def _with_reference(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Return the rows with their log-probabilities under the reference model."""
        indices = self._mine(rows)
        mine = [rows[i] for i in indices]
        logprobs = self._fitting(lambda: self._runner.reference_logprobs(mine))
        found = dict(zip(indices, logprobs, strict=True))
        if self._group is not None:
            for part in self._group.all_gather(found):
                found |= part
        return tuple(replace(row, reference_logprobs_T=found[i]) for i, row in enumerate(rows))

    def _mine(self, rows: Sequence[Row]) -> list[int]:
        """Return the indices of the rows that this process works on."""
        rank, size = (self._group.rank, self._group.size) if self._group else (0, 1)
        return share(rows, rank, size, with_prompts=self._model.no_prefix_sharing)

    def _gradient(self, rows: tuple[Row, ...], normalizer: float) -> dict[str, float]:
        """Compute the gradient of the round's loss in place, over all processes; return metrics.

        Raises:
            SetupError: If the device's memory is too small.
        """
        mine = [rows[index] for index in self._mine(rows)]

        def compute() -> Seen:
            self._optimiser.zero_grad(set_to_none=True)
            return self._runner.accumulate(mine, normalizer)

        return self._combined(self._fitting(compute)).metrics(normalizer)

    def _fitting(self, compute: Callable[[], T]) -> T:
        """Run a computation in micro-batches; if memory runs out, halve them and run it again.

        Micro-batches are halved once per run. If one process runs out of memory, all of them halve
        their micro-batches and run the computation again.

        Args:
            compute: The computation. Unless the model is sharded, it must not wait for other
                processes, since it may be called again.

        Raises:
            SetupError: If the device's memory is too small for halved micro-batches.
            torch.OutOfMemoryError: If it is too small for a sharded model: the other processes are
                then inside a collective operation, which cannot be run again.
        """
        if self._model.sharded:
            with naming_lost_processes():
                return compute()
        found: list[T] = []
        try:
            found.append(compute())
        except torch.OutOfMemoryError:
            self._optimiser.zero_grad(set_to_none=True)
        fits = [bool(found)] if self._group is None else self._group.all_gather(bool(found))
        if all(fits):
            return found[0]
        if self._halved:
            msg = (
                f"out of memory with micro-batches of {self._runner.budget} tokens, halved "
                "already; see ttrl doctor --model, and lower --micro-batch-tokens or --max-tokens"
            )
            raise SetupError(msg)
        self._halved = True
        budget = self._runner.budget = max(1, self._runner.budget // 2)
        self._warning = f"out of memory: micro-batches now have {budget} tokens, half as many"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._fitting(compute)

    def _combined(self, seen: Seen) -> Seen:
        """Sum the gradients of all processes in place; return the sum of their `Seen`."""
        if self._group is None:
            return seen
        for _, parameter in self._named:
            if parameter.grad is None:  # of a process without rows
                parameter.grad = torch.zeros_like(parameter)
        self._group.all_reduce([p.grad for _, p in self._named if p.grad is not None])
        return sum(self._group.all_gather(seen), Seen())

    def _step(self, lr: float) -> float:
        """Clip the gradient and take an optimiser step; return the norm before clipping.

        Raises:
            DivergedError: If the norm is not finite; the weights are left as they were.
        """
        parameters = [p for _, p in self._named]
        most = self._config.max_grad_norm
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, math.inf if most is None else most))
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
