"""qk_prologue: the public operator; checks its input and picks the path for the device."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.backend import takes_triton
from foundation.kernels.prologue.norm import HeadNorm
from foundation.kernels.prologue.operator import head_prologue
from foundation.kernels.prologue.pieces import norm_rotate
from foundation.kernels.prologue.reference import rotate

DIMS = (32, 64, 80, 88, 96, 128)  # that the kernels are compiled and tested for


def qk_prologue(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    q_norm: HeadNorm | None = None,
    k_norm: HeadNorm | None = None,
    q_turns: Float[Tensor, "Tq half"] | None = None,
    k_turns: Float[Tensor, "Tk half"] | None = None,
    backend: str = "auto",
) -> tuple[Float[Tensor, "Tq heads dim"], Float[Tensor, "Tk heads dim"]]:
    """Normalise queries and keys over the head and rotate them by their positions; reads once, writes once.

    The pairs (i, i + dim / 2) of a head are rotated by `turns[:, i]` full turns; a pair with turns 0 stays. Turns are
    coordinate times frequency of whatever physical axis the pair belongs to, folded into [0, 1) *in float64* by who
    makes them (`model/position.py`): 1e4 Å at a period of 1 Å keep three digits of their phase in float32, but the
    fraction of a turn keeps seven, and sines and cosines follow to 5e-7.

    Args:
        q, k: may be strided views of one projection, as long as the components of a head are adjacent.
        q_norm, k_norm: None = no normalisation.
        q_turns, k_turns: float32 or float64, without gradient; None = no rotation.
        backend: "auto" (Triton on CUDA for heads of 32, 64, 80, 88, 96 and 128), "torch" or "triton".

    Raises:
        ValueError: shapes that do not belong together, several devices, or a backend that cannot serve the input.
    """
    return norm_and_turn(q, q_norm, q_turns, backend), norm_and_turn(k, k_norm, k_turns, backend)


def norm_and_turn(
    x: Float[Tensor, "T heads dim"],
    norm: HeadNorm | None = None,
    turns: Float[Tensor, "T half"] | None = None,
    backend: str = "auto",
) -> Float[Tensor, "T heads dim"]:
    """One of the two alone, for keys that outlive their queries; arguments and errors as in `qk_prologue`."""
    _check(x, norm, turns)
    weight, bias = (None, None) if norm is None else (norm.weight, norm.bias)
    if norm is None and turns is None:
        return x
    able = x.shape[-1] in DIMS
    if not takes_triton("qk_prologue", backend, x, weight, bias, turns, able=able):
        return _in_torch(x, norm, turns)
    if not able:
        raise ValueError(f"qk_prologue: a head has {x.shape[-1]} components. Triton has {DIMS}; use backend='torch'.")
    kind, eps = ("none", 0.0) if norm is None else (norm.kind, norm.eps)
    return head_prologue(x, weight, bias, turns, kind, eps)


def _in_torch(x: Tensor, norm: HeadNorm | None, turns: Tensor | None) -> Tensor:
    """In float32 or better and rounded once; PyTorch's own normalisations where they are the faster: for inference."""
    if norm is not None and torch.is_grad_enabled() and not (turns is not None and turns.requires_grad):
        return norm_rotate(x, norm, turns)
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    if norm is not None:
        weight = norm.weight.to(y.dtype)
        bias = None if norm.bias is None else norm.bias.to(y.dtype)
        if norm.kind == "layer":
            y = F.layer_norm(y, y.shape[-1:], weight, bias, norm.eps)
        else:
            y = F.rms_norm(y, y.shape[-1:], weight, norm.eps)
            y = y if bias is None else y + bias
    return rotate(y, turns).to(x.dtype)


def _check(x: Tensor, norm: HeadNorm | None, turns: Tensor | None) -> None:
    if x.dim() != 3 or x.shape[-1] % 2:
        raise ValueError(f"qk_prologue: got {list(x.shape)}. Give [tokens, heads, dim] with an even dim.")
    if turns is not None and turns.shape != (len(x), x.shape[-1] // 2):
        raise ValueError(
            f"qk_prologue: turns are {list(turns.shape)}, the rows {list(x.shape)}. "
            f"Give one fraction of a turn for each token and pair, {[len(x), x.shape[-1] // 2]}."
        )
    for what, vector in (("weight", norm and norm.weight), ("bias", norm and norm.bias)):
        if vector is not None and vector.shape != x.shape[-1:]:
            raise ValueError(f"qk_prologue: the norm's {what} is {list(vector.shape)}. Give [{x.shape[-1]}].")
