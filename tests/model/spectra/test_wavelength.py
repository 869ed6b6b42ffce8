"""Codes of wavelengths: phases to float64, shifts seen, ratios kept by a redshift."""

import math

import numpy as np
import pytest
import torch

from foundation.model.spectra.wavelength import mean_waves, middle, shape, turns, waves

PUBLISHED, OURS = (0.1, 1e6), (4e-5, 8.0)


@pytest.mark.parametrize("periods", [PUBLISHED, OURS])
def test_phases_are_those_of_float64(periods):
    place = torch.linspace(3600, 17000, 999, dtype=torch.float64)
    place = place if periods == PUBLISHED else place.log()
    period = np.geomspace(*periods, 32)
    angle = 2 * math.pi * place.numpy()[:, None] / period
    exact = np.concatenate([np.sin(angle), np.cos(angle)], 1)
    assert np.abs(waves(place, periods, 64).numpy() - exact).max() < 1e-5
    single = place.numpy().astype("f4")[:, None] / period.astype("f4") * np.float32(2 * math.pi)
    assert np.abs(np.sin(single) - exact[:, :32]).max() > 1e-3  # what is avoided


def test_the_published_code_is_a_mean_over_pixels():
    grid = torch.linspace(5000, 5020, 24, dtype=torch.float64).view(3, 8)
    by_hand = [np.mean([np.sin(2 * np.pi * x / p) for x in grid[1].tolist()]) for p in np.geomspace(0.1, 1e6, 4)]
    np.testing.assert_allclose(mean_waves(grid, PUBLISHED, 8)[1, :4], by_hand, atol=1e-5)


def test_a_redshift_turns_all_places_alike():
    grid = (4000 * torch.exp(1e-3 * torch.arange(40, dtype=torch.float64))).view(5, 8)
    apart = [turns(middle(g), OURS, 16) for g in (grid, grid * 1.7)]
    relative = [(t[1:] - t[:1]) % 1 for t in apart]
    assert torch.minimum((relative[0] - relative[1]) % 1, (relative[1] - relative[0]) % 1).max() < 1e-5
    lsf = torch.full((5, 8), 1.0)
    assert torch.allclose(shape(grid, lsf), shape(grid * 1.7, lsf * 1.7), atol=1e-5)


def test_the_shape_tells_the_sampling_and_whether_the_resolution_is_known():
    grid = (4000 + torch.arange(8, dtype=torch.float64))[None]
    fine = (4003.5 + 0.1 * (torch.arange(8, dtype=torch.float64) - 3.5))[None]
    unknown = torch.zeros(1, 8)
    assert (shape(grid, unknown) - shape(fine, unknown)).abs()[0, 8] == pytest.approx(math.log(10), rel=1e-2)
    known = shape(grid, torch.full((1, 8), 0.8))
    assert known[0, -2] == 1 and shape(grid, unknown)[0, -2:].tolist() == [0, 0]
    assert known[0, -1] == pytest.approx(math.log(4003.5 / 0.8) - 7, rel=1e-3)
