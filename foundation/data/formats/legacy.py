"""Legacy Surveys images: brick coadds `legacysurvey-BRICK-image-BAND.fits.fz` and cut-out cubes of its viewer.

A brick is read with all its bands, `invvar` and `maskbits` beside it; with a `tractor-BRICK.fits` beside it, it
becomes a cut-out for every catalogue row, otherwise a grid of tiles. https://www.legacysurvey.org/dr10/files
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from foundation.data.formats import tractor
from foundation.data.formats.companions import band_files, brick_file
from foundation.data.formats.cutting import Field, cut
from foundation.data.formats.plane import NANOMAGGY, Plane, celestial
from foundation.data.formats.source import FormatError, Samples, Source, open_source
from foundation.data.records import Sample

SATURATED = {"g": 2, "r": 3, "z": 4, "i": 14}  # MASKBITS, by band
ALL_MASKED = {"g": 5, "r": 6, "z": 7, "i": 15}  # masked in every exposure
BAILOUT = 10
CAMERAS = {"90prime": "BASS", "mosaic": "MZLS", "decam": "DES"}  # which filters they hold
NORTH_FROM = (
    32.375  # declination above which the viewer shows BASS and MzLS, https://www.legacysurvey.org/dr9/description
)


def recognises_brick(source: Source) -> bool:
    """Whether the file belongs to a brick coadd, be it image, weight or another kind."""
    return "BRICKNAM" in source.header(1) and "IMTYPE" in source.header(1)


def read_brick(source: Source) -> Samples:
    """Cut-outs of a brick, in nanomaggies.

    Raises:
        FormatError: the file is no image, and its image is not beside it.
    """
    header = source.header(1)
    kind = str(header["IMTYPE"]).strip()
    if kind != "image":
        wanted = source.path.name.replace(f"-{kind}-", "-image-")
        raise FormatError(f"{source.path}: holds {kind} of a brick. Put {wanted} beside it.")
    with ExitStack() as stack:
        planes = [_brick_plane(path, stack) for path in band_files(source.path).values()]
        wcs, brick = celestial(header), str(header["BRICKNAM"]).strip()
        field = Field(planes, wcs, "legacy", brick, str(source.path), 1)
        return (yield from cut(field, _catalogue(source.path)))


def _brick_plane(path: Path, stack: ExitStack) -> Plane:
    source = stack.enter_context(open_source(path))
    band = str(source.header(1)["FILTER"]).strip().lower()[:1]
    weight, mask = brick_file(path, "invvar"), brick_file(path, "maskbits")
    return Plane(
        f"{_camera(source.header(1))}-{band.upper()}",
        float(source.header(1).get("MAGZERO", NANOMAGGY)),
        source.hdu(1),
        weight=stack.enter_context(open_source(weight)).hdu(1) if weight else None,
        mask=stack.enter_context(open_source(mask)).hdu(1) if mask else None,
        bad_bits=1 << SATURATED[band] | 1 << ALL_MASKED[band] | 1 << BAILOUT,
    )


def _catalogue(image: Path) -> Sequence[Sample]:
    path = brick_file(image, "tractor")
    if path is None:
        return ()
    with open_source(path) as source:
        return list(tractor.read(source))


def recognises_cutout(source: Source) -> bool:
    """Whether the file is a cube of the viewer's cut-out service: [band, y, x] with the letters in BANDS."""
    return "BANDS" in source.header() and "LegacySurvey" in str(source.header().get("SURVEY", ""))


def read_cutout(source: Source) -> Samples:
    """The image of a cut-out; inverse variances in HDU 1, if asked for, else measured."""
    header = source.header()
    wcs = celestial(header)
    bands = str(header["BANDS"]).strip()
    stored = source.hdu(0)
    if len(bands) != (stored.shape[0] if len(stored.shape) == 3 else 1):
        raise FormatError(f"{source.path}: BANDS is {bands!r} but the image is {stored.shape}. Download it again.")
    weight = source.hdu(1) if source.has(1) else None
    surveys = ["DES"] * len(bands)
    if "north" in str(header.get("LAYER", "")) or float(wcs.wcs.crval[1]) > NORTH_FROM:
        surveys = ["MZLS" if band == "z" else "BASS" for band in bands]
    planes = [
        Plane(f"{survey}-{band.upper()}", NANOMAGGY, stored, weight, index=(i,))
        for i, (survey, band) in enumerate(zip(surveys, bands, strict=True))
    ]
    return (yield from cut(Field(planes, wcs, "legacy", source.path.name.partition(".")[0], str(source.path), 0)))


def _camera(header: Mapping[str, Any]) -> str:
    instrument = str(header.get("INSTRUME", "")).strip().lower()
    return next((survey for camera, survey in CAMERAS.items() if instrument.startswith(camera)), "DES")
