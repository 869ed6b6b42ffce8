import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foundation.data.records import Sample, Scalar
from foundation.errors import FoundationError
from foundation.model import stored
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokens import Axis, Space

CODES = 16
LINE = Space("line", "discrete", 9, (Axis("x", "m", 0.1, 1.7, 0.2),))


def scalar_tokenizers(*names):
    values = np.linspace(0, 3, 200)
    return TokenizerBundle({n: ScalarTokenizer(ScalarConfig(codes=CODES), n).fit([values]) for n in names})


@pytest.fixture
def scalars(build):
    """A model of two scalar modalities with their tokenizers, and of a third space without one."""
    bundle = scalar_tokenizers("redshift", "flux_g")
    model = build((*bundle.spaces, LINE))
    return FoundationModel(model.config, model.spaces, bundle)


@pytest.fixture
def stars():
    return [
        Sample("a", {"redshift": Scalar(0.3, "redshift"), "flux_g": Scalar(1.2, "flux_g")}),
        Sample("b", {"redshift": Scalar(2.9, "redshift")}),
        Sample("c", {"flux_g": Scalar(0.1, "flux_g"), "ebv": Scalar(0.1, "ebv")}),
    ]


def test_round_trip_gives_the_same_logits(build, draw, draw_reveal, run, tmp_path):
    model = build(decoder_depth=2, position="learned").float()
    model.save_pretrained(tmp_path / "model")
    loaded = FoundationModel.from_pretrained(tmp_path / "model")
    assert (loaded.config, loaded.spaces, loaded.training) == (model.config, model.spaces, False)
    samples = [(t, draw_reveal(t)) for t in (draw() for _ in range(3))]
    before, after = run(model, samples)[0], run(loaded, samples)[0]
    assert before and all(torch.equal(value, after[key]) for key, value in before.items())


def test_round_trip_keeps_tokenizers(scalars, stars, tmp_path):
    scalars.save_pretrained(str(tmp_path / "model"))
    loaded = FoundationModel.from_pretrained(str(tmp_path / "model"))
    assert loaded.tokenizers.fingerprint() == scalars.tokenizers.fingerprint()
    assert torch.equal(loaded.encode(stars).values, scalars.encode(stars).values)
    assert not any("tokenizer" in name for name in load_file(tmp_path / "model" / "model.safetensors"))


def test_directory_describes_itself(scalars, tmp_path):
    scalars.save_pretrained(tmp_path / "model")
    files = {p.name for p in (tmp_path / "model").iterdir()}
    assert files == {"config.json", "model.safetensors", "README.md", "tokenizers"}
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["spaces"][2]["axes"] == [{"name": "x", "unit": "m", "low": 0.1, "high": 1.7, "step": 0.2}]
    assert config["tokenizers"] == scalars.tokenizers.fingerprint() and config["model"]["width"] == 48
    card = (tmp_path / "model" / "README.md").read_text()
    assert (
        f"{sum(p.numel() for p in scalars.parameters()):,} parameters" in card
        and "| line | discrete | 9 | x [m] |" in card
    )


def test_saving_again_replaces_a_model_but_nothing_else(scalars, build, tmp_path):
    scalars.save_pretrained(tmp_path / "model")
    build().save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model" / "tokenizers").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(FoundationError, match="holds no model"):
        scalars.save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_records_and_their_tokens_encode_alike(scalars, stars):
    tokens = scalars.tokenise(stars)
    assert [t.names() for t in tokens] == [("redshift", "flux_g"), ("redshift",), ("flux_g",)]
    assert torch.equal(scalars.encode(stars).values, scalars.encode(tokens).values)
    mixed = [stars[0], tokens[1], dict(stars[2])]
    assert torch.equal(scalars.encode(mixed).values, scalars.encode(stars).values)


def test_modalities_choose_what_is_seen(scalars, stars):
    both, one = stars[:1], [Sample("a", {"redshift": stars[0]["redshift"]})]
    assert torch.equal(scalars.encode(both, modalities=["redshift"]).values, scalars.encode(one).values)
    assert not torch.equal(scalars.encode(both).values, scalars.encode(one).values)
    assert torch.equal(
        scalars.encode(scalars.tokenise(both), modalities=["redshift"]).values, scalars.encode(one).values
    )
    with pytest.raises(FoundationError, match="no modality colour; it has redshift, flux_g, line"):
        scalars.encode(both, modalities=["redshift", "colour"])


def test_many_samples_are_tokenised_in_their_order(scalars):
    stars = [Sample(str(i), {"redshift": Scalar(3 * i / 200, "redshift")}) for i in range(200)]
    ids = torch.cat([t.ids for t in scalars.tokenise(stars)])
    assert torch.equal(ids, ids.sort().values) and len(ids.unique()) == CODES


def test_samples_the_model_cannot_take_are_named(scalars, stars, build):
    with pytest.raises(FoundationError, match="Sample b has redshift, and the model was asked for flux_g"):
        scalars.encode(stars, modalities=["flux_g"])
    with pytest.raises(FoundationError, match="Sample 1 has no record"):
        scalars.encode([stars[0], {}])
    bare = FoundationModel(scalars.config, scalars.spaces)
    with pytest.raises(FoundationError, match="without tokenizers"):
        bare.encode(stars)
    with pytest.raises(
        FoundationError, match="'flux_g' makes discrete tokens of size 16, the model takes discrete ones of size 9"
    ):
        FoundationModel(scalars.config, (replace(LINE, name="flux_g"),), scalars.tokenizers)


def test_other_tokenizers_than_in_training_are_refused(scalars, tmp_path):
    scalars.save_pretrained(tmp_path / "model")
    other = TokenizerBundle(
        {n: ScalarTokenizer(ScalarConfig(codes=CODES), n).fit([np.geomspace(1, 9, 50)]) for n in ("redshift", "flux_g")}
    )
    other.save_pretrained(tmp_path / "model" / "tokenizers")
    with pytest.raises(FoundationError, match=f"fingerprint {other.fingerprint()}, the model was trained with"):
        FoundationModel.from_pretrained(tmp_path / "model")


def edit_config(path, change):
    config = json.loads((path / "config.json").read_text())
    change(config)
    (path / "config.json").write_text(json.dumps(config))


def drop_a_tensor(path):
    weights = load_file(path / "model.safetensors")
    weights.pop("norm.weight")
    save_file(weights, path / "model.safetensors")


def add_a_tensor(path):
    weights = load_file(path / "model.safetensors")
    save_file(weights | {"more": torch.zeros(1)}, path / "model.safetensors")


def cut_the_weights(path):
    content = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda p: (p / "config.json").unlink(), r"config\.json is missing"),
        (lambda p: (p / "config.json").write_text("{"), r"config\.json is damaged"),
        (lambda p: (p / "config.json").write_text("[]"), r"config\.json is damaged"),
        (lambda p: edit_config(p, lambda c: c.update(format=99)), "has format 99, this version reads 1"),
        (lambda p: edit_config(p, lambda c: c["model"].update(colour=1)), r"damaged or edited wrongly \(.*colour"),
        (lambda p: edit_config(p, lambda c: c.pop("spaces")), r"damaged or edited wrongly \('spaces'"),
        (lambda p: edit_config(p, lambda c: c["model"].update(depth=1)), r"does not fit config\.json"),
        (lambda p: (p / "model.safetensors").unlink(), r"model\.safetensors is missing"),
        (cut_the_weights, r"model\.safetensors is damaged"),
        (drop_a_tensor, r"does not fit config\.json beside it \(.*Missing key.*norm\.weight"),
        (add_a_tensor, r"does not fit config\.json beside it \(.*Unexpected key.*more"),
    ],
)
def test_damage_is_a_sentence_that_names_the_file(build, tmp_path, damage, sentence):
    build().save_pretrained(tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(FoundationError, match=sentence) as caught:
        FoundationModel.from_pretrained(tmp_path / "model")
    assert str(tmp_path) in str(caught.value) and str(caught.value).endswith(".")


def test_what_is_not_there_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(stored, "snapshot_download", no_network)
    for name in (tmp_path / "a", tmp_path / "a" / "b", str(tmp_path / "a"), "./runs/export", "nothing"):
        with pytest.raises(FoundationError, match="no such directory"):
            FoundationModel.from_pretrained(name)
    (tmp_path / "last.ckpt").write_text("x")
    with pytest.raises(FoundationError, match=r"last\.ckpt is a file.*foundation export"):
        FoundationModel.from_pretrained(tmp_path / "last.ckpt")


def test_hub_names_are_downloaded_and_failures_explained(build, tmp_path, monkeypatch):
    build().save_pretrained(tmp_path / "snapshot")
    asked = {}

    def download(name, **options):
        asked.update(options, name=name)
        if name == "someone/absent":
            raise stored.LocalEntryNotFoundError("offline")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(stored, "snapshot_download", download)
    assert FoundationModel.from_pretrained("someone/model", revision="v1").config.width == 48
    assert asked["revision"] == "v1" and asked["name"] == "someone/model"
    with pytest.raises(FoundationError, match="someone/absent: no such directory, and the hub did not give it"):
        FoundationModel.from_pretrained("someone/absent")


def test_importing_the_model_is_light():
    code = "import sys, foundation.model.pretrained; print(*{'lightning', 'sklearn', 'astropy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
