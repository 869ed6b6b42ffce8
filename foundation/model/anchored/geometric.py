"""GeometricAttention: residues attend to those whose points in space lie near their own (RNA-BAnG, AlphaFold's IPA).

Every residue places points in its own frame. Queries and keys meet by distances in space and values return to the
query's frame, so that nothing depends on how the whole protein is turned or shifted.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, PointBias, attention
from foundation.model.anchored.config import AnchoredConfig

UNIT_SOFTPLUS = math.log(math.e - 1)  # softplus of this is 1
NORM_FLOOR = 1e-8  # added to squared lengths: a length of zero has no slope


class GeometricAttention(nn.Module):
    """Point attention alone: weights come from distances and values are points, there are no other features."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__()
        self.heads, self.points, self.value_points = config.heads, config.points, config.value_points
        self.head_weight = nn.Parameter(torch.full((config.heads,), UNIT_SOFTPLUS))
        self.q = nn.Linear(config.width, 3 * config.heads * config.points, bias=False)
        self.kv = nn.Linear(config.width, 3 * config.heads * (config.points + config.value_points), bias=False)
        self.out = nn.Linear(4 * config.heads * config.value_points, config.width)

    def forward(
        self,
        x: Float[Tensor, "R width"],
        rotation: Float[Tensor, "R 3 3"],
        translation: Float[Tensor, "R 3"],
        layout: AttentionLayout,
    ) -> Float[Tensor, "R width"]:
        """What each residue gathers from those of its protein."""
        q, kv = self.q(x), self.kv(x)
        with torch.autocast(x.device.type, enabled=False):  # squares of coordinates need all digits
            query = self._placed(q.to(rotation.dtype), rotation, translation)  # [R, heads, points, 3]
            both = self._placed(kv.to(rotation.dtype), rotation, translation)
            key, value = both.split([self.points, self.value_points], 2)
            nothing = query.new_empty(*query.shape[:2], 0)  # distances alone decide
            bias = PointBias(query, key, self.weight)
            gathered = attention(nothing, nothing, value.flatten(2), layout, bias=bias).unflatten(-1, (-1, 3))
            local = torch.einsum("rji,rhpj->irhp", rotation, gathered - translation[:, None, None])
            length = (local.square().sum(0, keepdim=True) + NORM_FLOOR).sqrt()
            features = torch.cat([local, length]).permute(1, 0, 2, 3).flatten(1)
        return self.out(features.to(q.dtype))

    @property
    def weight(self) -> Float[Tensor, "heads"]:
        """Of the squared distances; chosen as in AlphaFold 2, for logits of variance 1 at first."""
        return 0.5 * F.softplus(self.head_weight) * math.sqrt(1 / (3 * self.points * 9 / 2))

    def _placed(
        self, x: Float[Tensor, "R components"], rotation: Float[Tensor, "R 3 3"], translation: Float[Tensor, "R 3"]
    ) -> Float[Tensor, "R heads points 3"]:
        """All x components, then all y, then all z: points in the residue's frame, put into space."""
        placed = rotation @ x.unflatten(-1, (3, -1)) + translation[..., None]  # [R, 3, heads * points]
        return placed.unflatten(-1, (self.heads, -1)).permute(0, 2, 3, 1)
