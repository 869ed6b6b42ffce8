"""RowLinear: a linear map whose result for a row can be made independent of how many rows there are."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
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


def tiled(x: Float[Tensor, "T width"]) -> Float[Tensor, "tiles height width"]:
    """Rows in tiles, the last filled up with zeros."""
    return F.pad(x, (0, 0, 0, -len(x) % HEIGHT)).unflatten(0, (-1, HEIGHT))
