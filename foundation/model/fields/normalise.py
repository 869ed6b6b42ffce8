"""Scales: values are divided by their root mean square, predictions multiplied by that of the increments.

No mean is subtracted, as the zero and the sign of densities and velocities are physical; two scales, as increments are
often a hundred times smaller than values (Walrus, arXiv:2511.15684). All in float32 or better, also under autocast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.errors import FoundationError


@dataclass(frozen=True, eq=False)
class Scales:
    """One pair of scales for each sample and field.

    Args:
        value: [B, 1, C, 1, 1, 1] or [1, 1, C, 1, 1, 1], in the units of the fields; positive.
        increment: the same, of the change from frame to frame.
    """

    value: Float[Tensor, "B 1 C 1 1 1"]
    increment: Float[Tensor, "B 1 C 1 1 1"]

    @classmethod
    def of(cls, values: Float[Tensor, "B T C *space"], epsilon: float) -> "Scales":
        """Of the context itself, over time and space, at least `epsilon`.

        Raises:
            FoundationError: fewer than two frames.
        """
        if values.shape[1] < 2:
            raise FoundationError(
                "a context of one frame has no increments to scale predictions by. Give at least two frames, or scales "
                "of the data set with Scales.of_statistics."
            )
        with torch.autocast(values.device.type, enabled=False):
            x = values.to(torch.promote_types(values.dtype, torch.float32))
            return cls(_rms(x).clamp(min=epsilon), _rms(x.diff(dim=1)).clamp(min=epsilon))

    @classmethod
    def of_statistics(
        cls,
        rms: Mapping[str, float],
        rms_of_increment: Mapping[str, float],
        names: Sequence[str],
        epsilon: float = 1e-5,
    ) -> "Scales":
        """Of a data set, the same for all samples: root mean squares by the name of a field.

        Raises:
            FoundationError: a field without statistics.
        """
        missing = [n for n in names if n not in rms or n not in rms_of_increment]
        if missing:
            raise FoundationError(
                f"no statistics of {', '.join(missing)}. Compute them for all fields, or leave scales out."
            )
        pair = [torch.tensor([[float(table[n]) for n in names]]) for table in (rms, rms_of_increment)]
        value, increment = (x.view(1, 1, -1, 1, 1, 1).clamp(min=epsilon) for x in pair)
        return cls(value, increment)

    def to(self, like: Tensor) -> "Scales":
        """On the device of `like`."""
        return Scales(self.value.to(like.device), self.increment.to(like.device))

    def normalise(self, values: Float[Tensor, "B T C H W D"]) -> Float[Tensor, "B T C H W D"]:
        """Values over their scale, as the model takes them."""
        return values / self.value

    def targets(self, values: Float[Tensor, "B frames C H W D"]) -> Float[Tensor, "B T C H W D"]:
        """What the model should predict at each of T frames, given the frame after the last as well."""
        return values.diff(dim=1) / self.increment

    def tendency(
        self, values: Float[Tensor, "B T C H W D"], before: Float[Tensor, "B 1 C H W D"] | None = None
    ) -> Float[Tensor, "B T C H W D"]:
        """The normalised increment that led to each frame; 0 for the first if what was before it is not known."""
        before = values[:, :1] if before is None else before
        return torch.cat([before, values], 1).diff(dim=1) / self.increment

    def step(
        self, frame: Float[Tensor, "B 1 C H W D"], predicted: Float[Tensor, "B 1 C H W D"]
    ) -> Float[Tensor, "B 1 C H W D"]:
        """The next frame, from a frame and the increment predicted at it."""
        return frame + predicted.to(frame.dtype) * self.increment


def _rms(x: Float[Tensor, "B T C H W D"]) -> Float[Tensor, "B 1 C 1 1 1"]:
    return x.square().mean((1, 3, 4, 5), keepdim=True).sqrt()
