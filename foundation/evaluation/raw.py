"""raw: the records themselves as feature vectors, the baseline that every frozen encoder has to beat.

Nothing is learned here. Fluxes are compressed by asinh, which is linear in the noise and logarithmic above it
(Lupton, Gunn & Szalay 1999, AJ 118, 1406). What was not measured is NaN; the probes put the training mean there.
"""

from collections.abc import Mapping

import numpy as np

from foundation.data.records import Image, Record, Scalar, Spectrum

LOG_WAVELENGTH = np.linspace(np.log(3600.0), np.log(10400.0), 401)  # edges of 400 bins, vacuum Å: SDSS, BOSS and DESI
STAMP_ARCSEC = 16.0  # side of the part of an image that is used
STAMP_BINS = 16  # of 1 arcsec: the seeing of a ground-based survey
APERTURES_ARCSEC = (1.5, 3.0, 6.0)
SOFTENING_NMGY = 0.05  # of fluxes; magnitude 25.75, about the noise of a Legacy Surveys source
SOFTENING_SURFACE = 0.1  # nMgy / arcsec²


def raw_vectors(records: Mapping[str, Record]) -> dict[str, np.ndarray]:
    """Vectors of one object: "modality" or "modality/band" -> float32 [width]; the width of a name never changes.

    Of records that are no image, spectrum or number there is no such vector.
    """
    vectors = {}
    for modality, record in records.items():
        if isinstance(record, Image):
            vectors |= {f"{modality}/{band}": v for band, v in raw_image(record).items()}
        elif isinstance(record, Spectrum):
            vectors[modality] = raw_spectrum(record)
        elif isinstance(record, Scalar):
            vectors[modality] = raw_scalar(record)
    return vectors


def raw_scalar(record: Scalar) -> np.ndarray:
    """float32 [1]: the value, or asinh(flux / 2b), which is a magnitude up to a factor, if the unit is nanomaggies."""
    flux = record.unit.lower() in ("nmgy", "nanomaggy", "nanomaggies")
    return np.array([np.arcsinh(record.value / (2 * SOFTENING_NMGY)) if flux else record.value], np.float32)


def raw_spectrum(record: Spectrum, edges: np.ndarray = LOG_WAVELENGTH) -> np.ndarray:
    """float32 [edges]: asinh(flux / median |flux|), averaged between edges in ln Å, then log10 of that median."""
    good = record.usable
    scale = float(np.median(np.abs(record.flux[good]))) if good.any() else 0.0
    if scale <= 0:
        return np.full(len(edges), np.nan, np.float32)
    index = np.searchsorted(edges, np.log(record.wavelength[good]), side="right") - 1
    mean = _average(record.flux[good], record.ivar[good], index, len(edges) - 1)
    return np.append(np.arcsinh(mean / scale), np.log10(scale)).astype(np.float32)


def raw_image(record: Image) -> dict[str, np.ndarray]:
    """band -> float32 [259]: asinh surface brightness on a 16 x 16 grid of 1 arcsec, then three aperture fluxes."""
    _, height, width = record.flux.shape
    y = (np.arange(height) - (height - 1) / 2) * record.pixel_scale  # arcsec from the centre
    x = (np.arange(width) - (width - 1) / 2) * record.pixel_scale
    cell = _bin(y)[:, None] * STAMP_BINS + _bin(x)[None, :]  # [y, x]
    inside = (_bin(y)[:, None] >= 0) & (_bin(x)[None, :] >= 0)
    radius = np.hypot(y[:, None], x[None, :])
    vectors = {}
    for i, band in enumerate(record.bands):
        good = record.usable[i]
        use = good & inside
        mean = _average(record.flux[i][use], np.ones(use.sum()), cell[use], STAMP_BINS**2) / record.pixel_scale**2
        aperture = np.array([record.flux[i][good & (radius < r)].sum() for r in APERTURES_ARCSEC])
        parts = np.arcsinh(mean / SOFTENING_SURFACE), np.arcsinh(aperture / (2 * SOFTENING_NMGY))
        vectors[band] = np.concatenate(parts).astype(np.float32)
    return vectors


def _bin(offset: np.ndarray) -> np.ndarray:
    """Index of the stamp's bin, -1 outside of it."""
    index = np.floor(offset / (STAMP_ARCSEC / STAMP_BINS) + STAMP_BINS / 2).astype(int)
    return np.where((index >= 0) & (index < STAMP_BINS), index, -1)


def _average(value: np.ndarray, weight: np.ndarray, index: np.ndarray, bins: int) -> np.ndarray:
    """Weighted mean of the values in each bin, NaN in empty ones; indices outside are left out."""
    use = (index >= 0) & (index < bins)
    total = np.bincount(index[use], weight[use], bins)
    weighted = np.bincount(index[use], weight[use] * value[use], bins)
    return np.divide(weighted, total, out=np.full(bins, np.nan), where=total > 0)


def raw_columns(objects: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The vectors of n objects as columns: name -> float32 [n, width], NaN rows where an object lacks the name."""
    columns: dict[str, np.ndarray] = {}
    for row, vectors in enumerate(objects):
        for name, vector in vectors.items():
            if name not in columns:
                columns[name] = np.full((len(objects), len(vector)), np.nan, np.float32)
            columns[name][row] = vector
    return columns


def raw_matrix(
    columns: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray], inputs: tuple[str, ...]
) -> np.ndarray:
    """The baseline's features [n, width] of these modalities.

    Args:
        columns: of the record set wanted.
        like: of the set a probe learns from, which says which columns there are; NaN where `columns` lacks one.
    """
    names = sorted(c for c in like if c.split("/")[0] in inputs)
    rows = len(next(iter(columns.values())))
    missing = {c: np.full((rows, like[c].shape[1]), np.nan, np.float32) for c in names if c not in columns}
    return np.concatenate([{**missing, **columns}[c] for c in names], 1)
