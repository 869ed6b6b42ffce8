"""FieldBatch: windows of one data set side by side, as a field model takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.data.fields.record import SIDES, Field
from foundation.errors import FoundationError
from foundation.movable import Movable

AXES = 3
PERIODIC = SIDES.index("periodic")  # what an axis of one point is: closed on itself


@dataclass(frozen=True, eq=False)
class FieldBatch(Movable):
    """B windows of T frames.

    Args:
        values: float32 [B, T, C, H, W, D], in physical units; missing axes have one point.
        names: of the C channels.
        boundary: int64 [B, 3, 2], of each axis and side: 0 = wall, 1 = open, 2 = periodic.
        varies: bool [C], False for channels that are constant in time.
        valid: bool [B, H, W, D], False inside obstacles.
        dataset: name of the set.
        draw: number of the micro-batch in the run, from which randomness is seeded.
    """

    values: Float[Tensor, "B T C H W D"]
    names: tuple[str, ...]
    boundary: Int[Tensor, "B 3 2"]
    varies: Bool[Tensor, "C"]
    valid: Bool[Tensor, "B H W D"]
    dataset: str
    draw: int = 0

    @classmethod
    def of(cls, windows: Sequence[Field], dataset: str, draw: int = 0) -> "FieldBatch":
        """Windows of equal shape and with the same channels.

        Raises:
            FoundationError: they differ.
        """
        first = windows[0]
        for window in windows[1:]:
            if window.values.shape != first.values.shape or window.names != first.names:
                raise FoundationError(
                    f"{dataset}: windows of {first.values.shape} and {window.values.shape} with channels "
                    f"{', '.join(first.names)} and {', '.join(window.names)}. Make a data set of each kind."
                )
        more = AXES - len(first.space)
        values = np.stack([w.values for w in windows])
        return cls(
            torch.from_numpy(values[(..., *[None] * more)]),
            first.names,
            torch.from_numpy(np.stack([_sides(w, more) for w in windows])),
            ~torch.tensor(first.constant),
            torch.from_numpy(np.stack([_valid(w)[(..., *[None] * more)] for w in windows])),
            dataset,
            draw,
        )


def _sides(window: Field, more: int) -> Int[np.ndarray, "3 2"]:
    return np.pad(window.boundary_codes, ((0, more), (0, 0)), constant_values=PERIODIC)


def _valid(window: Field) -> Bool[np.ndarray, "*space"]:
    return np.ones(window.space, bool) if window.valid is None else window.valid
