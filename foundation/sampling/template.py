"""Templates: the tokens of a space without their values, made from the grid that its axes describe."""

from itertools import product

import torch

from foundation.tokens import Space, Tokens


def template(space: Space, track: int = 0) -> Tokens:
    """One token at each grid point of the space's axes, the last axis fastest; a space without axes has one token.

    Codes are 0 and vectors are zero: they stand for values that are asked for.
    """
    ticks = [[axis.low + i * axis.step for i in range(axis.count)] for axis in space.axes]
    position = torch.tensor(list(product(*ticks)), dtype=torch.float64)  # [points, axes]
    n = len(position)
    values = torch.zeros(n, dtype=torch.long) if space.discrete else torch.zeros(n, space.size)
    return Tokens.of_space(space, values, position, track)
