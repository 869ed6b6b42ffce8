"""One sample of one object's spectrum: what every reader says of it beside its own labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.formats.source import Source
from foundation.data.records import Record, Sample, Spectrum


def spectral_sample(
    key: str,
    modality: str,
    spectrum: Spectrum,
    source: Source,
    labels: Mapping[str, object] | None = None,
    *,
    hdu: int = 0,
    row: int = 0,
    place: tuple[Any, Any] = (None, None),
    others: Mapping[str, Record] | None = None,
) -> Sample:
    """The sample of a spectrum, with its S/N, and flagged by the label `usable` if no pixel is.

    Args:
        key: of the sample.
        modality: name of the spectrum.
        spectrum: the record.
        source: the file.
        labels: the reader's own; those that are None or not finite are left out.
        hdu: where in the file.
        row: where in the HDU.
        place: right ascension and declination in degrees, or None.
        others: further records of the object.
    """
    origin: dict[str, Any] = {"path": str(source.path), "hdu": hdu, "row": row, "survey": spectrum.survey}
    if None not in place:
        origin |= {name: float(value) for name, value in zip(("ra", "dec"), place, strict=True)}
    quality = {"snr": spectrum.snr, "usable": bool(spectrum.usable.any())}
    return Sample(key, {modality: spectrum, **(others or {})}, known(labels or {}) | quality, origin)


def known(labels: Mapping[str, object]) -> dict[str, Any]:
    """The labels that have a value, as plain Python values; text has no trailing blanks."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in labels.items()}
    plain = {name: value.strip() if isinstance(value, str) else value for name, value in plain.items()}
    return {n: v for n, v in plain.items() if v is not None and not (isinstance(v, float) and not np.isfinite(v))}
