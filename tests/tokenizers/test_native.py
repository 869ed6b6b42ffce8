"""Patches on native grids: nothing resampled, nothing of invalid pixels, nothing across segments, and no unit."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from foundation.data.formats.catalog import read_file
from foundation.data.records import Spectrum
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.native import NativeConfig, patches_of, rebuilt, scale_of

CONFIG = NativeConfig(patch=8)


def make(lengths=(20, 13), seed=0, level=5.0, **changes):
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    parts = {
        "flux": rng.normal(level, 1, n).astype("f4"),
        "wavelength": 4000 * 1.001 ** np.arange(n),
        "ivar": rng.uniform(0.5, 2, n).astype("f4"),
        "segment": np.repeat(range(len(lengths)), lengths),
    }
    return Spectrum(**{**parts, **changes})


def test_every_valid_pixel_of_a_kept_patch_comes_back():
    spectrum = make()
    patches = patches_of(spectrum, CONFIG)
    assert len(patches) == 3 + 2  # 20 pixels make 8 + 8 + 4, 13 make 8 + 5
    np.testing.assert_allclose(rebuilt(patches, patches.value, 33), spectrum.flux, rtol=1e-6)
    there = patches.pixel >= 0
    np.testing.assert_array_equal(patches.wavelength[there], spectrum.wavelength[patches.pixel[there]])
    sigma = spectrum.ivar.astype("f8") ** -0.5
    np.testing.assert_allclose(patches.sigma[there] * patches.scale, sigma[patches.pixel[there]], rtol=1e-6)
    assert (patches.wavelength.diff(dim=1) > 0).all()  # also where a patch is filled
    assert not patches.valid[~there].any()


def test_segments_do_not_share_a_patch():
    patches = patches_of(make((11, 11)), CONFIG)
    segment = torch.tensor(make((11, 11)).segment.astype("i8"))
    for row in patches.pixel:
        assert len(segment[row[row >= 0]].unique()) == 1


def test_patches_with_few_valid_pixels_are_left_out():
    ivar = np.ones(24, "f4")
    ivar[8:13] = 0  # 5 of 8
    ivar[16:20] = 0  # 4 of 8
    patches = patches_of(make((24,), ivar=ivar), CONFIG)
    assert patches.pixel[:, 0].tolist() == [0, 16]
    with pytest.raises(TokenizerError, match=r"no patch of 8 pixels has 50% of them valid. Leave it out"):
        patches_of(make((24,), ivar=np.zeros(24, "f4")), CONFIG)


@pytest.mark.parametrize("level", [5.0, 0.0, -3.0])
@pytest.mark.parametrize("factor", [2.0**-40, 2.0**40])
def test_the_unit_of_flux_does_not_matter(level, factor):
    one = make(level=level)
    other = replace(one, flux=one.flux * np.float32(factor), ivar=one.ivar / np.float32(factor) ** 2)
    first, second = patches_of(one, CONFIG), patches_of(other, CONFIG)
    assert torch.equal(first.value, second.value) and torch.equal(first.sigma, second.sigma)
    assert second.scale == pytest.approx(first.scale * factor) and first.scale > 0


def test_what_lies_under_invalid_pixels_does_not_matter():
    bad = np.zeros(33, bool)
    bad[[3, 9, 30]] = True
    one = make(bad=bad)
    flux, ivar = one.flux.copy(), one.ivar.copy()
    flux[bad], ivar[bad] = 1e9, 1e-9
    first, second = patches_of(one, CONFIG), patches_of(replace(one, flux=flux, ivar=ivar), CONFIG)
    assert all(np.array_equal(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))


def test_the_scale_is_positive_whatever_the_flux():
    assert scale_of(make(level=-3.0), "robust") > 0
    mostly_nothing = np.zeros(33, "f4")
    mostly_nothing[5] = 1
    assert scale_of(make(flux=mostly_nothing, ivar=np.full(33, 0.25)), "robust") == pytest.approx(2.0)
    assert scale_of(make(), "median") == pytest.approx(np.median(make().flux))
    with pytest.raises(TokenizerError, match=r"is -.* no scale\. Use the scale 'robust'"):
        scale_of(make(level=-3.0), "median")


def test_settings_that_make_no_patches_are_refused():
    with pytest.raises(TokenizerError, match="patches of 0 pixels"):
        NativeConfig(patch=0)


def test_real_spectra_of_all_surveys(astro_data):
    names = {
        "boss_plate7102/spec-7102-56666-0124.fits.gz": 145,  # 4600 pixels or so
        "galah/2101150001010011.fits.gz": 512,
        "apogee/apStar-r6-2M03290406+3117075.fits": 235,
        "other_spectra/marz_emlLinearSkyAirHelio.fits.gz": 157,
        "desi/coadd-4-80613-thru20210324.fits.gz": 243,
    }
    for name, count in names.items():
        sample = next(read_file(astro_data / name))
        patches = patches_of(next(iter(sample.values())), NativeConfig())
        assert abs(len(patches) - count) <= 6, name
        assert all(torch.isfinite(getattr(patches, f)).all() for f in ("value", "sigma", "wavelength", "lsf"))
