"""Model: a small pre-norm transformer of the package's own blocks, over rows in the order of generation."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.config import ModelConfig
from foundation.evaluation.anchored.rows import NONE, SYMBOLS, Batch
from foundation.evaluation.anchored.task import LONGEST, MOTIFS
from foundation.model.anchored.order import CHOICES
from foundation.model.attention import make_norm
from foundation.model.block import SelfBlock
from foundation.model.position import Rotary
from foundation.tokens import AXES, Axis, Space

CONFIG = ModelConfig(width=64, depth=3, decoder_depth=0, heads=4, position="rotary")
FARTHEST = 2 * LONGEST  # letters from the anchor, beyond which coordinates look alike


class MotifModel(nn.Module):
    """Logits of the next symbol at each row: symbols, learned and rotary coordinates, side and condition."""

    def __init__(self, config: ModelConfig = CONFIG) -> None:
        super().__init__()
        width = config.width
        self.symbol, self.condition = nn.Embedding(SYMBOLS, width), nn.Embedding(len(MOTIFS), width)
        self.index, self.side = nn.Embedding(2 * FARTHEST + 1, width), nn.Embedding(2, width)
        axis = Axis("index", "letters", -FARTHEST, FARTHEST, 1)
        self.rotary = Rotary((Space("letter", "discrete", SYMBOLS, (axis,)),), width // config.heads)
        self.blocks = nn.ModuleList(SelfBlock(config) for _ in range(config.depth))
        self.norm = make_norm(config.norm, width)
        self.head = nn.Linear(width, CHOICES)

    def forward(self, batch: Batch) -> Float[Tensor, "R choices"]:
        """Logits of A, C, G, U and the end of a side."""
        index = batch.index.clamp(-FARTHEST, FARTHEST)
        x = self.symbol(batch.ids) + self.condition(batch.condition)
        x = x + self.index(index + FARTHEST) + self.side(batch.side)
        position = torch.zeros(len(index), AXES, dtype=torch.float64)
        position[:, 0] = index
        turns = self.rotary(torch.zeros_like(index), position, x)
        for block in self.blocks:
            x = block(x, batch.layout, turns)
        return self.head(self.norm(x))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Mean cross-entropy of what the rows predict, in nats."""
        return F.cross_entropy(self(batch), batch.target, ignore_index=NONE)
