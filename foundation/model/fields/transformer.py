"""FieldTransformer: from a few frames of a simulation to the next increment at each of them.

A context is normalised, padded, flagged and shifted; two convolutions make tokens of it; blocks mix them in time and in
space; two transposed convolutions make fields again. Time is causal: the prediction at a frame knows nothing later.
With the defaults it is Walrus (arXiv:2511.15684), tensor by tensor (`foundation.interop.walrus`).

To train, show it T of T + 1 frames and compare at every one of the T:

    scales = model.scales(values[:, :-1])
    loss = (model(values[:, :-1], names, boundary, generator, scales) - scales.targets(values)).abs().mean()

`model.train()` changes nothing by itself: whatever is random follows the generator, and without one nothing is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.utils.checkpoint import checkpoint

from foundation.model.fields.block import FieldBlock
from foundation.model.fields.boundary import boundary_codes, flag_channels, grid_of
from foundation.model.fields.check import check_dimensions, check_grid, check_values, columns_of
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.decoder import FieldDecoder
from foundation.model.fields.encoder import FieldEncoder
from foundation.model.fields.initial import initialise
from foundation.model.fields.jitter import Draws, place, shift, take_back
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.normalise import Scales
from foundation.model.fields.rotary import places
from foundation.model.fields.strides import Grid, token_grid
from foundation.model.fields.time_layer import Past


@dataclass(frozen=True, eq=False)
class Setting:
    """What a forward pass needs to know beside the values: it may be kept for several.

    Args:
        grid: strides and paddings of the three axes.
        codes: of the boundary, [1 or B, 3, 2].
        columns: of the fields in the tables.
        draws: what is random.
    """

    grid: Grid
    codes: Int[Tensor, "K 3 2"]
    columns: Int[Tensor, "C"]
    draws: Draws

    @property
    def pair(self) -> str:
        """Name of the encoder and decoder: by the number of axes longer than 1."""
        return "3" if all(axis.live for axis in self.grid) else "2"


class FieldTransformer(FieldNetwork[FieldModelConfig, Setting]):
    """Predicts normalised increments of any of the fields it knows, in 2D and 3D.

    Args:
        config: sizes and parts.
        names: of the fields it knows, one for each scalar channel; flags of the boundary not counted.

    Raises:
        FoundationError: a name twice, or none.
    """

    def __init__(self, config: FieldModelConfig, names: Sequence[str]) -> None:
        super().__init__(config, names)
        sizes, increments = (len(self.names), config.inner, config.width), config.sees_increments
        self.gain = nn.Parameter(torch.ones(1))  # Walrus multiplies its input by this; the norm that follows undoes it
        self.encoders = nn.ModuleDict({str(d): FieldEncoder(*sizes, increments) for d in config.dimensions})
        self.decoders = nn.ModuleDict({str(d): FieldDecoder(*sizes) for d in config.dimensions})
        self.blocks = nn.ModuleList(FieldBlock(config) for _ in range(config.depth))
        grid = config.grid
        self.place = None if grid is None else nn.Parameter(torch.zeros(grid[0] * grid[1] * grid[2], config.width))
        initialise(self)

    def forward(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
        scales: Scales | None = None,
    ) -> Float[Tensor, "B T C H W D"]:
        """The normalised increment at each frame; arguments as in FieldNetwork.

        Random are jitter, token rolls and drop path; without a generator half a token of padding is kept.

        Raises:
            FoundationError: values that are not finite, of another rank, of unknown fields, or of one frame without
                scales; samples that are periodic along different axes; an encoder the model does not have.
        """
        setting = self.setting(values, names, boundary, generator)
        scales = self.scales(values) if scales is None else scales
        tokens = self.mix(self.embed(self.view(values, scales), setting), values.shape[1], setting)
        increments = self.read(tokens, len(values), setting)
        return self.carried_on(increments, values, scales)

    def newest(
        self, values: Float[Tensor, "B T C H W D"], scales: Scales, setting: Setting
    ) -> Float[Tensor, "B 1 C H W D"]:
        """What `forward` gives for the last frame alone, which only that frame is decoded for."""
        tokens = self.mix(self.embed(self.view(values, scales), setting), values.shape[1], setting)
        increment = self.read(tokens[-len(values) :], len(values), setting)
        return self.carried_on(increment, values, scales)

    def setting(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        generator: Generator | None = None,
    ) -> Setting:
        """Check the input, choose strides, and draw what is random; arguments and errors as in `forward`."""
        check_values(values, names)
        columns = columns_of(names, self.names).to(values.device)
        codes = boundary_codes(boundary, len(values))
        grid = grid_of(values.shape[3:], codes, self.config)
        check_dimensions(values, self.config.dimensions)
        check_grid(values, token_grid(grid), self.config)
        return self.redraw(Setting(grid, codes, columns, Draws.none(self.config.depth)), len(values), generator)

    def redraw(self, setting: Setting, batch: int, generator: Generator | None) -> Setting:
        """The same with other chance, for as many samples; the same without a generator."""
        if generator is None:
            return setting
        drop = self.config.drop_path if self.training else 0.0
        return replace(setting, draws=Draws.of(generator, setting.grid, self.config.depth, drop, batch))

    def view(
        self,
        values: Float[Tensor, "B T C H W D"],
        scales: Scales,
        before: Float[Tensor, "B 1 C H W D"] | None = None,
    ) -> Float[Tensor, "B T channels H W D"]:
        """What the encoder is shown of frames: normalised, and if it sees increments those that led to each.

        Args:
            before: the frame before the first of these, if it is known.
        """
        normalised = scales.normalise(values)
        if not self.config.sees_increments:
            return normalised
        return torch.cat([normalised, scales.tendency(values, before)], 2)

    @torch.no_grad()
    def encode(
        self,
        values: Float[Tensor, "B T C *space"],
        names: Sequence[str],
        boundary: Int[Tensor, "*sides"],
        depth: int | None = None,
    ) -> Float[Tensor, "B T S width"]:
        """Frozen features: the tokens of each frame, without jitter; arguments and errors as in `forward`.

        Args:
            depth: blocks to go through; 0 = none, None = all.
        """
        setting, frames = self.setting(values, names, boundary), values.shape[1]
        tokens = self.embed(self.view(values, self.scales(values)), setting)
        return self.mix(tokens, frames, setting, depth=depth).unflatten(0, (frames, -1)).transpose(0, 1)

    def embed(self, values: Float[Tensor, "B T channels H W D"], setting: Setting) -> Float[Tensor, "TB S width"]:
        """Tokens of a view of frames, time slowest."""
        grid, shifts = setting.grid, setting.draws.shifts
        frames = values.transpose(0, 1).flatten(0, 1)
        flags = shift(flag_channels(setting.codes, grid, frames), grid, shifts)
        frames = place(frames, grid, shifts)
        tokens = self.encoders[setting.pair](frames, flags, setting.columns, grid, self.gain)
        return tokens if self.place is None else tokens + self.place

    def mix(
        self,
        tokens: Float[Tensor, "TB S width"],
        frames: int,
        setting: Setting,
        past: Sequence[Past] | None = None,
        depth: int | None = None,
    ) -> Float[Tensor, "TB S width"]:
        """Tokens after the blocks, or the first `depth` of them; `past` has what each time layer saw before these
        frames, and takes them up.
        """
        draws, every = setting.draws, self.config.checkpoint_every
        for i, block in enumerate(self.blocks[:depth]):
            at = places(setting.grid, draws.rolls[: i + 1], tokens.device)
            keep = None if draws.keep is None else draws.keep[i]
            if past is not None:
                tokens = block(tokens, frames, at, keep, past[i])
            elif every and i % every == 0 and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, frames, at, keep, use_reentrant=False, preserve_rng_state=False)
            else:
                tokens = block(tokens, frames, at, keep)
        return tokens

    def read(self, tokens: Float[Tensor, "TB S width"], batch: int, setting: Setting) -> Float[Tensor, "B T C H W D"]:
        """Normalised increments of the frames that the tokens stand for, in float32 or better."""
        out = self.decoders[setting.pair](tokens, setting.columns, setting.grid)
        out = take_back(out, setting.grid, setting.draws.shifts)
        out = out.to(torch.promote_types(out.dtype, torch.float32))
        return out.unflatten(0, (-1, batch)).transpose(0, 1)
