"""Running a prompt once for all the rows that share it, gradient included.

The prompt's KV is cut from the graph as leaves; each micro-batch adds its gradient to them; at the
end one backward pass carries the sum through the prompt. The result is the gradient of the plain
computation, with the prompt run forward and backward once instead of G times.
"""

import torch

from ttrl_cli.models.cache import KV


class PrefixGraph:
    """The graph and the KV of a prompt that the rows of its group share.

    Args:
        outputs: Keys and values [1, H_kv, S, D] per layer, as the model computed them; none where
            there is nothing to share.

    Attributes:
        leaves: The same, cut from the graph; for rows to go on from.
    """

    def __init__(self, outputs: list[KV]) -> None:
        self._outputs = outputs
        grad = torch.is_grad_enabled()
        self.leaves: list[KV] = [
            (k.detach().requires_grad_(grad), v.detach().requires_grad_(grad)) for k, v in outputs
        ]

    @property
    def length(self) -> int:
        """Tokens of the prompt, S; 0 where there is nothing to share."""
        return self.leaves[0][0].shape[2] if self.leaves else 0

    def backward(self) -> None:
        """Run the backward pass of the prompt, from the gradients of its KV.

        The micro-batches that used the KV left these gradients on it.
        """
        pairs = [
            (output, leaf.grad)
            for outputs, leaves in zip(self._outputs, self.leaves, strict=True)
            for output, leaf in zip(outputs, leaves, strict=True)
            if leaf.grad is not None and output.requires_grad
        ]
        if pairs:
            outputs, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(outputs, gradients)
