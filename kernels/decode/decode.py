"""decode_attention: the public operator; checks its input and picks the path for the device."""

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.backend import takes_triton
from foundation.kernels.decode.blocks import attend_blocks
from foundation.kernels.decode.cache import KeyValueCache, SharedKeys
from foundation.kernels.decode.operator import decode_tiles
from foundation.kernels.decode.tiles import Tiles

MOST_DIM = 128  # of the kernel


def decode_attention(
    q: Float[Tensor, "samples new heads dim"],
    cache: KeyValueCache | SharedKeys,
    scale: float | None = None,
    backend: str = "auto",
    together: bool = False,
) -> Float[Tensor, "samples new heads dim"]:
    """Attention of the one or two newest rows of each sample; for inference.

    With a `KeyValueCache`, whose newest rows are those of these queries (append first, then ask), a row sees the rows
    of earlier steps and itself: causal attention one step at a time. Two rows of one step, as of a sequence that grows
    at both ends, do not see each other unless `together`. With `SharedKeys` a row sees its whole segment; rows of all
    samples of a segment are stacked into one matrix product. A row that sees nothing gives zeros.

    A sample's result does not depend, by one bit, on the other samples of the call.

    Args:
        scale: 1 / sqrt(dim) if None.
        backend: "auto" (Triton on CUDA up to 128 components), "torch" or "triton".
        together: rows of one step see each other too, that is all that their cache holds.

    Raises:
        ValueError: shapes that do not belong together, more than two rows, or a backend that cannot serve the input.
    """
    _check(q, cache)
    scale = float(q.shape[-1] ** -0.5 if scale is None else scale)
    able = q.shape[-1] <= MOST_DIM
    triton = takes_triton("decode_attention", backend, q, cache.keys, cache.lengths, able=able)
    if triton and not able:
        raise ValueError(f"decode_attention: a head has {q.shape[-1]} components. Triton takes 128, or use 'torch'.")
    if isinstance(cache, SharedKeys):
        keys, values = cache.blocks
        tiles, prefix, own = cache.tiles if q.shape[1] == 1 else cache.pair_tiles, cache.lengths, False
        longest = keys.shape[1]
    else:
        keys, values, longest = cache.keys, cache.values, cache.longest
        tiles, own = Tiles.own(len(q), q.shape[1], q.device), not together
        prefix = cache.lengths if together else cache.lengths - q.shape[1]
    if triton:
        return decode_tiles(q, keys, values, tiles.rows, tiles.segment, prefix, own, scale)
    return attend_blocks(q, keys, values, tiles, prefix, own, longest, scale)


def _check(q: Tensor, cache: KeyValueCache | SharedKeys) -> None:
    samples = len(cache.segment) if isinstance(cache, SharedKeys) else len(cache.keys)
    if q.dim() != 4 or len(q) != samples or q.shape[2:] != cache.keys.shape[2:] or q.shape[1] not in (1, 2):
        raise ValueError(
            f"decode_attention: q is {list(q.shape)}, the cache has {samples} samples of "
            f"{list(cache.keys.shape[2:])}. Give [samples, 1 or 2, heads, dim]."
        )
    if isinstance(cache, KeyValueCache) and cache.longest < q.shape[1]:
        raise ValueError(
            f"decode_attention: {q.shape[1]} new rows, but the cache holds {cache.longest}. Append their keys first."
        )
    if torch.is_grad_enabled() and q.requires_grad:
        raise ValueError("decode_attention: q requires a gradient, this has none. Use `torch.no_grad()`.")
