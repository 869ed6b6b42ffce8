"""Kept: constraints as the sampler asks for them, sample by sample and side by side."""

from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from foundation.model.anchored.order import RIGHT
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.lookahead import Lookahead
from foundation.sampling.design.partial import Partial, Side


class Kept:
    """A `foundation.sampling.anchored.choices.Constraint` that keeps these constraints in all samples.

    Args:
        constraints: satisfiable (`conflict.check_satisfiable`).
        samples: how many.
        anchor: letters left of the anchor, in all samples. None leaves that open, unless the constraints name
            positions: then each sample has a place drawn evenly among those that can be.
        rng: for that draw.

    Raises:
        FoundationError: an anchor with which no sequence fulfils the constraints.
    """

    def __init__(self, constraints: Constraints, samples: int, anchor: int | None, rng: np.random.Generator) -> None:
        ahead = Lookahead.of(constraints, known=anchor is not None)
        if anchor is not None or not ahead.known:
            before = np.full(samples, anchor or 0)
        else:
            before = rng.choice(ahead.gaps(), samples)
        partial = Partial.begin(ahead, before)
        self._partial = partial.keep(np.arange(samples))  # a copy, to be written into

    def allowed(self, side: int, samples: Int[Tensor, "n"]) -> Bool[Tensor, "n 5"]:
        """Which of A, C, G, U and <eos> keep these samples completable."""
        return torch.from_numpy(self._partial.keep(samples.numpy()).allowed(_name(side)))

    def advance(self, side: int, samples: Int[Tensor, "n"], ids: Int[Tensor, "n"]) -> None:
        """Note what was drawn.

        Raises:
            FoundationError: something that was not allowed.
        """
        rows = samples.numpy()
        after = self._partial.keep(rows).advance(_name(side), ids.numpy())
        for name in (f.name for f in fields(after) if f.name != "lookahead"):
            getattr(self._partial, name)[rows] = getattr(after, name)


def _name(side: int) -> Side:
    return "right" if side == RIGHT else "left"
