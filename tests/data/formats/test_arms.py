"""Joining arms: exact, conserving, and honest about bad pixels."""

import numpy as np
import pytest

from foundation.data.formats.arms import join, segments
from foundation.data.records import RecordError, Spectrum

STEP = 0.8


def arm(first, n, seed, **changes):
    rng = np.random.default_rng(seed)
    parts = {
        "flux": rng.normal(3, 1, n),
        "wavelength": 3600 + STEP * (first + np.arange(n)),
        "ivar": rng.uniform(0.5, 2, n),
        "lsf_sigma": rng.uniform(0.6, 0.8, n),
    }
    return Spectrum(**(parts | changes), frame="barycentric", survey="desi")


@pytest.fixture
def arms():
    return [arm(0, 40, 0), arm(30, 40, 1), arm(60, 40, 2)]


def test_weights_and_weighted_flux_are_conserved(arms):
    joined = join(arms, STEP)
    assert len(joined.flux) == 100
    total = sum(a.ivar.astype("f8").sum() for a in arms)
    flux = sum((a.ivar.astype("f8") * a.flux).sum() for a in arms)
    assert joined.ivar.astype("f8").sum() == pytest.approx(total, rel=1e-6)
    assert (joined.ivar.astype("f8") * joined.flux).sum() == pytest.approx(flux, rel=1e-6)


def test_outside_the_overlaps_nothing_changes(arms):
    joined = join(arms, STEP)
    np.testing.assert_array_equal(joined.flux[:30], arms[0].flux[:30])
    np.testing.assert_array_equal(joined.ivar[70:], arms[2].ivar[10:])
    np.testing.assert_allclose(joined.lsf_sigma[70:], arms[2].lsf_sigma[10:], rtol=1e-6)
    np.testing.assert_allclose(np.diff(joined.wavelength), STEP, rtol=1e-9)
    assert (joined.survey, joined.frame) == ("desi", "barycentric")


def test_a_bad_pixel_gives_way_to_a_good_one(arms):
    bad = np.zeros(40, bool)
    bad[[5, 35]] = True  # one outside, one inside the overlap
    arms[0] = arm(0, 40, 0, bad=bad, mask=np.where(bad, 4, 0), flux=np.where(bad, 1e6, 1))
    joined = join(arms, STEP)
    assert joined.bad[5] and not joined.bad[35]
    assert joined.flux[5] == pytest.approx(1e6)
    assert joined.flux[35] == pytest.approx(arms[1].flux[5])
    assert joined.ivar[35] == arms[1].ivar[5]
    assert joined.mask[35] == 4


def test_no_weight_anywhere_is_no_weight(arms):
    blind = [arm(a, 40, i, ivar=np.zeros(40), flux=np.full(40, np.nan)) for i, a in enumerate((0, 30, 60))]
    joined = join(blind, STEP)
    assert not joined.usable.any()
    assert np.isfinite(joined.flux).all()


def test_a_gap_between_arms_stays_a_gap():
    joined = join([arm(0, 10, 0), arm(15, 10, 1)], STEP)
    assert len(joined.flux) == 20
    assert np.diff(joined.wavelength).max() == pytest.approx(6 * STEP)


def test_arms_off_the_lattice_are_refused(arms):
    arms[1] = arm(30.4, 40, 1)
    with pytest.raises(RecordError, match="one lattice"):
        join(arms, STEP)


def test_segments_keep_every_pixel(arms):
    kept = segments(arms)
    assert len(kept.flux) == 120
    assert np.unique(kept.segment, return_counts=True)[1].tolist() == [40, 40, 40]
    np.testing.assert_array_equal(kept.flux[40:80], arms[1].flux)
    assert segments([arms[0], arm(30, 40, 1, lsf_sigma=None)]).lsf_sigma is None
