"""The survey as a whole: purity, what its modalities know of each other, what is missing, what is refused."""

import json

import numpy as np
import pytest
from scipy.ndimage import median_filter
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict

from foundation.data.records import Image, Scalar, Spectrum
from foundation.data.simulate.galaxy import populations
from foundation.data.simulate.grid import REST_WAVELENGTH
from foundation.data.simulate.sky import SPECTRA, SkySurvey
from foundation.errors import FoundationError

BANDS = ("g", "r", "i", "z")


def parts(sample):
    """Everything in a sample, as bytes and numbers."""
    arrays = {
        f"{name}.{key}": value.tobytes() if isinstance(value, np.ndarray) else value
        for name, record in sample.records.items()
        for key, value in vars(record).items()
    }
    return sample.key, dict(sample.labels), dict(sample.origin), arrays


def test_an_object_is_a_pure_function_of_seed_and_index():
    survey = SkySurvey(seed=3, image_size=24)
    forward = [parts(survey.sample(i)) for i in range(6)]
    list(SkySurvey(seed=4, image_size=40).samples(2))
    backward = [parts(SkySurvey(seed=3, image_size=24).sample(i)) for i in reversed(range(6))]
    assert forward == backward[::-1]
    assert [parts(s) for s in survey.samples(2, start=3)] == forward[3:5]


def test_more_surveys_leave_the_others_alone():
    few = SkySurvey(seed=3, image_size=0, missing_spectrum=0)
    many = SkySurvey(seed=3, image_size=0, missing_spectrum=0, spectra=SPECTRA)
    for index in range(12):
        one, other = few.sample(index), many.sample(index)
        assert parts(one)[3].items() <= parts(other)[3].items()
        more = {name for name in other.records if name not in one.records}
        star = {"spectrum_galah", "spectrum_apogee", "spectrum_gaia", "coefficients_gaia_bp", "coefficients_gaia_rp"}
        assert more <= {"GALAXY": set(), "QSO": {n for n in star if "gaia" in n}, "STAR": star}[one.labels["class"]]
        assert one.labels["class"] != "STAR" or more >= {"spectrum_galah", "spectrum_apogee", "coefficients_gaia_rp"}


def test_seeds_and_indices_give_different_objects():
    labels = [SkySurvey(seed=s, image_size=0).sample(i).labels["z"] for s in range(3) for i in range(8)]
    assert len(set(labels)) == 24


def test_options_of_one_instrument_leave_the_others_alone():
    full, no_image = SkySurvey(seed=3).sample(1), SkySurvey(seed=3, image_size=0, snr=(0.5, 30)).sample(1)
    assert "image" not in no_image
    assert full["spectrum_sdss"].flux.tobytes() == no_image["spectrum_sdss"].flux.tobytes()
    assert full.labels == no_image.labels


def test_boss_shows_quasars_and_half_of_the_stars_too_blue():
    """Beside DESI, which centres every fibre alike."""
    blue = {}
    for kind, mix in (("GALAXY", (1, 0, 0)), ("QSO", (0, 1, 0)), ("STAR", (0, 0, 1))):
        sky = SkySurvey(5, *mix, image_size=0, missing_spectrum=0, snr=(20, 30), outliers=0)
        spectra = [(s["spectrum_sdss"], s["spectrum_desi"]) for s in sky.samples(24)]
        whole = [pair for pair in spectra if pair[1].usable.mean() > 0.9]  # DESI lacks an arm now and then
        blue[kind] = np.mean([_red_over_blue(sdss) < 0.87 * _red_over_blue(desi) for sdss, desi in whole])
    assert blue["GALAXY"] < 0.2 and blue["QSO"] > 0.6 and 0.15 < blue["STAR"] < 0.8


def _red_over_blue(spectrum):
    place, flux = spectrum.wavelength[spectrum.usable], spectrum.flux[spectrum.usable]
    return np.median(flux[(place > 8500) & (place < 9500)]) / np.median(flux[(place > 4000) & (place < 4500)])


def test_samples_are_complete_and_can_be_written_as_json(mixed):
    assert {s.labels["class"] for s in mixed} == {"GALAXY", "QSO", "STAR"}
    assert len({s.key for s in mixed}) == len(mixed)
    for sample in mixed:
        assert {"subclass", "z", "snr", "z_warning"} <= set(sample.labels)
        assert json.loads(json.dumps([sample.labels, sample.origin])) == [sample.labels, sample.origin]
        assert any(name.startswith("spectrum") for name in sample)
        for name, record in sample.records.items():
            kind = {"image": Image, "spectrum_sdss": Spectrum, "spectrum_desi": Spectrum}.get(name, Scalar)
            assert isinstance(record, kind)
            assert kind is not Scalar or record.name == name
        spectrum = sample["spectrum_sdss"] if "spectrum_sdss" in sample else sample["spectrum_desi"]
        assert sample.labels["snr"] == spectrum.snr
        if sample.labels["class"] == "STAR":
            assert abs(sample.labels["z"]) < 0.002 and "teff" in sample.labels


def test_entries_go_missing_as_often_as_asked(mixed):
    def absent(name, samples=mixed):
        return np.mean([name not in s for s in samples])

    assert absent("flux_g") == pytest.approx(0.2, abs=0.12)
    assert absent("spectrum_sdss") == pytest.approx(0.2, abs=0.12)
    faint, bright = ([s for s in mixed if low < s.labels["snr"] < high] for low, high in ((0, 2), (10, 999)))
    assert absent("redshift", faint) > absent("redshift", bright) + 0.2
    complete = SkySurvey(seed=5, image_size=16, missing_image=0, missing_spectrum=0, missing_scalar=0).sample(0)
    assert {"image", "spectrum_sdss", "spectrum_desi", "flux_w2", "ebv"} <= set(complete)


def test_most_redshifts_are_right_and_some_are_wrong():
    survey = SkySurvey(seed=1, spectra=("spectrum_desi",), image_size=0, missing_scalar=0, snr=(8, 9), galaxies=0)
    errors = [
        abs(s["redshift"].value - s.labels["z"]) / (1 + s.labels["z"]) for s in survey.samples(250) if "redshift" in s
    ]
    assert np.median(errors) < 3e-4
    assert 1 <= np.sum(np.array(errors) > 0.01) <= 10


def test_image_flux_is_the_photometry(galaxies):
    ratios = []
    for sample in SkySurvey(seed=2, galaxies=0, spectra=(), missing_image=0, missing_scalar=0).samples(60):
        image = sample["image"]
        centre = np.hypot(*(np.mgrid[:64, :64] - 31.5)) < 11  # closer than any neighbour
        for band, plane, good in zip(image.bands, image.flux, image.usable, strict=True):
            scalar = sample[f"flux_{band[-1].lower()}"]
            if good[centre].all() and scalar.value > 20 * scalar.sigma:
                ratios.append(plane[centre].sum() / scalar.value)
    assert len(ratios) > 60
    assert np.median(ratios) == pytest.approx(0.97, abs=0.03)  # the atmosphere's wings lie outside


def colours(sample):
    return [np.arcsinh(sample[f"flux_{band}"].value / 0.1) for band in BANDS]


def apertures(sample):
    """Fluxes in growing circles, their ratios and colours, in the bands that are there."""
    image = sample["image"]
    centre = (image.flux.shape[-1] - 1) / 2
    radius = np.hypot(*(np.mgrid[: image.flux.shape[1], : image.flux.shape[2]] - centre))
    planes = {band[-1].lower(): plane for band, plane in zip(image.bands, image.flux, strict=True)}
    inside = [[planes[b][radius < r].sum() if b in planes else 0 for r in (3, 5, 8, 14)] for b in BANDS]
    grown = np.arcsinh(np.array(inside) / 0.1)
    return [*grown.ravel(), *np.diff(grown, axis=1).ravel(), *np.diff(grown, axis=0).ravel()]


def forest_r2(features, target):
    model = RandomForestRegressor(60, max_features=0.4, min_samples_leaf=2, random_state=0)
    return r2_score(target, cross_val_predict(model, np.array(features), np.array(target), cv=5))


def test_photometry_knows_the_redshift_neither_too_well_nor_too_badly(galaxies):
    redshifts = [s.labels["z"] for s in galaxies]
    assert 0.6 < forest_r2([colours(s) for s in galaxies], redshifts) < 0.85
    shuffled = np.random.default_rng(0).permutation(redshifts)
    assert forest_r2([colours(s) for s in galaxies], shuffled) < 0.1


def test_an_image_adds_to_photometry(galaxies):
    for label, gain in (("z", 0.01), ("star_forming", 0.05)):
        target = [s.labels[label] for s in galaxies]
        alone = forest_r2([colours(s) for s in galaxies], target)
        both = forest_r2([colours(s) + apertures(s) for s in galaxies], target)
        assert both > alone + gain


# vacuum Å of the lines an observer would look for, from the NIST and SDSS lists; groups of fixed ratio
LINES = (((3727.1, 1), (3729.9, 1)), ((4862.7, 1), (6564.6, 3)), ((4960.3, 1), (5008.2, 3)), ((6549.9, 1), (6585.3, 3)))
REBIN = 4  # BOSS pixels


def template_redshift(spectrum):
    """Best of a χ² scan: stellar populations, lines and a polynomial, linear at each trial redshift."""
    step = 1e-4 * REBIN
    edges = int(np.ceil(np.log10(spectrum.wavelength[0]) / step)), int(np.log10(spectrum.wavelength[-1]) / step)
    bins = np.rint(np.log10(spectrum.wavelength) / step).astype(int) - edges[0]
    n = edges[1] - edges[0]
    inside = (bins >= 0) & (bins < n)
    ivar = np.where(spectrum.usable, spectrum.ivar, 0)
    weight = np.bincount(bins[inside], ivar[inside], n)
    flux = np.bincount(bins[inside], (ivar * spectrum.flux)[inside], n) / np.maximum(weight, 1e-30)
    rough = median_filter(flux, 101)
    weight = 1 / (1 / np.maximum(weight, 1e-30) + (0.01 * rough) ** 2)  # calibration is not perfect
    weight = weight / (1 + weight * (flux - median_filter(flux, 5)) ** 2 / 25)
    trials = np.arange(round(np.log10(1.01) / step), round(np.log10(2.5) / step))
    rest = 10 ** (step * np.arange(edges[0] - trials[-1], edges[1] - trials[0]))
    stars = np.stack([np.interp(rest, REST_WAVELENGTH, p) for p in populations()])
    gas = [sum(a * np.exp(-0.5 * ((rest / c - 1) / 7e-4) ** 2) for c, a in group) for group in LINES]
    tables = np.vstack([stars, gas])
    curves = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, n), 3).T
    level = np.median(flux[weight > 0])
    best = []
    for trial in trials:
        first = trials[-1] - trial
        design = np.vstack([tables[:, first : first + n], level * curves])
        normal = (design * weight) @ design.T
        solution = np.linalg.lstsq(normal, (design * weight) @ flux, rcond=1e-10)[0]
        solution[4:8] = np.maximum(solution[4:8], 0)  # no lines in absorption
        best.append((weight * (flux - solution @ design) ** 2).sum())
    return 10 ** (step * trials[int(np.argmin(best))]) - 1


def test_a_spectrum_knows_the_redshift():
    survey = SkySurvey(
        seed=8, galaxies=1, quasars=0, stars=0, spectra=("spectrum_sdss",), image_size=0, snr=(5, 30), bright_fraction=0
    )
    samples = list(survey.samples(40))
    truth = np.array([s.labels["z"] for s in samples])
    found = np.array([template_redshift(s["spectrum_sdss"]) for s in samples])
    assert r2_score(truth, found) > 0.99
    assert np.median(np.abs(found - truth) / (1 + truth)) < 1e-3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"galaxies": 0, "quasars": 0, "stars": 0}, "not all 0"),
        ({"stars": -1}, "wanted numbers >= 0"),
        ({"spectra": ("spectrum_muse",)}, "Choose from spectrum_sdss, spectrum_desi, spectrum_galah"),
        ({"snr": (5.0, 1.0)}, "0 < low <= high"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(FoundationError, match=sentence):
        SkySurvey(**changes)
