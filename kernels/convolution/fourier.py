"""Convolutions by frequencies: with many channels and a large kernel, on a CPU and without gradients, the faster ones.

The image is cut into overlapping tiles of 2 (k - 1) pixels, each of which gives k - 1 outputs in either direction that
its edges do not reach (overlap-save). At each frequency of a tile, all channels out are one matrix product of all
channels in; its complex numbers are three real products of sums (Gauss). So a convolution is a linear map of the
pixels, one of the kernels, a batch of matrix products, and a linear map back: for a kernel of 7 x 7, 214 products for
36 outputs, where adding up pixel by pixel takes 1764. Rounding errors are no larger than those of that.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.inference import infers_on_cpu
from foundation.kernels.products import linear_as_it_lies

SMALLEST_KERNEL, FEWEST_CHANNELS, FEWEST_PIXELS = 5, 256, 400  # below, mapping the kernels costs what it brings
TOGETHER = 48  # channels out at once, so that their mapped kernels stay in a cache


class WideConv2d(nn.Conv2d):
    """A convolution that keeps the size of the image, zero-padded, by frequencies where these are faster.

    The way hangs on the size of an image, not on how many there are, so that what comes out of one is bit for bit the
    same whatever images are beside it. One alone gains nothing, as kernels are mapped for it alone.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: its size, odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, input: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """All channels out."""
        if gains(input, self.weight):
            return fourier_conv2d(input, self.weight, self.bias)
        return super().forward(input)


def gains(x: Float[Tensor, "B C H W"], weight: Float[Tensor, "D C k k"]) -> bool:
    """Whether frequencies are the faster way for a batch of images of this size."""
    large = weight.shape[-1] >= SMALLEST_KERNEL and min(weight.shape[:2]) >= FEWEST_CHANNELS
    return large and x.shape[2:].numel() >= FEWEST_PIXELS and infers_on_cpu(x, weight)


def fourier_conv2d(
    x: Float[Tensor, "B C H W"], weight: Float[Tensor, "D C k k"], bias: Float[Tensor, "D"] | None = None
) -> Float[Tensor, "B D H W"]:
    """`conv2d` with zeros around the image, for an odd kernel of 3 or more, in float32 and without gradients."""
    kernel = weight.shape[-1]
    of_pixels, of_kernels, back = _maps(kernel)
    tiles, (down, across) = _tiles(x, kernel)
    pixels = linear_as_it_lies(of_pixels, tiles).unflatten(1, (-1, x.shape[1]))  # [products, tiles, C]
    parts = []
    for some in weight.split(TOGETHER):
        kernels = linear_as_it_lies(of_kernels, some.reshape(-1, kernel**2)).unflatten(1, some.shape[:2])
        products = torch.bmm(pixels, kernels.mT)
        parts.append((back @ products.flatten(1)).unflatten(1, products.shape[1:]))
    step = kernel - 1  # outputs of a tile, in each direction
    out = torch.cat(parts, -1).view(step, step, len(x), down, across, len(weight)).permute(2, 3, 0, 4, 1, 5)
    out = out.reshape(len(x), down * step, across * step, len(weight))[:, : x.shape[2], : x.shape[3]]
    return (out if bias is None else out + bias).movedim(-1, 1)


def _tiles(x: Float[Tensor, "B C H W"], kernel: int) -> tuple[Float[Tensor, "tiles_channels pixels"], tuple[int, int]]:
    """Pixels of a tile, for every tile and channel, channels last; and how many tiles there are down and across."""
    step, around = kernel - 1, kernel // 2
    down, across = (-(-size // step) for size in x.shape[2:])
    below, right = (n * step + around - size for n, size in zip((down, across), x.shape[2:], strict=True))
    padded = F.pad(x, (around, right, around, below))
    tiles = padded.unfold(2, 2 * step, step).unfold(3, 2 * step, step)  # [B, C, down, across, y, x]
    return tiles.permute(0, 2, 3, 1, 4, 5).reshape(-1, 4 * step**2), (down, across)


@cache
def _maps(kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    """What makes products' factors of a tile [products, N * N] and of a kernel [products, k * k], and outputs
    [(k - 1) ** 2, products] of the products.

    At a frequency, of X from the tile and W from the kernel, with K = (Re X + Im X) Re W:
    Re XW = K - Im X (Re W + Im W) and Im XW = K + Re X (Im W - Re W). Of a frequency and its opposite one is
    enough, for all is real; those that are their own opposite have no imaginary part.
    """
    size = 2 * (kernel - 1)
    found = [(u, v) for u in range(size) for v in range(size) if (u, v) <= (-u % size, -v % size)]
    frequency = torch.tensor(found, dtype=torch.float64)
    place = torch.arange(size, dtype=torch.float64)
    phase = 2 * math.pi / size * (frequency[:, :1, None] * place[:, None] + frequency[:, 1:, None] * place)
    paired = (-frequency % size != frequency).any(1)
    cos, sin = phase.cos(), phase.sin()
    tile = torch.cat([cos - sin, cos[paired], -sin[paired]])  # of exp(-i phase): Re X + Im X, Re X, Im X
    weight = torch.cat([cos, (sin - cos)[paired], (sin + cos)[paired]])  # of exp(i phase): the kernel is not mirrored
    share = (1.0 + paired)[:, None, None] / size**2
    out = torch.cat([share * (cos - sin), (share * -sin)[paired], (share * -cos)[paired]])
    few, kept = slice(kernel), slice(kernel - 1)
    return tile.flatten(1).float(), weight[:, few, few].flatten(1).float(), out[:, kept, kept].flatten(1).T.float()
