"""Linear maps with weights laid out first against plain ones, at the sizes of AION-1's base encoder."""

import torch
import torch.nn.functional as F

from foundation.bench import Row, side_by_side
from foundation.kernels.products.products import laid_out_linear

ROWS = (1024, 4800)  # the fewest that are laid out, and those of eight objects of 600 tokens
SHAPES = {
    "queries, keys and values": (768, 2304),
    "projection": (768, 768),
    "gate and up": (768, 4096),
    "down": (2048, 768),
}


def laid_out_vs_plain() -> list[Row]:
    """GFLOP/s of both in float32, forward, laying out included."""
    return [_row(what, rows, *shape) for rows in ROWS for what, shape in SHAPES.items()]


def _row(what: str, rows: int, inputs: int, outputs: int) -> Row:
    seed = torch.Generator().manual_seed(0)
    x, weight = torch.randn(rows, inputs, generator=seed), torch.randn(outputs, inputs, generator=seed)

    def usual() -> None:
        F.linear(x, weight)

    def ours() -> None:
        laid_out_linear(x, weight)

    work = 2 * rows * inputs * outputs / 1e9
    with torch.no_grad():
        return side_by_side(f"{what}, {rows} rows of {inputs} to {outputs}", usual, ours, work, "GFLOP/s")
