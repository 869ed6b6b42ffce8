"""A run with tokenizers: held-out completions are drawn, and the export takes records."""

import json

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from foundation.config import DataConfig, ModelConfig
from foundation.data.records import Scalar
from foundation.data.shards import TokenSample, write_tokens
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.training.export import export
from foundation.training.train import train
from foundation.training.trainer import TrainerConfig

NAMES = ("redshift", "flux_g", "flux_r")


def sample(index):
    value = (index * 0.618) % 1
    return {name: Scalar(value + 0.01 * i, name) for i, name in enumerate(NAMES) if (index + i) % 5}


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory):
    """Directory with tokenizers/ and the token shards train/ and validation/ they made."""
    out = tmp_path_factory.mktemp("surveyed")
    tokenizers = {name: ScalarTokenizer(ScalarConfig(codes=16, grid=(0.0, 1.0)), name) for name in NAMES}
    bundle = TokenizerBundle(tokenizers)
    bundle.save_pretrained(out / "tokenizers")
    for name, start, count in (("train", 0, 60), ("validation", 100, 10)):
        tokens = bundle.encode([sample(i) for i in range(start, start + count)])
        samples = [TokenSample(str(i), t, {}) for i, t in enumerate(tokens)]
        write_tokens(samples, out / name, bundle.spaces, bundle.fingerprint(), samples_per_member=8)
    return out


def run(surveyed, out, tokenizers="tokenizers", **options):
    train(
        data=DataConfig(surveyed / "train", surveyed / "validation", tokens_per_batch=60, window=16, workers=0),
        out=out,
        model=ModelConfig(width=16, depth=1, decoder_depth=1, heads=2),
        policy=RandomBudget(given=2, asked=1, never_asked=("flux_r",)),
        trainer=TrainerConfig(max_steps=4, validate_every=2, accelerator="cpu", **options),
        tokenizers=surveyed / tokenizers,
    )


def test_completions_are_drawn_and_the_export_takes_records(surveyed, tmp_path):
    run(surveyed, tmp_path, pictures=3)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [p.name for p in pictures] == ["step=2.png", "step=4.png"]
    height, width = imread(pictures[0]).shape[:2]
    assert width > height  # three samples, three modalities of two panels each
    assert imread(pictures[0]).std() > 0.01
    assert list((tmp_path / "tensorboard").glob("events*"))

    model = FoundationModel.from_pretrained(tmp_path / "export")
    features = model.encode([sample(1), sample(2)]).values
    assert features.shape == (2, 16)
    assert not torch.equal(features[0], features[1])
    export(tmp_path, out=tmp_path / "again")  # finds the tokenizers where training found them
    again = FoundationModel.from_pretrained(tmp_path / "again").encode([sample(1), sample(2)]).values
    np.testing.assert_array_equal(features, again)


def test_pictures_do_not_change_the_run(surveyed, tmp_path):
    run(surveyed, tmp_path / "with", pictures=2)
    run(surveyed, tmp_path / "without", pictures=0)
    assert not (tmp_path / "without" / "pictures").exists()
    one, other = ((tmp_path / d / "export" / "model.safetensors").read_bytes() for d in ("with", "without"))
    assert one == other


def test_tokenizers_that_did_not_make_the_shards_are_refused(surveyed, tmp_path):
    manifest = json.loads((surveyed / "train" / "manifest.json").read_text())
    other = TokenizerBundle({n: ScalarTokenizer(ScalarConfig(codes=16, grid=(0.0, 2.0)), n) for n in NAMES})
    other.save_pretrained(surveyed / "others")
    with pytest.raises(FoundationError, match=f"{manifest['tokenizer_hash']}.*others.*{other.fingerprint()}"):
        run(surveyed, tmp_path / "run", tokenizers="others")
    assert not (tmp_path / "run").exists()
