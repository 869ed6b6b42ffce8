"""RowLinear: a linear map whose result for a row can be made independent of how many rows there are."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

HEIGHT = 16  # rows of a tile


class RowLinear(nn.Linear):
    """A linear map of rows [T, width], or of rows in tiles [tiles, HEIGHT, width], one tile at a time.

    Matrix products round differently for different numbers of rows. Products of one shape do not, so rows in tiles get
    the same bits whatever else is computed beside them: what a seed draws then depends on no batch.
    """

    def forward(self, x: Float[Tensor, "*rows fan_in"]) -> Float[Tensor, "*rows fan_out"]:
        """x W^T + b."""
        if x.dim() == 2:
            return super().forward(x)
        return torch.stack([F.linear(tile, self.weight, self.bias) for tile in x])


def filled(rows: Shaped[Tensor, "n *rest"]) -> Shaped[Tensor, "T *rest"]:
    """The rows, and zeros up to a whole number of tiles."""
    return F.pad(rows, (0, 0) * (rows.dim() - 1) + (0, -len(rows) % HEIGHT))


def tiled(rows: Float[Tensor, "T width"]) -> Float[Tensor, "tiles height width"]:
    """Filled rows, tile by tile."""
    return rows.unflatten(0, (-1, HEIGHT))
