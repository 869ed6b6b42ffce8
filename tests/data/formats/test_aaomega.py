"""2dF and AAOmega: air and vacuum, linear and logarithmic, one fibre and several."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError


def refraction(wavelength):
    """Index of air by Ciddor (1996), which the reader does not use; Å."""
    s2 = (1e4 / wavelength) ** 2
    return 1 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2)


def agrees(spectrum, flux, variance, vacuum):
    np.testing.assert_allclose(spectrum.wavelength, vacuum, rtol=1e-6)
    np.testing.assert_array_equal(spectrum.flux, np.nan_to_num(flux))
    known = np.isfinite(flux) & (variance > 0)
    np.testing.assert_array_equal(spectrum.ivar > 0, known)
    np.testing.assert_allclose(spectrum.ivar[known], 1 / variance[known].astype("f8"), rtol=1e-6)


def test_real_linear_air(astro_data):
    path = astro_data / "other_spectra" / "marz_emlLinearSkyAirHelio.fits.gz"
    (sample,) = read_file(path)
    with fits.open(path) as hdus:
        cards, flux, variance = hdus[0].header, hdus[0].data, hdus["VARIANCE"].data
    air = cards["CRVAL1"] + cards["CDELT1"] * (np.arange(len(flux)) + 1 - cards["CRPIX1"])
    agrees(sample["spectrum_2df"], flux, variance, air * refraction(air))
    assert sample.origin["ra"] == pytest.approx(35.41, abs=0.01)  # D0221394: 2 h 21 m 39 s
    assert sample.labels["name"] == "D0221394-2854323" and sample.labels["sky"] is False


def test_real_logarithmic_vacuum_of_three_fibres(astro_data):
    path = astro_data / "other_spectra" / "marz_emlLogVacuumHelioMultiple.fits.gz"
    samples = list(read_file(path))
    assert len({s.key for s in samples}) == 3
    with fits.open(path) as hdus:
        for row, sample in enumerate(samples):
            flux, variance = hdus[0].data[row], hdus["VARIANCE"].data[row]
            agrees(sample["spectrum_2df"], flux, variance, 10 ** hdus["WAVELENGTH"].data[row])
            assert (sample["spectrum_2df"].frame, sample["spectrum_2df"].unit) == ("observed", "ct")


@pytest.fixture
def write_fibres(write_table, tmp_path):
    """Write `n` spectra with as many fibres as told, and no usable variance."""

    def write(n, fibres):
        primary = fits.PrimaryHDU(np.ones((n, 20), "f4"))
        primary.header.update({"CRVAL1": 5000.0, "CDELT1": 1.0, "CRPIX1": 1.0})
        names = np.rec.fromarrays([[f"f{i}" for i in range(fibres)]], names=["NAME"])
        variance = fits.ImageHDU(np.full((n, 20), -1, "f4"), name="VARIANCE")
        path = tmp_path / "fibres.fits"
        fits.HDUList([primary, variance, fits.BinTableHDU(names, name="FIBRES")]).writeto(path)
        return path

    return write


def test_fibres_without_variance_are_flagged(write_fibres):
    assert [s.labels["usable"] for s in read_file(write_fibres(2, 2))] == [False, False]


def test_too_few_fibres_are_refused(write_fibres):
    with pytest.raises(FormatError, match="has 3 spectra, 3 variances and 2 fibres"):
        list(read_file(write_fibres(3, 2)))
