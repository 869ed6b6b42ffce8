"""PointBias: minus the weighted squared distances of points, the geometric attention of RNA-BAnG and AlphaFold's IPA.

-w |x - y|^2 = 2 w x.y - w |y|^2 - w |x|^2, and the last term, equal for all keys of a query, does not change a softmax.
The rest is a scalar product, so it enters attention as 3 P + 1 more columns of queries and keys, their gradients come
with it, and no tensor of all pairs exists. Squared coordinates need float32 even where the rest is half precision:
with bfloat16 the softmax was wrong by 2e-2. Points are therefore centred in each key segment as well.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.attention.layout import AttentionLayout

WIDTHS = (16, 32, 64)  # of the added columns, as the tensor cores take them


@dataclass(frozen=True, eq=False)
class PointBias:
    """-weight[h] * sum over p of |query_points[i, h, p] - key_points[j, h, p]|^2.

    Args:
        query_points: [Tq, heads, P, 3], in the frame of the key segment they see, in any one unit of length.
        key_points: [Tk, heads, P, 3].
        weight: [heads], in that unit to the power -2.

    Raises:
        ValueError: too many points, or a NaN (looked for on the CPU only; elsewhere call `check`).
    """

    query_points: Float[Tensor, "Tq heads P 3"]
    key_points: Float[Tensor, "Tk heads P 3"]
    weight: Float[Tensor, "heads"]

    def __post_init__(self) -> None:
        if 3 * self.query_points.shape[2] + 1 > WIDTHS[-1]:
            most = (WIDTHS[-1] - 1) // 3
            raise ValueError(f"point bias: {self.query_points.shape[2]} points a head. Give at most {most}.")
        if self.weight.device.type == "cpu":
            self.check()

    def check(self) -> None:
        """Look at every value: a GPU has to finish its work first.

        Raises:
            ValueError: a value is NaN.
        """
        for name in ("query_points", "key_points", "weight"):
            if bool(getattr(self, name).isnan().any()):
                raise ValueError(f"point bias: {name} has a NaN. Leave rows without a point out of the attention.")

    @property
    def width(self) -> int:
        """Columns added to queries and keys: 16, 32 or 64."""
        return next(width for width in WIDTHS if width >= 3 * self.query_points.shape[2] + 1)

    def dense(self, layout: AttentionLayout, heads: int) -> Float[Tensor, "heads Tq Tk"]:
        """Of all pairs of rows, point by point; for the reference."""
        out = self.query_points.new_zeros(heads, len(self.query_points), len(self.key_points))
        for x, y in zip(self.query_points.unbind(2), self.key_points.unbind(2), strict=True):  # [T, heads, 3]
            out = out - (x.transpose(0, 1).unsqueeze(2) - y.transpose(0, 1).unsqueeze(1)).square().sum(-1)
        return self.weight[:, None, None] * out

    def folded(self, layout: AttentionLayout) -> tuple[Float[Tensor, "Tq heads E"], Float[Tensor, "Tk heads E"]]:
        """Columns whose scalar product is the bias up to a term of each query; E is 16, 32 or 64, float32 or finer."""
        fine = torch.promote_types(self.query_points.dtype, torch.float32)
        centre = _centres(self.key_points.detach().to(fine), layout)
        x = self.query_points.to(fine) - centre[layout.seen_segment, None, None]  # [Tq, heads, P, 3]
        y = self.key_points.to(fine) - centre[layout.key_segment, None, None]
        weight = self.weight.to(fine)[None, :, None]
        one_column = weight.expand(len(x), -1, 1)
        query = torch.cat([2 * weight * x.flatten(2), -one_column], -1)
        key = torch.cat([y.flatten(2), y.square().sum((2, 3)).unsqueeze(-1)], -1)
        more = self.width - query.shape[-1]
        return F.pad(query, (0, more)), F.pad(key, (0, more))


def _centres(points: Float[Tensor, "Tk heads P 3"], layout: AttentionLayout) -> Float[Tensor, "segments 3"]:
    """Mean of the key points of each segment; a constant, for the result does not depend on it."""
    mean = points.mean((1, 2)) if points.shape[2] else points.new_zeros(len(points), 3)
    length = torch.diff(layout.key_offsets)
    total = mean.new_zeros(len(length), 3).index_add(0, layout.key_segment, mean)
    return total / length.clamp(min=1).unsqueeze(1)
