"""Gaia XP: coefficients and sampled spectra from FITS, CSV and ECSV, and the real sources read by astropy."""

import csv
import importlib.util
import json

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table

from foundation.data.formats import gaia_calibration
from foundation.data.formats.catalog import read_file


@pytest.fixture
def without_gaiaxpy(monkeypatch):
    monkeypatch.setattr("foundation.data.formats.gaia.can_calibrate", lambda: False)


def read_all(path):
    reading, samples = read_file(path), []
    while True:
        try:
            samples.append(next(reading))
        except StopIteration as end:
            return samples, end.value


@pytest.mark.usefixtures("without_gaiaxpy")
def test_real_coefficients_of_fits_and_csv_agree(astro_data):
    folder = astro_data / "gaia_xp"
    binary, remark = read_all(folder / "XP_CONTINUOUS_RAW.fits")
    text, _ = read_all(folder / "XP_CONTINUOUS_RAW.csv")
    assert "pip install GaiaXPy" in remark
    table = fits.getdata(folder / "XP_CONTINUOUS_RAW.fits", 1)
    with (folder / "XP_CONTINUOUS_RAW.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, plain, one, other in zip(table, rows, binary, text, strict=True):
        assert one.key == other.key == f"gaia-{row['source_id']}"
        assert set(one.records) == {"coefficients_gaia_bp", "coefficients_gaia_rp"}
        for name in ("bp", "rp"):
            record = one[f"coefficients_gaia_{name}"]
            np.testing.assert_array_equal(record.values, row[f"{name}_coefficients"])
            np.testing.assert_array_equal(record.correlation, row[f"{name}_coefficient_correlations"])
            assert record.relevant == row[f"{name}_n_relevant_bases"]
            parsed = json.loads("[" + plain[f"{name}_coefficients"].strip("()") + "]")
            np.testing.assert_array_equal(other[f"coefficients_gaia_{name}"].values, parsed)
        assert one["coefficients_gaia_bp"].basis == "gaia-bp-56"
        np.linalg.cholesky(one["coefficients_gaia_bp"].covariance)  # correlations laid out wrongly make no covariance


@pytest.mark.usefixtures("without_gaiaxpy")
def test_a_source_that_bp_did_not_see(tmp_path):
    nothing, some = np.zeros(0), np.ones(4)
    table = Table({"source_id": [7, 8]})
    for name, column in {"bp": [nothing, some], "rp": [some, some]}.items():
        for part in ("coefficients", "coefficient_errors"):
            cells = np.empty(2, dtype=object)
            cells[:] = column
            table[f"{name}_{part}"] = cells
    path = tmp_path / "xp.ecsv"
    table.write(path, format="ascii.ecsv")
    (first, second), _ = read_all(path)
    assert set(first.records) == {"coefficients_gaia_rp"} and first.labels["without_bp"]
    assert set(second.records) == {"coefficients_gaia_bp", "coefficients_gaia_rp"}


@pytest.mark.parametrize("ending", ["fits", "ecsv", "csv"])
def test_sampled_spectra_in_the_unit_of_the_others(tmp_path, ending):
    rng = np.random.default_rng(0)
    flux, error = rng.normal(1e-16, 1e-17, (2, 343)), np.full((2, 343), 1e-17)
    path = tmp_path / f"xp.{ending}"
    table = Table({"source_id": [7, 8], "flux": flux, "flux_error": error})
    if ending == "csv":
        for name in ("flux", "flux_error"):
            table[name] = ["(" + ", ".join(map(repr, map(float, row))) + ")" for row in table[name]]
    table.write(path, format={"fits": "fits", "ecsv": "ascii.ecsv", "csv": "ascii.csv"}[ending])
    samples, _ = read_all(path)
    factor = (1 * units.W / units.m**2 / units.nm).to_value("1e-17 erg / (s cm2 Angstrom)")
    for sample, row in zip(samples, flux, strict=True):
        spectrum = sample["spectrum_gaia"]
        np.testing.assert_allclose(spectrum.flux, row * factor, rtol=1e-6)
        np.testing.assert_allclose(spectrum.ivar, (1e-17 * factor) ** -2.0, rtol=1e-5)
        np.testing.assert_allclose(spectrum.wavelength, np.linspace(3360, 10200, 343))


@pytest.mark.skipif(importlib.util.find_spec("gaiaxpy") is None, reason="GaiaXPy is not installed")
@pytest.mark.filterwarnings("ignore")
def test_real_coefficients_become_the_spectra_of_gaiaxpy(astro_data):
    from gaiaxpy import calibrate

    path = astro_data / "gaia_xp" / "XP_CONTINUOUS_RAW.fits"
    samples, remark = read_all(path)
    table, _ = calibrate(str(path), save_file=False)
    assert remark == "" and gaia_calibration.can_calibrate()
    for sample, flux in zip(samples, table["flux"], strict=True):
        np.testing.assert_allclose(sample["spectrum_gaia"].flux, flux * 1e19, rtol=1e-5)
