"""Matrix products whose results stay in float32."""

import torch


def product_in_float32(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply two matrices, or two batches of them, and return float32.

    GPUs add up products of bfloat16 in float32. The result is taken as it is there: rounded to
    bfloat16, scores and logits between 10 and 30 would be off by up to 0.06. CPUs have no such
    product, and round.

    Args:
        left: [N, K] or [B, N, K].
        right: [K, M] or [B, K, M], of the same type.
    """
    if left.dtype == torch.float32 or left.device.type == "cpu":
        return (left @ right).float()
    multiply = torch.mm if left.dim() == 2 else torch.bmm
    return multiply(left, right, out_dtype=torch.float32)
