"""Bottleneck: states through few codes (FSQ, arXiv:2309.15505), so that spectra can be tokens of another model."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.tokenizers.quantizer import make_quantizer


class Bottleneck(nn.Module):
    """Maps to and from the points of a grid; normalised, so that little training is enough to use many of them.

    Args:
        width: of a state.
        levels: of each component of a code.
    """

    def __init__(self, width: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.down = nn.Linear(width, len(levels))
        with torch.device("cpu"):  # it has tables that are not stored, which a model built on "meta" would lack
            self.quantizer = make_quantizer(levels, normalise=True)
        self.up = nn.Linear(len(levels), width)

    def forward(self, states: Float[Tensor, "T width"]) -> Float[Tensor, "T width"]:
        """What the codes keep of the states, with straight-through gradients."""
        return self.up(self.quantizer(self.down(states)[None]).codes[0])

    def codes(self, states: Float[Tensor, "T width"]) -> Int[Tensor, "T"]:
        """The number of each state's code."""
        return self.quantizer(self.down(states)[None]).indices[0]

    def states(self, codes: Int[Tensor, "T"]) -> Float[Tensor, "T width"]:
        """What codes stand for."""
        return self.up(self.quantizer.codes(codes[None])[0])
