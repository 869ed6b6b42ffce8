"""Catalogue rows as scalars."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import read_file

ROWS = {
    "release": [9010, 9010, 9010],
    "brickid": [5, 5, 5],
    "objid": [1, 2, 3],
    "ra": [10.0, 11.0, 12.0],
    "dec": [1.0, 2.0, 3.0],
    "type": ["EXP", "PSF", "DUP"],
    "flux_g": np.array([4.0, -0.5, 0.0], "f4"),
    "flux_ivar_g": np.array([16.0, 100.0, 0.0], "f4"),
    "flux_w1": np.array([3.0, np.nan, 0.0], "f4"),
    "flux_ivar_w1": np.array([4.0, 1.0, 0.0], "f4"),
    "shape_r": np.array([1.5, 0.0, 0.0], "f4"),
    "shape_r_ivar": np.array([400.0, 0.0, 0.0], "f4"),
    "maskbits": np.array([0, 2, 0], "i4"),
}


def test_measured_values_and_missing_ones(write_table):
    reading = read_file(write_table("tractor-x.fits", ROWS))
    galaxy, star = next(reading), next(reading)
    assert galaxy.key == "legacy-9010-5-1"
    assert {name: r.value for name, r in galaxy.records.items()} == {"flux_g": 4.0, "flux_w1": 3.0, "shape_r": 1.5}
    assert galaxy["shape_r"].sigma == pytest.approx(0.05)
    assert galaxy["flux_g"].unit == "nmgy"
    assert {name: r.value for name, r in star.records.items()} == {"flux_g": -0.5}  # negative flux is a measurement
    assert star.labels == {"type": "PSF", "maskbits": 2}
    with pytest.raises(StopIteration) as end:
        next(reading)
    assert end.value.value == "1 rows without any measurement left out"


def test_shapes_of_early_releases(write_table):
    old = {k: v for k, v in ROWS.items() if not k.startswith("shape")} | {"type": ["DEV", "EXP", "PSF"]}
    old |= {"shapedev_r": [2.0, 0.0, 0.0], "shapedev_r_ivar": [1.0, 0.0, 0.0]}
    old |= {"shapeexp_r": [0.0, 0.7, 0.0], "shapeexp_r_ivar": [0.0, 1.0, 0.0]}
    first, second = read_file(write_table("tractor-x.fits", old))
    assert (first["shape_r"].value, second["shape_r"].value) == (2.0, 0.7)


def test_real_rows(astro_data):
    path = astro_data / "images_legacy" / "tractor-3301m002.fits"
    samples = list(read_file(path))
    table = fits.getdata(path, 1)
    assert [s["flux_g"].value for s in samples] == pytest.approx(table["FLUX_G"].tolist())
    assert [s["flux_g"].sigma for s in samples] == pytest.approx((table["FLUX_IVAR_G"].astype("f8") ** -0.5).tolist())
    assert ["shape_r" in s.records for s in samples] == (table["TYPE"] != "PSF").tolist()
    (sample,) = read_file(astro_data / "images_legacy" / "tractor-1054p567.fits")
    assert sample["ebv"].value == pytest.approx(0.0514118)
