"""Short attention against PyTorch's fused attention: 6 frames at many places, as in the time layers of Walrus.

The usual way is eager, as most training code is; ours is measured eagerly, and compiled, where its formula is fused.
The floor of a forward pass is the time of an elementwise operation that reads q, k, v and writes as much as attention.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.bench import Row, side_by_side
from foundation.kernels.prologue import HeadNorm
from foundation.kernels.short.short import short_attention

POSITIONS, FRAMES, HEADS, DIM = 1024, 6, 16, 64

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def short_vs_fused() -> list[Row]:
    """Positions per second of both, without and with gradients, in float32 and bfloat16."""
    return [row for dtype in (torch.float32, torch.bfloat16) for row in _rows(dtype)]


def _rows(dtype: torch.dtype) -> Iterator[Row]:
    shape, seed = (POSITIONS, FRAMES, 3, HEADS, DIM), torch.Generator().manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    qkv = torch.randn(shape, generator=seed).to(device, dtype).requires_grad_()
    bias = torch.randn(HEADS, 2 * FRAMES - 1, generator=seed).to(device, dtype)
    for what, usual, ours in _pairs(qkv, bias):
        row = side_by_side(f"short attention {what}, {dtype}", usual, ours, POSITIONS, "positions/s", turns=5)
        yield row if "backward" in what else replace(row, floor=row.b / _most(qkv))


def _most(qkv: Tensor) -> float:
    """Positions per second of one pass over q, k and v."""
    q, k, v = qkv.detach().unbind(2)
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)

    def one_pass() -> None:
        torch.addcmul(q, k, v, out=out)
        _finish()

    return side_by_side("", one_pass, one_pass, POSITIONS, "positions/s", turns=5).b


def _pairs(qkv: Tensor, bias: Tensor) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    norm = HeadNorm("rms", torch.ones(DIM, device=qkv.device, dtype=qkv.dtype))
    ways = {
        "": (_fused, short_attention),
        ", compiled": (_fused, torch.compile(short_attention)),
        " with norm, bias and order, compiled": (_normed(norm, bias), torch.compile(_ours(norm, bias))),
    }
    for what, (usual, ours) in ways.items():
        for gradients, run in (("forward", _forward), ("forward and backward", _both)):
            yield f"{gradients}{what}", _call(run, usual, qkv), _call(run, ours, qkv)


def _fused(
    q: Float[Tensor, "N frames heads dim"],
    k: Float[Tensor, "N frames heads dim"],
    v: Float[Tensor, "N frames heads dim"],
    mask: Float[Tensor, "heads frames frames"] | None = None,
) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def _normed(norm: HeadNorm, bias: Float[Tensor, "heads offsets"]) -> Attention:
    """The usual way to the whole of what short_attention does: norms, a mask of bias and order, fused attention."""
    later = bias.new_full((1, FRAMES, FRAMES), -torch.inf).triu(1)
    mask = bias.unfold(1, FRAMES, 1).flip(2) + later

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = (F.rms_norm(x, (DIM,), norm.weight, norm.eps) for x in (q, k))
        return _fused(q, k, v, mask)

    return attend


def _ours(norm: HeadNorm, bias: Float[Tensor, "heads offsets"]) -> Attention:
    return lambda q, k, v: short_attention(q, k, v, bias, norm, norm, causal=True)


def _call(run: Callable[[Attention, Tensor], None], attention: Attention, qkv: Tensor) -> Callable[[], None]:
    return lambda: run(attention, qkv)


def _forward(attention: Attention, qkv: Tensor) -> None:
    with torch.no_grad():
        attention(*qkv.unbind(2))
    _finish()


def _both(attention: Attention, qkv: Tensor) -> None:
    torch.autograd.grad(attention(*qkv.unbind(2)).sum(), qkv)
    _finish()


def _finish() -> None:
    """A GPU works behind the clock's back."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
