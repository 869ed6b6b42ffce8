"""The survey layer keeps what its table declares: grid, line spread, noise, correlation, masks."""

import numpy as np
import pytest

from foundation.data.formats.catalog import read_file
from foundation.data.simulate.grid import WAVELENGTH, add_line
from foundation.data.simulate.instrument import FIBRES, SPECTROGRAPHS
from foundation.data.simulate.sky import SkySurvey
from foundation.data.simulate.spectrograph import correlated, line_spread, observe

SURVEYS = ("spectrum_sdss", "spectrum_desi")
NARROW = ("spectrum_galah", "spectrum_apogee")


def flat(modality):
    return 5 * (SPECTROGRAPHS[modality].light.wavelength / 6000) ** -0.5


def exposures(modality, count=40, snr=10.0):
    return [observe(modality, flat(modality), snr, np.random.default_rng([9, i])) for i in range(count)]


@pytest.fixture(scope="module")
def seen():
    complete = {modality: exposures(modality) for modality in SURVEYS}
    return {m: [o for o in all_of_it if all(a.usable.any() for a in o.arms)] for m, all_of_it in complete.items()}


def away_from_sky(observation):
    """Pixels where neither airglow residuals nor rejections disturb the statistics."""
    wavelength = observation.spectrum.wavelength
    return observation.spectrum.usable & (wavelength > 4100) & (wavelength < 5400)


@pytest.mark.parametrize(
    ("modality", "arm"),
    [
        ("spectrum_sdss", 0), ("spectrum_sdss", 1), ("spectrum_desi", 2),
        ("spectrum_galah", 0), ("spectrum_galah", 3), ("spectrum_apogee", 1),
    ],
)  # fmt: skip
def test_a_narrow_line_has_the_width_of_the_table(modality, arm):
    shape = SPECTROGRAPHS[modality].arms[arm]
    for share in (0.25, 0.75):
        centre = shape.low + share * (shape.high - shape.low)
        declared = FIBRES[0] * np.interp(centre, (shape.low, shape.high), shape.lsf_sigma)
        own, lattice = 12.0 if modality in SURVEYS else 5.0, SPECTROGRAPHS[modality].light  # km/s
        flux = np.zeros(lattice.count)
        add_line(flux, centre, own, 1.0, lattice)
        out = line_spread(modality, arm, FIBRES[0]) @ flux
        first, last = SPECTROGRAPHS[modality].extent(arm)
        wavelength = SPECTROGRAPHS[modality].grids[arm].wavelength(np.arange(first, last + 1))
        weight = out * np.gradient(wavelength)
        mean = (weight * wavelength).sum() / weight.sum()
        width = np.sqrt((weight * (wavelength - mean) ** 2).sum() / weight.sum())
        assert mean == pytest.approx(centre, abs=0.02)
        assert width == pytest.approx(np.hypot(declared, own / 299792.458 * centre), rel=0.02)
        assert weight.sum() == pytest.approx(1, rel=0.01)


def test_the_record_carries_the_line_spread_of_the_table(seen):
    desi = seen["spectrum_desi"][0].spectrum
    blue = desi.lsf_sigma[(desi.wavelength < 5700) & desi.usable]
    assert np.ptp(blue) < 1e-5
    assert min(abs(blue[0] / 0.71 - f) for f in FIBRES) < 1e-4
    pixels = [o.spectrum.lsf_sigma / np.gradient(o.spectrum.wavelength) for o in seen["spectrum_sdss"]]
    assert 0.75 < np.percentile(pixels[0], 5) < np.percentile(pixels[0], 95) < 1.4  # as in real files


@pytest.mark.parametrize("modality", SURVEYS)
def test_noise_is_as_large_as_declared(seen, modality):
    pulls, factors, reported = [], [], []
    for one in seen[modality]:
        good = away_from_sky(one)
        pull = ((one.spectrum.flux - one.noiseless) * np.sqrt(one.spectrum.ivar))[good]
        scale = 1.4826 * np.median(np.abs(pull))
        factors.append(scale)
        pulls.append(pull / scale)
        reported.append(np.median((one.arms[0].ivar * one.sigmas[0] ** 2)[one.arms[0].usable]))
    pulls = np.concatenate(pulls)
    assert np.mean(factors) == pytest.approx(1.0, abs=0.03)
    assert np.std(reported) == pytest.approx(0.1, abs=0.04)  # ivar is misreported by 10 %
    assert np.corrcoef(factors, np.sqrt(reported))[0, 1] > 0.6
    assert pulls.mean() == pytest.approx(0, abs=0.02)
    # 99 % of pixels are normal, 1 % five times wider: P(|x| > 4) = 0.01 * P(|x| > 0.8)
    assert (np.abs(pulls) > 4).mean() == pytest.approx(0.0042, abs=0.0012)


def test_outliers_are_what_lifts_the_chi_squared_of_the_truth():
    for share, expected in ((0.0, 1.0), (0.01, 1.24)):
        draws = [np.random.default_rng([9, i]) for i in range(30)]
        seen = [observe("spectrum_desi", flat("spectrum_desi"), 10.0, draw, share) for draw in draws]
        pulls = [
            (o.spectrum.flux - o.noiseless)[away_from_sky(o)] ** 2 * o.spectrum.ivar[away_from_sky(o)] for o in seen
        ]
        assert np.concatenate(pulls).mean() == pytest.approx(expected, abs=0.05)


EBOSS = ("spec-10656-58163-0366.fits.gz", "spec-9367-57758-0482.fits.gz")


def _noise(spectrum, band):
    """Median noise in the band over that at 5200 Å, and the mean scatter of ln(noise) in runs of 64 pixels."""
    inside, middle = ((spectrum.wavelength > a) & (spectrum.wavelength < b) for a, b in (band, (5000, 5400)))
    sigma = [1 / np.sqrt(spectrum.ivar[part & spectrum.usable]) for part in (inside, middle)]
    runs = np.log(sigma[0][: len(sigma[0]) // 64 * 64]).reshape(-1, 64)
    return np.median(sigma[0]) / np.median(sigma[1]), runs.std(1).mean()


def test_faint_objects_have_the_noise_of_real_ones_in_shape_and_airglow(astro_data):
    """eBOSS files of two plates; noise over that at 5200 Å, and how far it spreads within 64 pixels."""
    real = [next(iter(read_file(astro_data / "sdss_boss" / name)))["spectrum_sdss"] for name in EBOSS]
    bands = ((4000, 4400), (6300, 6700), (7700, 8100), (8600, 9000), (9300, 9700), (9850, 10150))
    one_plate, other = ([_noise(s, band) for band in bands] for s in real)
    simulated = [[_noise(o.spectrum, band) for band in bands] for o in exposures("spectrum_sdss", 5, 3.0)]
    level, spread = np.median(simulated, 0).T
    known = np.mean([one_plate, other], 0).T
    np.testing.assert_allclose(level, known[0], rtol=0.25)
    airglow = known[1] > 0.2  # bands with lines of the night sky
    assert airglow.sum() == 4
    np.testing.assert_allclose(spread[airglow], known[1][airglow], rtol=0.35)
    assert (spread[~airglow] < 0.2).all()


def test_bright_objects_have_less_of_the_skys_noise():
    """Where their own light rules, airglow is not seen in the noise."""
    spreads = []
    for snr in (2.0, 300.0):
        one = exposures("spectrum_sdss", 1, snr)[0]
        spreads.append(_noise(one.spectrum, (8600, 9000))[1])
    assert spreads[1] < 0.25 * spreads[0]


@pytest.mark.parametrize("modality", SURVEYS)
def test_neighbouring_noise_correlates_as_declared(seen, modality):
    products, squares = [], []
    for one in seen[modality]:
        good = away_from_sky(one)
        pull = np.clip(((one.spectrum.flux - one.noiseless) * np.sqrt(one.spectrum.ivar))[good], -4, 4)
        products.append((pull[1:] * pull[:-1]).mean())
        squares.append((pull**2).mean())
    assert np.mean(products) / np.mean(squares) == pytest.approx(SPECTROGRAPHS[modality].correlation, abs=0.02)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.6])
def test_the_kernel_gives_unit_variance_and_its_correlation(correlation):
    noise = correlated(400_000, correlation, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert (noise[1:] * noise[:-1]).mean() == pytest.approx(correlation, abs=0.01)
    assert (noise[3:] * noise[:-3]).mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("modality", SURVEYS)
@pytest.mark.parametrize("snr", [0.7, 5.0, 50.0])
def test_the_exposure_reaches_its_signal_to_noise(modality, snr):
    reached = [one.spectrum.snr for one in exposures(modality, 6, snr)]
    assert np.median(reached) == pytest.approx(snr, rel=0.15)  # more where arms overlap


def test_calibration_errors_are_smooth_and_a_few_percent(seen):
    for one in seen["spectrum_desi"][:20]:
        arm = one.signals[0] / np.interp(one.arms[0].wavelength, *_on_pixels("spectrum_desi"))
        assert arm.min() > 0.8 and arm.max() < 1.2
        assert np.abs(np.diff(arm)).max() < 1e-3
    assert np.std([one.signals[0][1000] for one in seen["spectrum_desi"]]) / 5 > 0.01


@pytest.mark.parametrize("modality", SURVEYS)
def test_only_boss_centres_fibres_on_quasar_candidates_for_blue_light(modality):
    slopes = []
    for is_candidate in (False, True):
        draws = [np.random.default_rng([9, i]) for i in range(40)]
        arms = [observe(modality, flat(modality), 10.0, d, is_quasar_candidate=is_candidate) for d in draws]
        signals = [np.median(one.signals[-1][-500:]) / np.median(one.signals[0][:500]) for one in arms]
        slopes.append(np.median(signals))
    expected = (10_000 / 3600) ** -0.44 if modality == "spectrum_sdss" else 1.0  # 24 % too faint, 19 % too bright
    assert slopes[1] / slopes[0] == pytest.approx(expected, abs=0.07)


def _on_pixels(modality):
    grid = SPECTROGRAPHS[modality].grids[0]
    return (WAVELENGTH - grid.first) / grid.step, flat(modality)


def test_boss_masks_flag_the_sky_and_reject_few(seen):
    spectra = [one.spectrum for one in seen["spectrum_sdss"]]
    bright = np.mean([(s.mask >> 23 & 1).mean() for s in spectra])
    assert 0.04 < bright < 0.10  # as in real files
    assert all(((s.mask >> 23 & 1) * (s.wavelength < 5500)).sum() < 20 for s in spectra)
    assert 0 < np.mean([(~s.usable).mean() for s in spectra]) < 0.01
    one_arm = [(s.wavelength < 5600) | (s.wavelength > 6400) for s in spectra]  # elsewhere the other arm may be good
    rejected = np.concatenate([s.ivar[one & (s.mask >> 18 & 1 == 1)] for s, one in zip(spectra, one_arm, strict=True)])
    assert len(rejected) > 0
    assert not rejected.any()
    assert any((s.mask >> 24 & 1).any() and (s.ivar[(s.mask >> 24 & 1) == 1] > 0).mean() > 0.9 for s in spectra)


def test_desi_masks_are_runs_and_whole_arms():
    many = exposures("spectrum_desi", 120)
    whole = [one for one in many if not all(arm.usable.any() for arm in one.arms)]
    assert 1 <= len(whole) <= 10
    dark = next(arm for arm in whole[0].arms if not arm.usable.any())
    assert (dark.mask >> 1 & 1).all() and not dark.ivar.any()
    cosmic = many[1].spectrum
    assert ((cosmic.mask >> 2 & 1) == (cosmic.ivar == 0)).mean() > 0.99
    assert 0 < (cosmic.ivar == 0).mean() < 0.05


def test_grids_are_those_of_real_files(astro_data, seen):
    real = next(iter(read_file(astro_data / "desi" / "coadd-4-80613-thru20210324.fits.gz")))["spectrum_desi"]
    for one in seen["spectrum_desi"][:3]:
        assert np.allclose(one.spectrum.wavelength, real.wavelength, rtol=0, atol=1e-6)
        assert (one.spectrum.survey, one.spectrum.frame, one.spectrum.unit) == (real.survey, real.frame, real.unit)
    for path in sorted((astro_data / "boss_plate7102").glob("*.fits.gz"))[:4]:
        real = next(iter(read_file(path)))["spectrum_sdss"]
        one = seen["spectrum_sdss"][0].spectrum
        phase = (np.log10(real.wavelength[0]) - np.log10(one.wavelength[0])) / 1e-4
        assert phase == pytest.approx(round(phase), abs=0.01)
        assert abs(phase) < 80
        assert abs(len(real.flux) - len(one.flux)) < 90
        assert (one.survey, one.frame, one.unit) == (real.survey, real.frame, real.unit)


def test_boss_files_differ_in_start_and_length(seen):
    starts = {round(np.log10(one.spectrum.wavelength[0]) * 1e4) for one in seen["spectrum_sdss"]}
    lengths = {len(one.spectrum.flux) for one in seen["spectrum_sdss"]}
    assert len(starts) > 15 and len(lengths) > 15
    assert max(starts) - min(starts) <= 40
    assert {len(one.spectrum.flux) for one in seen["spectrum_desi"]} == {7781}


@pytest.mark.parametrize("modality", NARROW)
def test_segments_have_the_noise_they_declare_too(modality):
    for one in exposures(modality, 12, snr=80.0):
        for arm, signal, sigma in zip(one.arms, one.signals, one.sigmas, strict=True):
            quiet = arm.usable & (arm.mask == 0)  # persistence and airglow are noisier
            if not quiet.any():
                continue  # a missing camera
            pull = ((arm.flux - signal) / sigma)[quiet]
            assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1, abs=0.12)
            assert np.median(arm.ivar[quiet] * sigma[quiet] ** 2) == pytest.approx(1, abs=0.45)


def test_galah_has_four_cameras_in_counts_on_the_grid_of_its_files(astro_data):
    real = next(iter(read_file(sorted((astro_data / "galah").glob("*1.fits*"))[0])))["spectrum_galah"]
    one = exposures("spectrum_galah", 1)[0].spectrum
    assert len(one.flux) == len(real.flux) == 4 * 4096
    for camera in range(4):
        ours, theirs = (s.wavelength[s.segment == camera] for s in (one, real))
        assert np.diff(ours).mean() == pytest.approx(np.diff(theirs).mean(), rel=1e-3)
        assert ours[0] == pytest.approx(theirs[0], abs=6)  # files differ
        widths = [np.median(s.lsf_sigma[s.segment == camera]) for s in (one, real)]
        assert widths[0] == pytest.approx(widths[1], rel=0.25)
    assert (one.unit, one.frame, one.survey) == (real.unit, real.frame, real.survey)
    assert not one.mask.any()


def test_apogee_has_three_chips_with_gaps_on_the_common_grid(astro_data):
    real = next(
        s["spectrum_apogee"]
        for p in sorted((astro_data / "apogee").glob("apStar*"))
        for s in read_file(p)
        if "spectrum_apogee" in s
    )
    many = exposures("spectrum_apogee", 30, snr=60.0)
    one = many[0].spectrum
    np.testing.assert_allclose(one.wavelength, real.wavelength, rtol=1e-9)
    assert np.array_equal(one.segment, real.segment)
    assert (one.unit, one.frame, one.survey) == (real.unit, real.frame, real.survey)
    assert one.lsf_sigma is None and real.lsf_sigma is None
    gaps = one.bad & (one.mask & 1 == 1)
    assert gaps.mean() == pytest.approx(0.124, abs=0.02)  # 7514 pixels of 8575 have light
    assert not one.ivar[gaps].any()
    persistent = [np.mean(o.spectrum.mask >> 9 & 1) for o in many]
    assert 0 < np.mean(np.array(persistent) > 0) < 0.7
    assert all(o.spectrum.usable[o.spectrum.mask >> 9 & 1 == 1].any() for o in many if (o.spectrum.mask >> 9 & 1).any())


def test_the_noise_of_faint_spectra_runs_along_the_wavelength_as_on_a_real_plate(astro_data):
    edges = np.arange(3700, 10_201, 500)

    def shape(spectra):
        """Noise in bins of wavelength over that at 5000 to 5500 Å, the median over spectra."""
        rows = []
        for one in spectra:
            sigma, place = one.ivar[one.usable] ** -0.5, one.wavelength[one.usable]
            bins = np.array([np.median(sigma[(place >= a) & (place < a + 500)]) for a in edges[:-1]])
            rows.append(bins / np.median(sigma[(place > 5000) & (place < 5500)]))
        return np.median(rows, 0)

    files = sorted((astro_data / "boss_plate7102").iterdir())
    real = [s["spectrum_sdss"] for path in files for s in read_file(path)]
    sky = SkySurvey(seed=4, image_size=0, missing_spectrum=0, spectra=("spectrum_sdss",), snr=(1, 6), bright_fraction=0)
    made = [s["spectrum_sdss"] for s in sky.samples(24)]
    ratio = shape(made) / shape([one for one in real if one.snr < 6])
    assert ratio.min() > 0.65 and ratio.max() < 1.35
