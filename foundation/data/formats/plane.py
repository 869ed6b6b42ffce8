"""Plane: one band of an image file, read a section at a time and turned into nanomaggies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foundation.data.records import Image, RecordError

if TYPE_CHECKING:
    from astropy.wcs import WCS

NANOMAGGY = 22.5  # AB zero point of the unit of all images
POGSON = 2.5 / np.log(10)
SKEW = 0.01  # pixel sides may differ by this fraction


@dataclass(frozen=True, eq=False)
class Plane:
    """One band; each array is an HDU with `section`, or an array, [y, x] or [band, y, x] with `index` the band.

    Args:
        band: survey and filter, such as "DES-G".
        zero_point: AB magnitude of one unit of `flux`.
        flux: the image.
        weight: its weights on the same grid, or None: then the noise is measured.
        weight_is: what `weight` holds, in the file's own units.
        mask: the instrument's bits, or None.
        bad_bits: the bits of `mask` that make a pixel unusable.
        softening: (BSOFTEN, BOFFSET) of images stored as asinh magnitudes, such as PS1's, or None.
    """

    band: str
    zero_point: float
    flux: Any
    weight: Any = None
    weight_is: Literal["ivar", "variance"] = "ivar"
    mask: Any = None
    bad_bits: int = 0
    index: tuple[int, ...] = ()
    softening: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return tuple(self.flux.shape[-2:])  # type: ignore[return-value]

    def nanomaggies(self, y: slice, x: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """Flux (nMgy) and inverse variance (nMgy^-2, None if not in the file) of a section, float32 [y, x]."""
        unit = 10 ** (0.4 * (NANOMAGGY - self.zero_point))
        flux = self._read(self.flux, y, x).astype(np.float64)
        if self.softening:
            soft, offset = self.softening
            flux = offset + soft * 2 * np.sinh(flux / POGSON)
        if self.weight is None:
            return (flux * unit).astype(np.float32), None
        weight = self._read(self.weight, y, x).astype(np.float64)
        if self.weight_is == "variance":
            weight = np.divide(1, weight, out=np.zeros_like(weight), where=weight != 0)
        return (flux * unit).astype(np.float32), (weight / unit**2).astype(np.float32)

    def bits(self, y: slice, x: slice) -> np.ndarray:
        """Mask bits of a section, uint32 [y, x]; 0 if there is no mask."""
        if self.mask is None:
            return np.zeros((y.stop - y.start, x.stop - x.start), np.uint32)
        return self._read(self.mask, y, x).astype(np.int64).astype(np.uint32)

    def loaded(self, y: slice, x: slice) -> "Plane":
        """A section with its arrays in memory, as a plane of its own."""
        parts = {name: getattr(self, name) for name in ("flux", "weight", "mask")}
        read = {name: None if part is None else self._read(part, y, x) for name, part in parts.items()}
        return replace(self, **read, index=())

    def covers(self, y: slice, x: slice) -> bool:
        """Whether a section has any data."""
        flux, ivar = self.nanomaggies(y, x)
        return bool((ivar > 0).any() if ivar is not None else _has_data(flux).any())

    def _read(self, stored: Any, y: slice, x: slice) -> np.ndarray:  # noqa: ANN401 - an HDU or an array
        return np.asarray(getattr(stored, "section", stored)[(*self.index[: len(stored.shape) - 2], y, x)])


def check_grids(planes: Sequence[Plane]) -> None:
    """Refuse planes, weights or masks of different sizes.

    Raises:
        RecordError: says which.
    """
    for plane in planes:
        for name, stored in (("image", plane.flux), ("weights", plane.weight), ("mask", plane.mask)):
            if stored is not None and tuple(stored.shape[-2:]) != planes[0].shape:
                raise RecordError(
                    f"{name} of {plane.band} have {stored.shape[-2:]} pixels, {planes[0].band} has {planes[0].shape}."
                    " Files of one object must be on one grid; move the others away."
                )


def image_of(planes: Sequence[Plane], y: slice, x: slice, wcs: "WCS", survey: str) -> Image:
    """A section of all planes as one Image; where a file has no weights, they are measured on the section."""
    flux, ivar = [], []
    for plane in planes:
        f, w = plane.nanomaggies(y, x)
        flux.append(f)
        ivar.append(measured_ivar(f) if w is None else w)
    mask = np.stack([p.bits(y, x) for p in planes])
    bad_bits = np.array([p.bad_bits for p in planes], np.uint32)[:, None, None]
    return Image(
        np.stack(flux),
        tuple(p.band for p in planes),
        pixel_scale(wcs),
        np.stack(ivar),
        mask,
        (mask & bad_bits) != 0,
        survey=survey,
        wcs=cards(wcs[y, x]),
    )


def measured_ivar(flux: np.ndarray) -> np.ndarray:
    """Inverse variance [y, x] from the scatter of the background, for images without weights; 0 where there is no data.

    The scatter is sigma-clipped: an object that fills the image makes it an overestimate of the noise.
    """
    from astropy.stats import sigma_clipped_stats

    data = _has_data(flux)
    sigma = sigma_clipped_stats(flux[data])[2] if data.any() else 0
    return np.where(data, 1 / sigma**2 if sigma > 0 else 0, 0).astype(np.float32)


def _has_data(flux: np.ndarray) -> np.ndarray:
    """Surveys write 0 or NaN where no exposure reaches."""
    return np.isfinite(flux) & (flux != 0)


def celestial(header: Mapping[str, Any]) -> "WCS":
    """World coordinates of the two sky axes.

    Raises:
        RecordError: the header has none.
    """
    from astropy.wcs import WCS

    wcs = WCS(header).celestial
    if wcs.naxis != 2:
        raise RecordError("The image has no sky coordinates (CTYPE RA---..., DEC--...). Add them to its header.")
    return wcs


def pixel_scale(wcs: "WCS") -> float:
    """Side of a pixel, arcsec; from the coordinates, because the files' own keywords for it differ.

    Raises:
        RecordError: pixels are not square.
    """
    from astropy.wcs.utils import proj_plane_pixel_scales

    sides = proj_plane_pixel_scales(wcs) * 3600
    if abs(sides[0] / sides[1] - 1) > SKEW:
        raise RecordError(f"Pixels are {sides[0]:.4f} x {sides[1]:.4f} arcsec. Resample to square ones.")
    return float(np.sqrt(sides[0] * sides[1]))


def cards(wcs: "WCS") -> dict[str, float | int | str]:
    """The FITS header cards of world coordinates."""
    return {k: v for k, v in wcs.to_header().items() if isinstance(v, float | int | str)}


def position(wcs: "WCS", y: slice, x: slice) -> tuple[float, float]:
    """(ra, dec) in degrees of the centre of a section."""
    ra, dec = wcs.pixel_to_world_values((x.start + x.stop - 1) / 2, (y.start + y.stop - 1) / 2)
    return float(ra), float(dec)
