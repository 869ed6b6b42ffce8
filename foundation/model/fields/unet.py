"""UNet: the convolutional baseline over simulation fields: what a model of the published kind must be compared with.

It has the same interface, the same scales and the same columns of fields by name as FieldTransformer, and predicts at
every frame from that frame and the few before it, so that both can be trained on the same windows by the same loss. A
frame is shown as it is, the others as the increments between them, at their own scale. Periodic axes are continued
around the ring, walls and open sides with zeros, which is all it knows of them. Nothing in it is random.

After U-Net (arXiv:1505.04597), with residual blocks, group norms and means instead of maxima on the way down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from foundation.model.fields.boundary import FLAGS, boundary_codes, periodic_axes
from foundation.model.fields.check import check_dimensions, check_values, columns_of
from foundation.model.fields.convolution import CONVOLUTION
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.normalise import Scales
from foundation.model.fields.unet_config import UNetConfig

KERNEL = 3
POOLING = {2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


@dataclass(frozen=True, eq=False)
class UNetSetting:
    """What a forward pass needs to know beside the values.

    Args:
        ring: for each of the network's axes whether it is periodic.
        columns: of the fields.
    """

    ring: tuple[bool, ...]
    columns: Int[Tensor, "C"]


class UNet(FieldNetwork[UNetConfig, UNetSetting]):
    """Predicts normalised increments of any of the fields it knows, in 2D and 3D.

    Args:
        config: sizes.
        names: of the fields it knows, one for each scalar channel.

    Raises:
        FoundationError: a name twice, or none.
    """

    def __init__(self, config: UNetConfig, names: Sequence[str]) -> None:
        super().__init__(config, names)
        self.networks = nn.ModuleDict({str(d): UNetLevels(config, len(self.names), d) for d in config.dimensions})

    def forward(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
        scales: Scales | None = None,
    ) -> Float[Tensor, "B T C H W D"]:
        """The normalised increment at each frame; arguments as in FieldNetwork.

        Raises:
            FoundationError: values that are not finite, of another rank, of unknown fields, or of one frame without
                scales; samples that are periodic along different axes; a network the model does not have.
        """
        setting = self.setting(values, names, boundary, generator)
        return self._predict(values, self.scales(values) if scales is None else scales, setting, values.shape[1])

    def setting(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
    ) -> UNetSetting:
        """Check the input; arguments and errors as in `forward`."""
        check_values(values, names)
        check_dimensions(values, self.config.dimensions)
        columns = columns_of(names, self.names).to(values.device) - len(FLAGS)
        rings = periodic_axes(boundary_codes(boundary, len(values)))
        live = [ring for ring, points in zip(rings, values.shape[3:], strict=True) if points > 1]
        return UNetSetting((*live, *[True] * (2 - len(live))), columns)

    def redraw(self, setting: UNetSetting, batch: int, generator: Generator | None) -> UNetSetting:
        """The same: nothing is random."""
        return setting

    def newest(
        self, values: Float[Tensor, "B T C H W D"], scales: Scales, setting: UNetSetting
    ) -> Float[Tensor, "B 1 C H W D"]:
        """What `forward` gives for the last frame alone."""
        return self._predict(values, scales, setting, 1)

    def _predict(
        self, values: Float[Tensor, "B T C H W D"], scales: Scales, setting: UNetSetting, last: int
    ) -> Float[Tensor, "B last C H W D"]:
        """Increments at the last so many frames."""
        space = [n for n in values.shape[3:] if n > 1]
        shown = self._shown(values, scales)[:, -last:]
        rows = shown.flatten(0, 1).reshape(-1, shown.shape[2], *space, *[1] * (2 - len(space)))
        out = self.networks[str(len(setting.ring))](rows, setting)
        out = out.to(torch.promote_types(out.dtype, torch.float32)).reshape(-1, last, *values.shape[2:])
        return self.carried_on(out, values, scales)

    def _shown(self, values: Float[Tensor, "B T C H W D"], scales: Scales) -> Float[Tensor, "B T channels H W D"]:
        """Each normalised frame, and the increments that led to it, the newest first; 0 where none is known."""
        increments, moves = [], scales.tendency(values)
        for _ in range(self.config.frames - 1):
            increments.append(moves)
            moves = torch.cat([torch.zeros_like(moves[:, :1]), moves[:, :-1]], 1)
        return torch.cat([scales.normalise(values), *increments], 2)


class UNetLevels(nn.Module):
    """The network over two or three axes of space.

    Args:
        config: sizes.
        fields: columns of the first and of the last convolution.
        axes: of space.
    """

    def __init__(self, config: UNetConfig, fields: int, axes: int) -> None:
        super().__init__()
        widths, kernel = config.channels, (KERNEL,) * axes
        self.frames = config.frames
        self.first = nn.Parameter(torch.empty(widths[0], config.frames, fields, *kernel))
        self.last = nn.Parameter(torch.empty(fields, widths[0], *kernel))
        self.bias = nn.Parameter(torch.zeros(fields))
        for kernels in (self.first, self.last):
            nn.init.kaiming_uniform_(kernels, a=5**0.5)  # as PyTorch's own convolutions
        self.down = nn.ModuleList(_Column(before, n, axes, config) for before, n in pairwise((widths[0], *widths)))
        self.up = nn.ModuleList(_Column(below + n, n, axes, config) for n, below in reversed([*pairwise(widths)]))

    def forward(self, x: Float[Tensor, "N channels *space"], setting: UNetSetting) -> Float[Tensor, "N C *space"]:
        """Increments of the columns, from their frames; a gain makes up for the columns that are absent."""
        ring, columns = setting.ring, setting.columns
        gain = (self.first.shape[2] / len(columns)) ** 0.5
        x = _convolve(x, self.first.index_select(2, columns).flatten(1, 2) * gain, None, ring)
        kept: list[Tensor] = []
        for level, column in enumerate(self.down):
            if level:
                kept.append(x)
                x = POOLING[len(ring)](x, [ceil(n / 2) for n in x.shape[2:]])
            x = column(x, ring)
        for column in self.up:
            beside = kept.pop()
            x = column(torch.cat([F.interpolate(x, size=beside.shape[2:], mode="nearest"), beside], 1), ring)
        return _convolve(x, self.last.index_select(0, columns), self.bias.index_select(0, columns), ring)


class _Column(nn.Module):
    """The blocks of one level, the first of which changes the number of channels."""

    def __init__(self, before: int, channels: int, axes: int, config: UNetConfig) -> None:
        super().__init__()
        sizes = [before, *[channels] * config.blocks]
        self.blocks = nn.ModuleList(_Block(a, b, axes, config.groups) for a, b in pairwise(sizes))

    def forward(self, x: Float[Tensor, "N I *space"], ring: Sequence[bool]) -> Float[Tensor, "N O *space"]:
        for block in self.blocks:
            x = block(x, ring)
        return x


class _Block(nn.Module):
    """x + two normalised convolutions; the sum itself is never normalised, so that amplitudes get through."""

    def __init__(self, before: int, channels: int, axes: int, groups: int) -> None:
        super().__init__()
        kind = nn.Conv2d if axes == 2 else nn.Conv3d
        self.skip = kind(before, channels, 1) if before != channels else nn.Identity()
        self.norm1, self.norm2 = nn.GroupNorm(groups, before), nn.GroupNorm(groups, channels)
        self.conv1, self.conv2 = kind(before, channels, KERNEL), kind(channels, channels, KERNEL)

    def forward(self, x: Float[Tensor, "N I *space"], ring: Sequence[bool]) -> Float[Tensor, "N O *space"]:
        y = _convolve(F.gelu(self.norm1(x)), self.conv1.weight, self.conv1.bias, ring)
        y = _convolve(F.gelu(self.norm2(y)), self.conv2.weight, self.conv2.bias, ring)
        return self.skip(x) + y


def _convolve(
    x: Float[Tensor, "N I *space"], kernel: Tensor, bias: Tensor | None, ring: Sequence[bool]
) -> Float[Tensor, "N O *space"]:
    """Over as many points as there were: rings go on around, other axes with zeros."""
    for value, mode in ((True, "circular"), (False, "constant")):
        pads = [int(closed == value) for closed in reversed(ring) for _ in range(2)]
        x = F.pad(x, pads, mode=mode) if any(pads) else x
    return CONVOLUTION[len(ring)](x, kernel, bias)
