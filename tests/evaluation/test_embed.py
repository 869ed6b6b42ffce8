"""Embeddings of files and shards as a table: the encoder's own vectors, bad files told, nothing half-written."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet

from foundation.cli import call
from foundation.config import ModelConfig
from foundation.data.records import Sample, Scalar
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.evaluation import embed as verb
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer


@pytest.fixture(autouse=True)
def loaded(monkeypatch, encoder):
    monkeypatch.setattr(FoundationModel, "of_tokens", classmethod(lambda cls, name, device: encoder))


def test_a_parquet_of_a_shard_directory(sky, encoder, tmp_path):
    verb.embed(tmp_path, [sky], out=tmp_path / "table.parquet")
    table = parquet.read_table(tmp_path / "table.parquet")
    samples = list(RecordShards(sky))
    assert table.column_names == ["key", "path", "labels", "embedding"]
    assert table["key"].to_pylist() == [s.key for s in samples]
    assert json.loads(table["labels"][4].as_py()) == dict(samples[4].labels)
    vectors = np.array(table["embedding"].to_pylist(), dtype=np.float32)
    np.testing.assert_allclose(vectors, encoder.encode(samples).values.numpy(), atol=1e-5)


def test_an_npz_without_pickles_and_only_the_asked_modalities(sky, encoder, tmp_path):
    verb.embed(tmp_path, [sky], out=tmp_path / "table.npz", modalities=("image",), layer=1)
    with np.load(tmp_path / "table.npz", allow_pickle=False) as table:
        expected = encoder.encode(list(RecordShards(sky)), modalities=["image"], layer=1).values.numpy()
        np.testing.assert_allclose(table["embedding"], expected, atol=1e-5)
        assert table["key"].shape == (240,)


def test_objects_with_nothing_the_model_knows_are_left_out(sky, tmp_path, capsys):
    strange = [Sample("x", {"mass": Scalar(1.0, "mass")}), Sample("y", {"flux_g": Scalar(1.0, "flux_g")})]
    write_records(strange, tmp_path / "records")
    verb.embed(tmp_path, [tmp_path / "records"], out=tmp_path / "table.npz")
    assert "1 objects embedded, 1 left out" in capsys.readouterr().out
    with pytest.raises(FoundationError, match="nothing to embed"):
        verb.embed(tmp_path, [tmp_path / "records"], out=tmp_path / "other.npz", modalities=("image",))
    assert not (tmp_path / "other.npz").exists()


def test_bad_files_are_told_and_the_rest_is_written(sky, tmp_path, capsys):
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  =                    T")
    with pytest.raises(FoundationError, match="1 of 1 files could not be read; the rest is in"):
        verb.embed(tmp_path, [tmp_path / "broken.fits", sky], out=tmp_path / "table.parquet")
    assert parquet.read_table(tmp_path / "table.parquet").num_rows == 240
    assert "broken.fits" in capsys.readouterr().out


def test_only_bad_files_leave_nothing(tmp_path):
    (tmp_path / "broken.fits").write_bytes(b"")
    with pytest.raises(FoundationError, match=r"nothing to embed.*broken\.fits"):
        verb.embed(tmp_path, [tmp_path / "broken.fits"], out=tmp_path / "table.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.fits"]


def test_another_kind_of_table_is_refused_before_any_work(tmp_path):
    with pytest.raises(FoundationError, match=r"ends in .parquet or .npz"):
        verb.embed(tmp_path, [tmp_path / "not there"], out=tmp_path / "table.csv")


def test_real_spectra_through_the_command_line(astro_data, tmp_path, monkeypatch):
    torch.manual_seed(0)
    small = SpectrumConfig(
        step=8.0, pixels=896, resampling="rebin", encoder_depths=(1, 1), encoder_widths=(8, 8), decoder_depths=(1, 0),
        decoder_widths=(8, 2), strides=(8, 2), levels=(4, 4, 4), noise_input="istd*n",
    )  # fmt: skip
    bundle = TokenizerBundle({"spectrum_sdss": SpectrumTokenizer(small, "spectrum_sdss").eval()})
    FoundationModel(ModelConfig(width=16, depth=1, decoder_depth=0, heads=2), bundle.spaces, bundle).save_pretrained(
        tmp_path / "model"
    )
    monkeypatch.undo()  # the real of_tokens
    files = sorted((astro_data / "boss_plate7102").glob("spec-*.fits.gz"))[:4]
    arguments = [str(tmp_path / "model"), *map(str, files), "--out", str(tmp_path / "table.parquet")]
    call(verb.embed, arguments, "foundation embed")
    table = parquet.read_table(tmp_path / "table.parquet")
    assert [Path(p).name for p in table["path"].to_pylist()] == [f.name for f in files]
    assert {json.loads(text)["class"] for text in table["labels"].to_pylist()} <= {"GALAXY", "QSO", "STAR"}
    vectors = np.array(table["embedding"].to_pylist())
    assert np.isfinite(vectors).all()
    assert (vectors.std(0) > 0).any()
