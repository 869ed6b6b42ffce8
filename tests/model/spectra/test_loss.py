"""The likelihood: by hand, with a floor, and without invalid pixels."""

import numpy as np
import pytest
import torch

from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.loss import Misfit, misfits


def test_by_hand(three):
    batch = SpectralBatch.packed(three)
    value, weight = torch.randn(batch.value.shape), torch.rand(len(batch.value))
    y, s, ok = batch.value.double(), batch.sigma.double(), batch.valid
    for floor in (0.0, 0.05):
        total, count = 0.0, 0.0
        for t, i in np.argwhere(ok.numpy()):
            pull2 = (value[t, i].item() - y[t, i].item()) ** 2 / (s[t, i].item() ** 2 + (floor * y[t, i].item()) ** 2)
            total, count = total + weight[t].item() * pull2, count + weight[t].item()
        assert misfits(value, batch, weight, floor).whole.mean.item() == pytest.approx(total / count, rel=1e-4)


def test_the_truth_has_one_per_pixel_and_a_floor_bounds_bright_spectra(make_spectrum, cut):
    rng = np.random.default_rng(1)
    n = 4000
    truth = 5 + np.sin(np.arange(n) / 50)
    patches = cut(make_spectrum(n, step=1e-4, flux=truth + 0.5 * rng.normal(size=n), ivar=np.full(n, 4.0)))
    batch = SpectralBatch.packed([patches])
    known = torch.from_numpy(truth).float().view(-1, 8) / patches.scale
    assert misfits(known, batch, floor=0).whole.mean.item() == pytest.approx(1, abs=0.1)
    bright = SpectralBatch.packed([cut(make_spectrum(n, step=1e-4, ivar=np.full(n, 1e12)))])
    assert misfits(1.01 * bright.value, bright).whole.mean.item() == pytest.approx(1, rel=1e-2)


def test_invalid_pixels_give_no_gradient(three):
    batch = SpectralBatch.packed(three)
    value = torch.zeros_like(batch.value, requires_grad=True)
    misfits(value, batch).whole.mean.backward()
    assert value.grad is not None and not value.grad[~batch.valid].any() and value.grad[batch.valid].any()


def test_beyond_the_tail_errors_count_in_proportion(three):
    batch = SpectralBatch.packed(three)
    sigma = batch.sigma.clamp(min=1e-9)
    for pulls, expected in ((2.0, 4.0), (5.0, 25.0), (50.0, 2 * 5 * 50 - 25)):
        value = batch.value + pulls * sigma
        assert misfits(value, batch, floor=0, tail=5.0).whole.mean.item() == pytest.approx(expected, rel=1e-3)
        assert misfits(value, batch, floor=0).whole.mean.item() == pytest.approx(pulls**2, rel=1e-3)
    value = (batch.value + 50 * sigma).requires_grad_()
    [slope] = torch.autograd.grad(misfits(value, batch, floor=0, tail=5.0).whole.chi2, value)
    torch.testing.assert_close(slope[batch.valid] * sigma[batch.valid], torch.full_like(slope[batch.valid], 10.0))


def test_each_spectrum_has_the_misfit_it_has_alone(three):
    batch = SpectralBatch.packed(three)
    value, weight = torch.randn(batch.value.shape), torch.rand(len(batch.value))
    counts = batch.offsets.diff().tolist()
    parts = zip(three, value.split(counts), weight.split(counts), strict=True)
    alone = torch.stack([misfits(v, SpectralBatch.packed([p]), w, 0.02, 3.0).whole.mean for p, v, w in parts])
    found = misfits(value, batch, weight, 0.02, 3.0)
    torch.testing.assert_close(found.mean, alone)
    torch.testing.assert_close(found.alike.mean, torch.log(1 + alone).mean())


def test_alike_a_bright_spectrum_pulls_no_more_than_a_faint_one():
    chi2 = torch.tensor([1e2, 1e6, 7.0], requires_grad=True)  # sums over as many pixels; the last is not asked
    found = Misfit(chi2, torch.tensor([10.0, 10.0, 0.0]))
    [slope] = torch.autograd.grad(found.alike.mean, chi2)
    taken_off = slope * chi2  # for a fraction of the misfit
    assert found.alike.weight == 2
    assert taken_off[0].item() == pytest.approx(taken_off[1].item(), rel=0.1) and taken_off[2] == 0
