"""Images along wavelength: axes, noise by its name, descending wavelengths, and what specutils alone knows."""

import importlib.util

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError

LINEAR = {"CTYPE1": "WAVE", "CRVAL1": 500.0, "CDELT1": 0.1, "CRPIX1": 1.0, "CUNIT1": "nm"}


@pytest.fixture
def write_image_spectrum(tmp_path):
    def write(flux, noise, name, cards=LINEAR):
        primary = fits.PrimaryHDU(flux)
        primary.header.update({**cards, "BUNIT": "erg / (s cm2 Angstrom)"})
        path = tmp_path / "spectrum.fits"
        fits.HDUList([primary, fits.ImageHDU(noise, name=name)]).writeto(path)
        return path

    return write


@pytest.mark.parametrize(("name", "power"), [("IVAR", 1), ("ERROR", -2), ("VARIANCE", -1)])
def test_rows_and_the_noise_by_its_name(write_image_spectrum, name, power):
    rng = np.random.default_rng(0)
    flux, noise = rng.normal(1e-16, 1e-17, (2, 30)), np.full((2, 30), 4.0)
    noise[1] = 0
    samples = list(read_file(write_image_spectrum(flux, noise, name)))
    spectrum = samples[0]["spectrum"]
    np.testing.assert_allclose(spectrum.wavelength, 5000 + np.arange(30))
    np.testing.assert_allclose(spectrum.flux, flux[0] * 1e17, rtol=1e-6)
    np.testing.assert_allclose(spectrum.ivar, 4.0**power * 1e-34, rtol=1e-6)
    assert [s.labels["usable"] for s in samples] == [True, False]


def test_descending_wavelengths_are_turned_round(write_image_spectrum):
    flux = np.arange(30.0)
    (sample,) = read_file(write_image_spectrum(flux, np.ones(30), "SIGMA", LINEAR | {"CDELT1": -0.1}))
    np.testing.assert_allclose(sample["spectrum"].wavelength, 4971 + np.arange(30))
    np.testing.assert_allclose(sample["spectrum"].flux, flux[::-1] * 1e17)


def test_without_noise_it_is_refused(write_image_spectrum):
    with pytest.raises(FormatError, match="not a format this version reads"):
        list(read_file(write_image_spectrum(np.ones(30), np.ones(30), "SKY")))


@pytest.mark.skipif(importlib.util.find_spec("specutils") is None, reason="specutils is not installed")
@pytest.mark.filterwarnings("ignore")
def test_what_only_specutils_knows(tmp_path):
    grid, flux = np.linspace(400.0, 1200.0, 50), np.arange(1.0, 51)
    columns = {"lambda": grid, "flux": flux, "fluxVariance": np.full(50, 0.25), "mask": np.arange(50) == 7}
    made = [fits.Column(n, "J" if n == "mask" else "D", array=a) for n, a in columns.items()]
    path = tmp_path / "pfsObject-00000-0,0-000-00000001-01-0x395428ab.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(), fits.BinTableHDU.from_columns(made)]).writeto(path)
    (sample,) = read_file(path)
    spectrum = sample["spectrum"]
    np.testing.assert_allclose(spectrum.wavelength, grid * 10)
    np.testing.assert_allclose(spectrum.flux * np.sqrt(spectrum.ivar), flux / 0.5, rtol=1e-5)
    assert np.flatnonzero(spectrum.bad).tolist() == [7]
