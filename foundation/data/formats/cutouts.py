"""DES and PS1 coadd cut-outs, one file a band; files that differ in the band letter only become one image."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from foundation.data.formats.companions import band_files
from foundation.data.formats.cutting import Field, cut
from foundation.data.formats.plane import Plane, celestial
from foundation.data.formats.source import FormatError, Samples, Source, open_source


def recognises_des(source: Source) -> bool:
    """Whether the file has SCI and WGT planes with a zero point, as DES coadds do."""
    return {"SCI", "WGT"} <= set(source.names) and "MAGZERO" in _image(source).header


def read_des(source: Source) -> Samples:
    """The image with its inverse variance, and the bits of MSK if there are; the weight is 0 where they are fatal."""
    return (yield from _read(source, "des", _des_plane))


def recognises_ps1(source: Source) -> bool:
    """Whether the file is a PS1 stack image."""
    return any(str(source.header(i).get("FPA.TELESCOPE", "")).strip() == "PS1" for i in range(len(source.hdus)))


def read_ps1(source: Source) -> Samples:
    """The image of a PS1 stack; its noise is measured, because the variance is in another file."""
    return (yield from _read(source, "ps1", _ps1_plane))


def _read(source: Source, survey: str, plane_of: Callable[[Source], Plane]) -> Samples:
    with ExitStack() as stack:
        planes = [plane_of(stack.enter_context(open_source(p))) for p in band_files(source.path).values()]
        wcs = celestial(_image(source).header)
        field = Field(planes, wcs, survey, source.path.name.partition(".")[0], str(source.path), 0)
        return (yield from cut(field))


def _des_plane(source: Source) -> Plane:
    if not recognises_des(source):
        raise FormatError(f"{source.path}: is no DES image like the other bands beside it. Move it away.")
    header = _image(source).header
    mask = source.hdu("MSK") if "MSK" in source.names else None
    return Plane(
        f"DES-{str(header['FILTER'])[0].upper()}",
        float(header["MAGZERO"]),
        _image(source),
        weight=source.hdu("WGT"),
        mask=mask,
    )


def _ps1_plane(source: Source) -> Plane:
    if not recognises_ps1(source):
        raise FormatError(f"{source.path}: is no PS1 image like the other bands beside it. Move it away.")
    header = _image(source).header
    softening = (float(header["BSOFTEN"]), float(header["BOFFSET"])) if "BSOFTEN" in header else None
    zero_point = 25 + 2.5 * np.log10(float(header["EXPTIME"]))  # counts over the whole exposure
    return Plane(f"PS1-{str(header['FPA.FILTER'])[0].upper()}", float(zero_point), _image(source), softening=softening)


def _image(source: Source) -> Any:  # noqa: ANN401 - image or compressed image
    """The HDU with the image: SCI, or the first that has two axes."""
    if "SCI" in source.names:
        return source.hdu("SCI")
    return next(hdu for hdu in source.hdus if hdu.is_image and len(hdu.shape) == 2)
