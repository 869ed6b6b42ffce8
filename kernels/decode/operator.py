"""The decoding kernel as an operator of PyTorch, so that torch.compile sees through it."""

import torch
from torch import Tensor


@torch.library.custom_op("foundation::decode_tiles", mutates_args=())
def decode_tiles(
    q: Tensor, keys: Tensor, values: Tensor, rows: Tensor, segment: Tensor, prefix: Tensor, own: bool, scale: float
) -> Tensor:
    """Rows of each tile against the keys of its segment, [samples, new, heads, dim]; see `attend_blocks`."""
    from foundation.kernels.decode.gpu.launch import launch

    return launch(q, keys, values, rows, segment, prefix, own, scale)


@decode_tiles.register_fake
def _(
    q: Tensor, keys: Tensor, values: Tensor, rows: Tensor, segment: Tensor, prefix: Tensor, own: bool, scale: float
) -> Tensor:
    return q.new_empty(q.shape)
