"""FieldBlock: a time layer and a space layer, each added to what it read."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.rotary import AxialRotary
from foundation.model.fields.space_layer import SpaceLayer
from foundation.model.fields.time_layer import Past, TimeLayer


class FieldBlock(nn.Module):
    """Rows are [T * B, S, width], time slowest."""

    def __init__(self, config: FieldModelConfig) -> None:
        super().__init__()
        rotary = AxialRotary(config.frequencies, config.rotary == "learned")
        self.time = TimeLayer(config.width, config.heads)
        self.space = SpaceLayer(config.width, config.heads, config.hidden, rotary)

    def forward(
        self,
        x: Float[Tensor, "N S width"],
        frames: int,
        place: Float[Tensor, "S 3"],
        keep: Float[Tensor, "2 B"] | None = None,
        past: Past | None = None,
    ) -> Float[Tensor, "N S width"]:
        """The tokens, updated.

        Args:
            frames: T.
            place: coordinates of the tokens.
            keep: what both layers are multiplied by in each sample; None = 1.
            past: of the time layer, if these frames follow others.
        """
        of_time, of_space = (None, None) if keep is None else keep.to(x)
        x = _add(x, self.time(x, frames) if past is None else self.time.extend(x, frames, past), of_time)
        return _add(x, self.space(x, place), of_space)


def _add(
    x: Float[Tensor, "N S width"], more: Float[Tensor, "N S width"], keep: Float[Tensor, "B"] | None
) -> Float[Tensor, "N S width"]:
    """x + more, times what its sample keeps of it."""
    if keep is None:
        return x + more
    return torch.addcmul(x, more.to(x.dtype), keep.repeat(len(x) // len(keep)).view(-1, 1, 1))
