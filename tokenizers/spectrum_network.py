"""The one-dimensional ConvNeXt-V2 (arXiv:2301.00808) autoencoder of spectra.

Names and shapes follow the released AION-1 spectrum codec (arXiv:2510.17960) as far as they are known. Weights start
as torch's layers do: the truncated normal of 0.02 that suits wide layers leaves narrow ones slow to learn.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

ROWS = 128  # whose squares are added at a time, so that they stay in a cache


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel of [B, C, L]."""

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        """Normalised features."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class GlobalResponseNorm(nn.Module):
    """Scales each channel by its norm over the whole length, relative to the other channels.

    The norm runs over the length as in the released codec, so codes depend on how much of the grid was observed.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Float[Tensor, "B L C"], in_place: bool = False) -> Float[Tensor, "B L C"]:
        """Features of the same shape; those given are overwritten if `in_place`, for inference."""
        parts = x.split(ROWS, 1) if in_place else (x,)  # new memory costs more than the arithmetic
        norm = sum(part.square().sum(1, keepdim=True) for part in parts).clamp(min=1e-24).sqrt()  # type: ignore[union-attr]
        scale = self.gamma * (norm / (norm.mean(-1, keepdim=True) + 1e-6)) + 1
        if in_place:
            return x.mul_(scale).add_(self.beta)
        return torch.addcmul(self.beta, x, scale)  # gamma x ratio + beta + x, one pass over x


class Block(nn.Module):
    """Depth-wise convolution, then a two-layer perceptron on each pixel with global response norm; residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.grn = GlobalResponseNorm(4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        """Features of the same shape."""
        y = self.pwconv1(self.norm(self.dwconv(x).transpose(1, 2)))  # [B, L, 4 C]
        learns = torch.is_grad_enabled()
        y = nn.functional.gelu(y) if learns else torch.ops.aten.gelu_(y)
        return x + self.pwconv2(self.grn(y, in_place=not learns)).transpose(1, 2)


def _stages(depths: Sequence[int], widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Sequential(*(Block(w) for _ in range(d))) for d, w in zip(depths, widths, strict=True))


class SpectrumEncoder(nn.Module):
    """[B, inputs, L] -> [B, widths[-1], L / product of the strides]."""

    def __init__(self, inputs: int, depths: Sequence[int], widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(inputs, widths[0], strides[0], strides[0]), ChannelNorm(widths[0]))
        steps = zip(widths[:-1], widths[1:], strides[1:], strict=True)
        rest = (nn.Sequential(ChannelNorm(a), nn.Conv1d(a, b, s, s)) for a, b, s in steps)
        self.downsample_layers = nn.ModuleList([stem, *rest])
        self.stages = _stages(depths, widths)
        self.norm = ChannelNorm(widths[-1])

    def forward(self, x: Float[Tensor, "B inputs L"]) -> Float[Tensor, "B C n"]:
        """Features of the tokens."""
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(down(x))
        return self.norm(x)


class SpectrumDecoder(nn.Module):
    """[B, inputs, n] -> [B, widths[-1], n * product of the strides]."""

    def __init__(self, inputs: int, depths: Sequence[int], widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        first = nn.Sequential(nn.ConvTranspose1d(inputs, widths[0], strides[0], strides[0]), ChannelNorm(widths[0]))
        steps = zip(widths[:-1], widths[1:], strides[1:], strict=True)
        rest = (nn.Sequential(ChannelNorm(a), nn.ConvTranspose1d(a, b, s, s)) for a, b, s in steps)
        self.upsample_layers = nn.ModuleList([first, *rest])
        self.stages = _stages(depths, widths)

    def forward(self, x: Float[Tensor, "B inputs n"]) -> Float[Tensor, "B C L"]:
        """The spectrum of the features."""
        for up, stage in zip(self.upsample_layers, self.stages, strict=True):
            x = stage(up(x))
        return x
