"""The template scan: Fourier sums are the plain ones, incomplete rows give components, redshifts are found."""

import numpy as np
import pytest

from foundation.data.records import Spectrum
from foundation.data.simulate.sky import SkySurvey
from foundation.evaluation.spectra.scan import TemplateScan, _scan
from foundation.evaluation.spectra.templates import STEP, Template, binned, principal


def test_every_redshift_has_the_chi_squared_of_a_plain_fit():
    rng = np.random.default_rng(0)
    template = Template("GALAXY", 8800, rng.normal(size=(3, 500)), (0.0, 0.15))
    mean, weight = rng.normal(size=120), rng.uniform(0.5, 2, 120)
    first = 9000
    best = (np.inf, None)
    for shift in range(round(np.log10(1.15) / STEP) + 1):
        design = np.zeros((3, 120))
        for i in range(120):
            column = first + i - shift - template.first
            if 0 <= column < 500:
                design[:, i] = template.components[:, column]
        solution = np.linalg.lstsq((design * np.sqrt(weight)).T, np.sqrt(weight) * mean, rcond=None)[0]
        chi2 = float((weight * (mean - solution @ design) ** 2).sum())
        best = min(best, (chi2, shift))
    found = _scan(template, first, mean, weight)
    assert found.chi2 == pytest.approx(best[0], rel=1e-6)
    assert np.log10(1 + found.z) / STEP == pytest.approx(best[1], abs=1e-6)


def test_components_explain_rows_that_are_nowhere_whole():
    rng = np.random.default_rng(1)
    basis = np.stack([np.ones(200), np.sin(np.arange(200) / 15), np.linspace(-1, 1, 200)])
    whole = rng.uniform(0.5, 1.5, (40, 3)) @ basis
    rows = whole.copy()
    for row, begin in zip(rows, np.linspace(0, 40, 40).astype(int), strict=True):
        row[:begin] = row[begin + 160 :] = np.nan
    found = principal(rows, 3)
    often = np.isfinite(rows).sum(0) >= 10  # a column that few rows have is not determined
    solution = np.linalg.lstsq(found[:, often].T, whole[:, often].T, rcond=None)[0]
    assert np.abs(solution.T @ found - whole)[:, often].max() < 0.05
    assert often.sum() > 150


def test_bins_hold_the_weighted_mean_and_a_floor_bounds_their_weight():
    wavelength = 5000 * 10 ** (1e-4 * np.arange(12))
    flux, ivar = np.arange(12.0) + 1, np.linspace(1, 2, 12)
    first, mean, weight = binned(flux, ivar, wavelength, 0.0)
    bins = np.rint(np.log10(wavelength) / STEP).astype(int)
    for i, number in enumerate(np.unique(bins)):
        inside = bins == number
        assert first + i == number
        assert mean[i] == pytest.approx(np.average(flux[inside], weights=ivar[inside]))
        assert weight[i] == pytest.approx(ivar[inside].sum())
    assert (binned(flux, ivar * 1e12, wavelength, 0.1)[2] < 1 / (0.1 * np.median(flux)) ** 2 * 1.001).all()


def test_classes_and_redshifts_of_simulated_spectra_are_found():
    scan = TemplateScan.of_simulation(60, 5)
    survey = SkySurvey(seed=11, galaxies=1, quasars=1, stars=1, image_size=0, snr=(8, 30), missing_spectrum=0)
    found, wrong = [], []
    for sample in survey.samples(30):
        best = scan.best(sample["spectrum_sdss"], scan.classes)
        found.append(best.kind == sample.labels["class"])
        wrong.append(abs(best.z - sample.labels["z"]) / (1 + sample.labels["z"]))
    assert np.mean(found) > 0.8
    assert np.median(wrong) < 1e-3


def test_only_allowed_classes_are_tried():
    scan = TemplateScan.of_simulation(8, 2)
    flat = Spectrum(np.ones(900), np.linspace(4000, 9000, 900), np.ones(900))
    assert scan.best(flat, ("QSO",)).kind == "QSO"
