"""TokenGrid: the square of tokens over a cut-out, with positions in arcsec from its centre."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.records import Image
from foundation.tokens import Axis, Tokens


@dataclass(frozen=True)
class TokenGrid:
    """`count` x `count` tokens, the first row first.

    Args:
        count: tokens in each direction.
        stride: pixels that one token covers, in each direction.
        pixel_scale: arcsec per pixel of typical cut-outs; gives the range of the positions.
    """

    count: int
    stride: int
    pixel_scale: float

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(y, x) in arcsec."""
        step = self.stride * self.pixel_scale
        low = -(self.count - 1) / 2 * step
        return Axis("y", "arcsec", low, -low, step), Axis("x", "arcsec", low, -low, step)

    def positions(self, pixel_scale: float) -> Float[Tensor, "L axes"]:
        """(y, x) of the centres of the tokens of a cut-out with its own pixel scale, float64."""
        centre = torch.arange(self.count, dtype=torch.float64) - (self.count - 1) / 2
        centre = centre * self.stride * pixel_scale
        return torch.cartesian_prod(centre, centre)

    def pixel_scale_of(self, tokens: Tokens) -> float:
        """Arcsec per pixel of the cut-out that these tokens, in order, cover."""
        if self.count == 1:
            return self.pixel_scale
        extent = float(tokens.position[-1, 0] - tokens.position[0, 0])
        return extent / ((self.count - 1) * self.stride)


def centred(shape: tuple[int, ...], size: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of a picture and of a square of `size` that lay the one centred on the other."""
    source, target = [], []
    for have in shape:
        kept = min(have, size)
        source.append(slice((have - kept) // 2, (have - kept) // 2 + kept))
        target.append(slice((size - kept) // 2, (size - kept) // 2 + kept))
    return tuple(source), tuple(target)


def middle(image: Image, size: int) -> Image:
    """The `size` x `size` pixels about the centre of a cut-out, which a codec sees; beyond its edge none is usable."""
    source, target = centred(image.flux.shape[1:], size)

    def laid(values: np.ndarray) -> np.ndarray:
        square = np.zeros((len(image.bands), size, size), values.dtype)
        square[:, *target] = values[:, *source]
        return square

    parts = {name: laid(np.asarray(getattr(image, name))) for name in ("flux", "ivar", "mask", "bad")}
    return replace(image, **parts, wcs={})


def side_by_side(original: Image, rebuilt: Image) -> tuple[Image, Image]:
    """What a codec saw of an image and what came back, in the same bands and pixels."""
    seen = middle(original, rebuilt.flux.shape[-1])
    return seen, rebuilt.select(seen.bands)
