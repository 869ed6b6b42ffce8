"""Dust curves against published numbers."""

import numpy as np
import pytest

from foundation.data.simulate.dust import calzetti, dimming, milky_way


def test_calzetti_has_its_total_to_selective_ratio():
    assert calzetti(5500) == pytest.approx(4.05, abs=0.02)
    assert calzetti(4400) - calzetti(5500) == pytest.approx(1.0, abs=0.08)
    assert calzetti(1500) == pytest.approx(10.33, abs=0.1)  # k(1500 Å) as quoted for the 2000 curve
    assert (np.diff(calzetti(np.linspace(1200, 25000, 500))) <= 0.02).all()


# Cardelli, Clayton & Mathis 1989, table 3: A(λ)/A(V) at R_V = 3.1
@pytest.mark.parametrize(
    ("micron", "ratio"),
    [(0.365, 1.569), (0.44, 1.337), (0.55, 1.0), (0.7, 0.751), (0.9, 0.479), (1.25, 0.282), (2.2, 0.114)],
)
def test_milky_way_is_cardelli(micron, ratio):
    assert milky_way(micron * 1e4) / 3.1 == pytest.approx(ratio, abs=0.015)


def test_dimming_is_in_magnitudes():
    assert -2.5 * np.log10(dimming(0.2, np.array([3.1]))) == pytest.approx([0.62])
