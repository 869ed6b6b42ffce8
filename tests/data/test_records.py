"""Records are validated once, at the border."""

import numpy as np
import pytest

from foundation.data.records import Image, RecordError, Sample, Scalar, Spectrum
from foundation.errors import FoundationError


def spectrum(**changes):
    n = 8
    parts = {"flux": np.ones(n), "wavelength": np.linspace(4000, 5000, n), "ivar": np.ones(n)}
    return Spectrum(**(parts | changes))


def image(**changes):
    parts = {
        "flux": np.ones((2, 4, 4)),
        "bands": ("DES-G", "DES-R"),
        "pixel_scale": 0.262,
        "ivar": np.ones((2, 4, 4)),
    }
    return Image(**(parts | changes))


def test_parts_are_typed_and_kept_apart():
    bits = np.arange(8, dtype=">u4")
    s = spectrum(flux=np.ones(8, ">f4"), mask=bits, bad=bits > 5)
    assert (s.flux.dtype, s.wavelength.dtype, s.ivar.dtype) == (np.float32, np.float64, np.float32)
    assert s.mask.dtype == np.uint32
    assert s.mask.tolist() == list(range(8))
    assert s.usable.tolist() == [True] * 6 + [False] * 2


def test_flux_without_weight_is_zeroed_whatever_it_was():
    ivar = np.array([1, 0, 0, 1, 1, 1, 1, 1.0])
    s = spectrum(flux=np.array([1, np.nan, np.inf, 1, 1, 1, 1, 1.0]), ivar=ivar)
    assert s.flux.tolist() == [1, 0, 0, 1, 1, 1, 1, 1]
    assert s.usable.sum() == 6


def test_the_callers_arrays_are_never_edited():
    flux, ivar = np.array([1, np.nan, 3]), np.array([1, 0, 1.0])
    Spectrum(flux, np.array([1.0, 2, 3]), ivar)
    assert np.isnan(flux[1])


def test_segments_may_overlap_but_not_decrease():
    wavelength = np.array([1, 2, 3, 4, 3, 4, 5, 6.0])
    segment = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert len(spectrum(wavelength=wavelength, segment=segment).flux) == 8
    with pytest.raises(RecordError, match="does not increase inside a segment"):
        spectrum(wavelength=wavelength)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"flux": np.full(8, np.nan)}, "not finite at 8 pixels with ivar > 0"),
        ({"ivar": -np.ones(8)}, "8 inverse variances are negative"),
        ({"ivar": np.full(8, np.inf)}, "8 inverse variances are not finite"),
        ({"ivar": np.ones(7)}, r"ivar has shape \(7,\), flux has \(8,\)"),
        ({"flux": np.ones(0)}, "at least one pixel"),
        ({"wavelength": np.zeros(8)}, "must be positive"),
        ({"wavelength": np.linspace(5000, 4000, 8)}, "does not increase"),
        ({"unit": "parsecs per fortnight"}, "not one astropy knows"),
        ({"unit": "km"}, "cannot be converted"),
    ],
)
def test_bad_spectra_are_refused_in_a_sentence(changes, sentence):
    with pytest.raises(RecordError, match=sentence):
        spectrum(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"flux": np.ones((4, 4))}, r"wanted \[band, y, x\]"),
        ({"bands": ("DES-G",)}, "2 planes but bands"),
        ({"bands": ("DES-G", "DES-G")}, "Name each plane once"),
        ({"pixel_scale": 0.0}, "not positive"),
        ({"ivar": np.ones((2, 4, 5))}, "Give both on the same grid"),
        ({"psf_fwhm": (1.0,)}, "1 PSF widths for 2 bands"),
    ],
)
def test_bad_images_are_refused_in_a_sentence(changes, sentence):
    with pytest.raises(RecordError, match=sentence):
        image(**changes)


def test_select_reorders_every_part_of_the_bands():
    flux = np.arange(32.0).reshape(2, 4, 4)
    picked = image(flux=flux, ivar=flux + 1, psf_fwhm=(1.3, 1.2)).select(("DES-R", "DES-G"))
    assert picked.flux[0].tolist() == flux[1].tolist()
    assert picked.ivar[1].tolist() == (flux[0] + 1).tolist()
    assert picked.psf_fwhm == (1.2, 1.3)
    with pytest.raises(RecordError, match="Ask for bands it has"):
        image().select(("DES-Z",))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_scalar_is_absent_not_nan(value):
    with pytest.raises(RecordError, match="Leave a missing value out"):
        Scalar(value, "redshift")
    with pytest.raises(RecordError, match="sigma"):
        Scalar(1.0, "redshift", sigma=-1.0)


def test_snr_is_the_median_over_usable_pixels():
    s = spectrum(flux=np.full(8, 3.0), ivar=np.array([4, 4, 4, 4, 4, 0, 0, 0.0]))
    assert s.snr == pytest.approx(6.0)
    assert spectrum(ivar=np.zeros(8)).snr == 0


def test_sample_is_a_mapping_and_errors_are_value_errors():
    sample = Sample("a", {"redshift": Scalar(0.1, "redshift")}, {"class": "GALAXY"})
    assert list(sample) == ["redshift"]
    assert sample["redshift"].value == 0.1
    assert issubclass(RecordError, FoundationError)
    assert issubclass(FoundationError, ValueError)
