"""Cells against properties that define them: equal areas, nesting, compactness, the numbers of the base cells."""

import numpy as np
import pytest

from foundation.data.healpix import cells
from foundation.errors import FoundationError


def scattered(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-360, 720, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


@pytest.mark.parametrize("nside", [1, 2, 16])
def test_cells_have_equal_areas(nside):
    ra, dec = scattered(400_000)
    counts = np.bincount(cells(ra, dec, nside), minlength=12 * nside**2)
    assert len(counts) == 12 * nside**2
    expected = len(ra) / len(counts)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)


def test_a_cell_is_four_of_the_next_division():
    ra, dec = scattered(10_000)
    for nside in (1, 8, 512):
        assert (cells(ra, dec, 2 * nside) // 4 == cells(ra, dec, nside)).all()


def test_cells_are_compact():
    """No two positions of a cell are further apart than its diagonal can be."""
    ra, dec = scattered(50_000)
    number, nside = cells(ra, dec, 8), 8
    unit = np.stack([np.cos(np.radians(dec)) * f(np.radians(ra)) for f in (np.cos, np.sin)] + [np.sin(np.radians(dec))])
    for cell in range(0, 12 * nside**2, 37):
        inside = unit[:, number == cell]
        assert np.degrees(np.arccos((inside.T @ inside).min())) < 2.2 * np.degrees(np.sqrt(np.pi / 3)) / nside


def test_base_cells():
    assert cells(np.array([45.0, 135.0, 0.0, 45.0]), np.array([80.0, 80.0, 0.0, -80.0]), 1).tolist() == [0, 1, 4, 8]


@pytest.mark.parametrize(("dec", "nside"), [(0.0, 3), (0.0, 0), (91.0, 4), (np.nan, 4)])
def test_refusals(dec, nside):
    with pytest.raises(FoundationError, match=r"HEALPix"):
        cells(np.array([0.0]), np.array([dec]), nside)
