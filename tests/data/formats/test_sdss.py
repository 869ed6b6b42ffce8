"""SDSS, BOSS and eBOSS spectra: layouts, bad-pixel policy, labels, and the real files."""

import csv
import gzip

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.catalog import read_file
from foundation.data.formats.sdss import SPPIXMASK
from foundation.data.formats.source import FormatError


def only(path):
    (sample,) = read_file(path)
    return sample


@pytest.mark.parametrize("named", [True, False], ids=["EXTNAME", "empty EXTNAME"])
def test_a_spec_file(write_spec, named):
    path = write_spec(named=named)
    sample = only(path)
    stored = fits.getdata(path, 1)
    spectrum = sample["spectrum_sdss"]
    np.testing.assert_array_equal(spectrum.flux, stored["flux"])
    np.testing.assert_allclose(spectrum.wavelength, 10.0 ** stored["loglam"].astype("f8"))
    assert spectrum.flux.dtype.isnative
    assert spectrum.survey == "boss"
    assert sample.key == "sdss-7000-56000-0001"
    assert sample.labels["class"] == "GALAXY"
    assert sample.labels["subclass"] == ""
    assert sample["redshift"].value == pytest.approx(0.25)
    assert sample["redshift"].sigma == pytest.approx(1e-4)
    assert sample.origin["ra"] == 10.5
    # wdisp = 1 pixel of 1e-4 dex, which is 69 km/s
    np.testing.assert_allclose(spectrum.lsf_sigma / spectrum.wavelength * 299792.458, 69.03, rtol=1e-3)


def test_gzip_and_upper_case_columns(write_spec, tmp_path):
    plain = write_spec(n=40)
    packed = tmp_path / "spec-7000-56000-0002.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(only(packed)["spectrum_sdss"].flux, only(plain)["spectrum_sdss"].flux)


def test_bits_are_kept_and_the_policy_applied(write_spec):
    bits = np.zeros(60, "i4")
    for pixel, name in enumerate(SPPIXMASK):
        bits[pixel] = 1 << SPPIXMASK[name]
    bits[50] = -(2**31)  # a sign bit must survive as bit 31
    spectrum = only(write_spec(and_mask=bits))["spectrum_sdss"]
    np.testing.assert_array_equal(spectrum.mask, bits.view("u4"))
    bad = {name for pixel, name in enumerate(SPPIXMASK) if spectrum.bad[pixel]}
    assert bad == {"FULLREJECT", "NOSKY", "COMBINEREJ", "BADFLUXFACTOR", "BADSKYCHI"}


def test_nodata_with_weight_is_good_and_without_is_not(write_spec):
    bits, ivar = np.full(60, 1 << SPPIXMASK["NODATA"], "i4"), np.full(60, 4, "f4")
    ivar[:10] = 0
    usable = only(write_spec(and_mask=bits, ivar=ivar))["spectrum_sdss"].usable
    assert not usable[:10].any()
    assert usable[10:].all()


def test_air_wavelengths_become_vacuum(write_spec):
    vacuum = only(write_spec())["spectrum_sdss"].wavelength
    air = only(write_spec("spec-air.fits", vacuum=False))["spectrum_sdss"].wavelength
    np.testing.assert_allclose(air, vacuum_of(vacuum))
    assert (air - vacuum).min() > 1.0


def test_a_warned_redshift_is_a_label_but_no_record(write_spec):
    sample = only(write_spec(labels={"ZWARNING": 4, "Z": 0.7}))
    assert "redshift" not in sample.records
    assert sample.labels["z"] == pytest.approx(0.7)
    assert sample.labels["z_warning"] == 4


def test_a_fully_masked_spectrum_is_flagged_not_dropped(write_spec):
    sample = only(write_spec(ivar=np.zeros(60, "f4"), flux=np.full(60, np.nan, "f4")))
    assert sample.labels["usable"] is False
    assert sample.labels["snr"] == 0
    assert not sample["spectrum_sdss"].flux.any()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("flux", np.nan, "not finite at 1 pixels with ivar > 0"),
        ("ivar", -1.0, "negative"),
        ("ivar", np.nan, "not finite"),
    ],
)
def test_numbers_that_make_no_spectrum(write_spec, column, value, message):
    data = np.full(60, 2, "f4")
    data[30] = value
    path = write_spec(**{column: data})
    with pytest.raises(FormatError, match=message) as error:
        only(path)
    assert str(path) in str(error.value)
    assert "ivar = 0" in str(error.value) or "to 0" in str(error.value)


def test_a_file_cut_between_hdus_has_no_labels(write_spec, tmp_path):
    with fits.open(write_spec()) as hdus:
        hdus[:2].writeto(tmp_path / "spec-cut.fits")
    with pytest.raises(FormatError, match=r"spec-cut.fits: has no labels in HDU 2.*Download it again"):
        only(tmp_path / "spec-cut.fits")


def test_real_boss_plate_agrees_with_its_label_table(astro_data):
    with (astro_data / "boss_labels.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["file"].startswith("boss_plate7102")]
    assert len(rows) == 34
    for row in rows:
        sample = only(astro_data / row["file"])
        assert (sample.labels["class"], sample.labels["subclass"]) == (row["class"], row["subclass"])
        assert sample.labels["z"] == float(row["z"])
        assert sample.labels["z_warning"] == int(row["zwarning"])
        assert ("redshift" in sample.records) == (row["zwarning"] == "0")
        assert len(sample["spectrum_sdss"].flux) == int(row["npix"])
        assert sample.labels["snr"] == pytest.approx(float(row["sn_median_all"]), rel=0.1, abs=0.1)
        assert sample.labels["usable"] is True


@pytest.mark.parametrize(
    ("name", "survey", "pixels"),
    [
        ("spec-0266-51602-0013.fits", "sdss", 3838),
        ("spec-0332-52367-0639.full.fits.gz", "sdss", 3810),
        ("spec-10656-58163-0366.fits.gz", "eboss", 4590),
    ],
)
def test_real_lite_full_and_unnamed_files(astro_data, name, survey, pixels):
    path = astro_data / "sdss_boss" / name
    sample = only(path)
    with fits.open(path) as hdus:
        row, flux = hdus[2].data[0], hdus[1].data["FLUX"].astype("f4")
        assert (sample.labels["class"], sample.labels["z"]) == (row["CLASS"].strip(), pytest.approx(float(row["Z"])))
    np.testing.assert_array_equal(sample["spectrum_sdss"].flux, flux)
    assert (sample["spectrum_sdss"].survey, len(flux)) == (survey, pixels)
    assert sample["spectrum_sdss"].bad.mean() < 0.02


def test_exposures_of_a_real_full_file_are_what_was_coadded(astro_data):
    sample = only(astro_data / "sdss_boss" / "spec-0332-52367-0639.full.fits.gz")
    exposures = [sample[f"spectrum_sdss_exposure_{i}"] for i in (1, 2, 3)]
    assert "spectrum_sdss_exposure_4" not in sample.records
    with fits.open(astro_data / "sdss_boss" / "spec-0332-52367-0639.full.fits.gz") as hdus:
        coadd, blue, red = hdus[1].data, hdus["B2-00014178-00014176-00014177"].data, hdus[7].data
    first = exposures[0]
    np.testing.assert_array_equal(first.flux, np.concatenate([blue["flux"][::-1], red["flux"]]))
    np.testing.assert_array_equal(first.mask, np.concatenate([blue["mask"][::-1], red["mask"]]).view("u4"))
    np.testing.assert_array_equal(np.unique(first.segment), (0, 1))
    for exposure in exposures:
        good = exposure.usable
        place = np.log10(exposure.wavelength[good])
        ratio = exposure.flux[good] / np.interp(place, coadd["loglam"], coadd["flux"])
        assert np.median(ratio) == pytest.approx(1, abs=0.01)
        sigma = np.interp(place, coadd["loglam"], coadd["wdisp"]) * 1e-4 * np.log(10) * exposure.wavelength[good]
        assert np.median(exposure.lsf_sigma[good] / sigma) == pytest.approx(1, abs=0.01)


def test_a_lite_file_has_no_exposures(write_spec):
    assert {name for name in only(write_spec()).records if "exposure" in name} == set()
