"""Drawing tokens: one uniform number a row and the inverse of the cumulative distribution."""

import torch

_BLOCK = 256


def draw(
    logits_BV: torch.Tensor, uniform_B: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one token a row from softmax(logits / temperature).

    The cumulative sum is taken in float64, over blocks of the vocabulary first and then within the
    one block that holds the draw. Every token, however rare, is drawn with the probability given by
    its float32 exponential.

    Args:
        logits_BV: Logits [B, V].
        uniform_B: Numbers in [0, 1), float64 [B].
        temperature: Above 0.

    Returns:
        Token ids, int64 [B], and their log-probabilities, float32 [B]; these are not finite where
        logits are infinite or not numbers.
    """
    scaled_BV = logits_BV.float() / temperature
    highest_B1 = scaled_BV.amax(-1, keepdim=True)
    p_BV = (scaled_BV - highest_B1).exp_()
    if missing := -p_BV.shape[-1] % _BLOCK:
        p_BV = torch.nn.functional.pad(p_BV, (0, missing))
    p_BNK = p_BV.view(len(p_BV), -1, _BLOCK)
    block_BN = p_BNK.sum(-1).double()
    block_cdf_BN = block_BN.cumsum(-1)
    total_B1 = block_cdf_BN[:, -1:]
    # below the total whatever is drawn, for (1 - 2^-53) * total rounds down: no block is empty
    target_B1 = uniform_B[:, None] * total_B1
    block_B1 = _first_above(block_cdf_BN, target_B1)
    inside_BK = p_BNK[torch.arange(len(p_BNK), device=p_BNK.device), block_B1[:, 0]].double()
    inside_cdf_BK = inside_BK.cumsum(-1)
    before_B1 = block_cdf_BN.gather(1, block_B1) - block_BN.gather(1, block_B1)
    # how far into the block, as a share: the block's float32 sum is off by its rounding, and a rare
    # token at the end of a block would lose its probability to that
    share_B1 = (target_B1 - before_B1) / block_BN.gather(1, block_B1)
    offset_B1 = _first_above(inside_cdf_BK, share_B1 * inside_cdf_BK[:, -1:])
    # a share that rounding takes to the block's end can point at a token of probability 0; of those
    # that can be drawn, take the likeliest
    drawable_B1 = inside_BK.gather(1, offset_B1) > 0
    offset_B1 = torch.where(drawable_B1, offset_B1, inside_BK.argmax(-1, keepdim=True))
    token_B1 = block_B1 * _BLOCK + offset_B1
    logp_B1 = (scaled_BV.gather(1, token_B1) - highest_B1).double() - total_B1.log()
    return token_B1[:, 0], logp_B1[:, 0].float()


def _first_above(cdf_BN: torch.Tensor, target_B1: torch.Tensor) -> torch.Tensor:
    """Return the index of the first entry above the target in each row; the last if none is."""
    index_B1 = torch.searchsorted(cdf_BN, target_B1, right=True)
    return index_B1.clamp(max=cdf_BN.shape[-1] - 1)
