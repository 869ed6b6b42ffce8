"""Local means: by hand, within one spectrum, without invalid pixels, and something everywhere."""

import numpy as np
import pytest
import torch

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.means import FLOOR, local_means

WIDTHS = (2.1e-4, 5.3e-3, 2.03e-2)


@pytest.fixture
def read(make_spectrum, cut):
    bad = np.zeros(88, bool)
    bad[30:34] = True
    spectra = make_spectrum(50, 4000.0, 1e-3), make_spectrum(88, 4010.0, 3e-4, seed=1, bad=bad)
    return SpectralBatch.packed([cut(s) for s in spectra])


def test_by_hand(read):
    wanted = [np.array([3900.0, 4003.0, 4100.0, 4171.0]), np.array([4011.0, 4047.3, 4100.0, 5000.0])]
    means = local_means(read, Grid.of(wanted, 8), WIDTHS)
    for spectrum in (0, 1):
        rows = (read.spectrum == spectrum)[:, None] & read.valid
        place, value = read.wavelength[rows].log().numpy(), read.value[rows].double().numpy()
        weight = 1 / (read.sigma[rows].double().numpy() ** 2 + (FLOOR * value) ** 2)

        def box(x, width, place=place, value=value, weight=weight):
            inside = np.abs(place - x) <= width / 2
            return np.average(value[inside], weights=weight[inside]) if inside.any() else None

        for i, x in enumerate(np.log(wanted[spectrum])):
            sides = place[place <= x].max(initial=-np.inf), place[place >= x].min(initial=np.inf)
            near = [box(s, WIDTHS[-1]) for s in sides if np.isfinite(s)]
            part = (x - sides[0]) / (sides[1] - sides[0]) if np.isfinite(sides).all() and sides[0] < sides[1] else 0
            expected = near[0] if len(near) == 1 else (1 - part) * near[0] + part * near[1]
            for k in reversed(range(3)):
                own = box(x, WIDTHS[k])
                expected = expected if own is None else own
                assert means[spectrum, i, k].item() == pytest.approx(expected, rel=1e-9)


def test_wide_boxes_take_noise_away_and_narrow_ones_keep_lines(make_spectrum, cut):
    rng = np.random.default_rng(3)
    n = 4000
    place = np.arange(n)
    truth = 5 + 20 * np.exp(-0.5 * ((place - 2000) / 3) ** 2)
    spectrum = make_spectrum(n, step=1e-4, flux=truth + rng.normal(size=n), ivar=np.ones(n))
    patches = cut(spectrum)
    batch = SpectralBatch.packed([patches])
    means = local_means(batch, batch, (3e-4, 1e-2)).reshape(n, 2).numpy() * patches.scale
    away = np.abs(place - 2000) > 200
    assert np.std((means[:, 1] - truth)[away]) < 0.2 < 0.4 < np.std((means[:, 0] - truth)[away])
    assert means[2000, 0] > 20 > 10 > means[2000, 1]


def test_values_under_invalid_pixels_do_not_matter(read):
    other = SpectralBatch(**{**vars_of(read), "value": torch.where(read.valid, read.value, 1e6)})
    assert torch.equal(local_means(read, read, WIDTHS), local_means(other, read, WIDTHS))


def vars_of(batch):
    return {name: getattr(batch, name) for name in ("wavelength", "lsf", "offsets", "value", "sigma", "valid")}
