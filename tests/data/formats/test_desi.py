"""DESI coadds, spectra and redshifts: layout, masked rows, line spread, labels, and the real files."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats import desi
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError

PHOTOMETRY = {"FLUX_G": [2.0, 0.0], "FLUX_IVAR_G": [25.0, 0.0], "EBV": [0.05, 0.0], "MORPHTYPE": ["EXP", ""]}


@pytest.fixture
def write_redrock(write_table):
    def write(name="redrock-1-2.fits", targets=(1002, 1001)):
        n = len(targets)
        columns = {"TARGETID": targets, "Z": 0.1 * np.arange(1, n + 1), "ZERR": [1e-4] * n, "ZWARN": [0, 4][:n]}
        return write_table(name, columns | {"SPECTYPE": ["GALAXY", "QSO"][:n], "SUBTYPE": [""] * n}, "REDSHIFTS")

    return write


@pytest.mark.parametrize("order", [1, -1], ids=["HDUs in order", "HDUs reversed"])
def test_rows_become_samples(write_coadd, order):
    path = write_coadd(fibermap=PHOTOMETRY, order=order)
    first, second = read_file(path)
    spectrum = first["spectrum_desi"]
    assert (first.key, second.key) == ("desi-1001", "desi-1002")
    assert len(spectrum.flux) == 80
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(spectrum.flux[:25], hdus["B_FLUX"].data[0, :25])
        np.testing.assert_array_equal(second["spectrum_desi"].ivar[-25:], hdus["Z_IVAR"].data[1, 5:])
    assert first["flux_g"].value == 2.0
    assert first["flux_g"].sigma == pytest.approx(0.2)
    assert first["ebv"].value == pytest.approx(0.05)
    assert {"flux_g", "ebv"}.isdisjoint(second.records)


def test_the_line_spread_is_the_second_moment_of_the_resolution(write_coadd):
    spectrum = next(read_file(write_coadd()))["spectrum_desi"]
    np.testing.assert_allclose(spectrum.lsf_sigma, 0.8, rtol=1e-3)  # 1 pixel of 0.8 Å


def test_masked_pixels_and_their_bits(write_coadd):
    bits = np.zeros((2, 30), "u4")
    bits[0, :10] = 1 << np.arange(10)
    spectrum = next(read_file(write_coadd(changes={"B_MASK": bits})))["spectrum_desi"]
    np.testing.assert_array_equal(spectrum.mask[:10], bits[0, :10])
    good = [desi.SPECMASK["SOMEBADPIX"], desi.SPECMASK["BRIGHTSKY"]]
    assert [i for i in range(10) if not spectrum.bad[i]] == good


def test_a_row_without_a_good_pixel_is_kept_and_flagged(write_coadd):
    dead = {f"{arm}_IVAR": np.array([[1.0] * 30, [0.0] * 30], "f4") for arm in "BRZ"}
    first, second = read_file(write_coadd(changes=dead))
    assert (first.labels["usable"], second.labels["usable"]) == (True, False)
    assert not second["spectrum_desi"].usable.any()


def test_sky_fibres_are_labelled(write_coadd):
    samples = list(read_file(write_coadd(targets=(-5, 7), fibermap={"OBJTYPE": ["SKY", "TGT"]})))
    assert [s.labels["sky"] for s in samples] == [True, False]


def test_units_are_converted_once(write_coadd, tmp_path):
    path = write_coadd()
    with fits.open(path, mode="update") as hdus:
        for arm in "BRZ":
            hdus[f"{arm}_FLUX"].header["BUNIT"] = "erg / (s cm2 Angstrom)"
            hdus[f"{arm}_FLUX"].data *= 1e-17
            hdus[f"{arm}_IVAR"].data *= np.float32(1e34)
    spectrum = next(read_file(path))["spectrum_desi"]
    plain = next(read_file(write_coadd("coadd-plain.fits")))["spectrum_desi"]
    np.testing.assert_allclose(spectrum.flux, plain.flux, rtol=1e-5)
    np.testing.assert_allclose(spectrum.ivar, plain.ivar, rtol=1e-5)


def test_exposures_have_keys_of_their_own(write_coadd):
    path = write_coadd("spectra-1.fits", targets=(9, 9), fibermap={"EXPID": [11, 12]})
    assert [s.key for s in read_file(path)] == ["desi-9-11", "desi-9-12"]


def test_arms_as_segments(write_coadd):
    spectrum = next(read_file(write_coadd(), segments=True))["spectrum_desi"]
    assert np.unique(spectrum.segment, return_counts=True)[1].tolist() == [30, 30, 30]


def test_redshifts_beside_a_coadd_are_matched_by_target(write_coadd, write_redrock):
    redrock = write_redrock()
    samples = {s.key: s for s in read_file(write_coadd())}
    assert samples["desi-1002"]["redshift"].value == pytest.approx(0.1)
    assert samples["desi-1002"].labels["class"] == "GALAXY"
    assert "redshift" not in samples["desi-1001"].records  # ZWARN is 4
    assert samples["desi-1001"].labels["z"] == pytest.approx(0.2)
    assert [s.key for s in read_file(redrock)] == ["desi-1001", "desi-1002"]  # read as the coadd


def test_redshifts_alone_are_samples_without_a_spectrum(write_redrock):
    good, warned = read_file(write_redrock())
    assert list(good.records) == ["redshift"]
    assert list(warned.records) == []
    assert warned.labels["class"] == "QSO"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Z_IVAR": None}, "has no HDU Z_IVAR"),
        ({"R_FLUX": np.zeros((3, 30), "f4")}, "R_FLUX has 3 rows, FIBERMAP 2"),
        ({"R_IVAR": np.ones((2, 29), "f4")}, r"ivar has shape \(29,\), flux has \(30,\)"),
        ({"B_FLUX": np.full((2, 30), np.nan, "f4")}, "not finite at 30 pixels with ivar > 0"),
        ({"B_IVAR": np.full((2, 30), -1, "f4")}, "30 inverse variances are negative"),
        ({"Z_WAVELENGTH": 3600.3 + 0.8 * (50 + np.arange(30))}, "one lattice"),
    ],
)
def test_bad_layouts_and_numbers(write_coadd, changes, message):
    path = write_coadd(changes=changes)
    with pytest.raises(FormatError, match=message) as error:
        list(read_file(path))
    assert str(error.value).startswith(str(path))


def test_real_galaxy_with_redshift_and_photometry(astro_data):
    (sample,) = read_file(astro_data / "desi" / "coadd-4-80613-thru20210324.fits.gz")
    spectrum = sample["spectrum_desi"]
    assert len(spectrum.flux) == 7781  # the 0.8 Å lattice from 3600 to 9824 Å
    assert (spectrum.wavelength[0], spectrum.wavelength[-1]) == (3600, pytest.approx(9824))
    assert sample["redshift"].value == pytest.approx(0.36874, abs=1e-5)
    assert sample["flux_g"].value == pytest.approx(3.2370327)
    assert sample["shape_r"].value == pytest.approx(0.38778, abs=1e-5)
    assert "shape_e1" not in sample.records  # a round profile has no ellipticity
    # [O III] 5008.24 Å in vacuum stands where the redshift says
    near = np.abs(spectrum.wavelength - 5008.24 * 1.36874) < 30
    peak = spectrum.wavelength[near][spectrum.flux[near].argmax()]
    assert peak == pytest.approx(5008.24 * 1.36874, abs=2)
    # line spreads measured on this file by others
    for low, high, sigma in ((3600, 5760, 0.71), (5800, 7520, 0.64), (7620, 9824, 0.75)):
        inside = (spectrum.wavelength > low) & (spectrum.wavelength < high)
        assert spectrum.lsf_sigma[inside].mean() == pytest.approx(sigma, abs=0.005)


def test_real_join_conserves_weighted_flux(astro_data):
    path = astro_data / "desi" / "coadd-4-80613-thru20210324.fits.gz"
    (sample,) = read_file(path)
    with fits.open(path) as hdus:
        parts = [(hdus[f"{a}_IVAR"].data[0].astype("f8"), hdus[f"{a}_FLUX"].data[0].astype("f8")) for a in "BRZ"]
    joined = sample["spectrum_desi"]
    assert (joined.ivar.astype("f8") * joined.flux).sum() == pytest.approx(
        sum((w * f).sum() for w, f in parts), rel=1e-6
    )


def test_real_coadd_with_four_masked_rows(astro_data):
    samples = list(read_file(astro_data / "desi" / "coadd-5-169-thru20210419.fits.gz"))
    assert [s.labels["usable"] for s in samples] == [False, False, False, False, True]
    assert all(np.isfinite(s["spectrum_desi"].flux).all() for s in samples)


def test_real_redshifts_alone(astro_data, tmp_path):
    path = shutil.copy(astro_data / "desi" / "redrock-4-80613-thru20210324.fits", tmp_path)
    (sample,) = read_file(path)
    assert set(sample.records) >= {"redshift", "flux_g"}
    assert sample.labels["class"] == "GALAXY"
