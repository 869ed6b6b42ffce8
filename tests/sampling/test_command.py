import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.config import ModelConfig
from foundation.data.records import Image, Sample, Scalar, Spectrum
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.masking.fixed import Completion
from foundation.masking.policy import Mixture
from foundation.masking.stepwise import Stepwise
from foundation.model.pretrained import FoundationModel
from foundation.sampling.template import template
from foundation.sampling.trained import trained_policy
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer
from foundation.training import resolved

BANDS = ("DES-G", "DES-R")
CODES = np.linspace(0, 3, 12)


def objects(n):
    """Objects with an image; every second has a flux, every third a spectrum."""
    rng = np.random.default_rng(0)
    grid = 3600 + 10.0 * np.arange(100)
    for i in range(n):
        image = Image(rng.normal(size=(2, 8, 8)), BANDS, 0.262, np.ones((2, 8, 8)))
        records = {"image": image, "flux_g": Scalar(rng.uniform(0, 3), "flux_g", "nmgy")}
        records["spectrum_sdss"] = Spectrum(rng.normal(size=100), grid, np.ones(100))
        absent = [name for name, every in (("flux_g", 2), ("spectrum_sdss", 3)) if i % every]
        yield Sample(f"object-{i}", {k: v for k, v in records.items() if k not in absent})


@pytest.fixture(scope="module")
def bundle():
    torch.manual_seed(0)
    image = ImageConfig(
        bands=BANDS, pixels=8, levels=(3, 3), hidden=8, projection=4, compressions=1, units=1, kernel=3, fold=2
    )
    spectrum = SpectrumConfig(
        wavelength_min=3600.0, step=10.0, pixels=96, resampling="rebin", encoder_depths=(1, 1), encoder_widths=(8, 8),
        decoder_depths=(1, 1), decoder_widths=(8, 2), strides=(4, 4), levels=(2,) * 4,
    )  # fmt: skip
    scalars = {n: ScalarTokenizer(ScalarConfig(codes=12, unit=u), n) for n, u in (("redshift", ""), ("flux_g", "nmgy"))}
    return TokenizerBundle(
        {"image": ImageTokenizer(image), "spectrum_sdss": SpectrumTokenizer(spectrum, "spectrum_sdss")}
        | {n: t.fit([CODES]) for n, t in scalars.items()}
    )


@pytest.fixture(scope="module")
def stored(bundle, tmp_path_factory):
    """A random model with its tokenizers and training configuration, and record shards."""
    path = tmp_path_factory.mktemp("stored")
    torch.manual_seed(1)
    model = FoundationModel(ModelConfig(width=16, depth=1, decoder_depth=1, heads=2), bundle.spaces, bundle)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    model.save_pretrained(path / "export")
    resolved.write({"policy": resolved.by_class(RandomBudget())}, path / "export" / "training.yaml")
    write_records(objects(12), path / "records", samples_per_member=5)
    return path


def run(stored, out, *options):
    arguments = ["generate", stored / "export", stored / "records", "--out", out, *options]
    assert main([str(a) for a in arguments]) == 0
    with np.load(out) as file:
        return dict(file)


def test_redshift_from_image(stored, tmp_path, bundle):
    found = run(stored, tmp_path / "z.npz", "--given", "image", "--asked", "redshift", "--draws", "3")
    assert found["key"].tolist() == [f"object-{i}" for i in range(12)]
    assert found["redshift.value"].shape == (12, 3)
    assert set(found["redshift.value"].ravel()) <= set(found["redshift.code_value"])
    assert found["redshift.code_value"] == pytest.approx(CODES)
    assert found["redshift.probability"].sum(1) == pytest.approx(np.ones(12))
    assert json.loads(str(found["settings"]))["given"] == ["image"]
    again = run(stored, tmp_path / "again.npz", "--given", "image", "--asked", "redshift", "--draws", "3")
    assert (again["redshift.value"] == found["redshift.value"]).all()
    other = run(
        stored, tmp_path / "other.npz", "--given", "image", "--asked", "redshift", "--draws", "3", "--seed", "999"
    )
    assert (other["redshift.value"] != found["redshift.value"]).any()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_spectra_and_images_in_physical_units(stored, tmp_path):
    found = run(stored, tmp_path / "x.npz", "--asked", "[spectrum_sdss,image]", "--given", "flux_g", "--draws", "2")
    assert found["key"].tolist() == [f"object-{i}" for i in range(0, 12, 2)]
    assert found["spectrum_sdss.flux"].shape == (6, 2, 96)
    assert found["spectrum_sdss.wavelength"] == pytest.approx(3600 + 10 * np.arange(96))
    assert found["image.flux"].shape == (6, 2, 2, 8, 8)
    assert found["image.bands"].tolist() == list(BANDS)
    assert float(found["image.pixel_scale"]) == pytest.approx(0.262)
    assert np.isfinite(found["image.flux"]).all() and found["image.flux"].std(1).max() > 0


def test_survey_files_as_well_as_shards(stored, tmp_path, capsys):
    pixels = np.random.default_rng(1).normal(size=(3, 2, 8, 8))
    columns = {
        "object_id": np.arange(3), "image_array": pixels, "image_ivar": np.ones_like(pixels),
        "image_band": np.array([[b"des-g", b"des-r"]] * 3), "image_scale": np.full((3, 2), 0.262),
    }  # fmt: skip
    with h5py.File(tmp_path / "rows.hdf5", "w") as file:
        for name, values in columns.items():
            file[name] = values
    options = ["--asked", "redshift", "--given", "image", "--out", str(tmp_path / "z.npz"), "--seed", "5"]
    files = [str(tmp_path / "rows.hdf5"), str(stored / "records")]
    assert main(["generate", str(stored / "export"), *files, *options]) == 0
    assert "redshift of 15 objects, 0 left out" in capsys.readouterr().out
    with np.load(tmp_path / "z.npz") as found:
        assert found["key"][:12].tolist() == [f"object-{i}" for i in range(12)], "shards come first"
        assert found["key"][12:].tolist() == [f"legacy-{i}" for i in range(3)]
        assert found["redshift.probability"].shape == (15, 12)


def test_cached_generation_needs_a_model_that_learned_it(stored, tmp_path, capsys):
    arguments = ["generate", str(stored / "export"), str(stored / "records"), "--out", str(tmp_path / "x.npz")]
    assert main([*arguments, "--asked", "redshift", "--given", "image", "--cached"]) == 1
    assert "Train it with `policy: Stepwise`" in capsys.readouterr().err


def test_the_most_probable_code_is_that_of_the_posterior(stored, tmp_path):
    found = run(stored, tmp_path / "z.npz", "--asked", "redshift", "--choice.temperature", "0", "--limit", "5")
    assert len(found["key"]) == 5
    best = found["redshift.code_value"][found["redshift.probability"].argmax(1)]
    assert found["redshift.value"][:, 0] == pytest.approx(best)


def test_a_prediction_does_not_depend_on_how_many_objects_there_are(stored, tmp_path):
    options = ["--given", "image", "--asked", "redshift,flux_g"]
    few = run(stored, tmp_path / "few.npz", *options, "--limit", "3")
    many = run(stored, tmp_path / "many.npz", *options)
    assert (few["flux_g.value"] == many["flux_g.value"][:3]).all()
    assert few["redshift.probability"] == pytest.approx(many["redshift.probability"][:3], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--asked", "mass"], "The model has no modality mass; it has image, spectrum_sdss, redshift, flux_g."),
        (["--asked", "image", "--given", "redshift"], "no object has redshift to give"),
        (["--asked", "image", "--given", "image,flux_g"], "image is both given and asked"),
        (["--asked", "redshift", "--draws", "0"], "numbers above 0"),
        (["--asked", "redshift", "--out", "z.txt"], "Give a name in .npz"),
    ],
)
def test_wrong_requests_are_one_sentence(stored, tmp_path, capsys, options, sentence):
    out = [] if "--out" in options else ["--out", str(tmp_path / "z.npz")]
    assert main(["generate", str(stored / "export"), str(stored / "records"), *out, *options]) == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_untrained_pathways_need_a_word(stored, tmp_path, capsys, monkeypatch):
    model = tmp_path / "model"
    FoundationModel.from_pretrained(stored / "export").save_pretrained(model)
    arguments = ["generate", str(model), str(stored / "records"), "--out", str(tmp_path / "z.npz")]
    arguments += ["--asked", "redshift", "--given", "image"]
    assert main(arguments) == 1
    assert "training.yaml is missing" in capsys.readouterr().err
    resolved.write({"policy": resolved.by_class(Completion(("flux_g",)))}, model / "training.yaml")
    assert main(arguments) == 1
    assert "not trained to predict redshift from image" in capsys.readouterr().err
    assert main([*arguments, "--allow_untrained"]) == 0


@pytest.mark.parametrize(
    "policy",
    [
        RandomBudget((1, 40), 20, never_asked=("image",)),
        Mixture((RandomBudget(), Completion(("redshift",))), (1.0, 2.0)),
        Stepwise(RandomBudget(64, 32), 4),
    ],
)
def test_the_policy_is_read_back(policy, tmp_path):
    resolved.write({"policy": resolved.by_class(policy)}, tmp_path / "training.yaml")
    assert trained_policy(tmp_path) == policy


@pytest.mark.parametrize("text", ["", "policy: {class_path: os.system}", "policy: 3", "{{", "seed: 1"])
def test_a_damaged_training_file_is_one_sentence(text, tmp_path):
    (tmp_path / "training.yaml").write_text(text)
    with pytest.raises(FoundationError, match="names no masking policy"):
        trained_policy(tmp_path)


def test_templates_are_the_positions_that_tokenizers_write(bundle):
    sample = next(iter(objects(1)))
    full = replace(sample, records={**sample.records, "redshift": Scalar(1.0, "redshift")})
    tokens = bundle.encode([full])[0]
    for space in bundle.spaces:
        mine = tokens.select(tokens.of(space.name))
        assert torch.allclose(template(space).position, mine.position, rtol=0, atol=1e-9)
