"""TimeLayer: at each place of space, every frame attends to itself and the frames before it."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.prologue import HeadNorm, qk_prologue
from foundation.kernels.short import short_attention
from foundation.model.fields.norm import norm_linear
from foundation.model.fields.recompute import recomputed

BUCKETS = 32  # of T5's relative bias (arXiv:1910.10683), unidirectional
FARTHEST = 32  # frames; beyond it all distances share the last bucket
MOST_FRAMES = 16  # of one context, what the kernel takes


@dataclass
class Past:
    """Keys and values of the frames that a time layer has seen, for a roll-out; empty at first.

    Args:
        reach: frames, its own included, that a frame attends to; None = all.
        keys: [P, heads, frames, dim], normalised; None before the first frame.
        values: [P, heads, frames, dim].
    """

    reach: int | None = None
    keys: Float[Tensor, "P heads frames dim"] | None = None
    values: Float[Tensor, "P heads frames dim"] | None = None

    def join(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the past and of these new frames; what no later frame can see is then forgotten."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)
        first = 0 if self.reach is None else max(keys.shape[2] - self.reach + 1, 0)
        self.keys, self.values = keys[:, :, first:], values[:, :, first:]
        return keys, values


class TimeLayer(nn.Module):
    """Pre-norm causal attention with a relative bias; the rows of `qkv` go head by head: its queries, keys, values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.Parameter(torch.empty(width))
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm, self.k_norm = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)
        self.bias = nn.Parameter(torch.empty(BUCKETS, heads))
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "TB S width"], frames: int) -> Float[Tensor, "TB S width"]:
        """What to add to each token; time is the slowest axis of the rows."""
        q, k, v = self._project(x, frames)
        bias = F.pad(self.bias[_buckets(frames)].T, (frames - 1, 0))  # the future, which nobody sees, comes first
        return recomputed(self._attend, q, k, v, bias, x.shape)

    def extend(self, x: Float[Tensor, "TB S width"], frames: int, past: Past) -> Float[Tensor, "TB S width"]:
        """The same for frames that follow those of `past`, which takes them up."""
        q, k, v = self._project(x, frames)
        places = q.shape[:2]
        q, k = qk_prologue(q.flatten(0, 1), k.flatten(0, 1), _head_norm(self.q_norm), _head_norm(self.k_norm))
        q, k = (y.unflatten(0, places).transpose(1, 2) for y in (q, k))  # [P, heads, T, dim]
        keys, values = past.join(k, v.transpose(1, 2))
        mask = self._mask(frames, keys.shape[2], past.reach).to(q.dtype)
        return self._finish(F.scaled_dot_product_attention(q, keys, values, attn_mask=mask).transpose(1, 2), x.shape)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, rows: torch.Size) -> Tensor:
        norms = _head_norm(self.q_norm), _head_norm(self.k_norm)
        return self._finish(short_attention(q, k, v, bias, *norms, causal=True), rows)

    def _project(self, x: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [P, T, heads, dim] of P places in all samples."""
        rows = norm_linear(x, self.norm, self.qkv.weight, self.qkv.bias)
        rows = rows.view(frames, -1, self.heads, 3, rows.shape[-1] // (3 * self.heads)).transpose(0, 1)
        q, k, v = rows.unbind(3)
        return q, k, v

    def _mask(self, frames: int, total: int, reach: int | None) -> Float[Tensor, "heads T K"]:
        """The bias of the last `frames` of `total` keys, -inf for the future and beyond the reach."""
        at = torch.arange(total, device=self.bias.device)
        distance = at[total - frames :, None] - at[None, :]
        bias = self.bias[_buckets(total).to(self.bias.device)[distance.clamp(min=0)]].permute(2, 0, 1)
        hidden = distance < 0 if reach is None else (distance < 0) | (distance >= reach)
        return bias.masked_fill(hidden, -torch.inf)

    def _finish(self, y: Float[Tensor, "P T heads dim"], rows: torch.Size) -> Tensor:
        return self.out(y.transpose(0, 1).reshape(rows))


@lru_cache
def _buckets(frames: int) -> Tensor:
    """The bucket of each distance below `frames`: itself up to half of them, then logarithmic."""
    exact = BUCKETS // 2
    far = [
        exact + int(math.log(max(d, 1) / exact) / math.log(FARTHEST / exact) * (BUCKETS - exact)) for d in range(frames)
    ]
    return torch.tensor([d if d < exact else min(f, BUCKETS - 1) for d, f in enumerate(far)])


def _head_norm(norm: nn.LayerNorm) -> HeadNorm:
    return HeadNorm("layer", norm.weight, norm.bias, norm.eps)
