"""The convolutional autoencoder of images: residual units with a global-context gate between strided convolutions.

Names and shapes are those of the released AION-1 image codec (arXiv:2510.17960), after MagViT-2.
"""

from collections import OrderedDict
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.convolution import WideConv2d


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (divided by the stride), zero-padded."""
    return _named(nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2))


def _named(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv=conv))


class ContextGate(nn.Module):
    """Scales each channel by what an attention-weighted mean over all pixels says (arXiv:2012.13375)."""

    def __init__(self, width: int, bias: float) -> None:
        super().__init__()
        hidden = max(16, width // 2)
        self.to_k = nn.Conv2d(width, 1, 1)
        last = nn.Conv2d(hidden, width, 1)
        self.net = nn.Sequential(nn.Conv2d(width, hidden, 1), nn.LeakyReLU(0.1), last, nn.Sigmoid())
        nn.init.zeros_(last.weight)
        nn.init.constant_(cast(Tensor, last.bias), bias)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Gated features."""
        return x * self.gate(x)

    def gate(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 1 1"]:
        """The factor of each channel."""
        pixels = x.movedim(1, -1).flatten(1, 2)  # [B, HW, C]
        found = self.to_k.weight.flatten(1) @ pixels.mT  # [B, 1, HW]; faster than a convolution to one channel
        attention = (found + cast(Tensor, self.to_k.bias)).softmax(-1)
        context = torch.bmm(attention, pixels)  # [B, 1, C]
        return self.net(context[:, 0, :, None, None])


class ResidualUnit(nn.Module):
    """Convolutions 3x3 and 1x1 and a gate, added to the input."""

    def __init__(self, width: int, gate: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            _conv(width, width, 3), nn.ELU(), nn.Conv2d(width, width, 1), nn.ELU(), ContextGate(width, gate)
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Features of the same shape."""
        if torch.is_grad_enabled():
            return self.net(x) + x
        wide, _, mix, _, gate = self.net  # the same without new memory, which costs more than the arithmetic
        y = F.elu_(mix(F.elu_(wide(x))))
        return torch.addcmul(x, y, cast(ContextGate, gate).gate(y), out=y)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Normalised features."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Upsample(nn.Module):
    """Doubles height and width by a 1x1 convolution to four times the channels, SiLU and pixel shuffle."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, outputs * 4, 1)
        kernel = torch.empty(outputs, inputs, 1, 1)
        nn.init.kaiming_uniform_(kernel)
        with torch.no_grad():
            conv.weight.copy_(kernel.repeat_interleave(4, 0))  # the four sub-pixels start alike: no checkerboard
            cast(Tensor, conv.bias).zero_()
        self.net = nn.Sequential(conv, nn.SiLU(), nn.PixelShuffle(2))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H2 W2"]:
        """Features at twice the resolution."""
        return self.net(x)


def _units(width: int, count: int, gate: float) -> nn.Sequential:
    return nn.Sequential(*(ResidualUnit(width, gate) for _ in range(count)))


class ImageNetwork(nn.Module):
    """Encoder from `channels` to `hidden` at 1 / 2^compressions of the resolution, and its mirror.

    Args:
        channels: of the image that goes in and of the one that comes out.
        hidden: width at the lowest resolution; each halving of the resolution doubles it.
        compressions: halvings.
        units: residual units between convolutions.
        kernel: size of the first convolution and of the one at the lowest resolution.
        gate: bias with which the gates start.
    """

    def __init__(self, channels: int, hidden: int, compressions: int, units: int, kernel: int, gate: float) -> None:
        super().__init__()
        widths = [hidden // 2**i for i in reversed(range(compressions + 1))]
        self.conv_in = _conv(channels, widths[0], kernel)
        self.conv_out = _conv(widths[0], channels, 3)
        down: list[nn.Module] = [ResidualUnit(widths[0], gate)]
        for narrow, wide in pairwise(widths):
            down += [_conv(narrow, wide, 3, stride=2), _units(wide, units, gate)]
        large = _named(WideConv2d(hidden, hidden, kernel))
        norm = nn.Sequential(nn.Identity(), ChannelNorm(hidden))  # the released names number the norm .7.1
        self.encoder_layers = nn.ModuleList([*down, large, _units(hidden, units, gate), norm])
        up: list[nn.Module] = [_units(hidden, units, gate), _conv(hidden, hidden, 3), _units(hidden, units, gate)]
        for wide, narrow in pairwise(reversed(widths)):
            last = narrow == widths[0]
            up += [Upsample(wide, narrow), ResidualUnit(narrow, gate) if last else _units(narrow, units, gate)]
        self.decoder_layers = nn.ModuleList(up)

    def encode(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B hidden h w"]:
        """Features of the tokens, from those of the first convolution."""
        x = x.contiguous(memory_format=torch.channels_last)  # convolutions keep this order, and are faster in it
        for layer in self.encoder_layers:
            x = layer(x)
        return x

    def decode(self, x: Float[Tensor, "B hidden h w"]) -> Float[Tensor, "B C H W"]:
        """The image of the features."""
        x = x.contiguous(memory_format=torch.channels_last)  # as in `encode`
        for layer in self.decoder_layers:
            x = layer(x)
        return self.conv_out(x)


class BandProjection(nn.Linear):
    """Bands of a pixel -> common channels; bands that are absent add nothing, and few bands weigh as much as all."""

    def forward(self, x: Float[Tensor, "B bands H W"], present: Float[Tensor, "B bands"]) -> Float[Tensor, "B C H W"]:
        """`present` is 1 or 0; the released codec scales the bias with the rest."""
        x = x * present[..., None, None]
        return F.conv2d(x, self.weight[..., None, None], self.bias) * self._scale(present)

    def before(
        self, conv: nn.Conv2d, x: Float[Tensor, "B bands H W"], present: Float[Tensor, "B bands"]
    ) -> Float[Tensor, "B C H W"]:
        """What a convolution makes of the channels, as one convolution of the bands: there are few of these.

        A plane of ones carries the bias, which ends at the border of the image as the channels do.
        """
        planes = torch.cat([x * present[..., None, None], torch.ones_like(x[:, :1])], 1) * self._scale(present)
        maps = torch.cat([self.weight, self.bias[:, None]], 1)
        weight = torch.einsum("ocyx,cb->obyx", conv.weight, maps)
        planes = planes.contiguous(memory_format=torch.channels_last)  # there are few of them yet: the cheapest place
        return F.conv2d(planes, weight, conv.bias, conv.stride, conv.padding)

    def _scale(self, present: Float[Tensor, "B bands"]) -> Float[Tensor, "B 1 1 1"]:
        return (present.shape[1] / present.sum(1)).sqrt()[:, None, None, None]
