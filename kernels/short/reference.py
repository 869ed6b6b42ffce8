"""The definition of attention over short sequences, any dtype, any device."""

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.prologue import HeadNorm, reference_prologue


def reference_short_attention(
    q: Float[Tensor, "positions frames heads dim"],
    k: Float[Tensor, "positions frames heads dim"],
    v: Float[Tensor, "positions frames heads dim"],
    bias: Float[Tensor, "heads offsets"] | None = None,
    q_norm: HeadNorm | None = None,
    k_norm: HeadNorm | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "positions frames heads dim"]:
    """softmax(q k^T * scale + bias[i - j]) v at every position; arguments as in `short_attention`."""
    frames, dim = q.shape[1], q.shape[-1]
    q = reference_prologue(q.flatten(0, 1), q_norm, None).view(q.shape)
    k = reference_prologue(k.flatten(0, 1), k_norm, None).view(k.shape)
    score = torch.einsum("nihd,njhd->nhij", q, k) * (dim**-0.5 if scale is None else scale)
    i, j = torch.arange(frames)[:, None], torch.arange(frames)[None, :]
    if bias is not None:
        score = score + bias[:, i - j + frames - 1]
    if causal:
        score = score.masked_fill((j > i).to(score.device), -torch.inf)
    return torch.einsum("nhij,njhd->nihd", score.softmax(-1).to(v.dtype), v)
