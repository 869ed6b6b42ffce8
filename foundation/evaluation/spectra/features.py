"""SpectralFeatures: spectra as vectors and tokens, from the frozen model, from its random twin, and from the pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.data.records import Spectrum
from foundation.evaluation.outcome import Source
from foundation.evaluation.problem import Features
from foundation.evaluation.spectra.observed import Observed, edges_of, rebinned
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.pool import in_bins, summary
from foundation.model.spectra.pretrained import SpectralModel
from foundation.model.spectra.wavelength import middle
from foundation.progress import track
from foundation.seeded import seeded
from foundation.tokenizers.native import patches_of

TOGETHER = 16  # spectra of a pass


@dataclass(frozen=True, eq=False)
class States:
    """The states of all patches of n spectra, end to end.

    Args:
        tokens: a state each.
        place: ln of the wavelength in the middle of each patch.
        count: states of each spectrum.
    """

    tokens: Float[Tensor, "T D"]
    place: Float[Tensor, "T"]
    count: Int[Tensor, "n"]

    def summarised(self) -> Features:
        """Mean, spread, highest and lowest of each spectrum."""
        return self._with(summary(self.tokens, self.count))

    def binned(self, edges: np.ndarray) -> Features:
        """Means between edges in ln(wavelength); NaN where a spectrum has no patch."""
        return self._with(in_bins(self.tokens, self.count, self.place, torch.from_numpy(edges)))

    def _with(self, pooled: Float[Tensor, "n width"]) -> Features:
        return Features(pooled.numpy().astype(np.float32), self.tokens, self.count.cumsum(0) - self.count, self.count)


class SpectralFeatures:
    """Features of whole sets; states and binned pixels are made once.

    Args:
        model: frozen.
        bins: of wavelength, in each of which states are averaged; they hold equally many pixels of the spectra that are
            learned from. 0 = the summary of all states alone.
        seed: of the random twin's weights.
    """

    def __init__(self, model: SpectralModel, bins: int, seed: int = 0) -> None:
        with seeded(seed):
            twin = SpectralModel(model.config, model.cut).to(model.head.weight.device).eval()
        self.models: dict[Source, SpectralModel] = {"encoder": model, "random encoder": twin}
        self.bins = bins
        self._made: dict[tuple[Source, str], States] = {}
        self._binned: dict[tuple[str, str], Features] = {}

    def states(self, source: Source, observed: Observed) -> States:
        """Of every patch."""
        place = source, observed.about.name
        if place not in self._made:
            self._made[place] = _encode(self.models[source], observed.spectra, f"{source}, {observed.about.name}")
        return self._made[place]

    def each(
        self, learned: Observed, *others: Observed, bins: int | None = None
    ) -> Iterator[tuple[Source, tuple[Features, ...]]]:
        """Features of the spectra learned from, then of other ones, from each source.

        Args:
            bins: others than those of this object.
        """
        bins = self.bins if bins is None else bins
        edges = edges_of(learned.spectra, bins) if bins else None
        for source in self.models:
            states = [self.states(source, one) for one in (learned, *others)]
            yield source, tuple(s.summarised() if edges is None else s.binned(edges) for s in states)
        yield "raw input", tuple(self.raw(learned, one) for one in (learned, *others))

    def raw(self, learned: Observed, observed: Observed) -> Features:
        """Pixels in bins that hold equally many of those learned from."""
        place = learned.about.name, observed.about.name
        if place not in self._binned:
            self._binned[place] = Features(rebinned(observed.spectra, edges_of(learned.spectra)))
        return self._binned[place]


@torch.no_grad()
def _encode(model: SpectralModel, spectra: Sequence[Spectrum], what: str) -> States:
    states: list[Tensor] = []
    places: list[Tensor] = []
    counts: list[int] = []
    chunks = [spectra[start : start + TOGETHER] for start in range(0, len(spectra), TOGETHER)]
    for chunk in track(chunks, f"encoding ({what})", len(chunks)):
        batch = SpectralBatch.packed([patches_of(spectrum, model.cut) for spectrum in chunk])
        states.append(model.encode(batch.to(model.head.weight.device)).float().cpu())
        places.append(middle(batch.wavelength))
        counts += batch.offsets.diff().tolist()
    return States(torch.cat(states), torch.cat(places), torch.tensor(counts))
