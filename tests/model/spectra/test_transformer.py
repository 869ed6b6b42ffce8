"""The model over spectra: what changes its states and answers, what does not, and any grid asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.transformer import SpectralTransformer

PARTS = [
    {},
    {
        "means": (),
        "terms": 0,
        "channels": "published",
        "code": "published",
        "decoder": "additive",
        "periods": (0.1, 1e6),
    },
]


@pytest.mark.parametrize("parts", PARTS, ids=["ours", "published"])
@torch.no_grad()
def test_packing_is_a_matter_of_speed_alone(make_model, three, parts):
    model = make_model(**parts).double()
    whole = SpectralBatch.packed(three)
    states, answers = model.encode(whole), model(whole, whole)
    for i, patches in enumerate(three):
        alone = SpectralBatch.packed([patches])
        own = slice(whole.offsets[i], whole.offsets[i + 1])
        torch.testing.assert_close(states[own], model.encode(alone), rtol=0, atol=1e-12)
        torch.testing.assert_close(answers[own], model(alone, alone), rtol=0, atol=1e-12)


@torch.no_grad()
def test_wavelengths_matter_to_every_code(make_model, make_spectrum, cut):
    one = make_spectrum()
    for parts in PARTS:
        model = make_model(**parts)
        first, second = (
            model.encode(SpectralBatch.packed([cut(replace(one, wavelength=one.wavelength * z))])) for z in (1, 1.01)
        )
        assert (first - second).abs().max() > 1e-2


@torch.no_grad()
def test_the_line_spread_matters_where_it_is_known(make_model, make_spectrum, cut):
    model = make_model()
    spread = [make_spectrum(lsf_sigma=None if s is None else np.full(50, s)) for s in (None, 1.0, 2.0)]
    states = [model.encode(SpectralBatch.packed([cut(s)])) for s in spread]
    assert all((states[i] - states[j]).abs().max() > 1e-3 for i, j in ((0, 1), (1, 2)))


@torch.no_grad()
def test_any_grid_may_be_asked_and_answers_do_not_depend_on_what_else_is(make_model, three):
    model = make_model().double()
    read = SpectralBatch.packed(three)
    states = model.encode(read)
    grids = [np.linspace(3000, 9000, n) for n in (40, 8, 21)]
    asked = Grid.of(grids, 8)
    assert asked.offsets.diff().tolist() == [5, 1, 3]
    answers = model.decode(states, read, asked)
    assert answers.shape == (9, 8)
    part = model.decode(states, read, Grid.of([grids[0][16:24], grids[1], grids[2]], 8))
    torch.testing.assert_close(part[0], answers[2], rtol=0, atol=1e-12)


def test_an_additive_decoder_refuses_other_grids(make_model, three):
    model = make_model(**PARTS[1])
    read = SpectralBatch.packed(three)
    with pytest.raises(FoundationError, match="use decoder='cross'"):
        model(read, Grid.of([np.linspace(3000, 9000, 40)] * 3, 8))


@pytest.mark.parametrize("parts", PARTS, ids=["ours", "published"])
def test_every_weight_has_a_gradient(make_model, three, parts):
    model = make_model(**parts)
    batch = SpectralBatch.packed(three)
    model(batch, batch).square().sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


def test_the_published_size():
    with torch.device("meta"):
        count = sum(p.numel() for p in SpectralTransformer(SpectraConfig.published()).parameters())
    assert count == pytest.approx(37.9e6, rel=0.01)  # counted from the paper's numbers


@pytest.mark.parametrize("snr", [2, 20, 200])
@torch.no_grad()
def test_noise_is_taken_away_and_lines_stay_before_anything_is_learned(make_spectrum, cut, snr):
    n = 4000
    rng = np.random.default_rng(5)
    truth = 1 - 0.8 * sum(np.exp(-0.5 * ((np.arange(n) - line) / 4) ** 2) for line in (900, 1700, 1730, 3100))
    spectrum = make_spectrum(n, step=2e-5, flux=truth + rng.normal(size=n) / snr, ivar=np.full(n, snr**2))
    patches = cut(spectrum)
    batch = SpectralBatch.packed([patches])
    untrained = SpectralTransformer(SpectraConfig(patch=8, width=32, depth=1, decoder_depth=1, heads=2)).eval()
    answer = untrained(batch, batch).flatten().numpy() * patches.scale
    beyond_floor = (answer - truth) ** 2 / (snr**-2 + 0.01**2)
    assert beyond_floor.mean() < 0.5  # the noise itself would be 1
    assert beyond_floor[truth < 0.9].mean() < 1.0


def test_refusals(make_model, three):
    with pytest.raises(FoundationError, match="multiple of four times the heads"):
        SpectraConfig(width=20, heads=8)
    with pytest.raises(FoundationError, match="Give 0 < shortest < longest"):
        SpectraConfig(periods=(1.0, 0.1))
    with pytest.raises(FoundationError, match="does not increase"):
        Grid.of([np.array([2.0, 1.0])], 8)
    with pytest.raises(FoundationError, match="the model reads 4"):
        make_model(patch=4).encode(SpectralBatch.packed(three))
    read = SpectralBatch.packed(three)
    with pytest.raises(FoundationError, match="1 grids are asked of 3 spectra"):
        make_model()(read, Grid.of([np.linspace(3000, 9000, 40)], 8))
