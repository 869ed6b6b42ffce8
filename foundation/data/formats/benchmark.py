"""Benchmark of reading spectra: a file as surveys write it, by its reader and cut in patches, against specutils."""

import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from foundation.bench import Row, side_by_side
from foundation.data.formats.catalog import read_file
from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.tokenizers.native import NativeConfig, patches_of

PIXELS, COLUMNS = 4600, 236  # of a BOSS spectrum and of its table of labels


def read_vs_specutils() -> list[Row]:
    """Spectra a second: specutils reads, ours reads with labels and cuts into patches.

    Raises:
        FoundationError: specutils is not installed.
    """
    try:
        from specutils import Spectrum as Theirs  # pyright: ignore[reportMissingImports] - for this comparison alone
    except ImportError as error:
        raise FoundationError("this benchmark compares with specutils. Type `pip install specutils`.") from error
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # specutils warns of units
        path = _spec_file(Path(directory))

        def ours() -> object:
            records = (record for sample in read_file(path) for record in sample.values())
            return [patches_of(r, NativeConfig()) for r in records if isinstance(r, Spectrum)]

        guessed, told = partial(Theirs.read, str(path)), partial(Theirs.read, str(path), format="SDSS-III/IV spec")
        return [
            side_by_side("a BOSS file, its format guessed by both", guessed, ours, 1, "spectra/s"),
            side_by_side("a BOSS file, its format told to specutils", told, ours, 1, "spectra/s"),
        ]


def _spec_file(directory: Path) -> Path:
    """A BOSS spec-lite: the coadd, and a row of 236 labels."""
    from astropy.io import fits
    from astropy.table import Table

    rng = np.random.default_rng(0)
    names = ("flux", "loglam", "ivar", "and_mask", "or_mask", "wdisp", "sky", "model")  # specutils wants this order
    coadd = {name: np.abs(rng.normal(5, 1, PIXELS)).astype("f4") for name in names}
    coadd["loglam"] = (3.55 + 1e-4 * np.arange(PIXELS)).astype("f4")
    coadd |= {name: np.zeros(PIXELS, "i4") for name in ("and_mask", "or_mask")}
    labels = {"PLATE": 7000, "MJD": 56000, "FIBERID": 1, "PLUG_RA": 1.0, "PLUG_DEC": 2.0, "CLASS": "STAR"}
    labels |= {"SUBCLASS": "K1", "Z": 1e-4, "Z_ERR": 1e-5, "ZWARNING": 0}
    labels |= {f"LABEL_{i}": float(i) for i in range(COLUMNS - len(labels))}
    row = {name: [value] for name, value in labels.items()}
    hdus = [fits.table_to_hdu(Table(part)) for part in (coadd, row)]
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "SDSS 2.5-M", "VERS2D": "v5_7_0", "PLATEID": 7000, "FIBERID": 1, "VACUUM": True})
    path = directory / "spec-7000-56000-0001.fits"
    fits.HDUList([primary, *hdus]).writeto(path)
    return path
