"""short_attention: the public operator; checks its input and picks the path for the device."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.backend import takes_triton
from foundation.kernels.prologue import HeadNorm, qk_prologue
from foundation.kernels.short.operator import short_heads

MOST_FRAMES = 16
MOST_DIM = 128  # of the kernel


def short_attention(
    q: Float[Tensor, "positions frames heads dim"],
    k: Float[Tensor, "positions frames heads dim"],
    v: Float[Tensor, "positions frames heads dim"],
    bias: Float[Tensor, "heads offsets"] | None = None,
    q_norm: HeadNorm | None = None,
    k_norm: HeadNorm | None = None,
    causal: bool = False,
    scale: float | None = None,
    backend: str = "auto",
) -> Float[Tensor, "positions frames heads dim"]:
    """Attention among the frames of each position: many independent sequences of up to 16 frames.

    Rows packed position by position come here as `rows.unflatten(0, (-1, frames))`. At 6 frames the arithmetic is
    nothing and the bytes are all: the kernel reads q, k, v once, keeps everything else in registers, writes once.

    Args:
        q, k, v: may be strided views of one projection, as long as the components of a head are adjacent.
        bias: [heads, 2 * frames - 1] added to the logits of query frame i and key frame j at `frames - 1 + i - j`, so
            the right half is the past (T5's table over time of Walrus, one bucket a distance below 16 frames).
        q_norm, k_norm: None = no normalisation.
        causal: frames see themselves and what came before.
        scale: 1 / sqrt(dim) if None.
        backend: "auto" (Triton on CUDA up to 128 components), "torch" or "triton".

    Raises:
        ValueError: shapes that do not belong together, several devices, or a backend that cannot serve the input.
    """
    _check(q, k, v, bias)
    scale = float(q.shape[-1] ** -0.5 if scale is None else scale)
    vectors = [x for norm in (q_norm, k_norm) if norm is not None for x in (norm.weight, norm.bias)]
    able = q.shape[-1] <= MOST_DIM
    if not takes_triton("short_attention", backend, q, k, v, bias, *vectors, able=able):
        return _in_torch(q, k, v, bias, q_norm, k_norm, causal, scale)
    if not able:
        raise ValueError(
            f"short_attention: a head has {q.shape[-1]} components. Triton takes 128; use backend='torch'."
        )
    matrix = None if bias is None else _matrix(bias)
    return short_heads(q, k, v, matrix, *_parts(q_norm), *_parts(k_norm), causal, scale)


def _in_torch(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    q_norm: HeadNorm | None,
    k_norm: HeadNorm | None,
    causal: bool,
    scale: float,
) -> Tensor:
    shape = q.shape
    q, k = qk_prologue(q.flatten(0, 1), k.flatten(0, 1), q_norm, k_norm, backend="torch")
    q, k, mask = q.view(shape), k.view(shape), _mask(bias, shape[1], causal, q)
    if torch.compiler.is_compiling() and q.device.type == "cpu":
        return _in_sums(q, k, v, mask, scale)
    trained_bias = bias is not None and bias.requires_grad
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))  # [positions, heads, frames, dim]
    return _in_products(q, k, v, mask, scale, trained_bias).transpose(1, 2)


def _in_sums(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The definition, pair by pair: torch.compile fuses it into loops that read q, k and v once, which eager cannot."""
    exact = torch.promote_types(q.dtype, torch.float32)
    score = (q[:, :, None].to(exact) * k[:, None].to(exact)).sum(-1) * scale  # [positions, query, key, heads]
    if mask is not None:
        score = score + mask.permute(1, 2, 0).to(exact)
    return (score.softmax(2)[..., None] * v[:, None].to(exact)).sum(2).to(v.dtype)


def _in_products(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, trained_bias: bool) -> Tensor:
    """PyTorch's fused attention, or matrix products in half precision: there they took half its time or less."""
    if q.dtype in (torch.float32, torch.float64) and not trained_bias:  # it would leave its fused path for the latter
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    score = (q * scale) @ k.transpose(-1, -2)
    return (score if mask is None else score + mask).softmax(-1) @ v


def _mask(bias: Tensor | None, frames: int, causal: bool, like: Tensor) -> Tensor | None:
    """What is added to the logits, [heads or 1, frames, frames]."""
    mask = None if bias is None else _matrix(bias).to(like.dtype)
    if causal:
        later = like.new_full((1, frames, frames), -torch.inf).triu(1)
        mask = later if mask is None else mask + later
    return mask


def _matrix(bias: Float[Tensor, "heads offsets"]) -> Float[Tensor, "heads frames frames"]:
    """Entry (i, j) is bias[frames - 1 + i - j]; as windows, whose gradient is summed in a fixed order."""
    return bias.unfold(1, (bias.shape[1] + 1) // 2, 1).flip(2)


def _parts(norm: HeadNorm | None) -> tuple[Tensor | None, Tensor | None, str, float]:
    return (None, None, "none", 0.0) if norm is None else (norm.weight, norm.bias, norm.kind, norm.eps)


def _check(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> None:
    if q.dim() != 4 or not q.shape == k.shape == v.shape or not 1 <= q.shape[1] <= MOST_FRAMES:
        raise ValueError(
            f"short_attention: q, k, v are {list(q.shape)}, {list(k.shape)}, {list(v.shape)}. "
            f"Give three times [positions, frames, heads, dim] with 1 to {MOST_FRAMES} frames."
        )
    if bias is not None and bias.shape != (q.shape[2], 2 * q.shape[1] - 1):
        raise ValueError(
            f"short_attention: bias is {list(bias.shape)} for {q.shape[2]} heads and {q.shape[1]} frames. "
            f"Give {[q.shape[2], 2 * q.shape[1] - 1]}, one number for each head and distance in time."
        )
