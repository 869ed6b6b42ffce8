"""DigitiserTokenizer: one number along a track, one token; bins hold about as many values each, ties kept together."""

from collections.abc import Iterable
from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from foundation.data.biology.track import Track
from foundation.data.records import Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.letters import place_axis
from foundation.tokenizers.reservoir import Reservoir
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokenizers.track_symbols import SPECIALS, checked_track
from foundation.tokens import Space, Tokens

MARGIN = 1e-6  # added beyond the least and the largest value, which belong to the first and the last bin


@dataclass(frozen=True)
class DigitiserConfig:
    """Bins of one track of numbers.

    Args:
        bins: how many.
        track: number of the group of modalities that are aligned with each other.
        longest: places of the longest record.
        reservoir: values kept while fitting.
        unit: of the values.
    """

    bins: int = 64
    track: int = 1
    longest: int = 100_000
    reservoir: int = 1_000_000
    unit: str = ""

    def __post_init__(self) -> None:
        if min(self.bins, self.longest, self.reservoir) < 1 or self.track < 0:
            raise TokenizerError(
                f"{self.bins} bins fitted to {self.reservoir} values, {self.longest} places, track {self.track}. "
                "Give 1 or more of each, and a track from 0 on."
            )


class DigitiserTokenizer(StoredTokenizer):
    """Number of the bin of each value at its place, counted from 0, in the track of its group.

    Missing values, and values outside all bins, have the last code (arXiv:2604.24506). Decoding gives the mean of what
    was in the bin when it was fitted. A value that many places share, such as no signal, has a bin of its own.
    """

    kind = "digitiser"
    config_class = DigitiserConfig
    edges: Tensor
    means: Tensor

    def __init__(self, config: DigitiserConfig, name: str) -> None:
        super().__init__(config, name)
        self.space = Space(name, "discrete", config.bins + len(SPECIALS), (place_axis(config.longest),))
        self.unknown = self.space.size - 1
        self.register_buffer("edges", torch.full((config.bins + 1,), torch.nan, dtype=torch.float64))
        self.register_buffer("means", torch.full((config.bins,), torch.nan, dtype=torch.float64))

    def fit(self, batches: Iterable[np.ndarray], seed: int = 0) -> "DigitiserTokenizer":
        """Set the bins to these values, read once; missing ones are left out.

        Raises:
            TokenizerError: there are fewer different values than bins.
        """
        reservoir = Reservoir(self.config.reservoir, seed)
        for batch in batches:
            reservoir.add(batch)
        return self.fit_sample(reservoir.values())

    def fit_sample(self, values: np.ndarray) -> "DigitiserTokenizer":
        """Set the bins to these values, all finite.

        Raises:
            TokenizerError: there are fewer different values than bins.
        """
        distinct, counts = np.unique(values, return_counts=True)
        if len(distinct) < self.config.bins:
            raise TokenizerError(
                f"{self.name}: {self.config.bins} bins of {len(distinct)} different values. "
                f"Give {len(distinct)} bins at most, or more data."
            )
        first = _first_of_bins(counts, self.config.bins)
        inner = (distinct[first[1:] - 1] + distinct[first[1:]]) / 2
        edges = np.concatenate([[distinct[0] - MARGIN], inner, [distinct[-1] + MARGIN]])
        means = np.add.reduceat(distinct * counts, first) / np.add.reduceat(counts, first)
        self.edges.copy_(torch.from_numpy(edges))
        self.means.copy_(torch.from_numpy(means))
        return self

    def encode(self, records: Several[Record]) -> list[Tokens]:
        """A token a place.

        Raises:
            TokenizerError: no Track of numbers, another unit, too long, or no bins yet.
        """
        edges = self._fitted(self.edges)
        return [self._encode(self._checked(record), edges) for record in records]

    def decode(self, tokens: Several[Tokens]) -> list[Record]:
        """The mean of each place's bin, missing where there is none."""
        means = np.append(self._fitted(self.means), [np.nan] * len(SPECIALS))
        return [Track(means[self._check_tokens(t).ids.numpy()], unit=self.config.unit) for t in tokens]

    def expected(self, probability: Float[Tensor, "n size"]) -> Float64[np.ndarray, "n"]:
        """The mean value of each place under predicted probabilities, given that the place has a value."""
        of_bins = probability[:, : self.config.bins].double().cpu().numpy()
        return of_bins @ self._fitted(self.means) / of_bins.sum(1)

    def _encode(self, track: Track, edges: Float64[np.ndarray, "edges"]) -> Tokens:
        values = track.values.astype(np.float64)
        codes = np.searchsorted(edges, values, "right") - 1  # NaN is sorted after everything
        codes[(codes < 0) | (codes >= self.config.bins)] = self.unknown
        place = torch.arange(len(codes), dtype=torch.float64)[:, None]
        return Tokens.of_space(self.space, torch.from_numpy(codes), place, self.config.track)

    def _fitted(self, table: Tensor) -> Float64[np.ndarray, "n"]:
        if bool(table.isnan().any()):
            raise TokenizerError(f"{self.name}: the bins are not fitted. Call fit, or `foundation tokenize tracks`.")
        return table.cpu().numpy()

    def _checked(self, record: Record) -> Track:
        track = checked_track(record, self.config.longest, self.name)
        if track.categories or track.unit != self.config.unit:
            got = "categories" if track.categories else f"numbers in {track.unit!r}"
            raise TokenizerError(
                f"{self.name}: got {got}, this tokenizer takes a Track of numbers in {self.config.unit!r}. Convert it."
            )
        return track


def _first_of_bins(counts: np.ndarray, bins: int) -> np.ndarray:
    """Index of the first of the different values in each bin, which takes an even share of what is left."""
    below = np.concatenate([[0], np.cumsum(counts)])
    first = [0]
    for left in range(bins, 1, -1):
        share = below[first[-1]] + (below[-1] - below[first[-1]]) / left
        near = int(np.searchsorted(below, share))
        near -= near - 1 > first[-1] and share - below[near - 1] < below[near] - share  # the nearer of two ends
        first.append(min(max(near, first[-1] + 1), len(counts) - left + 1))
    return np.array(first)
