"""Tables of any origin: names of columns, units, order, and what is missing."""

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError

N = 40


def write(path, **columns):
    table = Table(columns)
    for column in ("flux", "error"):
        if column in columns and not isinstance(columns[column], units.Quantity):
            table[column].unit = "1e-17 erg / (s cm2 Angstrom)"
    table.write(path, format={".fits": "fits", ".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}[path.suffix])
    return path


def read_all(path):
    reading, samples = read_file(path), []
    while True:
        try:
            samples.append(next(reading))
        except StopIteration as end:
            return samples, end.value


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return np.linspace(5000, 6000, N), rng.normal(3, 1, N).astype("f4"), rng.uniform(0.1, 0.2, N)


@pytest.mark.parametrize("ending", [".fits", ".ecsv", ".csv"])
def test_a_pixel_a_row(values, tmp_path, ending):
    wavelength, flux, error = values
    samples, remark = read_all(write(tmp_path / f"a{ending}", wavelength=wavelength, flux=flux, error=error))
    spectrum = samples[0]["spectrum"]
    np.testing.assert_array_equal(spectrum.flux, flux)
    np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=1e-12)
    np.testing.assert_allclose(spectrum.ivar, error**-2.0, rtol=1e-6)
    assert samples[0].key == "a" and "does not say" in remark
    assert spectrum.unit == ("" if ending == ".csv" else "1e-17 erg / (s cm2 Angstrom)")  # CSV has no units


def test_units_order_and_duplicates(values, tmp_path):
    wavelength, flux, error = values
    order = np.r_[np.arange(N)[::-1], 5]  # descending, and one wavelength twice
    jansky = (flux * units.Unit("1e-17 erg / (s cm2 Angstrom)")).to(
        "mJy", units.spectral_density(wavelength * units.Angstrom)
    )
    noise = error / flux * jansky
    columns = {"wave": (wavelength / 10)[order] * units.nm, "flux": jansky[order], "error": noise[order]}
    samples, remark = read_all(write(tmp_path / "a.fits", **columns))
    spectrum = samples[0]["spectrum"]
    assert remark == "" and len(spectrum.flux) == N
    np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=1e-9)
    np.testing.assert_allclose(spectrum.flux, flux, rtol=1e-5)
    np.testing.assert_allclose(spectrum.ivar, error**-2.0, rtol=1e-5)


def test_a_spectrum_a_row_in_air_with_bits(values, tmp_path):
    wavelength, flux, error = values
    bits = np.arange(N, dtype="i4")
    rows = {
        "wave_air": np.stack([wavelength] * 2),
        "flux": np.stack([flux, np.full(N, np.nan)]),
        "ivar": np.stack([error**-2] * 2),
        "mask": np.stack([bits] * 2),
    }
    samples, _ = read_all(write(tmp_path / "a.fits", **rows))
    first, second = (s["spectrum"] for s in samples)
    np.testing.assert_allclose(first.wavelength, vacuum_of(wavelength))
    np.testing.assert_array_equal(first.mask, bits)
    assert not first.bad.any()  # nobody says what these bits mean
    assert samples[1].labels["usable"] is False and not second.flux.any()


def test_what_is_no_spectrum_is_refused(values, tmp_path):
    wavelength, flux, error = values
    with pytest.raises(FormatError, match="not a format this version reads"):
        read_all(write(tmp_path / "a.fits", wavelength=wavelength, flux=flux))  # no noise
    with pytest.raises(FormatError, match="is no flux density"):
        read_all(write(tmp_path / "b.fits", wavelength=wavelength, flux=flux * units.K, error=error))
