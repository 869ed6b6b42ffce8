"""Launch: the decoding kernel on tensors, with the sizes it was compiled and checked for."""

import torch
import triton
from torch import Tensor

from foundation.kernels.decode.cache import BLOCK
from foundation.kernels.decode.gpu.forward import decode_forward
from foundation.kernels.decode.tiles import HEIGHT

STAGES = 3


def warps(dtype: torch.dtype) -> int:
    """Of a program; float32 spills with 4."""
    return 8 if dtype == torch.float32 else 4


def launch(
    q: Tensor, keys: Tensor, values: Tensor, rows: Tensor, segment: Tensor, prefix: Tensor, own: bool, scale: float
) -> Tensor:
    """Rows of each tile against the keys of its segment, [samples, new, heads, dim]."""
    q, keys, values = q.contiguous(), keys.contiguous().to(q.dtype), values.contiguous().to(q.dtype)
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    _, new, heads, dim = q.shape
    if q.numel():
        decode_forward[(len(rows), heads)](
            q, keys, values, out, rows.contiguous(), segment, prefix, rows.shape[1], heads, keys.shape[1], scale,
            OWN=own, NEW=new, DIM=dim, WIDTH=triton.next_power_of_2(dim), HEIGHT=HEIGHT, BLOCK=BLOCK,
            PRECISION="ieee", num_warps=warps(q.dtype), num_stages=STAGES,
        )  # fmt: skip
    return out
