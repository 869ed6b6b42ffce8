"""FITS read without astropy: the same values in every HDU of every real file, and what is not plain is left alone."""

import gzip
from contextlib import ExitStack
from tempfile import TemporaryFile

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.cards import Cards, parsed
from foundation.data.formats.quick import open_plain


@pytest.fixture
def opened():
    """Open a file, packed or not, until the test ends."""
    with ExitStack() as stack:

        def opened(path):
            content = path.read_bytes()
            file = stack.enter_context(TemporaryFile())
            file.write(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
            return open_plain(file)

        yield opened


def same_table(ours, theirs):
    assert [c.name for c in ours.columns] == theirs.columns.names
    for name in theirs.columns.names:
        stored = theirs.data[name]
        mine = np.char.rstrip(ours.data[name.lower()]) if stored.dtype.kind == "U" else ours.data[name.lower()]
        np.testing.assert_array_equal(mine, stored, err_msg=name)
        cell = next(iter(ours.data))[name]
        np.testing.assert_array_equal(cell.rstrip() if isinstance(cell, str) else cell, stored[0])


def same(ours, path):
    with fits.open(path) as theirs:
        assert [h.name.upper() for h in theirs] == [h.name.upper() for h in ours]
        for one, other in zip(ours, theirs, strict=True):
            assert one.is_image == other.is_image
            if not one.is_image:
                same_table(one, other)
            elif other.data is None:
                assert one.data is None
            else:
                np.testing.assert_array_equal(one.data, other.data)
                if one.data.ndim > 1:
                    np.testing.assert_array_equal(one.section[len(one.data) - 1], other.data[-1])


def test_every_real_spectrum_has_the_same_values(astro_data, opened):
    paths = [
        *(astro_data / "sdss_boss").iterdir(),
        *(astro_data / "apogee").iterdir(),
        *(astro_data / "desi").iterdir(),
    ]
    paths += [next((astro_data / folder).glob("*.fits.gz")) for folder in ("galah", "boss_plate7102", "other_spectra")]
    assert len(paths) == 17
    for path in paths:
        ours = opened(path)
        assert ours is not None, path
        same(ours, path)


def test_cards_have_the_values_of_astropy():
    header = fits.Header()
    header["LONG"] = "it's " + "very " * 30 + "long"
    header["WHOLE"], header["REAL"], header["YES"] = -7, 1.5e-300, True
    header["NOTE"] = ("a / b", "and / a comment")
    header["HIERARCH ESO DET CHIP"] = "left"
    header["EMPTY"] = ""
    cards = Cards(header.tostring().encode("ascii"))
    for keyword in header:
        assert cards[keyword.lower()] == header[keyword], keyword
    assert "ABSENT" not in cards and cards.get("ABSENT", 3) == 3
    assert parsed(b" 1.0D5 / days") == 1e5
    with pytest.raises(ValueError, match="could not convert"):
        parsed(b"   / no value")


@pytest.mark.parametrize("kind", ["scaled image", "compressed", "scaled column", "heap", "sky", "cut", "longer"])
def test_what_is_not_plain_is_left_to_astropy(tmp_path, opened, kind):
    image = fits.ImageHDU(np.arange(12, dtype="i4").reshape(3, 4))
    if kind == "scaled image":
        image.scale("int16", bscale=2.0)
    if kind == "compressed":
        image = fits.CompImageHDU(np.ones((20, 20)))
    if kind == "scaled column":
        image = fits.BinTableHDU.from_columns([fits.Column("a", "E", bscale=2.0, array=np.ones(2))])
    if kind == "heap":
        image = fits.BinTableHDU.from_columns([fits.Column("a", "PE()", array=[np.ones(2), np.ones(3)])])
    if kind == "sky":
        image.header["CTYPE1"] = "RA---TAN"
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    content = path.read_bytes()
    path.write_bytes(content[:-2880] if kind == "cut" else content + bytes(2880) if kind == "longer" else content)
    assert opened(path) is None


def test_unsigned_images_logical_columns_and_arrays(tmp_path, opened):
    columns = [
        fits.Column("ok", "L", array=[True, False]),
        fits.Column("name", "6A", dim="(3,2)", array=np.array([["ab", "c"], ["d", "ef"]])),
        fits.Column("grid", "6J", dim="(3,2)", array=np.arange(12).reshape(2, 2, 3)),
    ]
    path = tmp_path / "a.fits"
    bits = fits.ImageHDU(np.array([[1, 2**31], [2**32 - 1, 0]], "u4"), name="MASK")
    fits.HDUList([fits.PrimaryHDU(), bits, fits.BinTableHDU.from_columns(columns)]).writeto(path)
    ours = opened(path)
    assert ours is not None
    same(ours, path)
    assert next(iter(ours[2].data))["OK"] == True and ours[1].data.dtype == np.uint32  # noqa: E712 - a numpy bool
