"""Kept: constraints as the sampler asks for them, sample by sample and side by side."""

from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.model.anchored.order import RIGHT
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.lookahead import Lookahead
from foundation.sampling.design.outlook import Outlook
from foundation.sampling.design.partial import Partial, Side

TINY = 1e-300  # chances below, as of long templates, are not told apart


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
        self._outlook = Outlook.of(constraints, ahead)
        self._partial = partial.keep(np.arange(samples))  # a copy, to be written into

    def log_weights(self, side: int, samples: Int[Tensor, "n"]) -> Float[Tensor, "n 5"]:
        """The outlook after A, C, G, U and <eos>, beside the best of them; -inf where nothing could complete it."""
        partial = self._partial.keep(samples.numpy())
        chance = np.stack([self._outlook.chance(after) for after in partial.each(_name(side))], 1)
        weight = np.log(np.maximum(chance, TINY))
        weight -= weight.max(1, keepdims=True)
        return torch.from_numpy(np.where(partial.allowed(_name(side)), weight, -np.inf))

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
