"""Attention by two products with the scores written out in between: the faster way in bfloat16 on a CPU.

PyTorch's fused attention multiplies bfloat16 there at half the speed of its matrix products. Scores of a few heads at a
time fit the cache. Without gradients only: those would keep all scores.
"""

import torch
from jaxtyping import Float
from torch import Tensor

MOST_SCORES = 2**22  # held at once
FEWEST_KEYS = 64  # with fewer, calls cost more than they bring


def gains_by_products(q: Tensor, k: Tensor) -> bool:
    """Whether attention of q [B, heads, n, dim] to k [B, heads, m, dim] is faster by products."""
    return (
        q.device.type == "cpu"
        and q.dtype == torch.bfloat16
        and min(q.shape[2], k.shape[2]) >= FEWEST_KEYS
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
    )


def attention_by_products(
    q: Float[Tensor, "B heads n dim"],
    k: Float[Tensor, "B heads m dim"],
    v: Float[Tensor, "B heads m width"],
    scale: float,
) -> Float[Tensor, "B n heads width"]:
    """softmax(scale q k^T) v of each piece and head; scores and weights are rounded to the type of q."""
    pieces, heads, queries, keys = *q.shape[:3], k.shape[2]
    out = q.new_empty(pieces, queries, heads, v.shape[3])
    at_once = max(1, MOST_SCORES // (queries * keys))
    for piece in range(pieces):
        for first in range(0, heads, at_once):
            some = slice(first, first + at_once)
            scores = torch.bmm(q[piece, some] * scale, k[piece, some].transpose(1, 2))
            torch.bmm(torch.softmax(scores, -1), v[piece, some], out=out[piece, :, some].transpose(0, 1))
    return out
