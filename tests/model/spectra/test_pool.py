"""States as one vector: what a mean keeps, and where in the spectrum it was."""

import numpy as np
import pytest
import torch

from foundation.model.spectra.pool import in_bins, summary


@pytest.fixture
def states():
    """Three spectra of 4, 1 and 3 patches: states, count, place."""
    generator = torch.Generator().manual_seed(0)
    place = torch.tensor([0.1, 0.2, 0.6, 2.9, 1.5, 0.0, 1.0, 3.0], dtype=torch.float64)
    return torch.randn(8, 5, generator=generator), torch.tensor([4, 1, 3]), place


def test_bins_hold_the_mean_of_their_own_patches(states):
    tokens, count, place = states
    edges = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    pooled = in_bins(tokens, count, place, edges).view(3, 3, 5).numpy()
    want = np.full((3, 3, 5), np.nan, np.float32)
    owner = np.repeat(np.arange(3), count.numpy())
    for spectrum in range(3):
        for bin_, (low, high) in enumerate(((0, 0.5), (0.5, 1), (1, 2))):
            here = (owner == spectrum) & (place.numpy() >= low) & (place.numpy() < high)
            if here.any():
                want[spectrum, bin_] = tokens.numpy()[here].mean(0)
    np.testing.assert_allclose(pooled, want, rtol=1e-5, atol=1e-6)
    assert np.isnan(pooled[1, 0]).all() and np.isfinite(pooled[1, 2]).all()  # measured in the last bin alone


def test_a_wide_bin_is_the_mean_and_a_summary_begins_with_it(states):
    tokens, count, place = states
    whole = in_bins(tokens, count, place, torch.tensor([-1.0, 4.0], dtype=torch.float64))
    torch.testing.assert_close(summary(tokens, count)[:, :5], whole)
    first = tokens[:4]
    parts = [first.mean(0), first.std(0, correction=0), first.amax(0), first.amin(0)]
    torch.testing.assert_close(summary(tokens, count)[0], torch.cat(parts), rtol=1e-4, atol=1e-5)


def test_moving_a_state_along_the_spectrum_changes_bins_and_not_the_summary(states):
    tokens, count, place = states
    edges = torch.linspace(0, 3.1, 4, dtype=torch.float64)
    moved = place.flip(0)
    assert not torch.equal(*(in_bins(tokens, count, p, edges).nan_to_num() for p in (place, moved)))
