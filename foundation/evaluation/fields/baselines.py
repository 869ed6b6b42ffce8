"""baselines: what a prediction must beat: nothing changes, or everything goes on as it just went."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import FoundationError

Context = Float[Tensor, "batch time field *space"]
Future = Float[Tensor, "batch steps field *space"]
Predictor = Callable[[Tensor, int], Tensor]  # (context, steps) -> future


def persistence(context: Context, steps: int) -> Future:
    """The last frame again and again."""
    return context[:, -1:].expand(-1, steps, *[-1] * (context.ndim - 2))


def linear(context: Context, steps: int) -> Future:
    """The last increment again and again.

    Raises:
        FoundationError: a context of one frame, which has no increment.
    """
    if context.shape[1] < 2:
        raise FoundationError("Linear extrapolation needs a context of at least 2 frames, got 1. Give more frames.")
    ahead = torch.arange(1, steps + 1, dtype=context.dtype, device=context.device)
    increment = context[:, -1:] - context[:, -2:-1]
    return context[:, -1:] + ahead.reshape(-1, *[1] * (context.ndim - 2)) * increment


BASELINES: dict[str, Predictor] = {"persistence": persistence, "linear": linear}
