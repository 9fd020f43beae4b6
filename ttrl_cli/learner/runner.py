"""The model run over rows: their log-probabilities, and the gradient of their loss."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ttrl_cli.config import RunConfig
from ttrl_cli.learner.batch import Known
from ttrl_cli.learner.forward import forward
from ttrl_cli.learner.head import TokenLoss
from ttrl_cli.learner.loss import kl_loss, policy_loss
from ttrl_cli.learner.passes import Pass, passes, unshared_passes
from ttrl_cli.models.load import LoadedModel, choose_checkpointing
from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.records import FloatArray, Row


@dataclass(frozen=True, slots=True)
class Seen:
    """Sums over the tokens of an update, taken while its gradient is computed.

    Attributes:
        sums: Of the loss, of the weights of tokens, of their weighted ratios and entropies.
        most: The largest ratio.
    """

    sums: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    most: float = 0.0

    def metrics(self, normalizer: float) -> dict[str, float]:
        """Return the means and sums as metrics, the loss divided by `normalizer`."""
        loss, tokens, ratio, entropy = self.sums
        return {
            "train/loss": loss / normalizer,
            "train/tokens": tokens,
            "train/ratio_mean": ratio / max(tokens, 1.0),
            "train/ratio_max": self.most,
            "train/entropy": entropy / max(tokens, 1.0),
        }

    def __add__(self, other: "Seen") -> "Seen":
        """Combine the sums of two processes."""
        return Seen(
            sums=tuple(mine + theirs for mine, theirs in zip(self.sums, other.sums, strict=True)),
            most=max(self.most, other.most),
        )


class RowRunner:
    """Runs a model over one process's rows, micro-batch by micro-batch.

    Args:
        model: The model.
        config: Temperature, loss and micro-batches.
        group: The processes, which must all run the layers of a sharded model as often.

    Attributes:
        budget: Most padded tokens of a micro-batch.
    """

    def __init__(self, model: LoadedModel, config: RunConfig, group: ProcessGroup | None) -> None:
        self._model = model
        self._config = config
        self._group = group if model.sharded else None
        self._checkpointing = choose_checkpointing(config)
        self.budget = config.micro_batch_tokens

    @torch.no_grad()
    def reference_logprobs(self, rows: Sequence[Row]) -> list[FloatArray]:
        """Return log-probabilities of each row's tokens under the reference model, 0 if forced."""
        found: dict[int, FloatArray] = {}
        run = forward(self._model, self._config.temperature, adapter=False)
        for one in self._passes(rows):
            prefix = run.prefix(one.prefix_ids_S)
            for batch in one.batches:
                logp_N = run.score(batch, prefix).logp_N.double().cpu().numpy()
                logp_BT = np.zeros(batch.counted_BT.shape)
                logp_BT[batch.counted_BT] = logp_N
                for index, logp_T in zip(batch.indices, logp_BT, strict=bool(batch.indices)):
                    row = rows[index]
                    # a prompt that is not shared leads the completion
                    start = len(row.prompt_ids_S) - 1 - len(one.prefix_ids_S)
                    found[index] = logp_T[start : start + len(row.token_ids_T)]
        return [found[index] for index in range(len(rows))]

    def accumulate(self, rows: Sequence[Row], normalizer: float) -> Seen:
        """Add the gradient of the rows' loss to the parameters; return sums for the metrics.

        Nothing is read from the device before the end, so that it never waits for this process.
        """
        device = self._model.device
        sums = torch.zeros(4, dtype=torch.float64, device=device)
        most = torch.zeros((), device=device)
        run = forward(self._model, self._config.temperature, checkpointing=self._checkpointing)
        for one in self._passes(rows):
            prefix = run.prefix(one.prefix_ids_S)
            for batch in one.batches:
                known = batch.known(device)
                scored = run.score(batch, prefix, self._loss(known))
                torch.autograd.backward(scored.loss / normalizer)
                weight_N = known.weight_N
                ratio_N = torch.exp(scored.logp_N - known.sampled_logp_N)
                seen = (scored.loss, weight_N, weight_N * ratio_N, weight_N * scored.entropy_N)
                sums += torch.stack([x.detach().sum().double() for x in seen])
                if len(ratio_N):
                    most = torch.maximum(most, ratio_N.max())
            prefix.backward()
        run.collect()
        *totals, largest = torch.cat([sums, most.double()[None]]).tolist()
        return Seen(sums=tuple(totals), most=largest)

    def _loss(self, known: Known) -> TokenLoss:
        """Return the function that computes the loss of a micro-batch's tokens."""
        coefficient = self._config.kl_loss
        sampled_N, reference_N = known.sampled_logp_N, known.reference_logp_N
        advantage_N, weight_N = known.advantage_N, known.weight_N

        def loss(logp_K: torch.Tensor, here: slice) -> torch.Tensor:
            sampled_K, weight_K = sampled_N[here], weight_N[here]
            total = policy_loss(logp_K, sampled_K, advantage_N[here], weight_K, self._config.clip)
            if coefficient > 0:
                kl = kl_loss(logp_K, sampled_K, reference_N[here], weight_K)
                total = total + coefficient * kl
            return total

        return loss

    def _passes(self, rows: Sequence[Row]) -> Iterator[Pass]:
        """Return the passes over some rows; of a sharded model as many as in all processes."""
        if self._model.no_prefix_sharing:
            return unshared_passes(rows, self.budget, self._group)
        return passes(rows, self.budget)
