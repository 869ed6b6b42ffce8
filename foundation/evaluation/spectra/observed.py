"""Observed: the spectra of one modality in one record set, with the labels of their objects, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundation.data.records import Sample, Spectrum
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.observations import Observations, columns, sky_of
from foundation.evaluation.raw import raw_spectrum
from foundation.progress import track
from foundation.tokenizers.native import NativeConfig, patches_if_any

FEWEST = 8  # objects of a survey, for a question about them


@dataclass(frozen=True, eq=False)
class Observed:
    """n spectra that have something to read.

    Args:
        modality: their name in the samples.
        spectra: of the objects.
        about: keys, labels and data set, as the evaluation of tasks has them.
    """

    modality: str
    spectra: tuple[Spectrum, ...]
    about: Observations

    def __len__(self) -> int:
        return len(self.spectra)

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the objects; one object has the same in every modality."""
        return self.about.keys

    def can_be_asked(self, label: str, where: Mapping[str, Sequence[str]]) -> bool:
        """Whether enough objects have the label, among those that have one of the values of other labels."""
        able = self.about.known(label)
        for name, allowed in where.items():
            able = able & np.isin(self.about.labels.get(name, np.full(len(self), "")).astype(str), allowed)
        return int(able.sum()) >= FEWEST


def read_observed(path: Path, name: str, modalities: Sequence[str], cut: NativeConfig) -> dict[str, Observed]:
    """Modality -> its spectra, of those modalities that a record set has.

    Raises:
        FoundationError: no record shards, or none of the modalities in them.
    """
    shards = RecordShards(path)
    samples = list(track(shards, f"reading {name}", len(shards)))
    found = {m: _of(m, modalities, name, path, shards.manifest.fingerprint, samples, cut) for m in modalities}
    kept = {modality: one for modality, one in found.items() if one is not None}
    if not kept:
        has = sorted({m for sample in samples for m in sample})
        raise FoundationError(f"{path} has none of {', '.join(modalities)} but {', '.join(has)}. Name those it has.")
    return kept


def _of(
    modality: str,
    modalities: Sequence[str],
    name: str,
    path: Path,
    fingerprint: str,
    samples: Sequence[Sample],
    cut: NativeConfig,
) -> Observed | None:
    pairs = [(s, r) for s in samples if isinstance(r := s.records.get(modality), Spectrum) and patches_if_any(r, cut)]
    if not pairs:
        return None
    keys = tuple(sample.key for sample, _ in pairs)
    labels = columns([dict(s.labels) | {"snr": r.snr} for s, r in pairs])
    any_name = frozenset(modalities)  # a probe that learned from another survey asks for that one's name
    sky = sky_of([sample.origin for sample, _ in pairs])
    names = (any_name,) * len(keys)
    about = Observations(
        f"{modality} of {name}", Path(path), fingerprint, keys, keys, sky, labels, names, frozenset(), {}
    )
    return Observed(modality, tuple(record for _, record in pairs), about)


def rebinned(spectra: Sequence[Spectrum], edges: np.ndarray) -> np.ndarray:
    """The baseline's features, float32 [n, bins + 1]: `raw_spectrum` of each; NaN where there is no usable pixel."""
    return np.stack([raw_spectrum(spectrum, edges) for spectrum in spectra])


def edges_of(spectra: Sequence[Spectrum], bins: int = 400) -> np.ndarray:
    """Edges of bins that hold equally many of the pixels of these spectra, ln of vacuum Å [bins + 1]."""
    grid = np.concatenate([np.log(s.wavelength[s.usable]) for s in spectra[:50]])
    return np.unique(np.quantile(grid, np.linspace(0, 1, bins + 1)))
