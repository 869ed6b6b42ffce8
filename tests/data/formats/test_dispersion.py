"""Wavelength axes, against astropy's own coordinates and by hand."""

import numpy as np
import pytest
from astropy.wcs import WCS

from foundation.data.formats.dispersion import wavelengths
from foundation.data.formats.source import FormatError


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "WAVE", "CRVAL1": 500.0, "CDELT1": 0.25, "CRPIX1": 7.0, "CUNIT1": "nm"},
        {"CTYPE1": "WAVE-LOG", "CRVAL1": 5000.0, "CDELT1": 2.0, "CRPIX1": 3.0, "CUNIT1": "Angstrom"},
        {"CTYPE1": "WAVE", "CRVAL1": 1.5, "CDELT1": 0.001, "CRPIX1": 0.0, "CUNIT1": "um"},
    ],
)
def test_as_astropy_has_it(cards):
    ours = wavelengths(cards, 40)
    theirs = WCS({**cards, "WCSAXES": 1}).wcs_pix2world(np.arange(40.0)[:, None], 0)[:, 0] * 1e10  # m
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_logarithm_of_iraf_and_air_and_vacuum():
    cards = {"CRVAL1": 3.6, "CD1_1": 1e-4, "CRPIX1": 1, "DC-FLAG": 1, "VACUUM": True}
    vacuum = wavelengths(cards, 3)
    np.testing.assert_allclose(vacuum, 10 ** np.array([3.6, 3.6001, 3.6002]))
    for said in ({"VACUUM": False}, {"VACUUM": False, "CTYPE1": "Wavelength"}):
        assert (wavelengths(cards | said, 3) - vacuum).min() > 1  # taken as air, so longer in vacuum


@pytest.mark.parametrize(
    ("cards", "message"),
    [({"CRVAL1": 1.0}, "no CRVAL1 and CDELT1"), ({"CRVAL1": 1.0, "CDELT1": 1.0, "CUNIT1": "Jy"}, "is no length")],
)
def test_refusals(cards, message):
    with pytest.raises(FormatError, match=message):
        wavelengths(cards, 3)
