"""Small FITS files in the layouts of the surveys, built with astropy."""

import numpy as np
import pytest
from astropy.io import fits


@pytest.fixture
def write_spec(tmp_path):
    """Write an SDSS-like spec file of `n` pixels; keywords replace columns or labels."""

    def write(name="spec-7000-56000-0001.fits", n=60, named=True, vacuum=True, labels=(), **columns):
        rng = np.random.default_rng(n)
        table = {
            "flux": rng.normal(5, 1, n).astype("f4"),
            "loglam": (3.58 + 1e-4 * np.arange(n)).astype("f4"),
            "ivar": np.full(n, 4, "f4"),
            "and_mask": np.zeros(n, "i4"),
            "wdisp": np.ones(n, "f4"),
        } | columns
        row = {"PLATE": 7000, "MJD": 56000, "FIBERID": 1, "PLUG_RA": 10.5, "PLUG_DEC": -1.5, "CLASS": "GALAXY"}
        row |= {"SUBCLASS": "  ", "Z": 0.25, "Z_ERR": 1e-4, "ZWARNING": 0} | dict(labels)
        primary = fits.PrimaryHDU()
        primary.header["VACUUM"] = vacuum
        tables = [_table(table), _table({key: np.array([value]) for key, value in row.items()})]
        for hdu, extname in zip(tables, ("COADD", "SPALL"), strict=True):
            hdu.name = extname if named else ""
        path = tmp_path / name
        fits.HDUList([primary, *tables]).writeto(path)
        return path

    return write


@pytest.fixture
def write_coadd(tmp_path):
    """Write a DESI-like coadd: three overlapping arms on one lattice; `changes` maps an HDU name to its data."""

    def write(name="coadd-1-2.fits", targets=(1001, 1002), changes=None, fibermap=None, order=1):
        rng = np.random.default_rng(7)
        n = len(targets)
        hdus = [_table({"TARGETID": np.array(targets)} | (fibermap or {}), "FIBERMAP")]
        for arm, first, pixels in (("B", 0, 30), ("R", 25, 30), ("Z", 50, 30)):
            parts = {
                "WAVELENGTH": 3600 + 0.8 * (first + np.arange(pixels, dtype="f8")),
                "FLUX": rng.normal(3, 1, (n, pixels)).astype("f4"),
                "IVAR": rng.uniform(1, 2, (n, pixels)).astype("f4"),
                "MASK": np.zeros((n, pixels), "u4"),
                "RESOLUTION": _gaussian_bands(n, pixels, sigma=1.0),
            }
            for part, data in parts.items():
                data = (changes or {}).get(f"{arm}_{part}", data)
                if data is not None:
                    hdus.append(fits.ImageHDU(data, name=f"{arm}_{part}"))
        path = tmp_path / name
        fits.HDUList([fits.PrimaryHDU(), *hdus[::order]]).writeto(path)
        return path

    return write


@pytest.fixture
def write_image(tmp_path):
    """Write an image with a TAN projection as the primary HDU, or as a .fz in HDU 1; `cards` go to its header."""

    def write(name, data, scale=0.262, cards=(), more=(), ra=150.0, dec=2.0):
        header = _tan(scale, data.shape, ra, dec)
        header.update(dict(cards))
        extra = [fits.ImageHDU(d, name=extname) for d, extname in more]
        if name.endswith(".fz"):
            hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data, header, compression_type="GZIP_1")]
        else:
            hdus = [fits.PrimaryHDU(data, header)]
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        fits.HDUList([*hdus, *extra]).writeto(path, overwrite=True)
        return path

    return write


@pytest.fixture
def write_table(tmp_path):
    """Write a binary table as HDU 1."""

    def write(name, columns, extname=""):
        path = tmp_path / name
        fits.HDUList([fits.PrimaryHDU(), _table(columns, extname)]).writeto(path)
        return path

    return write


def _table(columns, name=""):
    array = np.rec.fromarrays([np.asarray(v) for v in columns.values()], names=list(columns))
    return fits.BinTableHDU(array, name=name)


def _gaussian_bands(n, pixels, sigma):
    offset = np.arange(11)[:, None] - 5
    column = np.exp(-0.5 * (offset / sigma) ** 2)
    return np.broadcast_to(column / column.sum(), (n, 11, pixels)).astype("f4")


def _tan(scale, shape, ra, dec):
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CRPIX1"], header["CRPIX2"] = (shape[-1] + 1) / 2, (shape[-2] + 1) / 2
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -scale / 3600, 0.0, 0.0, scale / 3600
    return header
