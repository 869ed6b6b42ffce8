"""Shards: what is written comes back bit for bit, and damage of every kind is one sentence."""

import gc
import json

import numpy as np
import pytest
import torch
import webdataset

from foundation.data.manifest import SCHEMA
from foundation.data.records import Image, Sample, Scalar, Spectrum
from foundation.data.shards import RecordShards, ShardError, TokenSample, TokenShards, write_records, write_tokens
from foundation.errors import FoundationError
from foundation.tokens import Axis, Space, Tokens, concatenate

IMAGE = Space("image", "discrete", 70_000, (Axis("x", "arcsec", -3.0, 3.0, 0.1), Axis("y", "arcsec", -3.0, 3.0, 0.1)))
NATIVE = Space("native", "continuous", 3, (Axis("wavelength", "Angstrom", 3000.0, 11000.0, 1.0),))
REDSHIFT = Space("redshift", "discrete", 100)
SPACES = (IMAGE, NATIVE, REDSHIFT)


def spectrum(rng, n=50, lsf=False):
    return Spectrum(
        flux=rng.normal(size=n),
        wavelength=3600.1 * 10 ** (1e-4 * np.arange(n)),
        ivar=rng.random(n),
        mask=rng.integers(0, 2**32, n, dtype=np.uint32),
        bad=rng.random(n) < 0.2,
        lsf_sigma=rng.random(n) if lsf else None,
        survey="sdss",
    )


def record_sample(i):
    rng = np.random.default_rng(i)
    records = {"redshift": Scalar(rng.random(), "redshift", "", None if i % 2 else 0.1)}
    if i % 3:
        records["spectrum_sdss"] = spectrum(rng, 40 + i % 5, lsf=bool(i % 2))
    if i % 4:
        size = (2, 3 + i % 2, 4)
        wcs = {"CRVAL1": rng.random(), "CTYPE1": "RA---TAN", "NAXIS": 2}
        records["image"] = Image(
            rng.normal(size=size), ("DES-G", "DES-R"), 0.262, rng.random(size), psf_fwhm=(1.1, 1.2), wcs=wcs
        )
    labels = {"class": "GALAXY", "z": float(rng.random()), "ok": bool(i % 2)}
    return Sample(f"object-{i}", records, labels, {"path": "a.fits", "row": i})


def token_sample(i):
    rng = np.random.default_rng(i)
    parts = [Tokens.of_space(REDSHIFT, torch.tensor([i % 100]), track=i % 3)]
    if i % 3:
        grid = torch.linspace(-3, 3, 5, dtype=torch.float64)
        parts.append(
            Tokens.of_space(IMAGE, torch.from_numpy(rng.integers(0, 70_000, 25)), torch.cartesian_prod(grid, grid))
        )
    if i % 2:
        n = 3 + i % 4
        wavelength = torch.from_numpy(3600 + rng.random((n, 1)))
        parts.append(Tokens.of_space(NATIVE, torch.from_numpy(rng.normal(size=(n, 3))), wavelength, track=7))
    return TokenSample(f"object-{i}", concatenate(parts), {"class": "STAR", "z": 0.1 * i})


def same(a, b):
    """Equal in type, dtype and every bit."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "records"
    write_records(map(record_sample, range(30)), path, samples_per_member=4, members_per_shard=3)
    return path


@pytest.fixture
def tokens(tmp_path):
    write_tokens(
        map(token_sample, range(30)), tmp_path / "tokens", SPACES, "a1b2", samples_per_member=4, members_per_shard=3
    )
    return tmp_path / "tokens"


def test_records_come_back_bit_for_bit(records):
    shards = RecordShards(records)
    assert len(shards) == 30 and shards.members == 8
    for i, read in enumerate(shards):
        wrote = record_sample(i)
        assert (read.key, read.labels, read.origin) == (wrote.key, wrote.labels, wrote.origin)
        assert set(read) == set(wrote)
        for modality, record in wrote.items():
            for name, value in vars(record).items():
                assert same(value, getattr(read[modality], name)), (i, modality, name)
    assert [s.key for s in shards.member(7)] == ["object-28", "object-29"]


def test_wide_types_survive(records):
    read = RecordShards(records).member(0)[1]["spectrum_sdss"]
    assert read.wavelength.dtype == np.float64 and read.mask.dtype == np.uint32 and read.bad.dtype == bool


def test_tokens_come_back_exactly(tokens):
    shards = TokenShards(tokens)
    assert shards.spaces == SPACES and len(shards) == 30
    for i, read in enumerate(shards):
        wrote = token_sample(i)
        assert (read.key, read.labels) == (wrote.key, wrote.labels)
        names = [[t.spaces[s].name for s in t.space] for t in (read.tokens, wrote.tokens)]
        assert names[0] == names[1]
        for column in ("ids", "position", "track"):
            a, b = getattr(read.tokens, column), getattr(wrote.tokens, column)
            assert a.dtype == b.dtype and torch.equal(a, b), (i, column)
        assert read.tokens.vectors.keys() == wrote.tokens.vectors.keys()
        assert all(torch.equal(read.tokens.vectors[k], v) for k, v in wrote.tokens.vectors.items())


def test_unwanted_spaces_are_left_out(tokens):
    shards = TokenShards(tokens, modalities=("native", "redshift"))
    assert shards.spaces == (NATIVE, REDSHIFT)
    for i, read in enumerate(shards):
        wrote = token_sample(i).tokens
        for name in ("native", "redshift"):
            assert torch.equal(read.tokens.ids[read.tokens.of(name)], wrote.ids[wrote.of(name)])
            assert torch.equal(read.tokens.position[read.tokens.of(name)], wrote.position[wrote.of(name)])
        assert len(read.tokens) == len(wrote.of("native")) + len(wrote.of("redshift"))


def test_statistics_and_labels_are_counted(records, tokens):
    seen = [record_sample(i) for i in range(30)]
    manifest = RecordShards(records).manifest
    for modality in ("image", "spectrum_sdss", "redshift"):
        count = sum(modality in s for s in seen)
        assert manifest.statistics[modality] == {"count": count, "fraction": count / 30}
    assert manifest.labels["ok"] == {"type": "bool", "count": 30}
    manifest = TokenShards(tokens).manifest
    assert manifest.statistics["image"]["tokens"] == 25 * sum(i % 3 > 0 for i in range(30))
    assert manifest.tokenizer_hash == "a1b2"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset leaves the last tar open
def test_plain_webdataset_reads_the_tars(tokens):
    urls = sorted(str(p) for p in tokens.glob("*.tar"))
    found = list(webdataset.WebDataset(urls, shardshuffle=False))
    gc.collect()
    assert len(urls) == 3 and len(found) == 8
    keys = [key for member in found for key in json.loads(member["json"])["keys"]]
    assert keys == [f"object-{i}" for i in range(30)]
    assert all(set(m) >= {"json", "safetensors"} for m in found)


def test_equal_arrays_are_stored_once(tmp_path):
    rng = np.random.default_rng(0)
    write_records((Sample(str(i), {"s": spectrum(rng, 4000)}) for i in range(64)), tmp_path / "grid")
    size = sum(p.stat().st_size for p in (tmp_path / "grid").iterdir())
    assert size < 64 * 4000 * (4 + 4 + 4 + 1) * 1.05  # flux, ivar, mask and bad differ; wavelength and segment do not


def test_arrays_that_differ_in_their_last_value_stay_apart(tmp_path):
    wavelength = np.arange(1.0, 101.0)
    masks = [np.zeros(100, np.uint32) for _ in range(4)]
    masks[1][-1], masks[3][-1] = 1, 2**31
    grids = [np.append(wavelength[:-1], last) for last in (200.0, 200.0, np.nextafter(200.0, 0), 300.0)]
    spectra = [Spectrum(np.ones(100), g, np.ones(100), m) for g, m in zip(grids, masks, strict=True)]
    write_records((Sample(str(i), {"s": s}) for i, s in enumerate(spectra)), tmp_path / "near")
    for read, mask, grid in zip(RecordShards(tmp_path / "near"), masks, grids, strict=True):
        assert same(read["s"].mask, mask) and same(read["s"].wavelength, grid)


def test_a_layout_is_stored_once(tmp_path):
    grid = torch.rand(300, 2, dtype=torch.float64)
    samples = (TokenSample(str(i), Tokens.of_space(IMAGE, torch.randint(70_000, (300,)), grid)) for i in range(512))
    write_tokens(samples, tmp_path / "grid", (IMAGE,), "", samples_per_member=256)
    size = sum(p.stat().st_size for p in (tmp_path / "grid").glob("*.tar"))
    assert (
        size < 512 * 300 * 4 * 1.1 + 2 * 300 * 32
    )  # codes above 65,535 need four bytes; the rest is nothing beside them


def test_numpy_labels_become_plain(tmp_path):
    labels = {"snr": np.float32(2.5), "n": np.int64(3)}
    write_tokens([TokenSample("a", token_sample(0).tokens, labels)], tmp_path / "d", SPACES, "")
    read = next(iter(TokenShards(tmp_path / "d"))).labels
    assert read == {"snr": 2.5, "n": 3} and type(read["n"]) is int


@pytest.mark.parametrize("kind", [RecordShards, TokenShards])
def test_no_manifest(tmp_path, kind):
    with pytest.raises(FoundationError, match=r"no manifest.json.*foundation ingest"):
        kind(tmp_path)


def test_damaged_or_foreign_manifest(tokens):
    path = tokens / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace(f'"schema": {SCHEMA}', '"schema": 99'))
    with pytest.raises(ShardError, match=r"manifest.json.*schema version 99.*Write the data set again"):
        TokenShards(tokens)
    path.write_text(text[: len(text) // 2])
    with pytest.raises(ShardError, match=r"manifest.json: this is not a manifest"):
        TokenShards(tokens)
    path.write_text(text.replace('"sha256"', '"sha255"'))
    with pytest.raises(ShardError, match=r"manifest.json: the manifest is damaged"):
        TokenShards(tokens)


def test_wrong_kind_says_which_command(records, tokens):
    with pytest.raises(ShardError, match=r"records: holds records, tokens are wanted.*foundation tokenize apply"):
        TokenShards(records)
    with pytest.raises(ShardError, match=r"tokens: holds tokens, records are wanted.*foundation ingest"):
        RecordShards(tokens)


def test_empty_cut_or_missing_shard(tokens):
    shard = tokens / "shard-000001.tar"
    whole = shard.read_bytes()
    for content, words in (
        (b"", "is empty"),
        (whole[: len(whole) // 2], "it was cut"),
        (whole + b"x", "the manifest says"),
    ):
        shard.write_bytes(content)
        with pytest.raises(ShardError, match=f"shard-000001.tar: the shard .*{words}.*Copy it again"):
            TokenShards(tokens)
    shard.unlink()
    with pytest.raises(ShardError, match=r"shard-000001.tar: .*not there"):
        TokenShards(tokens)


def test_changed_byte_is_found_on_reading_and_by_verify(tokens):
    shards = TokenShards(tokens)
    shards.verify()
    name, member = shards.manifest.members[4]
    content = bytearray((tokens / name).read_bytes())
    content[member.arrays.offset + member.arrays.size - 1] ^= 1
    (tokens / name).write_bytes(content)
    assert [s.key for s in shards.member(0)] == [f"object-{i}" for i in range(4)]  # other members still read
    with pytest.raises(ShardError, match=rf"{name}: member 4 is corrupt"):
        shards.member(4)
    with pytest.raises(ShardError, match=rf"{name}: the checksum differs"):
        shards.verify()


def test_other_tokenizer_is_refused(tokens):
    assert len(TokenShards(tokens, tokenizer_hash="a1b2")) == 30
    with pytest.raises(ShardError, match=r"made with tokenizer a1b2, c3d4 is wanted.*foundation tokenize apply"):
        TokenShards(tokens, tokenizer_hash="c3d4")


def test_unknown_space_and_bad_codes_are_refused(tokens, tmp_path):
    with pytest.raises(ShardError, match=r"has no tokens of gaia; it has image, native, redshift"):
        TokenShards(tokens, modalities=("gaia",))
    with pytest.raises(ShardError, match=r"spaces image"):
        write_tokens([token_sample(1)], tmp_path / "a", (REDSHIFT, NATIVE), "")
    bad = TokenSample("x", Tokens.of_space(REDSHIFT, torch.tensor([100])))
    with pytest.raises(ShardError, match=r"Code 100 lies outside space 'redshift' of size 100"):
        write_tokens([bad], tmp_path / "a", SPACES, "")
    assert not (tmp_path / "a").exists()
