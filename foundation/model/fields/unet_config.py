"""UNetConfig: sizes of the U-Net that field models are compared with."""

from dataclasses import dataclass

from foundation.errors import FoundationError


@dataclass(frozen=True)
class UNetConfig:
    """A U-Net over the same windows as the transformer, for which there is one network for planes and one for solids.

    Args:
        channels: of each level; each next has half the points along every axis.
        blocks: residual ones of two convolutions, at each level on the way down and up.
        groups: of the norms; each level's channels are a multiple.
        frames: that a prediction looks at, the newest included.
        dimensions: 2 and 3 have a network each; fields on a line use that of 2.
        extrapolate: share of the last increment that goes on by itself; as in FieldModelConfig.
        epsilon: least scale of values and of increments.

    Raises:
        FoundationError: sizes that do not fit each other.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    blocks: int = 1
    groups: int = 8
    frames: int = 4
    dimensions: tuple[int, ...] = (2, 3)
    extrapolate: float = 0.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not self.channels or min(self.groups, self.blocks, self.frames) < 1:
            raise FoundationError(
                f"a U-Net of channels {self.channels}, {self.blocks} blocks, {self.groups} groups, {self.frames} "
                "frames. Give at least one of each."
            )
        if any(n < 1 or n % self.groups for n in self.channels):
            raise FoundationError(f"channels {self.channels} in {self.groups} groups. Give multiples of the groups.")
        if not 0 <= self.extrapolate <= 1:
            raise FoundationError(f"extrapolate is {self.extrapolate}. Give a share from 0 to 1.")
        if not self.dimensions or not set(self.dimensions) <= {2, 3}:
            raise FoundationError(f"dimensions {self.dimensions}. Give 2, 3 or both.")
