"""Cutting large images: tiles, catalogue positions, and how much memory that takes."""

import tracemalloc

import numpy as np
import pytest
from astropy.wcs import WCS

from foundation.data.formats.cutting import TILE, WHOLE, Field, cut
from foundation.data.formats.plane import Plane
from foundation.data.records import Sample, Scalar

SCALE = 0.262


def wcs(height, width):
    world = WCS(naxis=2)
    world.wcs.ctype = "RA---TAN", "DEC--TAN"
    world.wcs.crval, world.wcs.crpix = (150.0, 2.0), ((width + 1) / 2, (height + 1) / 2)
    world.wcs.cd = SCALE / 3600 * np.array([[-1, 0], [0, 1]])
    return world


def field(height, width, weight=None, **plane):
    flux = np.arange(height * width, dtype="f4").reshape(height, width) + 1
    weight = np.ones_like(flux) if weight is None else weight
    return Field([Plane("DES-G", 22.5, flux, weight, **plane)], wcs(height, width), "legacy", "b", "b.fits", 1)


def run(generator):
    samples = []
    while True:
        try:
            samples.append(next(generator))
        except StopIteration as end:
            return samples, end.value


def test_a_small_image_stays_whole():
    (sample,), remark = run(cut(field(60, WHOLE)))
    assert sample["image"].flux.shape == (1, 60, WHOLE)
    assert sample.key == "legacy-150.00000+2.00000"
    assert (sample.origin["ra"], sample.origin["dec"]) == (pytest.approx(150), pytest.approx(2))
    assert remark == ""


def test_a_large_image_becomes_tiles_that_differ_and_cover_it_once():
    large = field(2 * TILE + 10, 6 * TILE)
    samples, remark = run(cut(large))
    assert len({s.key for s in samples}) == len(samples) == 12
    assert remark == ""
    values = np.concatenate([s["image"].flux.ravel() for s in samples])
    np.testing.assert_array_equal(np.sort(values), np.sort(large.planes[0].flux[: 2 * TILE].ravel()))
    for sample in samples:
        x, y = large.wcs.world_to_pixel_values(sample.origin["ra"], sample.origin["dec"])
        middle = sample["image"].flux[0, TILE // 2 - 1 : TILE // 2 + 1, TILE // 2 - 1 : TILE // 2 + 1].mean()
        assert middle == pytest.approx((y * 6 * TILE) + x + 1, abs=1)


def test_tiles_without_data_are_left_out_and_counted():
    weight = np.zeros((TILE, 6 * TILE), "f4")
    weight[3, 2 * TILE + 5] = 1
    samples, remark = run(cut(field(TILE, 6 * TILE, weight)))
    assert [s.key for s in samples] == [f"legacy-b-x{2 * TILE}-y0"]
    assert remark.startswith("5 tiles of 96 x 96 pixels without data")


def test_a_fully_masked_tile_is_flagged():
    bits = np.full((60, 60), 4)
    (sample,), _ = run(cut(field(60, 60, mask=bits, bad_bits=4)))
    assert sample.labels["usable"] is False


def test_catalogue_positions():
    scene = field(600, 700)
    at = [(300, 200), (48, 48), (47, 300), (652, 552), (653, 300)]  # x, y; the third and the last touch an edge
    sky = [scene.wcs.pixel_to_world_values(x + 0.3, y - 0.3) for x, y in at]
    listed = [
        Sample(f"s{i}", {"flux_g": Scalar(i, "flux_g")}, {"type": "REX"}, {"ra": float(ra), "dec": float(dec)})
        for i, (ra, dec) in enumerate(sky)
    ]
    samples, remark = run(cut(scene, listed))
    assert [s.key for s in samples] == ["s0", "s1", "s3"]
    for sample, (x, y) in zip(samples, [at[0], at[1], at[3]], strict=True):
        assert sample["image"].flux[0, TILE // 2, TILE // 2] == scene.planes[0].flux[y, x]
        assert sample["image"].flux.shape == (1, TILE, TILE)
        assert set(sample.records) == {"image", "flux_g"}
        assert sample.labels == {"type": "REX", "usable": True}
    assert remark.startswith("2 catalogue positions")


def test_no_weights_are_measured_and_said():
    scene = field(64, 64)
    plane = Plane("PS1-G", 22.5, np.random.default_rng(0).normal(0, 3, (64, 64)))
    (sample,), _ = run(cut(Field([plane], scene.wcs, "ps1", "p", "p.fits", 0)))
    assert sample.origin["noise"] == "from the scatter"
    assert sample["image"].ivar.mean() ** -0.5 == pytest.approx(3, rel=0.1)


def test_memory_holds_a_stripe_not_the_image():
    class Lazy:
        """Stands for a compressed HDU: pixels appear when a section is asked for."""

        shape = (24 * TILE, 6 * TILE)

        @property
        def section(self):
            return self

        def __getitem__(self, key):
            y, x = key
            return np.ones((y.stop - y.start, x.stop - x.start), ">f4")

    scene = Field([Plane("DES-G", 22.5, Lazy(), Lazy())], wcs(*Lazy.shape), "legacy", "b", "b.fits", 1)
    tracemalloc.start()
    try:
        count = sum(1 for _ in cut(scene))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 144
    assert peak < 4 * 24 * TILE * 6 * TILE / 2  # bytes; half of the image alone
