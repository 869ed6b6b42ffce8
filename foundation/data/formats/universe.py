"""The Multimodal Universe's tables of images, spectra, coefficients and catalogue columns (arXiv:2412.02527).

Its conventions differ between surveys. Legacy Survey images have a mask that is 1 where a pixel is good; spectra one
that is true where it is bad, wavelengths that are not positive where a row is filled up, and a redshift warning that is
0 when good in HDF5 and true when good in parquet. Masks of other images are kept as bits and not used. The catalogue
of a cut-out has 20 rows, filled up with zeros; its order, the faintest source first, is kept.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from foundation.data.formats import gaia
from foundation.data.formats.photometry import photometry
from foundation.data.formats.plane import NANOMAGGY, measured_ivar
from foundation.data.formats.redshift import Redshift
from foundation.data.formats.sampling import known
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.formats.universe_rows import Row, column_names, rows
from foundation.data.records import Image, Record, Sample, Scalar, Spectrum
from foundation.data.sources import Sources

ZERO_POINTS = {"HSC": 27.0, "DES": NANOMAGGY}  # AB, of one unit of flux
SURVEYS = {"HSC": "hsc", "DES": "legacy"}  # by the camera of the bands
CLEAN = "DES"  # bands of this camera come with a mask of good pixels
SCALARS = {  # column -> modality and unit
    **{f"FLUX_{b}": (f"flux_{b.lower()}", "nmgy") for b in ("W3", "W4")},
    **{f"{b}_CMODEL_MAG": (f"mag_{b.lower()}", "mag") for b in "GRIZY"},
    **{f"A_{b}": (f"a_{b.lower()}", "mag") for b in "GRIZY"},
    **{f"I_SDSSSHAPE_SHAPE{ij}": (f"shape{ij}", "arcsec2") for ij in (11, 12, 22)},
    **{f"PHOT_{b}_MEAN_FLUX": (f"flux_{b.lower()}_gaia", "electron / s") for b in ("G", "BP", "RP")},
    "PARALLAX": ("parallax", "mas"),
}
SOURCES = tuple(f"CATALOG_{name}" for name in ("X", "Y", "SHAPE_E1", "SHAPE_E2", "SHAPE_R"))  # in the order of Sources
KEYS = ("OBJECT_ID", "SOURCE_ID")
LINEAR, LOGARITHMIC = 0.8, 1e-4  # steps of the grids of DESI, in Å, and of SDSS, in dex


def recognises(source: Source) -> bool:
    """Whether the file is a table whose rows have an identifier, as all of the collection have."""
    return not column_names(source).isdisjoint(KEYS)


def read(source: Source) -> Samples:
    """One sample a row: image, sources, spectrum_desi, spectrum_sdss or spectrum, coefficients, scalars; then labels.

    Raises:
        FormatError: bands that name no survey, or parts of an image or spectrum missing.
    """
    left_out: set[str] = set()
    for number, row in enumerate(rows(source)):
        records = dict(_records(row, source))
        survey = _survey(records)
        labels = _labels(row, left_out)
        place = {name: float(row[name.upper()]) for name in ("ra", "dec") if name.upper() in row}
        origin = {"path": str(source.path), "hdu": 0, "row": number, "survey": survey, **place}
        usable = all(r.usable.any() for r in records.values() if isinstance(r, Image | Spectrum))
        key = next(row[k] for k in KEYS if k in row)
        yield Sample(f"{survey}-{key}", records, labels | {"usable": bool(usable and records)}, origin)
    return f"columns of arrays that are no record were left out: {', '.join(sorted(left_out))}" if left_out else ""


def _records(row: Row, source: Source) -> Iterator[tuple[str, Record]]:
    if any(name.startswith("IMAGE_") for name in row):
        yield "image", _image(row, source)
    if any(name.startswith("SPECTRUM_") for name in row):
        yield from _spectrum(row, source)
    for name in gaia.PHOTOMETERS:
        if f"{name.upper()}_COEFFICIENTS" in row:
            yield f"coefficients_gaia_{name}", gaia.coefficients(row, name)
    if row.keys() >= set(SOURCES):
        yield "sources", _sources(row)
    yield from photometry(row, str(row.get("TYPE", ""))).items()
    for column, (name, unit) in SCALARS.items():
        if np.isfinite(float(row.get(column, np.nan))):
            yield name, Scalar(float(row[column]), name, unit)
    if "PARALLAX" in row or "BP_COEFFICIENTS" in row:
        yield from ((name, Scalar(float(row[name.upper()]), name, "deg")) for name in ("ra", "dec"))
    yield from _redshift(row).records().items() if "Z" in row else ()


def _image(row: Row, source: Source) -> Image:
    flux = row.get("IMAGE_FLUX", row.get("IMAGE_ARRAY"))
    if flux is None or "IMAGE_BAND" not in row or "IMAGE_SCALE" not in row:
        raise FormatError(f"{source.path}: an image without flux, band or scale. Write the file again.")
    bands = tuple(_text(b).upper() for b in row["IMAGE_BAND"])
    cameras = [band.partition("-")[0] for band in bands]
    if unknown := sorted(set(cameras) - set(ZERO_POINTS)):
        raise FormatError(
            f"{source.path}: bands {', '.join(bands)}, and the unit of flux of {', '.join(unknown)} is not known. "
            "Name them as in DES-G or HSC-G."
        )
    unit = np.array([10 ** (0.4 * (NANOMAGGY - ZERO_POINTS[c])) for c in cameras])[:, None, None]
    flux = np.asarray(flux, dtype=np.float64) * unit
    ivar = row.get("IMAGE_IVAR")
    ivar = np.stack([measured_ivar(f) for f in flux]) if ivar is None else np.asarray(ivar, np.float64) / unit**2
    bits = np.broadcast_to(np.asarray(row.get("IMAGE_MASK", np.zeros(flux.shape[1:]))).astype(np.uint32), flux.shape)
    bad = (bits == 0) if "IMAGE_MASK" in row and set(cameras) == {CLEAN} else None
    psf = tuple(np.ravel(row["IMAGE_PSF_FWHM"]).tolist()) if "IMAGE_PSF_FWHM" in row else None
    broken = ~(np.isfinite(ivar) & np.isfinite(flux))
    scale = float(np.ravel(row["IMAGE_SCALE"])[0])
    return Image(flux, bands, scale, np.where(broken, 0, ivar.clip(min=0)), bits, bad, psf, SURVEYS[cameras[0]])


def _sources(row: Row) -> Sources:
    """The catalogue of the cut-out, without the rows of zeros that fill it up and without those that miss a number."""
    numbers = [np.asarray(v) for n, v in row.items() if n.startswith("CATALOG_")]
    filled = np.any([v != 0 for v in numbers if v.dtype.kind in "fiu"], 0)
    columns = np.stack([np.asarray(row[name], np.float64) for name in SOURCES])
    return Sources(*columns[:, filled & np.isfinite(columns).all(0)])


def _spectrum(row: Row, source: Source) -> Iterator[tuple[str, Record]]:
    """The spectrum by ascending wavelength, without what fills up the row; none if nothing is left."""
    try:
        grid, flux, ivar = (np.asarray(row[f"SPECTRUM_{n}"], np.float64) for n in ("LAMBDA", "FLUX", "IVAR"))
    except KeyError as error:
        raise FormatError(f"{source.path}: a spectrum without {error}. Write the file again.") from error
    order = np.argsort(grid, kind="stable")
    keep = order[np.isfinite(grid[order]) & (grid[order] > 0)]
    keep = keep[np.diff(grid[keep], prepend=0) > 0]
    if not len(keep):
        return
    sound = np.isfinite(flux[keep]) & np.isfinite(ivar[keep]) & (ivar[keep] > 0)
    bad = np.asarray(row.get("SPECTRUM_MASK", np.zeros(len(grid))))[keep].astype(bool)
    sigma = np.asarray(row.get("SPECTRUM_LSF_SIGMA", np.nan), np.float64)
    resolved = sigma.shape == grid.shape and bool(np.isfinite(sigma[keep]).all())
    survey = _grid_of(grid[keep])
    weight = np.where(sound, ivar[keep], 0)
    width = sigma[keep] if resolved else None
    spectrum = Spectrum(flux[keep], grid[keep], weight, bits_of(bad), bad, lsf_sigma=width, survey=survey)
    yield f"spectrum_{survey}" if survey else "spectrum", spectrum


def bits_of(bad: np.ndarray) -> np.ndarray:
    """A mask without bits as one whose only bit says bad."""
    return bad.astype(np.uint32)


def _grid_of(wavelength: np.ndarray) -> str:
    """The survey that observes on such a grid, or ""."""
    if len(wavelength) < 3:
        return ""
    if np.isclose(np.median(np.diff(wavelength)), LINEAR, rtol=0.02):
        return "desi"
    return "sdss" if np.isclose(np.median(np.diff(np.log10(wavelength))), LOGARITHMIC, rtol=0.02) else ""


def _redshift(row: Row) -> Redshift:
    warning = row.get("ZWARN", row.get("ZWARNING", 0))
    bad = not warning if isinstance(warning, bool) else int(warning)
    return Redshift(float(row["Z"]), float(row.get("ZERR", row.get("Z_ERR", -1))), int(bad), "", "")


def _survey(records: Mapping[str, Record]) -> str:
    named = [r.survey for r in records.values() if isinstance(r, Image | Spectrum) and r.survey]
    return named[0] if named else "gaia" if any(n.startswith("coefficients_gaia") for n in records) else "universe"


def _labels(row: Row, left_out: set[str]) -> dict[str, Any]:
    """Every number and text of the row, by lower-case name; columns of arrays are noted."""
    parts = ("IMAGE_", "SPECTRUM_", "BP_", "RP_", *(("CATALOG_",) if row.keys() >= set(SOURCES) else ()))
    arrays = {name for name, value in row.items() if isinstance(value, np.ndarray)}
    left_out |= {name.lower() for name in arrays if not name.startswith(parts)}
    labels = known({n.lower(): v for n, v in row.items() if n not in arrays and n not in KEYS})
    return labels | ({"z_warning": _redshift(row).warning} if "Z" in row else {})


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
