"""Local means and their risks: by hand, within one spectrum, without invalid pixels, and something everywhere."""

import numpy as np
import pytest
import torch

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.means import FLOOR, SURE, local_means

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
            if not inside.any():
                return None
            mean, noise = np.average(value[inside], weights=weight[inside]), 1 / weight[inside].sum()
            chi2 = np.sum(weight[inside] * (value[inside] - mean) ** 2)
            return np.array([mean, noise * (1 + max(chi2 - inside.sum() + 1, 0))])

        for i, x in enumerate(np.log(wanted[spectrum])):
            sides = place[place <= x].max(initial=-np.inf), place[place >= x].min(initial=np.inf)
            near = [box(s, WIDTHS[-1]) for s in sides if np.isfinite(s)]
            part = (x - sides[0]) / (sides[1] - sides[0]) if np.isfinite(sides).all() and sides[0] < sides[1] else 0
            expected = near[0] if len(near) == 1 else (1 - part) * near[0] + part * near[1]
            boxes = []
            for width in reversed(WIDTHS):
                own = box(x, width)
                expected = expected if own is None else own
                boxes.insert(0, expected)
            for k, (value, risk) in enumerate(boxes):
                beyond = [max(abs(value - other) - SURE * np.sqrt(own), 0) for other, own in boxes[:k]]
                found = [part[spectrum, i, k].item() for part in (means.value, means.risk)]
                assert found == pytest.approx([value, risk + max(beyond, default=0) ** 2], rel=1e-9)


def test_wide_boxes_take_noise_away_and_narrow_ones_keep_lines(make_spectrum, cut):
    rng = np.random.default_rng(3)
    n = 4000
    place = np.arange(n)
    truth = 5 + 20 * np.exp(-0.5 * ((place - 2000) / 3) ** 2)
    spectrum = make_spectrum(n, step=1e-4, flux=truth + rng.normal(size=n), ivar=np.ones(n))
    patches = cut(spectrum)
    batch = SpectralBatch.packed([patches])
    found = local_means(batch, batch, (3e-4, 1e-2))
    means, risk = (part.reshape(n, 2).numpy() for part in (found.value * patches.scale, found.risk * patches.scale**2))
    away = np.abs(place - 2000) > 200
    assert np.std((means[:, 1] - truth)[away]) < 0.2 < 0.4 < np.std((means[:, 0] - truth)[away])
    assert means[2000, 0] > 20 > 10 > means[2000, 1]
    line = (means[2000, 1] - truth[2000]) ** 2
    assert 0.5 * line < risk[2000, 1] < 1.5 * line  # the narrow one tells; scatter in the wide box is a tenth of it


@pytest.mark.parametrize("noise", [0.2, 1.0, 5.0])
def test_risk_is_the_squared_error_of_a_mean_where_noise_rules_and_where_lines_do(make_spectrum, cut, noise):
    rng = np.random.default_rng(4)
    n, width = 20_000, 3.55e-3  # three waves and a pixel less
    truth = 5 + np.sin(np.arange(n) * (2 * np.pi / 12))  # of variance 1/2, whatever the mean of a wide box
    spectrum = make_spectrum(n, step=1e-4, flux=truth + noise * rng.normal(size=n), ivar=np.full(n, noise**-2))
    patches = cut(spectrum)
    batch = SpectralBatch.packed([patches])
    means = local_means(batch, batch, (1e-5, width))
    value, risk = (part.reshape(n, 2).numpy() for part in (means.value * patches.scale, means.risk * patches.scale**2))
    error = ((value - truth[:, None]) ** 2).mean(0)
    assert risk.mean(0)[0] == pytest.approx(error[0] + (5 * FLOOR) ** 2, rel=0.05)  # one pixel: noise
    pixels = 1e4 * width
    noisy = noise**2 * np.sqrt(2 / pixels)  # of what is left of a scatter that is not below 0
    assert 0.9 * error[1] < risk.mean(0)[1] < 1.2 * error[1] + noisy


def test_values_under_invalid_pixels_do_not_matter(read):
    other = SpectralBatch(**{**vars_of(read), "value": torch.where(read.valid, read.value, 1e6)})
    means, others = local_means(read, read, WIDTHS), local_means(other, read, WIDTHS)
    assert torch.equal(means.value, others.value)
    assert torch.equal(means.risk, others.risk)


def vars_of(batch):
    return {name: getattr(batch, name) for name in ("wavelength", "lsf", "offsets", "value", "sigma", "valid")}
