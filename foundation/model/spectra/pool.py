"""Pooling: the states of a spectrum's patches as one vector."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.model.spectra.batch import SpectralBatch


def mean_state(states: Float[Tensor, "T width"], batch: SpectralBatch) -> Float[Tensor, "N width"]:
    """Of each spectrum, float32."""
    return torch.segment_reduce(states.float(), "mean", offsets=batch.offsets)


def summary(states: Float[Tensor, "T D"], count: Int[Tensor, "N"]) -> Float[Tensor, "N 4*D"]:
    """Mean, spread, highest and lowest state of each spectrum: in the mean alone a line that one patch sees is lost.

    Args:
        count: states of each spectrum, which lie one after the other.
    """
    mean, high, low = (torch.segment_reduce(states, how, lengths=count) for how in ("mean", "max", "min"))
    square = torch.segment_reduce(states.square(), "mean", lengths=count)
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt(), high, low], 1)


def in_bins(
    states: Float[Tensor, "T D"], count: Int[Tensor, "N"], place: Float[Tensor, "T"], edges: Float[Tensor, "E"]
) -> Float[Tensor, "N bins_D"]:
    """Mean state of each spectrum between edges: one mean of all loses where in a spectrum something is.

    A bin without any patch is NaN, for nothing was measured there; patches outside of the edges do not count.

    Args:
        count: states of each spectrum, which lie one after the other.
        place: ln of the wavelength in the middle of each state's patch.
        edges: ascending, one more than bins.
    """
    bins = len(edges) - 1
    spectrum = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    index = torch.searchsorted(edges, place, right=True) - 1
    inside = (index >= 0) & (index < bins)
    cell, kept = (spectrum * bins + index)[inside], states[inside]
    total = states.new_zeros(len(count) * bins, states.shape[1]).index_add(0, cell, kept)
    patches = states.new_zeros(len(count) * bins).index_add(0, cell, kept.new_ones(len(kept)))
    return (total / patches[:, None]).view(len(count), -1)  # 0 / 0 is NaN
