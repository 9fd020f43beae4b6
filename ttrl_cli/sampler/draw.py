"""Drawing tokens: one uniform number a row and the inverse of the cumulative distribution."""

import torch

_BLOCK = 256


def draw(
    logits_BV: torch.Tensor, uniform_B: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one token a row from softmax(logits / temperature).

    The cumulative sum is taken over blocks of the vocabulary first and then within the one block
    that holds the draw, in float64, so that rare tokens keep their probability.

    Args:
        logits_BV: Logits [B, V].
        uniform_B: Numbers in [0, 1), float64 [B].
        temperature: Above 0.

    Returns:
        Token ids, int64 [B], and their log-probabilities, float32 [B].
    """
    logp_BV = torch.log_softmax(logits_BV.float() / temperature, dim=-1)
    p_BV = torch.nn.functional.pad(logp_BV.exp(), (0, -logp_BV.shape[-1] % _BLOCK))
    p_BNK = p_BV.view(p_BV.shape[0], -1, _BLOCK)
    block_BN = p_BNK.sum(-1, dtype=torch.float64)
    block_cdf_BN = block_BN.cumsum(-1)
    target_B1 = (uniform_B * block_cdf_BN[:, -1])[:, None]
    block_B1 = _first_above(block_cdf_BN, target_B1)
    inside_BK = p_BNK[torch.arange(len(p_BNK)), block_B1[:, 0]].double()
    before_B1 = block_cdf_BN.gather(1, block_B1) - block_BN.gather(1, block_B1)
    # rounding can leave the target past the block's end, or on a token of probability 0: the
    # block's likeliest token is within that rounding of the right answer
    offset_B1 = _first_above(inside_BK.cumsum(-1), target_B1 - before_B1)
    drawable_B1 = inside_BK.gather(1, offset_B1) > 0
    offset_B1 = torch.where(drawable_B1, offset_B1, inside_BK.argmax(-1, keepdim=True))
    token_B1 = block_B1 * _BLOCK + offset_B1
    return token_B1[:, 0], logp_BV.gather(1, token_B1)[:, 0]


def _first_above(cdf_BN: torch.Tensor, target_B1: torch.Tensor) -> torch.Tensor:
    """Index of the first entry above the target in each row, the last where none is."""
    index_B1 = torch.searchsorted(cdf_BN, target_B1, right=True)
    return index_B1.clamp(max=cdf_BN.shape[-1] - 1)
