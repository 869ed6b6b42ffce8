"""The ingest verb: good files become shards, bad ones sentences, and memory does not grow with their number."""

import csv
import tracemalloc

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.formats.source import FormatError
from foundation.data.ingest import Outcome, gather, ingest, samples_of
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError


@pytest.fixture
def spectra(write_spec):
    """Three good files of distinct fibres."""
    return [write_spec(f"spec-{i}.fits", n=50 + i, labels={"FIBERID": i}) for i in (1, 2, 3)]


@pytest.fixture
def broken(tmp_path, write_spec):
    """A file cut short, an empty one, and one with NaN flux of positive weight."""
    cut = tmp_path / "cut.fits"
    cut.write_bytes(write_spec("whole.fits").read_bytes()[:-3000])
    (tmp_path / "empty.fits").touch()
    return [cut, tmp_path / "empty.fits", write_spec("nan.fits", flux=np.full(60, np.nan, "f4"))]


def test_files_become_shards_through_the_command_line(spectra, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["ingest", *map(str, spectra), "--out", str(out)]) == 0
    samples = list(RecordShards(out))
    assert [s.key for s in samples] == [f"sdss-7000-56000-{i:04d}" for i in (1, 2, 3)]
    assert [len(s["spectrum_sdss"].flux) for s in samples] == [51, 52, 53]
    printed = capsys.readouterr()
    assert "3 samples of 3 files; 0 flagged; 0 failed" in printed.out
    assert "reading files: 3/3" in printed.err


def test_bad_files_are_passed_over_with_a_sentence_and_status_1(spectra, broken, tmp_path, capsys):
    out = tmp_path / "out"
    files = [spectra[0], *broken[:2], spectra[1], broken[2], spectra[2]]
    assert main(["ingest", *map(str, files), "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert len(list(RecordShards(out))) == 3
    failed = [line for line in printed.out.splitlines() if line.startswith("failed")]
    assert len(failed) == 3
    assert all(any(str(b) in line for line in failed) for b in broken)
    assert printed.err.strip().splitlines()[-1].startswith("error: 3 of 6 files could not be read")
    with (out / "failures.csv").open() as table:
        assert [row["file"] for row in csv.DictReader(table)] == [str(b) for b in broken]


def test_strict_stops_at_the_first_bad_file_and_leaves_nothing(spectra, broken, tmp_path):
    out = tmp_path / "folder" / "out"
    with pytest.raises(FormatError, match=r"cut\.fits"):
        ingest([*spectra, *broken], out=out, strict=True)
    assert list(out.parent.iterdir()) == []


def test_only_bad_files_write_nothing(broken, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(FoundationError, match="nothing was read from 3 files, so nothing was written") as error:
        ingest(broken, out=out)
    assert all(str(b) in str(error.value) for b in broken)
    assert not out.exists()
    with pytest.raises(FoundationError, match=r"empty.fits: is empty, 0 bytes. Download it again\.$"):
        ingest(broken[1:2], out=out)


def test_flagged_samples_are_kept_and_counted(spectra, write_coadd, tmp_path, capsys):
    dead = {f"{arm}_IVAR": np.zeros((2, 30), "f4") for arm in "BRZ"}
    ingest([spectra[0], write_coadd(changes=dead)], out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "coadd-1-2.fits: 2 of 2 samples have no usable pixel" in printed
    assert "3 samples of 2 files; 2 flagged; 0 failed" in printed
    assert [s.labels["usable"] for s in RecordShards(tmp_path / "out")] == [True, False, False]


def test_arms_may_be_kept_apart(write_coadd, tmp_path):
    ingest([write_coadd()], out=tmp_path / "out", segments=True)
    assert [set(s["spectrum_desi"].segment) for s in RecordShards(tmp_path / "out")] == [{0, 1, 2}] * 2


def test_samples_before_the_damage_are_kept_and_that_is_said(write_coadd, tmp_path, capsys):
    flux = np.ones((2, 30), "f4")
    flux[1, 3] = np.inf
    with pytest.raises(FoundationError, match="1 of 1 files could not be read"):
        ingest([write_coadd(changes={"R_FLUX": flux})], out=tmp_path / "out")
    assert "Its first 1 samples were kept." in capsys.readouterr().out
    assert len(list(RecordShards(tmp_path / "out"))) == 1


def test_the_same_object_twice_gets_a_key_of_its_own(write_spec, tmp_path, capsys):
    ingest([write_spec("a.fits"), write_spec("b.fits"), write_spec("c.fits")], out=tmp_path / "out")
    keys = [s.key for s in RecordShards(tmp_path / "out")]
    assert keys == ["sdss-7000-56000-0001", "sdss-7000-56000-0001~2", "sdss-7000-56000-0001~3"]
    assert "2 samples have the key of an earlier one" in capsys.readouterr().out


def test_directories_patterns_and_repeats(spectra, tmp_path):
    (tmp_path / "notes.txt").write_text("not taken")
    assert gather([tmp_path]) == spectra
    assert gather([tmp_path / "spec-[12].fits"]) == spectra[:2]
    assert gather([spectra[1], tmp_path, spectra[1]]) == [spectra[1], spectra[0], spectra[2]]
    with pytest.raises(FoundationError, match="no file matches"):
        gather([tmp_path / "*.gz"])
    (tmp_path / "none").mkdir()
    with pytest.raises(FoundationError, match="has no file ending in"):
        gather([tmp_path / "none"])


def test_nothing_but_a_data_set_is_replaced(spectra, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("words")
    with pytest.raises(FoundationError, match="is no data set"):
        ingest(spectra, out=precious)
    assert (precious / "thesis.tex").read_text() == "words"
    ingest(spectra[:1], out=tmp_path / "out")
    ingest(spectra, out=tmp_path / "out")
    assert len(RecordShards(tmp_path / "out")) == 3


def test_peak_memory_does_not_grow_with_the_number_of_files(write_image):
    header = {"EXTNAME": "SCI", "MAGZERO": 30.0, "FILTER": "g"}
    flux = np.random.default_rng(0).normal(0, 1, (200, 200)).astype("f4")
    files = [
        write_image(f"des{i}.fits", flux, cards=header, more=[(np.abs(flux), "WGT")], ra=10 + i) for i in range(16)
    ]

    def peak(paths):
        tracemalloc.start()
        try:
            assert sum(1 for _ in samples_of(paths, Outcome())) == len(paths)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(files[:2])  # imports and caches
    few, many = peak(files[:4]), peak(files)
    # Twelve more files that were kept would cost 24 such arrays; garbage collection moves the peak by one or two.
    assert many < few + 4 * flux.nbytes


def test_real_spectra(astro_data, tmp_path):
    ingest([astro_data / "sdss_boss", astro_data / "desi"], out=tmp_path / "out")
    shards = RecordShards(tmp_path / "out")
    assert len(shards) == 5 + 1 + 5
    classes = [s.labels["class"] for s in shards if "spectrum_sdss" in s.records]
    assert set(classes) == {"GALAXY", "QSO", "STAR"}


def test_spectra_of_every_survey_in_one_data_set(astro_data, tmp_path):
    files = [astro_data / "apogee", astro_data / "galah" / "2101*", astro_data / "other_spectra"]
    ingest([*files, astro_data / "gaia_xp" / "XP_CONTINUOUS_RAW.fits"], out=tmp_path / "out")
    shards = list(RecordShards(tmp_path / "out"))
    assert len(shards) == 6 + 1 + 4 + 2
    kinds = {name for sample in shards for name in sample}
    assert {"spectrum_galah", "spectrum_apogee", "spectrum_aspcap", "spectrum_2df", "coefficients_gaia_bp"} <= kinds
    (star,) = (s for s in shards if "spectrum_galah" in s)
    assert set(star["spectrum_galah"].segment) == {0, 1, 2, 3}
