"""The definition of attention over caches: sample by sample, row by row, any dtype, any device."""

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.decode.cache import KeyValueCache, SharedKeys


def reference_decode_attention(
    q: Float[Tensor, "samples new heads dim"],
    cache: KeyValueCache | SharedKeys,
    scale: float | None = None,
    together: bool = False,
) -> Float[Tensor, "samples new heads dim"]:
    """Each row sees the rows of earlier steps and itself, or all of its shared segment; see `decode_attention`."""
    scale = float(q.shape[-1] ** -0.5 if scale is None else scale)
    out = torch.zeros_like(q)
    for sample, rows in enumerate(q):
        home = int(cache.segment[sample]) if isinstance(cache, SharedKeys) else sample
        length = int(cache.lengths[home])
        for i, row in enumerate(rows):
            seen = list(range(length))
            if isinstance(cache, KeyValueCache) and not together:
                seen = [*range(length - len(rows)), length - len(rows) + i]
            if seen:
                score = torch.einsum("hd,khd->hk", row, cache.keys[home, seen].to(q.dtype)) * scale
                out[sample, i] = torch.einsum("hk,khd->hd", score.softmax(-1), cache.values[home, seen].to(q.dtype))
    return out
