"""GALAH: four cameras become one spectrum, in both layouts, and the real star agrees with astropy."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.air import air_of
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError
from foundation.data.ingest import gather

STAR = "210115000101001"
STARTS = {1: 4713.0, 2: 5648.0, 3: 6478.0, 4: 7585.0}


@pytest.fixture
def write_camera(tmp_path):
    """Write one camera of DR3: five HDUs without names, CRPIX1 of the given value."""

    def write(camera, crpix=1, relative=0.05, flux=None, n=50):
        flux = np.random.default_rng(camera).normal(100, 10, n) if flux is None else flux
        primary = fits.PrimaryHDU(flux)
        primary.header.update({"CRVAL1": STARTS[camera], "CDELT1": 0.05, "CRPIX1": crpix, "CUNIT1": "Angstrom"})
        others = [np.full(n, relative), flux + 30, np.full(n, 0.04), flux / 100]
        path = tmp_path / f"{STAR}{camera}.fits"
        fits.HDUList([primary, *(fits.ImageHDU(x) for x in others)]).writeto(path)
        return path

    return write


def refraction(wavelength):
    """Index of air by Ciddor (1996), which the reader does not use; Å."""
    s2 = (1e4 / wavelength) ** 2
    return 1 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2)


def read_all(path):
    reading = read_file(path)
    sample = next(reading)
    with pytest.raises(StopIteration) as end:
        next(reading)
    return sample, end.value.value


def test_dr3_cameras_become_segments(write_camera):
    paths = [write_camera(camera) for camera in (1, 2, 3, 4)]
    assert gather(paths) == paths[:1]
    sample, remark = read_all(paths[2])
    spectrum = sample["spectrum_galah"]
    assert remark == "" and sample.key == f"galah-{STAR}"
    np.testing.assert_array_equal(spectrum.segment, np.repeat(range(4), 50))
    flux = np.concatenate([fits.getdata(p).astype("f4") for p in paths])
    np.testing.assert_array_equal(spectrum.flux, flux)
    np.testing.assert_allclose(spectrum.ivar, (0.05 * flux) ** -2.0, rtol=1e-5)
    assert (spectrum.unit, spectrum.frame, spectrum.lsf_sigma) == ("ct", "heliocentric", None)


def test_the_reference_pixel_counts_from_one(write_camera):
    sample, _ = read_all(write_camera(1, crpix=0))
    np.testing.assert_allclose(air_of(sample["spectrum_galah"].wavelength[:2]), [4713.05, 4713.10], rtol=1e-9)


def test_a_missing_camera_is_said_and_a_strange_one_refused(write_camera, tmp_path):
    write_camera(2)
    path = write_camera(4)
    sample, remark = read_all(path)
    assert remark == "without camera 1 (blue), 3 (red)"
    assert set(sample["spectrum_galah"].segment) == {0, 1}
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / f"{STAR}3.fits")
    with pytest.raises(FormatError, match="no GALAH spectrum like the other cameras"):
        read_all(path)


@pytest.mark.parametrize("relative", [0.0, -1.0, np.nan])
def test_without_errors_a_spectrum_is_flagged(write_camera, relative):
    sample, _ = read_all(write_camera(1, relative=relative))
    assert sample.labels["usable"] is False


def test_the_real_star_agrees_with_astropy(astro_data):
    sample, remark = read_all(astro_data / "galah" / f"{STAR}3.fits.gz")
    spectrum = sample["spectrum_galah"]
    assert remark == "" and len(spectrum.flux) == 4 * 4096
    for camera in range(4):
        own = spectrum.segment == camera
        with fits.open(astro_data / "galah" / f"{STAR}{camera + 1}.fits.gz") as hdus:
            cards, flux = hdus[0].header, hdus[0].data.astype("f4")
            error = hdus["relative_error"].data * np.abs(hdus[0].data)
            width = hdus["resolution_profile"].data.astype("f8")
        air = cards["CRVAL1"] + cards["CDELT1"] * (np.arange(4096) + 1 - cards["CRPIX1"])
        np.testing.assert_allclose(spectrum.wavelength[own], air * refraction(air), rtol=1e-6)
        np.testing.assert_array_equal(spectrum.flux[own], flux)
        np.testing.assert_allclose(
            spectrum.ivar[own], np.where(error > 0, 1 / np.where(error > 0, error, 1) ** 2, 0), rtol=1e-5
        )
        assert (spectrum.ivar[own] == 0).sum() == (error <= 0).sum()
        np.testing.assert_allclose(spectrum.lsf_sigma[own] * 2.35482, width, rtol=1e-5)
    with fits.open(astro_data / "galah" / "dr6.0_labels.fits") as hdus:
        row = hdus[1].data[hdus[1].data["sobject_id"] == int(STAR)][0]
    for label, column in {"teff": "teff_r", "logg": "logg_r", "fe_h": "fe_h_r", "rv": "rv_com"}.items():
        assert sample.labels[label] == pytest.approx(float(row[column]), rel=1e-5)
    assert sample.origin["ra"] == pytest.approx(float(row["ra"]), rel=1e-5)
