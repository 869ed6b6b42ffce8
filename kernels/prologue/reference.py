"""The definition of the prologue: normalisation and rotation written out, any dtype, any device."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.prologue.norm import HeadNorm


def reference_prologue(
    x: Float[Tensor, "T heads dim"], norm: HeadNorm | None, turns: Float[Tensor, "T half"] | None
) -> Float[Tensor, "T heads dim"]:
    """One of the two tensors of `qk_prologue`, computed in float32 or better and rounded once."""
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if norm is not None:
        y = y - y.mean(-1, keepdim=True) if norm.kind == "layer" else y
        y = y / (y.square().mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight
        y = y if norm.bias is None else y + norm.bias
    return rotate(y, turns).to(x.dtype)


def rotate(x: Float[Tensor, "T heads dim"], turns: Float[Tensor, "T half"] | None) -> Float[Tensor, "T heads dim"]:
    """Rotate the pairs (i, i + dim / 2) of each head by these fractions of a full turn; None = leave."""
    if turns is None:
        return x
    angle = turns.unsqueeze(1) * (2 * math.pi)  # [T, 1, dim / 2]
    cos, sin = angle.cos(), angle.sin()
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
