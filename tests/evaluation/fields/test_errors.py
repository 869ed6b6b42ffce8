"""Errors: as The Well computes them, as numpy in float64 computes them, and blind to what a mask leaves out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from foundation.evaluation.fields.errors import ERRORS, pearson, variance, vrmse
from foundation.evaluation.fields.spectrum import BANDS, spectral_mse, spectral_nmse

SPACES = [(12,), (8, 13), (6, 7, 8)]
SHAPE = (2, 3, 4)
WELL = {"vrmse": "VRMSE", "nrmse": "NRMSE", "rmse": "RMSE", "mse": "MSE", "mae": "MAE", "largest": "LInfinity"}


def pair(space, generator, dtype=torch.float64):
    true = torch.randn(*SHAPE, *space, generator=generator, dtype=dtype) + 0.7
    return true + 0.3 * torch.randn(true.shape, generator=generator, dtype=dtype), true


def by_hand(name, p, t):
    """numpy, one vector of points at a time."""
    error = p - t
    return {
        "mse": lambda: np.mean(error**2),
        "mae": lambda: np.mean(np.abs(error)),
        "rmse": lambda: np.sqrt(np.mean(error**2)),
        "largest": lambda: np.max(np.abs(error)),
        "nrmse": lambda: np.sqrt(np.mean(error**2) / (np.mean(t**2) + 1e-7)),
        "vrmse": lambda: np.sqrt(np.mean(error**2) / (np.var(t, ddof=1) + 1e-7)),
        "pearson": lambda: np.corrcoef(p, t)[0, 1],
    }[name]()


def each(name, predicted, true, valid):
    """`by_hand` of every sample, frame and field."""
    rows = [
        by_hand(name, predicted[index][valid[index[0]]].numpy(), true[index][valid[index[0]]].numpy())
        for index in np.ndindex(*SHAPE)
    ]
    return torch.tensor(np.array(rows)).reshape(SHAPE)


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("name", ERRORS)
def test_equal_to_numpy_with_and_without_a_mask(name, space, generator):
    predicted, true = pair(space, generator)
    everywhere = torch.ones(2, *space, dtype=torch.bool)
    torch.testing.assert_close(ERRORS[name](predicted, true, None), each(name, predicted, true, everywhere))
    valid = torch.rand(2, *space, generator=generator) < 0.7
    torch.testing.assert_close(ERRORS[name](predicted, true, valid), each(name, predicted, true, valid))
    torch.testing.assert_close(ERRORS[name](predicted, true, everywhere[:1]), ERRORS[name](predicted, true, None))


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("name", WELL)
def test_equal_to_the_well(name, space, generator):
    spatial = pytest.importorskip("the_well.benchmark.metrics.spatial")
    predicted, true = pair(space, generator)
    meta = SimpleNamespace(n_spatial_dims=len(space))
    wanted = getattr(spatial, WELL[name]).eval(predicted.movedim(2, -1), true.movedim(2, -1), meta)
    torch.testing.assert_close(ERRORS[name](predicted, true, None), wanted)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_correlation_is_that_of_the_well_but_for_its_counting(space, generator):
    spatial = pytest.importorskip("the_well.benchmark.metrics.spatial")
    predicted, true = pair(space, generator)
    n = np.prod(space)
    wanted = spatial.PearsonR.eval(
        predicted.movedim(2, -1), true.movedim(2, -1), SimpleNamespace(n_spatial_dims=len(space)), eps=0.0
    )
    torch.testing.assert_close(pearson(predicted, true), wanted * n / (n - 1))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_bands_are_those_of_the_well(space, generator):
    spectral = pytest.importorskip("the_well.benchmark.metrics.spectral")
    predicted, true = pair(space, generator)
    wanted = spectral.binned_spectral_mse.eval(
        predicted.movedim(2, -1), true.movedim(2, -1), SimpleNamespace(n_spatial_dims=len(space))
    )
    found = spectral_mse(predicted, true), spectral_nmse(predicted, true)
    for band in range(len(BANDS)):
        for kind, bands in zip(("mse", "nmse"), found, strict=True):
            key = f"spectral_error_{kind}_per_bin_{band}"
            torch.testing.assert_close(bands[..., band], wanted[key], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("space", [*SPACES, (32, 5)], ids=str)
def test_bands_add_to_the_mean_square_error(space, generator):
    predicted, true = pair(space, generator)
    torch.testing.assert_close(spectral_mse(predicted, true).sum(-1), ERRORS["mse"](predicted, true, None))


def test_a_wave_stands_in_its_band():
    x = torch.arange(64, dtype=torch.float64)
    for waves, band in ((1, 0), (6, 1), (25, 2)):  # edges of 64 points: 3.2 and 10.1 waves
        wave = torch.sin(2 * torch.pi * waves * x / 64).reshape(1, 1, 1, 64)
        found = spectral_mse(wave, torch.zeros_like(wave))[0, 0, 0]
        assert found[band] == pytest.approx(0.5) and found.sum() == pytest.approx(0.5)


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_masked_may_be_anything(name, generator):
    predicted, true = pair((6, 6), generator)
    valid = torch.ones(1, 6, 6, dtype=torch.bool)
    valid[0, 2:4, 1] = False
    wanted = ERRORS[name](predicted, true, valid)
    predicted[..., 2, 1], true[..., 3, 1] = torch.nan, torch.inf
    assert torch.equal(ERRORS[name](predicted, true, valid), wanted)
    assert torch.isfinite(spectral_mse(predicted, true, valid)).all()
    predicted[0, 0, 0, 5, 5] = torch.nan
    assert ERRORS[name](predicted, true, valid).isnan().nonzero().tolist() == [[0, 0, 0]]


def test_meaning_of_vrmse(generator):
    """The mean scores sqrt((n - 1) / n); scale and offset of the field do not matter."""
    _, true = pair((9, 9), generator)
    mean = true.mean((3, 4), keepdim=True).expand_as(true)
    torch.testing.assert_close(vrmse(mean, true), torch.full(SHAPE, (80 / 81) ** 0.5, dtype=torch.float64))
    other = true.roll(1, 3)
    torch.testing.assert_close(vrmse(1e3 * other + 5, 1e3 * true + 5), vrmse(other, true))
    assert (vrmse(true, true) == 0).all() and torch.allclose(pearson(true, true), torch.ones(SHAPE).double())
    assert (variance(true) > 0).all()


def test_a_flat_field_gives_a_finite_number():
    flat = torch.full((1, 1, 1, 4, 4), 3.0)
    assert pearson(flat, flat).item() == 0
    assert vrmse(flat + 1e-3, flat).item() == pytest.approx(1e-3 / 1e-7**0.5, rel=1e-2)
