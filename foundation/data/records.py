"""Records: what was measured, in physical units, validated once on construction.

A record keeps three things apart that surveys often fold together: the value, its inverse variance, and the
instrument's own mask bits. `bad` is the reader's bad-pixel policy applied to those bits; the bits stay as they were.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from foundation.data.biology.sequence import Sequence
from foundation.data.biology.structure import Structure
from foundation.data.biology.track import Track
from foundation.data.coefficients import Coefficients
from foundation.data.fields.record import Field
from foundation.data.sources import Sources
from foundation.data.text import Text
from foundation.errors import RecordError

FLUX_DENSITY = "1e-17 erg / (s cm2 Angstrom)"  # the unit of calibrated spectra
RELATIVE = ""  # the unit of uncalibrated or continuum-normalised flux


@lru_cache
def _check_unit(unit: str, like: str, what: str) -> None:
    from astropy import units  # kept out of `import foundation`

    try:
        parsed = units.Unit(unit)
    except ValueError as error:
        raise RecordError(f"{what}: unit {unit!r} is not one astropy knows. Write it as in {like!r}.") from error
    if not parsed.is_equivalent(units.Unit(like)) and parsed.decompose().bases not in ([], [units.ct]):
        raise RecordError(f"{what}: unit {unit!r} cannot be converted to {like!r}. Convert in the reader.")


def _array(value: object, dtype: str, shape: tuple[int, ...], what: str, default: float | None = None) -> np.ndarray:
    if value is None and default is not None:
        return np.full(shape, default, dtype)
    array = np.ascontiguousarray(value, dtype=dtype)
    if array.shape != shape:
        raise RecordError(f"{what} has shape {array.shape}, flux has {shape}. Give both on the same grid.")
    return array


def _check_weights(flux: np.ndarray, ivar: np.ndarray, what: str) -> None:
    if not np.isfinite(ivar).all():
        raise RecordError(f"{what}: {(~np.isfinite(ivar)).sum()} inverse variances are not finite. Set them to 0.")
    if (ivar < 0).any():
        raise RecordError(f"{what}: {(ivar < 0).sum()} inverse variances are negative. Set ivar = 0 where bad.")
    broken = ~np.isfinite(flux) & (ivar > 0)
    if broken.any():
        raise RecordError(f"{what}: flux is not finite at {broken.sum()} pixels with ivar > 0. Set ivar = 0 there.")


def _set(record: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(record, name, value)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum on its own grid.

    Args:
        flux: float32 [n], in `unit`; non-finite values are allowed, and zeroed, only where `ivar` is 0.
        wavelength: float64 [n], vacuum Å, strictly increasing inside each segment.
        ivar: float32 [n], inverse variance of `flux`; 0 = unusable.
        mask: uint32 [n], the instrument's bits, untouched.
        bad: bool [n], the survey's bad-pixel policy applied to `mask`.
        segment: int16 [n], arm, chip or camera; segments may overlap in wavelength.
        lsf_sigma: float32 [n], line-spread sigma in Å, or None.
        frame: rest frame of the wavelengths: "heliocentric", "barycentric", "observed" or "rest".
    """

    flux: np.ndarray
    wavelength: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray | None = None
    bad: np.ndarray | None = None
    segment: np.ndarray | None = None
    lsf_sigma: np.ndarray | None = None
    survey: str = ""
    unit: str = FLUX_DENSITY
    frame: str = "heliocentric"

    def __post_init__(self) -> None:
        what = f"Spectrum{f' of {self.survey}' if self.survey else ''}"
        flux = np.ascontiguousarray(self.flux, dtype=np.float32)
        if flux.ndim != 1 or flux.size == 0:
            raise RecordError(f"{what}: flux has shape {flux.shape}, wanted one axis with at least one pixel.")
        wavelength = _array(self.wavelength, "f8", flux.shape, f"{what}: wavelength")
        ivar = _array(self.ivar, "f4", flux.shape, f"{what}: ivar")
        segment = _array(self.segment, "i2", flux.shape, f"{what}: segment", 0)
        _check_weights(flux, ivar, what)
        _check_unit(self.unit, FLUX_DENSITY, what)
        if not np.isfinite(wavelength).all() or (wavelength <= 0).any():
            raise RecordError(f"{what}: wavelength must be positive and finite, in vacuum Å. Drop the other pixels.")
        if ((np.diff(wavelength) <= 0) & (np.diff(segment) == 0)).any():
            raise RecordError(f"{what}: wavelength does not increase inside a segment. Sort it and drop duplicates.")
        _set(
            self,
            flux=np.where(np.isfinite(flux), flux, np.float32(0)),
            wavelength=wavelength,
            ivar=ivar,
            segment=segment,
            mask=_array(self.mask, "u4", flux.shape, f"{what}: mask", 0),
            bad=_array(self.bad, "?", flux.shape, f"{what}: bad", 0),
        )
        if self.lsf_sigma is not None:
            _set(self, lsf_sigma=_array(self.lsf_sigma, "f4", flux.shape, f"{what}: lsf_sigma"))

    @property
    def usable(self) -> np.ndarray:
        """bool [n]: pixels that carry information."""
        return (self.ivar > 0) & ~np.asarray(self.bad)

    @property
    def snr(self) -> float:
        """Median signal-to-noise per usable pixel; 0 if there is none."""
        good = self.usable
        return float(np.median(self.flux[good] * np.sqrt(self.ivar[good]))) if good.any() else 0.0


@dataclass(frozen=True, eq=False)
class Image:
    """A cut-out in one or more bands on one pixel grid.

    Args:
        flux: float32 [band, y, x], nanomaggies per pixel (AB zero point 22.5, 1 nMgy = 3.631 µJy).
        bands: a name per band, survey and filter, such as "DES-G" or "HSC-I".
        pixel_scale: arcsec per pixel.
        ivar: float32 [band, y, x], nMgy^-2; 0 = no data.
        mask: uint32 [band, y, x], the instrument's bits, untouched.
        bad: bool [band, y, x], the survey's bad-pixel policy applied to `mask`.
        psf_fwhm: arcsec, one per band, or None.
        wcs: FITS header cards of the world coordinates; empty if unknown.
    """

    flux: np.ndarray
    bands: tuple[str, ...]
    pixel_scale: float
    ivar: np.ndarray
    mask: np.ndarray | None = None
    bad: np.ndarray | None = None
    psf_fwhm: tuple[float, ...] | None = None
    survey: str = ""
    wcs: Mapping[str, float | int | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        what = f"Image{f' of {self.survey}' if self.survey else ''}"
        flux = np.ascontiguousarray(self.flux, dtype=np.float32)
        if flux.ndim != 3 or flux.size == 0:
            raise RecordError(f"{what}: flux has shape {flux.shape}, wanted [band, y, x]. Add an axis for one band.")
        bands = tuple(self.bands)
        if len(bands) != len(flux) or len(set(bands)) != len(bands):
            raise RecordError(f"{what}: {len(flux)} planes but bands {bands}. Name each plane once.")
        if not np.isfinite(self.pixel_scale) or self.pixel_scale <= 0:
            raise RecordError(f"{what}: pixel scale {self.pixel_scale} is not positive. Give arcsec per pixel.")
        if self.psf_fwhm is not None and len(self.psf_fwhm) != len(bands):
            raise RecordError(f"{what}: {len(self.psf_fwhm)} PSF widths for {len(bands)} bands. Give one per band.")
        ivar = _array(self.ivar, "f4", flux.shape, f"{what}: ivar")
        _check_weights(flux, ivar, what)
        _set(
            self,
            flux=np.where(np.isfinite(flux), flux, np.float32(0)),
            bands=bands,
            ivar=ivar,
            mask=_array(self.mask, "u4", flux.shape, f"{what}: mask", 0),
            bad=_array(self.bad, "?", flux.shape, f"{what}: bad", 0),
            psf_fwhm=None if self.psf_fwhm is None else tuple(float(w) for w in self.psf_fwhm),
        )

    @property
    def usable(self) -> np.ndarray:
        """bool [band, y, x]: pixels that carry information."""
        return (self.ivar > 0) & ~np.asarray(self.bad)

    def select(self, bands: tuple[str, ...]) -> "Image":
        """The same cut-out in these bands only, in this order."""
        missing = [b for b in bands if b not in self.bands]
        if missing:
            raise RecordError(f"Image has bands {self.bands}, not {missing}. Ask for bands it has.")
        index = [self.bands.index(b) for b in bands]
        psf = None if self.psf_fwhm is None else tuple(self.psf_fwhm[i] for i in index)
        return Image(
            self.flux[index], bands, self.pixel_scale, self.ivar[index], np.asarray(self.mask)[index],
            np.asarray(self.bad)[index],
            psf, self.survey, self.wcs,
        )  # fmt: skip


@dataclass(frozen=True)
class Scalar:
    """One number with a name and a unit, such as a catalogue column. A missing value is an absent record, never NaN."""

    value: float
    name: str
    unit: str = ""
    sigma: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise RecordError(f"Scalar {self.name!r} is {self.value}. Leave a missing value out of the sample.")
        if self.sigma is not None and not self.sigma >= 0:
            raise RecordError(f"Scalar {self.name!r} has sigma {self.sigma}. Give a value >= 0, or None if unknown.")
        _set(self, value=float(self.value), sigma=None if self.sigma is None else float(self.sigma))


Record = Spectrum | Image | Scalar | Field | Sequence | Structure | Track | Coefficients | Sources | Text
RECORDS: dict[str, type] = {  # names used in files
    "spectrum": Spectrum,
    "image": Image,
    "scalar": Scalar,
    "field": Field,
    "sequence": Sequence,
    "structure": Structure,
    "track": Track,
    "coefficients": Coefficients,
    "sources": Sources,
    "text": Text,
}


def informs(record: Record) -> bool:
    """Whether a record says anything: an image or spectrum has a usable pixel, others would not be there."""
    return not isinstance(record, Spectrum | Image) or bool(record.usable.any())


@dataclass(frozen=True, eq=False)
class Sample(Mapping[str, Record]):
    """One object: modality name -> record.

    Args:
        key: unique in its data set; splits and seeds depend on it.
        records: what the model may see.
        labels: what is only known, never shown to the model unless it is also a record (class, true redshift, S/N).
        origin: where it came from (path, hdu, row, survey, ra, dec).
    """

    key: str
    records: Mapping[str, Record]
    labels: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    origin: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    def __getitem__(self, modality: str) -> Record:
        return self.records[modality]

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)
