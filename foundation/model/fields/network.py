"""FieldNetwork: what training, roll-outs and scores ask of a network over simulation fields, whatever it is inside."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from foundation.model.fields.check import check_names
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.normalise import Scales
from foundation.model.fields.unet_config import UNetConfig

Config = TypeVar("Config", bound=FieldModelConfig | UNetConfig)
Setting = TypeVar("Setting")  # what a forward pass needs to know beside the values


class FieldNetwork(nn.Module, ABC, Generic[Config, Setting]):
    """Predicts normalised increments of any of the fields it knows; a subclass says how.

    Args:
        config: its sizes.
        names: of the fields it knows, one for each scalar channel.

    Raises:
        FoundationError: a name twice, or none.
    """

    def __init__(self, config: Config, names: Sequence[str]) -> None:
        super().__init__()
        check_names(names)
        self.config, self.names = config, tuple(names)

    @abstractmethod
    def forward(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
        scales: Scales | None = None,
    ) -> Float[Tensor, "B T C H W D"]:
        """The normalised increment from each frame to the next: value(t + 1) = value(t) + scales.increment * output(t).

        Args:
            values: [B, T, C, H, W, D] in physical units; planes and lines have axes of length 1.
            names: of the C channels, each one of `self.names`.
            boundary: [3, 2] or [B, 3, 2], for each axis and side 0 = wall, 1 = open, 2 = periodic.
            generator: of everything random, on the CPU; None = nothing is.
            scales: `self.scales(values)` if None.
        """

    @abstractmethod
    def setting(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
    ) -> Setting:
        """Check the input once and draw what is random; arguments as in `forward`."""

    @abstractmethod
    def redraw(self, setting: Setting, batch: int, generator: Generator | None) -> Setting:
        """The same setting with other chance, for as many samples; the same without a generator."""

    @abstractmethod
    def newest(
        self, values: Float[Tensor, "B T C H W D"], scales: Scales, setting: Setting
    ) -> Float[Tensor, "B 1 C H W D"]:
        """What `forward` gives for the last frame alone, of values that are not checked again."""

    def carried_on(
        self,
        increments: Float[Tensor, "B n C H W D"],
        values: Float[Tensor, "B T C H W D"],
        scales: Scales,
        before: Float[Tensor, "B 1 C H W D"] | None = None,
    ) -> Float[Tensor, "B n C H W D"]:
        """These increments at the last n frames, and the share of the one before each that goes on by itself.

        Args:
            before: the frame before the first of `values`, if it is known.
        """
        share = self.config.extrapolate
        last = increments.shape[1]
        return increments + share * scales.tendency(values, before)[:, -last:] if share else increments

    def scales(self, values: Float[Tensor, "B T C *space"]) -> Scales:
        """Root mean squares of the context and of its increments, for each sample and field."""
        return Scales.of(values, self.config.epsilon)
