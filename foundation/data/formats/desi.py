"""DESI `coadd-*.fits` and `spectra-*.fits`: spectra of three arms, photometry from FIBERMAP, labels from redrock.

HDUs are addressed by name, because their order differs between releases.
https://desidatamodel.readthedocs.io (DESI_SPECTRO_REDUX/SPECPROD)
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foundation.data.formats.arms import join, segments
from foundation.data.formats.bits import unsigned, word
from foundation.data.formats.companions import redrock_file
from foundation.data.formats.photometry import photometry
from foundation.data.formats.redrock import redshifts
from foundation.data.formats.redshift import Redshift
from foundation.data.formats.source import FormatError, Samples, Source, open_source
from foundation.data.records import FLUX_DENSITY, Sample, Spectrum

ARMS = ("B", "R", "Z")
STEP = 0.8  # Å, of all arms
SPECMASK = {
    "SOMEBADPIX": 0, "ALLBADPIX": 1, "COSMIC": 2, "LOWFLAT": 3, "BADFIBERFLAT": 4, "BRIGHTSKY": 5, "BADSKY": 6,
    "BAD2DFIT": 7, "NODATA": 8, "BADFIBER": 9,
}  # fmt: skip
# the inverse variance already says what SOMEBADPIX and BRIGHTSKY cost
BAD_BITS = word(SPECMASK, set(SPECMASK) - {"SOMEBADPIX", "BRIGHTSKY"})


def recognises(source: Source) -> bool:
    """Whether the file has the HDUs of at least one arm."""
    return "FIBERMAP" in source.names and any({f"{a}_WAVELENGTH", f"{a}_FLUX"} <= set(source.names) for a in ARMS)


def read(source: Source, join_arms: bool = True) -> Samples:
    """One sample per row: `spectrum_desi`, photometry, and, if a redrock file stands beside it, `redshift`.

    A row without any good pixel is returned, with label `usable` False.

    Args:
        source: the open file.
        join_arms: one spectrum on the common lattice, or the arms one after the other as segments 0, 1, 2.

    Raises:
        FormatError: HDUs are missing, or do not have a row per target.
    """
    _check_layout(source)
    found = _redshifts_beside(source.path)
    for index, row in enumerate(source.rows("FIBERMAP")):
        yield _sample(source, index, row, found.get(int(row["TARGETID"])), join_arms)
    return ""


read_segments = partial(read, join_arms=False)  # the arms kept apart


def _redshifts_beside(spectra: Path) -> dict[int, Redshift]:
    path = redrock_file(spectra)
    if path is None:
        return {}
    with open_source(path) as source:
        return redshifts(source)


def _check_layout(source: Source) -> None:
    n = len(source.hdu("FIBERMAP").data)
    for arm in ARMS:
        for part in ("WAVELENGTH", "FLUX", "IVAR"):
            name = f"{arm}_{part}"
            if name not in source.names:
                raise FormatError(f"{source.path}: has no HDU {name}. Download it again.")
            if part != "WAVELENGTH" and source.hdu(name).shape[0] != n:
                rows = source.hdu(name).shape[0]
                raise FormatError(f"{source.path}: {name} has {rows} rows, FIBERMAP {n}. Download it again.")


def _sample(source: Source, index: int, row: Mapping[str, Any], redshift: Redshift | None, join_arms: bool) -> Sample:
    arms = [_arm(source, name, index) for name in ARMS]
    spectrum = join(arms, STEP) if join_arms else segments(arms)
    target, kind = int(row["TARGETID"]), str(row.get("OBJTYPE", ""))
    labels = {
        "sky": target < 0 or kind == "SKY",
        "snr": spectrum.snr,
        "usable": bool(spectrum.usable.any()),
    }
    records = {"spectrum_desi": spectrum, **photometry(row, str(row.get("MORPHTYPE", "")))}
    if redshift:
        records.update(redshift.records())
        labels.update(redshift.labels())
    origin = {"path": str(source.path), "hdu": source.names.index("B_FLUX"), "row": index, "survey": "desi"}
    if "TARGET_RA" in row:
        origin |= {"ra": float(row["TARGET_RA"]), "dec": float(row["TARGET_DEC"])}
    exposure = f"-{int(row['EXPID'])}" if "EXPID" in row else ""  # spectra-* has a row per exposure
    return Sample(f"desi-{target}{exposure}", records, labels, origin)


def _arm(source: Source, name: str, row: int) -> Spectrum:
    """One row of one arm, read without the others."""
    flux_hdu = source.hdu(f"{name}_FLUX")
    factor = _unit_factor(flux_hdu.header.get("BUNIT"))
    flux = flux_hdu.section[row] * factor
    mask = None
    if f"{name}_MASK" in source.names:
        mask = unsigned(source.hdu(f"{name}_MASK").section[row])
    return Spectrum(
        flux,
        source.hdu(f"{name}_WAVELENGTH").data,
        source.hdu(f"{name}_IVAR").section[row] / factor**2,
        mask,
        None if mask is None else (mask & BAD_BITS) != 0,
        lsf_sigma=_lsf_sigma(source, name, row),
        survey="desi",
        frame="barycentric",
    )


def _unit_factor(unit: str | None) -> float:
    from astropy import units

    factor: Any = 1 if unit is None else units.Unit(unit).to(units.Unit(FLUX_DENSITY))
    return float(factor)


def _lsf_sigma(source: Source, name: str, row: int) -> np.ndarray | None:
    """Second moment of each column of the banded resolution matrix [diagonal, pixel], in Å; 0 where it is empty."""
    if f"{name}_RESOLUTION" not in source.names:
        return None
    bands = source.hdu(f"{name}_RESOLUTION").section[row].astype(np.float64)
    offset = np.arange(len(bands))[:, None] - len(bands) // 2
    total = bands.sum(0)
    weight = bands / np.where(total > 0, total, 1)
    mean = (weight * offset).sum(0)
    return STEP * np.sqrt(np.maximum((weight * (offset - mean) ** 2).sum(0), 0))
