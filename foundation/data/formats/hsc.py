"""HSC-SSP images: coadds and cut-outs with mask and variance planes, bare grizy cubes, and scarlet's npz scenes.

https://hsc-release.mtk.nao.ac.jp/doc
"""

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.formats.cutting import Field, cut
from foundation.data.formats.plane import Plane, celestial, pixel_scale
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.records import Image, Sample

PIXEL = 0.168  # arcsec
ZERO_POINT = 27.0  # of coadds up to PDR3
NANOJANSKY = 31.4  # of later ones, in nJy
CUBE = "GRIZY"  # the order of a cube that does not name its bands
BAD_PLANES = ("BAD", "SAT", "CR", "EDGE", "NO_DATA", "SUSPECT", "UNMASKEDNAN")
NPZ_PARTS = {"images", "mask", "variance", "filters"}


def recognises_coadd(source: Source) -> bool:
    """Whether the file has image, mask and variance planes, and the mask names its bits."""
    names = source.names
    return {"IMAGE", "MASK", "VARIANCE"} <= set(names) and any(key.startswith("MP_") for key in source.header("MASK"))


def read_coadd(source: Source) -> Samples:
    """The image with its variance; mask planes are found by name, because their bits differ between releases."""
    image, mask, variance = (source.hdu(name) for name in ("IMAGE", "MASK", "VARIANCE"))
    name = str(source.header().get("FILTER", image.header.get("FILTER", ""))).strip()
    band = name.upper().removeprefix("HSC-")[:1]
    if not band or band not in CUBE:
        raise FormatError(f"{source.path}: FILTER is {name!r}, not one of HSC's g, r, i, z, y. Add it to the header.")
    bits = sum(1 << int(mask.header[f"MP_{name}"]) for name in BAD_PLANES if f"MP_{name}" in mask.header)
    plane = Plane(f"HSC-{band}", _zero_point(source, image.header), image, variance, "variance", mask, bits)
    return (yield from cut(_field(source, [plane], image.header, source.names.index("IMAGE"))))


def _zero_point(source: Source, header: Mapping[str, Any]) -> float:
    flux_of_zero = source.header().get("FLUXMAG0", header.get("FLUXMAG0"))
    if flux_of_zero is not None:
        return float(2.5 * np.log10(flux_of_zero))
    return NANOJANSKY if str(header.get("BUNIT", "")).strip() == "nJy" else ZERO_POINT


def recognises_cube(source: Source) -> bool:
    """Whether the file is a bare cube of five planes with HSC's pixel scale."""
    if not source.hdus or len(source.hdu(0).shape) != 3 or source.hdu(0).shape[0] != len(CUBE):
        return False
    header = source.header()
    return "CTYPE1" in header and "BANDS" not in header and abs(pixel_scale(celestial(header)) / PIXEL - 1) < 1e-3


def read_cube(source: Source) -> Samples:
    """A cube in the order g, r, i, z, y with zero point 27; its noise is measured."""
    planes = [Plane(f"HSC-{band}", ZERO_POINT, source.hdu(0), index=(i,)) for i, band in enumerate(CUBE)]
    return (yield from cut(_field(source, planes, source.header(), 0)))


def recognises_npz(source: Source) -> bool:
    """Whether the file is an npz archive with the parts of a scarlet scene."""
    if source.path.suffix != ".npz" or not zipfile.is_zipfile(source.path):
        return False
    return {f"{part}.npy" for part in NPZ_PARTS} <= set(zipfile.ZipFile(source.path).namelist())


def read_npz(source: Source) -> Samples:
    """A scene without world coordinates; its mask bits are kept but not used: the archive does not name them."""
    with np.load(source.path, allow_pickle=False) as archive:
        parts = {name: archive[name] for name in NPZ_PARTS}
    bands = tuple(f"HSC-{str(name).upper()}" for name in parts["filters"])
    unit = 10 ** (0.4 * (22.5 - ZERO_POINT))
    variance = parts["variance"].astype(np.float64) * unit**2
    ivar = np.divide(1, variance, out=np.zeros_like(variance), where=variance != 0)
    mask = parts["mask"].astype(np.int64).astype(np.uint32)
    image = Image(parts["images"] * unit, bands, PIXEL, ivar, mask, survey="hsc")
    origin = {"path": str(source.path), "hdu": 0, "survey": "hsc"}
    yield Sample(f"hsc-{source.path.stem}", {"image": image}, {"usable": bool(image.usable.any())}, origin)
    return ""


def _field(source: Source, planes: list[Plane], header: Mapping[str, Any], hdu: int) -> Field:
    return Field(planes, celestial(header), "hsc", source.path.name.partition(".")[0], str(source.path), hdu)
