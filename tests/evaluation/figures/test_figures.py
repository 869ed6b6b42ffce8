"""Every picture is a PNG of a sensible size that shows what it was given, and odd input does not break it."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from foundation.data.records import Image, Scalar, Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Interval
from foundation.evaluation.figures.classification import confusion_matrices
from foundation.evaluation.figures.embedding import embedding_map
from foundation.evaluation.figures.posterior import calibration, posterior_examples
from foundation.evaluation.figures.regression import predicted_and_true, residual_against
from foundation.evaluation.figures.scores import learning_curves, read_curves, score_panel, training_curves
from foundation.figures.objects import gallery, image_reconstructions, rgb, spectrum_reconstructions


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def pixels(png):
    array = imread(io.BytesIO(png))
    assert array.shape[0] > 100
    assert array.shape[1] > 100
    assert array[..., :3].std() > 0.01, "an empty picture"
    return array


def an_image(flux, ivar=100.0):
    flux = np.asarray(flux, float)
    return Image(flux, ("DES-G", "DES-R", "DES-Z")[: len(flux)], 0.26, np.full(flux.shape, ivar))


def a_spectrum(draw, good=True):
    wavelength = np.linspace(3700, 9800, 300)
    return Spectrum(draw.normal(2, 0.3, 300), wavelength, np.full(300, 10.0 * good))


def test_scores_and_their_number(draw):
    one = score_panel("R²", [("encoder", "linear", Interval(0.9, 0.8, 0.95))], "larger is better")
    rows = [("raw input", f"probe {i}", Interval(0.5, 0.4, 0.6)) for i in range(9)]
    assert pixels(score_panel("R²", rows, "larger is better")).shape[0] > pixels(one).shape[0]


def test_an_undefined_interval_is_drawn_without_a_bar():
    pixels(score_panel("R²", [("encoder", "linear", Interval(0.9, float("nan"), float("nan")))], ""))


@pytest.mark.parametrize("n", [30, 900])
def test_predicted_against_true(draw, n):
    true = draw.uniform(0, 2, n)
    predicted = {"encoder · mlp": true + draw.normal(0, 0.1, n), "raw input · knn": true * 0 + 50}
    pixels(predicted_and_true("z", true, predicted, redshift=True))


def test_equal_truths_do_not_break_the_axes():
    pixels(predicted_and_true("z", np.ones(5), {"encoder": np.ones(5)}, redshift=False))


def test_residuals_against_signal_to_noise(draw):
    snr = np.append(draw.lognormal(1, 1.5, 300), [np.nan, -0.5])
    true = draw.uniform(0, 1, 302)
    pixels(residual_against("S/N", snr, true, {"encoder": true + draw.normal(0, 0.1, 302)}, redshift=True))


def test_confusion_with_a_class_nobody_is_of():
    counts = {"encoder": np.array([[5, 1], [0, 0]]), "raw input": np.array([[3, 3], [0, 0]])}
    pixels(confusion_matrices(("GALAXY", "a long name"), counts))


def test_embedding_by_names_and_numbers(draw):
    labels = {"class": np.array(["a", "b", ""])[draw.integers(0, 3, 60)], "z": np.append(draw.random(59), np.nan)}
    pixels(embedding_map(draw.normal(size=(60, 7)), labels))


def test_constant_features_are_one_point(draw):
    pixels(embedding_map(np.ones((10, 4)), {"z": draw.random(10)}))


def test_colour_image_keeps_colours_and_stays_in_range(draw):
    red = np.zeros((3, 20, 20))
    red[2, 8:12, 8:12] = 50
    colour = rgb(an_image(red + draw.normal(0, 0.1, red.shape)))
    assert colour.min() >= 0
    assert colour.max() <= 1
    centre = colour[9, 9]
    assert centre[0] > 5 * centre[2]


def test_colour_of_one_band_is_grey(draw):
    colour = rgb(an_image(draw.normal(1, 0.3, (1, 12, 12))))
    np.testing.assert_array_equal(colour[..., 0], colour[..., 2])


def test_gallery_of_all_kinds(draw):
    image, number = an_image(draw.normal(size=(3, 16, 16))), Scalar(0.5, "redshift")
    rows = [[image, a_spectrum(draw), number], [number, image, a_spectrum(draw, good=False)]]
    pixels(gallery(rows, [["query", "a", "b"]] * 2))


def test_reconstructions(draw):
    image, spectrum = an_image(draw.normal(1, 1, (3, 16, 16))), a_spectrum(draw)
    pixels(image_reconstructions([(image, image)] * 2, ["a", "b"]))
    pixels(spectrum_reconstructions([(spectrum, spectrum), (a_spectrum(draw, good=False), spectrum)], ["a", "b"]))


def test_posteriors_and_calibration(draw):
    values = np.sort(draw.random(30))
    values[3:6] = values[3]  # equal bins, as quantiles of a peaked distribution have
    probability = draw.dirichlet(np.ones(30), 5)
    pixels(posterior_examples("z", values, probability, probability.mean(0), values[:5].tolist(), list("abcde")))
    pixels(calibration(draw.random(100)))


def test_the_totals_and_the_validation_are_kept_when_there_are_many_curves(tmp_path):
    names = [f"train/loss_{i}" for i in range(12)] + ["train/loss", "validation/loss_0", "validation/loss"]
    file = tmp_path / "metrics.csv"
    file.write_text("\n".join([",".join(["step", *names]), ",".join(["1"] * (len(names) + 1))]))
    kept = list(read_curves(file, most=4))
    assert kept == ["validation/loss", "train/loss", "validation/loss_0", "train/loss_0"]


def test_curves_of_a_metrics_file(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text("step,train/loss,rate,validation/loss\n0,3.0,1,\n10,2.0,1,2.5\n20,,1,inf\n")
    series = read_curves(file)
    np.testing.assert_array_equal(series["train/loss"], [[0, 10], [3, 2]])
    np.testing.assert_array_equal(series["validation/loss"], [[10], [2.5]])
    assert "rate" not in series
    pixels(training_curves({"pretraining": series, "tokenizer": series}))


def test_another_csv_is_refused(tmp_path):
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FoundationError, match="no column `step`"):
        read_curves(tmp_path / "metrics.csv")


def test_pictures_leave_the_callers_style_alone():
    before = dict(matplotlib.rcParams)
    calibration(np.array([0.5]))
    assert dict(matplotlib.rcParams) == before


def test_learning_curves_and_calibration_differ_with_what_they_show(draw):
    rising = {"encoder": [(50, Interval(0.2, 0.1, 0.3)), (400, Interval(0.7, 0.6, 0.8))]}
    flat = {"encoder": [(50, Interval(0.7, 0.6, 0.8)), (400, Interval(0.7, 0.6, 0.8))]}
    assert not np.array_equal(pixels(learning_curves("R²", rising)), pixels(learning_curves("R²", flat)))
    uniform, skewed = draw.random(500), draw.random(500) ** 3
    assert not np.array_equal(pixels(calibration(uniform)), pixels(calibration(skewed)))
