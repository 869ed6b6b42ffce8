"""Convolutions by frequencies against PyTorch's, at the size of AION-1's image codec."""

import torch
import torch.nn.functional as F

from foundation.bench import Row, side_by_side
from foundation.kernels.convolution.fourier import fourier_conv2d

IMAGES = (1, 8, 32)
WIDTH, PIXELS, KERNEL = 512, 24, 7


def fourier_vs_direct() -> list[Row]:
    """Images a second of both in float32, forward, mapping the kernels included."""
    return [_row(images) for images in IMAGES]


def _row(images: int) -> Row:
    seed = torch.Generator().manual_seed(0)
    x = torch.randn(images, WIDTH, PIXELS, PIXELS, generator=seed)
    weight = torch.randn(WIDTH, WIDTH, KERNEL, KERNEL, generator=seed)

    def usual() -> None:
        F.conv2d(x, weight, padding=KERNEL // 2)

    def ours() -> None:
        fourier_conv2d(x, weight)

    name = f"{KERNEL} x {KERNEL}, {WIDTH} channels, {images} images of {PIXELS} x {PIXELS}"
    with torch.no_grad():
        return side_by_side(name, usual, ours, images, "images/s")
