"""What is asked of a spectrum: spans that hide what they say, and noise that splits in independent parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.tokenizers.native import NativeConfig, patches_of
from foundation.training.spectra.objective import Autoencode, Denoise, FillSpans, another


@pytest.fixture
def make_patches():
    def make(pixels=800, step=1e-4):
        rng = np.random.default_rng(0)
        wavelength = 4000 * np.exp(step * np.arange(pixels))
        ivar = rng.uniform(0.5, 2, pixels)
        return patches_of(Spectrum(rng.normal(5, 1, pixels), wavelength, ivar), NativeConfig(patch=8))

    return make


def test_autoencoding_asks_for_what_it_reads(make_patches, generator):
    patches = make_patches()
    question = Autoencode()(patches, generator)
    assert question.read is patches and question.asked is patches and (question.weight == 1).all()


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.95])
def test_spans_hide_as_many_patches_as_told_side_by_side(make_patches, generator, fraction):
    patches = make_patches()  # 100 patches, 8e-4 apart
    policy = FillSpans(fraction, span=0.008, longest=10)
    question = policy(patches, generator)
    hidden = question.weight == 1
    assert int(hidden.sum()) == round(fraction * 100) and len(question.read) == 100 - int(hidden.sum())
    assert not np.isin(question.read.pixel, patches.pixel[hidden]).any()  # what is hidden is not read
    assert (question.weight[~hidden] == torch.tensor(policy.seen)).all()
    runs = np.diff(np.flatnonzero(np.diff(np.r_[0, hidden.numpy(), 0])))[::2]
    assert fraction < 0.1 or runs.mean() > 5  # a span holds ten


def test_a_span_has_no_more_patches_than_told(make_patches, generator):
    patches = make_patches(8000, step=1e-6)  # all within any span
    hidden = FillSpans(0.1, span=0.03, longest=5).hidden(patches, generator).numpy()
    edges = np.flatnonzero(np.diff(np.r_[0, hidden, 0]))
    runs = np.diff(edges)[::2]
    assert hidden.sum() == 100 and runs.min() >= 4 and len(runs) > 10


def test_equal_generators_draw_equal_spans(make_patches):
    patches, policy = make_patches(), FillSpans()
    draws = [policy.hidden(patches, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_something_is_always_read(make_patches, generator):
    assert len(FillSpans(0.99, span=9.0)(make_patches(16), generator).read) == 1
    assert len(FillSpans()(make_patches(8), generator).read) == 1


@pytest.mark.parametrize("split", [0.5, 1.0, 2.0])
def test_both_parts_have_the_noise_they_say_and_share_none(make_patches, generator, split):
    patches = make_patches(80000, step=1e-5)
    truth = torch.full_like(patches.value, float(patches.value.mean()))
    noise = torch.randn(patches.value.shape, generator=generator) * patches.sigma
    measured = type(patches)(**{**vars(patches), "value": truth + noise})
    question = Denoise(split)(measured, generator)
    pulls = [(part.value - truth) / part.sigma for part in (question.read, question.asked)]
    for pull in pulls:
        assert float(pull.square().mean()) == pytest.approx(1, abs=0.02)
    assert abs(float((pulls[0] * pulls[1]).mean())) < 0.02


def test_spans_with_split_noise_ask_for_other_noise_than_they_show(make_patches, generator):
    patches = make_patches(8000, step=1e-5)
    policy = FillSpans(0.4, span=0.002, seen=0.3, split=1.0)
    question = policy(patches, generator)
    there = ~torch.isin(patches.pixel[:, 0], patches.pixel[question.weight == 1][:, 0])
    torch.testing.assert_close(question.read.sigma, patches.sigma[there] * 2**0.5)
    pulls = [
        (p - patches.value[there]) / patches.sigma[there] for p in (question.read.value, question.asked.value[there])
    ]
    assert float((pulls[0] * pulls[1]).mean()) == pytest.approx(
        -1, abs=0.1
    )  # what is added to one is taken off the other
    assert torch.equal(question.weight == 1, ~there)


def test_another_spectrum_is_asked_in_the_scale_of_the_one_read(make_patches):
    read, other = make_patches(), make_patches(408)
    brighter = replace(other, scale=3 * other.scale)
    question = another(read, brighter)
    assert question.read is read
    torch.testing.assert_close(question.asked.value * read.scale, other.value * brighter.scale)
    torch.testing.assert_close(question.asked.sigma * read.scale, other.sigma * brighter.scale)
    assert question.asked.scale == read.scale


def test_only_wavelengths_between_those_read_are_asked_of_another(make_patches):
    short, long = make_patches(400), make_patches(800)
    question = another(short, long)
    assert len(question.asked) == len(question.weight) == len(short)
    assert question.asked.wavelength.mean(1).max() < short.wavelength.max()
    redder = replace(long, wavelength=long.wavelength * 4)
    assert another(short, redder) is None


def test_refusals():
    for wrong in (
        lambda: FillSpans(0.0),
        lambda: FillSpans(1.0),
        lambda: FillSpans(span=0.0),
        lambda: Denoise(0.0),
        lambda: FillSpans(split=-1.0),
    ):
        with pytest.raises(FoundationError, match="Give"):
            wrong()
