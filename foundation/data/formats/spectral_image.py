"""Spectra in images of any origin: the fastest axis is wavelength, as the header says, and rows are spectra.

The noise is in a second HDU, named for what it is. Wavelengths are air unless the header says vacuum, as optical
spectrographs write them, and the observatory's.
"""

from typing import Any

import numpy as np

from foundation.data.formats.dispersion import is_air, wavelengths
from foundation.data.formats.noise import inverse_variance
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import Samples, Source
from foundation.data.formats.spectral_columns import NAMES, WEIGHTS, flux_unit
from foundation.data.records import Spectrum

SPECTRAL = ("WAVE", "AWAV", "LAMBDA", "LINEAR", "LOG-LINEAR", "WAVELENGTH", "LOGLAM", "WAVE-LOG", "AWAV-LOG")


def recognises(source: Source) -> bool:
    """Whether HDU 0 or 1 is an image along wavelength, and another HDU of its shape holds the noise."""
    return _image(source) is not None and _noise(source) is not None


def read(source: Source) -> Samples:
    """One sample a row: `spectrum`; rows with equal wavelengths that go down are turned round."""
    number, noise = _image(source) or 0, _noise(source)
    hdu = source.hdu(number)
    grid = wavelengths(hdu.header, hdu.shape[-1])
    order = np.argsort(grid)
    factor, unit = flux_unit(hdu.header.get("BUNIT"), grid)
    part, weights = noise if noise is not None else ("sigma", hdu)
    name = source.path.name.partition(".")[0]
    rows = np.reshape(hdu.data, (-1, hdu.shape[-1])), np.reshape(weights.data, (-1, hdu.shape[-1]))
    for row, (flux, weight) in enumerate(zip(*rows, strict=True)):
        ivar = inverse_variance(flux, _sigma(part, weight))
        spectrum = Spectrum((flux * factor)[order], grid[order], (ivar / factor**2)[order], unit=unit, frame="observed")
        key = name if len(rows[0]) == 1 else f"{name}-{row}"
        yield spectral_sample(key, "spectrum", spectrum, source, hdu=number, row=row)
    assumed = is_air(hdu.header, str(hdu.header.get("CTYPE1", "")).upper()) and "VACUUM" not in hdu.header
    return "wavelengths taken as those in air, because the header does not say vacuum" if assumed else ""


def _image(source: Source) -> int | None:
    for number in (0, 1):
        header = source.header(number)
        kind = str(header.get("CTYPE1", "")).strip().upper()
        along = kind in SPECTRAL or header.get("DC-FLAG") is not None
        if source.has(number) and source.hdu(number).is_image and len(source.hdu(number).shape) in (1, 2) and along:
            return number
    return None


def _noise(source: Source) -> tuple[str, Any] | None:
    """What the HDU beside the flux holds ("ivar", "sigma" or "variance"), and that HDU."""
    number = _image(source)
    if number is None:
        return None
    for part in WEIGHTS:
        for name in NAMES[part]:
            if (
                name in source.names
                and source.hdu(name).is_image
                and source.hdu(name).shape == source.hdu(number).shape
            ):
                return part, source.hdu(name)
    return None


def _sigma(part: str, weight: np.ndarray) -> np.ndarray:
    value = np.where(np.isfinite(weight) & (weight > 0), weight, 0).astype(np.float64)
    if part == "sigma":
        return value
    root = np.sqrt(value)
    return root if part == "variance" else np.divide(1, root, out=np.zeros_like(root), where=root > 0)
