"""Air to vacuum against published wavelengths."""

import numpy as np
import pytest

from foundation.data.formats.air import air_of, vacuum_of

# [O III] and H alpha: NIST air and vacuum wavelengths, Å
NIST = [(5006.843, 5008.240), (6562.80, 6564.61), (4861.33, 4862.69)]


@pytest.mark.parametrize(("air", "vacuum"), NIST)
def test_published_lines(air, vacuum):
    assert vacuum_of(np.array([air]))[0] == pytest.approx(vacuum, abs=0.02)
    assert air_of(np.array([vacuum]))[0] == pytest.approx(air, abs=0.02)


def test_inverse_over_the_optical_and_near_infrared():
    vacuum = np.linspace(3000, 17000, 2001)
    np.testing.assert_allclose(vacuum_of(air_of(vacuum)), vacuum, rtol=0, atol=1e-7)


def test_the_shift_is_about_83_km_per_second():
    wavelength = np.array([5500.0])
    assert (vacuum_of(wavelength)[0] / 5500 - 1) * 299792.458 == pytest.approx(83, abs=1)
