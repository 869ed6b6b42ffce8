"""The local field: by hand, within one spectrum only, continuous, and as good between pixels as on them."""

import numpy as np
import pytest
import torch

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.field import LocalField, neighbours


@pytest.fixture
def field():
    torch.manual_seed(0)
    return LocalField(6, 5).double()


def grid_of(*wavelengths, width=4):
    return Grid.of([np.asarray(w, dtype=float) for w in wavelengths], width)


def test_by_hand(field):
    read, wanted = grid_of(np.linspace(4000, 4110, 12)), np.array([4005.0, 4031.0, 4090.0, 4300.0])
    states = torch.randn(3, 6, dtype=torch.float64)
    found = field(states, read, grid_of(wanted))[0]
    series = (states @ field.series.weight.T + field.series.bias).detach().numpy()
    places = np.log(read.wavelength.numpy())
    middle, extent = places.mean(1), places[:, -1] - places[:, 0]

    def one(row, x):
        u = np.clip((x - middle[row]) / extent[row], -1, 1)
        return sum(c * np.cos(np.pi * k * (u + 1) / 2) for k, c in enumerate(series[row]))

    for x, value in zip(np.log(wanted), found.tolist(), strict=True):
        if x <= middle[0] or x >= middle[-1]:
            expected = one(0 if x <= middle[0] else 2, x)
        else:
            left = int(np.searchsorted(middle, x)) - 1
            part = (x - middle[left]) / (middle[left + 1] - middle[left])
            expected = (1 - part) * one(left, x) + part * one(left + 1, x)
        assert value == pytest.approx(expected, abs=1e-6)


def test_only_patches_of_the_same_spectrum_answer():
    read = grid_of(np.linspace(4000, 4100, 9), np.linspace(4050, 4200, 13), np.linspace(15000, 15100, 4))
    asked = grid_of(np.linspace(3000, 20000, 40), np.linspace(4000, 5000, 8), [100.0, 1e5])
    rows, place, share = neighbours(read, asked)
    bounds = read.offsets[asked.spectrum], read.offsets[asked.spectrum + 1]
    assert (rows >= bounds[0][:, None, None]).all() and (rows < bounds[1][:, None, None]).all()
    assert (place.abs() <= 1).all()
    torch.testing.assert_close(share.sum(-1), torch.ones(share.shape[:-1]))


def test_arms_that_overlap_are_both_heard():
    blue, red = np.linspace(4000, 4070, 8), np.linspace(4040, 4110, 8)
    wavelength = torch.from_numpy(np.concatenate([blue, red])).view(4, 4)
    read = Grid(wavelength, torch.zeros(4, 4), torch.tensor([0, 4]))
    rows, _, _ = neighbours(read, grid_of([4053.0]))
    middles = wavelength.log().mean(1)
    found = middles[rows[0, 0]]
    assert found[0] <= np.log(4053.0) <= found[1]
    between = (middles > found[0]) & (middles < found[1])
    assert not between.any()


def test_the_answer_is_continuous(field):
    read = grid_of(np.linspace(4000, 4150, 16))
    fine = np.linspace(3990, 4160, 4000)
    value = field(torch.randn(4, 6, dtype=torch.float64), read, grid_of(fine)).detach().flatten()
    assert value.diff().abs().max() < 0.02 * (value.max() - value.min())


def test_states_and_series_learn(field, three):
    read = SpectralBatch.packed(three)
    states = torch.randn(len(read.value), 6, dtype=torch.float64, requires_grad=True)
    field(states, read, read).square().sum().backward()
    assert states.grad is not None and (states.grad.abs().sum(1) > 0).all()
    assert (field.series.weight.grad.abs().sum(1) > 0).all()
