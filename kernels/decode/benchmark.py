"""Decoding with a cache against attention over everything again, and shared keys against a copy for each sample."""

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation.bench import Row, side_by_side
from foundation.kernels.decode.cache import KeyValueCache, SharedKeys
from foundation.kernels.decode.decode import decode_attention

SAMPLES, STEPS, HEADS, DIM = 64, 64, 8, 32
SHARED = 384  # keys of the protein that all samples read


@torch.no_grad()
def cached_vs_whole() -> list[Row]:
    """Rows per second, in float32: the attention of one layer alone."""
    seed, device = torch.Generator().manual_seed(0), "cuda" if torch.cuda.is_available() else "cpu"
    q, k, v = torch.randn(3, SAMPLES, STEPS, HEADS, DIM, generator=seed).to(device)
    keys, values = torch.randn(2, 1, SHARED, HEADS, DIM, generator=seed).to(device)
    ones = torch.ones(1, dtype=torch.int64, device=device)
    cache = SharedKeys(keys, values, SHARED * ones, torch.zeros(SAMPLES, dtype=torch.int64, device=device))
    row = q[:, :1]
    return [
        side_by_side(
            f"decode {STEPS} steps of {SAMPLES} samples",
            lambda: _finished(*(_whole(q[:, :t], k[:, :t], v[:, :t]) for t in range(1, STEPS + 1))),
            lambda: _finished(*_steps(q, k, v)),
            SAMPLES * STEPS,
            "rows/s",
            turns=3,
        ),
        side_by_side(
            f"decode {SAMPLES} samples that share {SHARED} keys",
            lambda: _finished(_whole(row, *(x.repeat(SAMPLES, 1, 1, 1) for x in (keys, values)), causal=False)),
            lambda: _finished(decode_attention(row, cache)),
            SAMPLES,
            "rows/s",
        ),
    ]


def _whole(q: Tensor, k: Tensor, v: Tensor, causal: bool = True) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def _steps(q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
    cache, out = KeyValueCache(SAMPLES, STEPS, HEADS, DIM, q.dtype, q.device), []
    for t in range(STEPS):
        cache.append(k[:, t : t + 1], v[:, t : t + 1])
        out.append(decode_attention(q[:, t : t + 1], cache))
    return out


def _finished(*results: Tensor) -> None:
    """A GPU works behind the clock's back."""
    if results[0].is_cuda:
        torch.cuda.synchronize()
