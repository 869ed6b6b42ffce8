"""Training and applying: a tiny run learns, is stored, and gives the same codes when read again."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.data.records import Sample, Scalar
from foundation.data.shards import RecordShards, TokenShards, write_records
from foundation.errors import FoundationError
from foundation.tokenizers.apply import apply
from foundation.tokenizers.autoencoder import CodecTraining
from foundation.tokenizers.batches import Batches
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.coefficients import CoefficientsConfig
from foundation.tokenizers.image import ImageConfig
from foundation.tokenizers.scalar import ScalarConfig
from foundation.tokenizers.segmentation import SegmentationConfig
from foundation.tokenizers.sources import SourcesConfig
from foundation.tokenizers.spectrum import SpectrumConfig
from foundation.tokenizers.train import train

TRAINING = CodecTraining(
    steps=90, batch=8, peak_rate=1e-2, warmup_fraction=0.1, weight_decay=0.0, window=400, held_out=8, log_every=30
)


@pytest.fixture(scope="module")
def make_sample(make_image, make_spectrum):
    def make(i):
        records = {"flux_g": Scalar(0.1 + i / 50, "flux_g", "nmgy")}
        if i % 4:
            records["image"] = make_image(i)
        if i % 3:
            records["spectrum_desi"] = make_spectrum(i)
        if i % 3 != 1:
            records["spectrum_sdss"] = make_spectrum(1000 + i, low=3700.0)
        return Sample(f"object-{i}", records, {"class": "GALAXY", "z": i / 100})

    return make


@pytest.fixture(scope="module")
def shards(tmp_path_factory, make_sample):
    path = tmp_path_factory.mktemp("data") / "records"
    write_records(map(make_sample, range(96)), path, samples_per_member=16)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shards, small_image, small_spectrum):
    out = tmp_path_factory.mktemp("run") / "tokenizers"
    train(
        data=shards,
        out=out,
        image=small_image,
        spectrum=small_spectrum,
        scalars={"flux_g": ScalarConfig(codes=32)},
        training=TRAINING,
    )
    return out


@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_training_lowers_the_loss_and_leaves_its_record(trained, kind):
    directory = trained / "training" / kind
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["step"]) for r in rows] == [30, 60, 90]
    assert {"loss", "chi2", "utilisation", "perplexity"} <= set(rows[0])
    assert float(rows[-1]["chi2"]) < 0.8 * float(rows[0]["chi2"])
    quality = json.loads((directory / "quality.json").read_text())
    assert 0 < quality["chi2"] < 0.8 * float(rows[0]["chi2"]), "also on records that were not trained on"
    assert quality["chi2_of_mean"] > 1
    assert quality["records"] > 0
    assert (directory / "reconstruction.png").read_bytes().startswith(b"\x89PNG")


def test_the_resolved_configuration_says_every_option(trained, shards):
    record = yaml.safe_load((trained / "training" / "spectrum" / "config.yaml").read_text())
    assert record["spectrum"]["strides"] == [8, 2]
    assert record["spectrum"]["error_floor"] == SpectrumConfig().error_floor
    assert record["training"]["steps"] == 90
    assert record["data"] == str(shards)


def test_one_codec_serves_both_surveys(trained):
    bundle = TokenizerBundle.from_pretrained(trained)
    assert set(bundle.tokenizers) == {"image", "spectrum_desi", "spectrum_sdss", "flux_g"}
    prints = {m: t.fingerprint() for m, t in bundle.tokenizers.items()}
    assert prints["spectrum_desi"] == prints["spectrum_sdss"] != prints["image"]
    assert bundle.tokenizers["flux_g"].config.unit == "nmgy"


def test_bins_are_quantiles_of_the_shards(trained):
    table = TokenizerBundle.from_pretrained(trained).tokenizers["flux_g"].values
    np.testing.assert_allclose(table, np.quantile(0.1 + np.arange(96) / 50, np.linspace(0, 1, 32)))


def test_the_same_seed_gives_the_same_tokenizer(tmp_path, shards, small_image):
    prints = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        training = CodecTraining(steps=3, batch=4, seed=seed)
        train(data=shards, out=tmp_path / name, image=small_image, training=training)
        prints.append(TokenizerBundle.from_pretrained(tmp_path / name).fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_apply_writes_the_tokens_of_every_sample_with_its_labels(tmp_path, shards, trained, make_sample):
    apply(shards, tokenizers=trained, out=tmp_path / "tokens", batch=20)
    bundle = TokenizerBundle.from_pretrained(trained)
    written = TokenShards(tmp_path / "tokens")
    assert len(written) == 96
    assert written.manifest.tokenizer_hash == bundle.fingerprint()
    assert written.spaces == bundle.spaces
    for i, (token_sample, sample) in enumerate(zip(written, RecordShards(shards), strict=True)):
        assert token_sample.key == sample.key == f"object-{i}"
        assert token_sample.labels == sample.labels
        if i % 25 == 0:
            expected = bundle.encode([make_sample(i)])[0]
            for name in sample:
                assert torch.equal(
                    token_sample.tokens.ids[token_sample.tokens.of(name)], expected.ids[expected.of(name)]
                )


def test_apply_leaves_out_samples_without_anything_to_tokenise(tmp_path, trained, make_sample, capsys):
    strange = Sample("strange", {"mass": Scalar(1.0, "mass")})
    write_records([make_sample(0), strange, make_sample(1)], tmp_path / "records")
    apply(tmp_path / "records", tokenizers=trained, out=tmp_path / "tokens")
    assert [t.key for t in TokenShards(tmp_path / "tokens")] == ["object-0", "object-1"]
    assert "left out 1 samples" in capsys.readouterr().err


def batches(shards, tokenizer, **options):
    config = CodecTraining(**({"steps": 40, "batch": 8, "window": 1000, "held_out": 4} | options))
    return Batches(RecordShards(shards), tokenizer, ("spectrum_desi", "spectrum_sdss"), config)


def fingerprints(source):
    return [tuple(batch["value"].float().sum(1).tolist()) for batch in source]


def test_batches_are_shuffled_repeatable_and_cover_everything(shards, spectrum_tokenizer):
    source = batches(shards, spectrum_tokenizer())
    first = fingerprints(source)
    assert len(first) == 40
    assert first == fingerprints(source)
    assert first != fingerprints(batches(shards, spectrum_tokenizer(), seed=1))
    records = len(source.first["value"])
    assert len({v for batch in first for v in batch}) > 0.95 * records
    assert source.first["value"].dtype == torch.float16


def test_windows_smaller_than_the_data_pass_all_of_it(shards, spectrum_tokenizer):
    whole, windowed = batches(shards, spectrum_tokenizer()), batches(shards, spectrum_tokenizer(), window=16)
    assert len(windowed.first["value"]) == 16
    seen = {v for batch in fingerprints(windowed) for v in batch}
    assert len(seen) > 0.9 * len(whole.first["value"])


def test_held_out_records_are_in_no_batch(shards, spectrum_tokenizer):
    tokenizer = spectrum_tokenizer()
    source = batches(shards, tokenizer, held_out=100)
    trained_on = source.first["value"].float()
    held_out = source.held_out()
    assert held_out
    for record in held_out:
        value = torch.from_numpy(tokenizer.prepare_one(record)["value"])
        assert (trained_on - value).abs().amax(1).min() > 0.1


def test_missing_records_are_a_sentence(shards, tmp_path, make_sample, small_image):
    with pytest.raises(FoundationError, match=r"no usable record of photo.*It has "):
        train(data=shards, out=tmp_path / "x", image=small_image, images=("photo",), training=TRAINING)
    with pytest.raises(FoundationError, match="flux_r"):
        train(data=shards, out=tmp_path / "x", scalars={"flux_r": ScalarConfig()})
    write_records([make_sample(2)], tmp_path / "few")
    with pytest.raises(FoundationError, match="none to measure"):
        train(data=tmp_path / "few", out=tmp_path / "x", image=small_image, training=TRAINING)
    assert not (tmp_path / "x" / "image").exists()


@pytest.mark.parametrize("options", [{"steps": 0}, {"batch": 0}, {"window": 4, "batch": 8}])
def test_training_without_meaning_is_refused(options):
    with pytest.raises(FoundationError):
        CodecTraining(**options)


def test_the_command_line_reads_yaml_and_overrides(tmp_path, shards, capsys):
    config = tmp_path / "scalars.yaml"
    config.write_text("scalars:\n  flux_g: {codes: 16, transform: log}\n  redshift: {grid: [0.0, 6.0]}\n")
    arguments = ["tokenize", "train", "--config", str(config), "--data", str(shards), "--out", str(tmp_path / "t")]
    assert main([*arguments, "--training.seed", "3"]) == 0
    bundle = TokenizerBundle.from_pretrained(tmp_path / "t")
    assert bundle.tokenizers["flux_g"].config == ScalarConfig(codes=16, transform="log", unit="nmgy")
    assert bundle.tokenizers["redshift"].config.grid == (0.0, 6.0)
    config.write_text("scalars:\n  flux_g: {colour: 1}\n")
    with pytest.raises(SystemExit):
        main(arguments)
    rest = ["--tokenizers", str(tmp_path / "t"), "--out", str(tmp_path / "o")]
    assert main(["tokenize", "apply", str(shards), *rest]) == 0
    assert len(TokenShards(tmp_path / "o")) == 96
    assert main(["tokenize", "apply", str(tmp_path), *rest]) == 1
    assert "no shard directory" in capsys.readouterr().err


def test_shipped_configurations_are_read():
    """Every file under configs/tokenizers parses against the verb's own options."""
    from pathlib import Path

    files = sorted((Path(__file__).parents[2] / "configs" / "tokenizers").glob("*.yaml"))
    assert len(files) >= 5
    for file in files:
        content = yaml.safe_load(file.read_text())
        for kind, config in (("image", ImageConfig), ("spectrum", SpectrumConfig), ("training", CodecTraining)):
            if kind in content:
                config(**{k: tuple(v) if isinstance(v, list) else v for k, v in content[kind].items()})
        for options in content.get("scalars", {}).values():
            ScalarConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})


def test_planes_coefficients_and_sources_are_trained_too(tmp_path, make_plane, make_coefficients, make_sources):
    def sample(i):
        records = {"mask": make_plane(i), "xp_bp": make_coefficients(i), "catalog": make_sources(i)}
        return Sample(f"object-{i}", records)

    write_records(map(sample, range(48)), tmp_path / "records", samples_per_member=16)
    sizes = {"pixels": 32, "hidden": 16, "narrow": 8, "halvings": 2, "layers": 1, "levels": (5, 5, 5)}
    train(
        data=tmp_path / "records",
        out=tmp_path / "out",
        segmentation=SegmentationConfig(**sizes),
        planes=("mask",),
        coefficients={"xp_bp": CoefficientsConfig(count=12, codes=16)},
        sources={"catalog": SourcesConfig(codes=16)},
        training=replace(TRAINING, steps=60, window=64),
    )
    bundle = TokenizerBundle.from_pretrained(tmp_path / "out")
    assert set(bundle.tokenizers) == {"mask", "xp_bp", "catalog"}
    tokens = bundle.encode([next(iter(RecordShards(tmp_path / "records")))])[0]
    assert set(tokens.names()) == set(bundle.tokenizers) == set(bundle.decode(tokens))
    quality = json.loads((tmp_path / "out" / "training" / "segmentation" / "quality.json").read_text())
    assert quality["chi2"] < quality["chi2_of_mean"]
