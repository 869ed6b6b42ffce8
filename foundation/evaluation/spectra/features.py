"""SpectralFeatures: spectra as vectors and tokens, from the frozen model, from its random twin, and from the pixels."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.data.records import Spectrum
from foundation.evaluation.outcome import Source
from foundation.evaluation.problem import Features
from foundation.evaluation.spectra.observed import Observed, edges_of, rebinned
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.pretrained import SpectralModel
from foundation.progress import track
from foundation.seeded import seeded
from foundation.tokenizers.native import patches_of

TOGETHER = 16  # spectra of a pass


class SpectralFeatures:
    """Features of whole sets, made once.

    Args:
        model: frozen.
        seed: of the random twin's weights.
    """

    def __init__(self, model: SpectralModel, seed: int = 0) -> None:
        with seeded(seed):
            twin = SpectralModel(model.config, model.cut).to(model.head.weight.device).eval()
        self.models: dict[Source, SpectralModel] = {"encoder": model, "random encoder": twin}
        self._made: dict[tuple[Source, str], Features] = {}

    def encoded(self, source: Source, observed: Observed) -> Features:
        """The summary of each spectrum's states, and its states as tokens."""
        place = source, observed.about.name
        if place not in self._made:
            self._made[place] = _encode(self.models[source], observed.spectra, f"{source}, {observed.about.name}")
        return self._made[place]

    def both(self, learned: Observed, tested: Observed) -> Iterator[tuple[Source, tuple[Features, Features]]]:
        """Features of the spectra learned from and of those tested on, from each source."""
        for source in self.models:
            yield source, (self.encoded(source, learned), self.encoded(source, tested))
        edges = edges_of(learned.spectra)
        yield "raw input", (Features(rebinned(learned.spectra, edges)), Features(rebinned(tested.spectra, edges)))


@torch.no_grad()
def _encode(model: SpectralModel, spectra: Sequence[Spectrum], what: str) -> Features:
    states: list[torch.Tensor] = []
    counts: list[int] = []
    chunks = [spectra[start : start + TOGETHER] for start in range(0, len(spectra), TOGETHER)]
    for chunk in track(chunks, f"encoding ({what})", len(chunks)):
        batch = SpectralBatch.packed([patches_of(spectrum, model.cut) for spectrum in chunk])
        states.append(model.encode(batch.to(model.head.weight.device)).float().cpu())
        counts += batch.offsets.diff().tolist()
    tokens, count = torch.cat(states), torch.tensor(counts)
    return Features(summary(tokens, count).numpy().astype(np.float32), tokens, count.cumsum(0) - count, count)


def summary(tokens: Float[Tensor, "T D"], count: Int[Tensor, "n"]) -> Float[Tensor, "n 4*D"]:
    """Mean, spread, highest and lowest state of each spectrum: in the mean alone a line that one patch sees is lost."""
    mean, high, low = (torch.segment_reduce(tokens, how, lengths=count) for how in ("mean", "max", "min"))
    square = torch.segment_reduce(tokens.square(), "mean", lengths=count)
    return torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt(), high, low], 1)
