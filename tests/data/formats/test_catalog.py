"""Every way in which a file can be bad is one sentence that names it; every real file is read or named."""

import builtins
import csv
import errno
import gzip
import os
import re
import shutil
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import FORMATS, read_file
from foundation.data.formats.source import FormatError, explained, open_source
from foundation.data.formats.unread import UNREAD


def refusal(path):
    with pytest.raises(FormatError) as error:
        list(read_file(path))
    sentence = str(error.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_no_such_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "a.fits")


def test_zero_bytes(tmp_path):
    (tmp_path / "a.fits").touch()
    assert "is empty, 0 bytes. Download it again." in refusal(tmp_path / "a.fits")


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x00" * 5000, b"SIMPLE"])
def test_not_fits(tmp_path, content):
    (tmp_path / "a.fits").write_bytes(content)
    refusal(tmp_path / "a.fits")


@pytest.mark.parametrize("packed", [False, True], ids=["fits", "fits.gz"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_truncated_fits(write_spec, tmp_path, share, packed):
    content = write_spec(n=600).read_bytes()
    content = gzip.compress(content) if packed else content
    path = tmp_path / f"cut.fits{'.gz' if packed else ''}"
    path.write_bytes(content[: int(len(content) * share)])
    assert "Download it again." in refusal(path)


@pytest.mark.parametrize("bytes_lost", [1, 80, 2880, 2881, 5760])
def test_the_end_is_missing(write_spec, tmp_path, bytes_lost):
    path = tmp_path / "cut.fits"
    path.write_bytes(write_spec().read_bytes()[:-bytes_lost])
    assert "Download it again." in refusal(path)


def test_a_flipped_byte_in_gzip(write_spec, tmp_path):
    content = bytearray(gzip.compress(write_spec(n=600).read_bytes()))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "bad.fits.gz").write_bytes(content)
    assert "is damaged" in refusal(tmp_path / "bad.fits.gz")


def test_a_full_temporary_disk_is_not_called_damage(write_spec, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "good.fits.gz"
    path.write_bytes(gzip.compress(write_spec().read_bytes()))
    monkeypatch.setattr(shutil, "copyfileobj", full)
    assert "cannot be read: No space left on device. Check" in refusal(path)


def test_an_unknown_layout_says_what_is_there_and_what_is_read(tmp_path):
    path = tmp_path / "odd.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 4)), name="WHAT")]).writeto(path)
    sentence = refusal(path)
    assert "PRIMARY, WHAT (image 3x4)" in sentence
    assert all(f.name in sentence for f in FORMATS)


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"sobject_id": [1]}, "a GALAH label table"),
        ({"APOGEE_ID": ["2M"]}, "a table of APOGEE stars"),
    ],
)
def test_known_formats_of_later_versions_are_named(write_table, columns, name):
    assert f"is {name}, not a format this version reads" in refusal(write_table("x.fits", columns))
    assert name in [known for known, _ in UNREAD]


def test_missing_astropy_is_explained(write_spec, monkeypatch):
    path = write_spec()
    real = builtins.__import__

    def without_astropy(name, *args, **kwargs):
        if name.startswith("astropy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_astropy)
    for name in [n for n in sys.modules if n.startswith("astropy")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(FormatError, match=r'Type `pip install "foundation-science\[astro\]"`\.'):
        list(read_file(path))


def test_harmless_oddities_are_silent_and_filters_do_not_leak(write_spec, tmp_path):
    path = tmp_path / "padded.fits"
    path.write_bytes(write_spec().read_bytes() + bytes(2880))  # astropy warns of padding, which is no damage
    before = list(warnings.filters)
    reading = read_file(path)
    next(reading)
    assert warnings.filters == before
    reading.close()
    with explained(path), pytest.raises(DeprecationWarning):
        warnings.warn("ours", DeprecationWarning, stacklevel=1)  # only astropy's are silenced


def test_files_are_closed_when_reading_stops(write_coadd):
    reading = read_file(write_coadd())
    next(reading)
    reading.close()  # an open file would be a ResourceWarning, which is an error here
    with open_source(write_coadd("coadd-b.fits")) as source:
        hdus = source.hdus
    with pytest.raises(ValueError, match="closed file"):
        _ = hdus[1].data


UNREADABLE = re.compile(r"labels|images_decam_ccd/|PSF_HSC")


def test_the_whole_real_collection_is_read_or_named(astro_data):
    with (astro_data / "MANIFEST.csv").open() as table:
        listed = [row["file"] for row in csv.DictReader(table)]
    read = [name for name in listed if not UNREADABLE.search(name) and "boss_plate7102" not in name]  # see test_sdss.py
    assert len(read) > 20
    for name in filter(UNREADABLE.search, listed):
        assert "not a format this version reads" in refusal(astro_data / name)
    for name in read:
        sample = next(read_file(astro_data / name))
        assert sample.records and sample.origin["path"]
