"""What codes keep of a record is counted as by hand, and the verb writes it for survey files."""

import csv

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.records import Image, Spectrum
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.evaluation.kept import check, scores
from foundation.tokenizers.cutout import middle, side_by_side

from .small_model import BANDS, PIXELS, blobs, on_the_sky, write_model

WAVELENGTH = np.linspace(4000.0, 5000.0, 101)


def test_of_an_image_off_by_one_sigma():
    """Half of the pixels are off by one σ, those that are not usable by much more."""
    flux = np.ones((2, 4, 4))
    ivar, bad, off = np.full(flux.shape, 100.0), np.zeros(flux.shape, bool), np.zeros(flux.shape)
    off[:, :, :2] = 0.1
    bad[0, 0, 3], ivar[1, 3, 3], off[0, 0, 3], off[1, 3, 3] = True, 0, 9, 9
    original = Image(flux, BANDS[:2], 0.3, ivar, bad=bad)
    rebuilt = Image(flux + off, BANDS[:2], 0.3, np.ones_like(flux))
    pixels, chi2, softened, of_mean, share = scores(original, rebuilt, floor=0.1)
    assert pixels == 30
    assert chi2 == pytest.approx(16 / 30, rel=1e-5)
    assert softened == pytest.approx(8 / 30, rel=1e-5), "a floor of one σ halves the weight"
    assert of_mean == pytest.approx(0, abs=1e-6) and share == pytest.approx(1 + 1.6 / 30, rel=1e-5)


def test_the_mean_is_of_each_band():
    flux = np.stack([np.full((4, 4), 1.0), np.full((4, 4), 5.0)])
    flux[1, :2] += 1
    original = Image(flux, BANDS[:2], 0.3, np.ones_like(flux))
    assert scores(original, original, 0.0)[3] == pytest.approx(0.25 * 16 / 32)


def test_of_a_spectrum_only_where_the_codec_reaches():
    original = Spectrum(np.full(101, 2.0), WAVELENGTH, np.full(101, 4.0))
    grid = np.linspace(4195.0, 4805.0, 62)  # 60 pixels of the other lie inside
    rebuilt = Spectrum(2 + (grid - 4195.0) / 610, grid, np.ones(62))
    inside = (grid[0] <= WAVELENGTH) & (grid[-1] >= WAVELENGTH)
    pixels, chi2, _, _, share = scores(original, rebuilt, 0.0)
    assert pixels == inside.sum()
    slope = (WAVELENGTH[inside] - 4195.0) / 610
    assert chi2 == pytest.approx(4 * np.mean(slope**2), rel=1e-5)
    assert share == pytest.approx(1 + np.mean(slope) / 2, rel=1e-5)


def test_the_middle_of_an_image_and_the_same_bands_are_compared():
    """A codec of 32 pixels and three bands, an image of 40 and one of 20 without the first band."""
    flux = blobs(40)
    whole = Image(flux, BANDS, 0.3, np.ones_like(flux))
    rebuilt = Image(flux[:, 4:36, 4:36], BANDS, 0.3, np.ones((3, 32, 32)))
    seen, back = side_by_side(whole.select(BANDS[1:]), rebuilt)
    np.testing.assert_array_equal(seen.flux, flux[1:, 4:36, 4:36].astype("f4"))
    np.testing.assert_array_equal(back.flux, seen.flux)
    small = middle(Image(flux[:, :20, :20], BANDS, 0.3, np.ones((3, 20, 20))), 32)
    assert small.usable.sum() == 3 * 400 and small.usable[:, 6:26, 6:26].all()


def table(path):
    return list(csv.DictReader((path / "kept.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept")
    write_records([on_the_sky(blobs(48, seed), "PS1", key=f"field-{seed}") for seed in range(3)], path / "records")
    arguments = ["--tokenizers", str(write_model(path / "model")), "--out", str(path / "out")]
    assert main(["tokenize", "check", str(path / "records"), *arguments, "--camera", "DES"]) == 0
    return path


def test_a_row_for_each_record(checked):
    rows = table(checked / "out")
    assert [(r["key"], r["survey"], int(r["tokens"])) for r in rows] == [(f"field-{i}", "ps1", 16) for i in range(3)]
    for seed, row in enumerate(rows):
        assert int(row["pixels"]) == 3 * PIXELS**2
        inside = blobs(48, seed)[:, 8:40, 8:40]
        spread = 400 * np.mean((inside - inside.mean((1, 2), keepdims=True)) ** 2)
        assert float(row["chi2_of_mean"]) == pytest.approx(spread, rel=1e-4)
        assert float(row["chi2"]) > 0 and float(row["chi2_floor"]) < float(row["chi2"])


def test_the_report_has_a_map_of_residuals(checked):
    assert (checked / "out" / "pictures" / "image_ps1.png").stat().st_size > 5000
    page = (checked / "out" / "report.html").read_text()
    assert "field-2" not in page and page.count("data:image/png") == 1 and "image of ps1" in page


def test_bands_that_are_not_known_are_one_sentence(checked):
    with pytest.raises(FoundationError, match=r"PS1-G, PS1-R, PS1-I, .* knows DES-G.*Give --camera, one of DES"):
        check([checked / "records"], tokenizers=checked / "model", out=checked / "again")


@pytest.mark.parametrize(
    ("files", "surveys"),
    [("images_hsc/hsc_cosmos_35.npz", {"hsc"}), ("images_same_galaxy_3surveys", {"des", "ps1"})],
)
def test_real_images(astro_data, checked, tmp_path, files, surveys):
    check([astro_data / files], tokenizers=checked / "model", out=tmp_path, camera="DES")
    rows = table(tmp_path)
    assert {r["survey"] for r in rows} == surveys
    assert all(np.isfinite(float(r["chi2"])) and int(r["pixels"]) > 1000 for r in rows)
