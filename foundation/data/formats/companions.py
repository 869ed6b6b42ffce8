"""Which files are read together: the bands of an image, its weights and mask, a spectrum and its redshift.

Each file has one *leader*, the file that is read for it. Of `DES_g.fits`, `DES_r.fits` it is `DES_g.fits`; of a
weight file its image; of `redrock-X.fits` the `coadd-X.fits` beside it; of `tractor-BRICK.fits` the brick's image; of a
star's cameras in GALAH the bluest.
"""

import re
from pathlib import Path

BANDS = "ugrizy"  # in the order in which they become planes
BAND_FILE = re.compile(rf"^(.*[-_.])([{BANDS}])(\.fits(?:\.[gf]z)?)$")
BRICK = re.compile(r"^legacysurvey-(\w+)-(\w+?)(?:-([ugrizy]))?\.fits(?:\.[gf]z)?$")
CAMERA = re.compile(r"^(\d{15})([1-4])(\.fits(?:\.gz)?)$")
PACKING = (".fits", ".fits.fz", ".fits.gz")


def leader(path: Path) -> Path:
    """The file that is read when `path` is asked for; `path` itself if it stands alone."""
    for find in (_spectra_of, _brick_of, _first_camera):
        if found := find(path):
            return found
    return next(iter(band_files(path).values()))


def band_files(path: Path) -> dict[str, Path]:
    """Band letter -> file, for files beside `path` whose names differ in the band letter only; `path` alone under "".

    `DES_g.fits.gz` gives {"g": DES_g.fits.gz, "r": DES_r.fits.gz, ...}, in order of wavelength.
    """
    match = BAND_FILE.match(path.name)
    if not match:
        return {"": path}
    stem, own, ending = match.groups()
    named = {band: path.with_name(f"{stem}{band}{ending}") for band in BANDS}
    return {band: file for band, file in named.items() if band == own or file.is_file()}


def camera_files(path: Path) -> dict[int, Path]:
    """Camera number -> file, for GALAH files of the same star beside `path`; `path` alone under 1 if it is no such."""
    match = CAMERA.match(path.name)
    if not match:
        return {1: path}
    star, own, ending = match.groups()
    endings = dict.fromkeys((ending, ".fits", ".fits.gz"))
    found = {c: _first(path, [f"{star}{c}{e}" for e in endings]) for c in range(1, 5)}
    found[int(own)] = path
    return {camera: file for camera, file in found.items() if file is not None}


def brick_file(image: Path, kind: str) -> Path | None:
    """The file of another kind, such as "invvar" or "maskbits", beside a Legacy Surveys brick image; None if absent."""
    match = BRICK.match(image.name)
    if not match:
        return None
    brick, _, band = match.groups()
    with_band, plain = f"legacysurvey-{brick}-{kind}-{band}", f"legacysurvey-{brick}-{kind}"
    stems = (f"tractor-{brick}",) if kind == "tractor" else (with_band, plain)
    return _first(image, [f"{stem}{ending}" for stem in stems for ending in PACKING])


def redrock_file(spectra: Path) -> Path | None:
    """The redshifts beside a `coadd-*.fits` or `spectra-*.fits`; None if there are none."""
    prefix, _, stem = spectra.name.partition("-")
    if prefix not in ("coadd", "spectra"):
        return None
    return _first(spectra, [f"redrock-{stem.removesuffix('.gz')}{gz}" for gz in ("", ".gz")])


def _spectra_of(path: Path) -> Path | None:
    if not path.name.startswith("redrock-"):
        return None
    stem = path.name.removeprefix("redrock-").removesuffix(".gz")
    return _first(path, [f"{prefix}-{stem}{gz}" for prefix in ("coadd", "spectra") for gz in ("", ".gz")])


def _brick_of(path: Path) -> Path | None:
    """The first band's image of the brick that a weight, mask, depth or catalogue file belongs to."""
    if path.name.startswith("tractor-"):
        brick = path.name.removeprefix("tractor-").removesuffix(".gz").removesuffix(".fits")
    else:
        match = BRICK.match(path.name)
        if not match or match[2] == "image":
            return None
        brick = match[1]
    return _first(path, [f"legacysurvey-{brick}-image-{band}{ending}" for band in BANDS for ending in PACKING])


def _first_camera(path: Path) -> Path | None:
    return next(iter(camera_files(path).values())) if CAMERA.match(path.name) else None


def _first(beside: Path, names: list[str]) -> Path | None:
    return next((p for p in (beside.with_name(name) for name in names) if p.is_file()), None)
