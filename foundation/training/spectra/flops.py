"""Useful operations of a model of spectra: linear maps and visible pairs; norms and softmax are not counted."""

import torch

from foundation.model.spectra.batch import Grid
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.embed import CHANNELS, SHAPE


def forward_flops(config: SpectraConfig, read: Grid, asked: Grid) -> float:
    """Operations of a forward pass, 2 for each product and sum."""
    width, mlp = config.width, 3 * config.width * int(2 * config.mlp_ratio * config.width / 3)
    rows, queries = (grid.offsets.diff().double() for grid in (read, asked))
    block = rows.sum() * (4 * width**2 + mlp) + (rows**2).sum() * 2 * width
    crossing = queries.sum() * (2 * width**2 + mlp) + rows.sum() * 2 * width**2 + (rows * queries).sum() * 2 * width
    decoder = crossing if config.decoder == "cross" else block
    place = width * (width + config.patch + SHAPE) if config.code == "logarithm" else 0
    pixels = rows.sum() * CHANNELS[config.channels] * config.patch * width + queries.sum() * config.patch * width
    pixels += rows.sum() * config.terms * width
    if config.means and not config.levels:
        pixels += queries.sum() * len(config.means) * config.patch * 2 * width
    total: torch.Tensor = config.depth * block + config.decoder_depth * decoder + pixels
    return float(2 * (total + (rows.sum() + queries.sum()) * place))
