"""Alignment: by hand, none between copies, none for one object, and what training it does to retrieval."""

import numpy as np
import pytest
import torch

from foundation.data.records import Spectrum
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pool import mean_state
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.tokenizers.native import NativeConfig, patches_of
from foundation.training.spectra.alignment import TEMPERATURE, misalignment


def two_views(seed, objects=8):
    """A wave of each object's own on two grids, with other noise."""
    rng = np.random.default_rng(seed)
    views = [[], []]
    for _ in range(objects):
        period, phase = rng.uniform(30, 200), rng.uniform(0, 6)
        for view, step in zip(views, (2.0, 3.1), strict=True):
            wavelength = 5000 + step * np.arange(96)
            flux = 5 + 2 * np.sin(wavelength / period + phase) + 0.2 * rng.normal(size=96)
            view.append(patches_of(Spectrum(flux, wavelength, np.full(96, 25.0)), NativeConfig(patch=8)))
    return [SpectralBatch.packed(view) for view in views]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SpectralTransformer(SpectraConfig(patch=8, width=32, depth=1, decoder_depth=1, heads=2))


@pytest.mark.parametrize("owner", [(4, 7, 9), (4, 7, 4)])
def test_by_hand(owner):
    pooled = [torch.randn(3, 16, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    unit = [(p - p.mean(0)) / (p - p.mean(0)).norm(dim=1, keepdim=True) for p in pooled]
    alike = (unit[0] @ unit[1].T / TEMPERATURE).double()
    nats = []
    for a in (alike.numpy(), alike.numpy().T):
        for i in range(3):
            others = [j for j in range(3) if owner[j] != owner[i]]  # the same object again is no other one
            nats.append(-np.log(np.exp(a[i, i]) / np.exp(a[i, [i, *others]]).sum()))
    assert misalignment(*pooled, torch.tensor(owner)).item() == pytest.approx(np.mean(nats), rel=1e-4)
    assert misalignment(pooled[0], pooled[0], torch.tensor(owner)) < misalignment(*pooled, torch.tensor(owner))


def test_mean_states_are_those_of_each_spectrum(model):
    batch = two_views(0, 3)[0]
    states = model.encode(batch)
    expected = torch.stack([one.mean(0) for one in states.split(batch.offsets.diff().tolist())])
    torch.testing.assert_close(mean_state(states, batch), expected)


def test_training_it_makes_views_of_other_objects_find_each_other(model):
    def lost(seed):
        views = two_views(seed)
        return misalignment(*(mean_state(model.encode(view), view) for view in views), torch.arange(8))

    adam = torch.optim.Adam(model.parameters(), 3e-3)
    before = np.mean([lost(1000 + s).item() for s in range(5)])
    for step in range(40):
        adam.zero_grad()
        lost(step).backward()
        adam.step()
    after = np.mean([lost(1000 + s).item() for s in range(5)])
    assert after < 0.7 * before
