"""Parameters from frozen features: what fields tell is found, the mean scores 1, no trajectory is on two sides."""

import json

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.data.fields.record import PERIODIC, Field
from foundation.data.fields.writer import write_well
from foundation.errors import FoundationError
from foundation.evaluation.fields.clips import SPLITS, Clips
from foundation.evaluation.fields.descriptions import BANDS, features, of_encoder, random_twin, statistics
from foundation.evaluation.fields.parameters import parameters_of
from foundation.evaluation.fields.regress import MEAN, regress
from foundation.evaluation.problem import Features
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel

SIZES = FieldModelConfig(width=16, depth=2, heads=2, hidden=16, inner=4, frequencies=1, tokens=(4, 4, 4))
FRAMES, EACH = (3, 2), 2


def wave(rng, frames=6):
    """A wave whose speed and number are parameters, under noise, beside a parameter that leaves no trace."""
    speed, waves, hidden = rng.uniform(0.5, 2), int(rng.integers(1, 5)), rng.uniform(1, 50)
    x, t = np.arange(16) / 16, np.arange(frames)[:, None]
    line = np.sin(2 * np.pi * waves * (x - speed * t / 16) + rng.uniform(0, 6))
    values = np.broadcast_to(line[:, None, :, None], (frames, 1, 16, 12)) + 0.01 * rng.standard_normal(
        (frames, 1, 16, 12)
    )
    parameters = {"speed": speed, "waves": waves, "hidden": hidden, "width": 1.0}
    return Field(values, ("tracer",), (False,), np.ones(2), (PERIODIC,) * 2, np.arange(frames), parameters)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    home, rng = tmp_path_factory.mktemp("waves"), np.random.default_rng(0)
    for split, count in zip(SPLITS, (40, 12, 16), strict=True):
        write_well([wave(rng) for _ in range(count)], home / "data" / split / "varied.hdf5")
    return home


@pytest.fixture(scope="module")
def clips(directory):
    return Clips.of(directory, FRAMES, EACH)


def trained(clips):
    return [clips.scalars[i] for i in clips.members("train")]


def test_windows_belong_to_their_trajectories(clips):
    assert len(clips) == 2 * 68 and clips.frames == 3
    fields = list(clips)
    for number, scalars in enumerate(clips.scalars):
        for window in clips.windows(np.array([number])):
            assert fields[window].scalars == scalars
    starts = {float(field.time[0]) for field in fields}
    assert starts == {0, 3}


def test_no_trajectory_is_on_two_sides(clips, directory, tmp_path):
    parts = [set(clips.members(split)) for split in SPLITS]
    assert set.union(*parts) == set(range(68)) and sum(map(len, parts)) == 68
    seen = {clips.scalars[i]["hidden"] for i in parts[0]}
    assert not seen & {clips.scalars[i]["hidden"] for i in parts[1] | parts[2]}
    for split in SPLITS:
        (tmp_path / split).mkdir()
        name = "train" if split == "test" else split  # the test trajectories are those of training
        (tmp_path / split / "a.hdf5").write_bytes((directory / "data" / name / "varied.hdf5").read_bytes())
    with pytest.raises(FoundationError, match="in test is in another split too"):
        Clips.of(tmp_path, FRAMES, EACH)


def test_labels_are_in_units_of_their_spread(clips):
    found = parameters_of(trained(clips))
    assert [p.label for p in found] == ["speed", "waves", "log10 hidden"]  # what does not vary is not asked for
    for parameter in found:
        plain = np.array([scalars[parameter.name] for scalars in trained(clips)])
        plain = np.log10(plain) if parameter.logarithmic else plain
        normalised = parameter.normalised(trained(clips))
        np.testing.assert_allclose([normalised.mean(), normalised.std()], [0, 1], atol=1e-12)
        np.testing.assert_allclose(parameter.back(normalised), plain)
    assert [p.label for p in parameters_of(trained(clips), ("hidden",), ())] == ["hidden"]
    assert [p.label for p in parameters_of(trained(clips), ("speed",), ("speed",))] == ["log10 speed"]


@pytest.mark.parametrize(
    ("names", "log", "message"),
    [
        (("mass",), None, "no parameter 'mass'; the trajectories have"),
        (("width",), None, "width: the same in all training trajectories"),
        (("zero",), ("zero",), "zero is 0 somewhere: no logarithm"),
    ],
)
def test_refusals_of_parameters(clips, names, log, message):
    scalars = [{**some, "zero": float(i)} for i, some in enumerate(trained(clips))]
    with pytest.raises(FoundationError, match=message):
        parameters_of(scalars, names, log)


def test_what_features_tell_is_found_and_the_mean_scores_one(clips):
    """Features that hold a parameter in a rotated, noisy form tell it and no other."""
    rng = np.random.default_rng(1)
    speed = np.array([s["speed"] for s in clips.scalars]).repeat(EACH)
    mixed = np.stack([speed, rng.standard_normal(len(clips))], 1) @ np.array([[1, 2], [2, -1]])
    one = torch.arange(len(clips))
    source = Features(mixed.astype("f4"), torch.from_numpy(mixed), one, torch.ones_like(one))
    found = regress({"source": source}, clips, parameters_of(trained(clips)), (0.25, 1.0))
    error = {(r.source, r.parameter.label, r.budget): r for r in found}
    assert error["source", "speed", 1.0].error.value < 1e-3
    assert error["source", "log10 hidden", 1.0].error.value > 0.8
    assert {(r.budget, r.trained) for r in found} == {(0.25, 10), (1.0, 40)}
    for parameter in parameters_of(trained(clips)):
        mean = error[MEAN, parameter.label, 1.0]
        tested = parameter.normalised([clips.scalars[i] for i in clips.members("test")])
        assert mean.error.value == pytest.approx((tested**2).mean())  # 1 where test and training spread alike
        assert mean.error.low <= mean.error.value <= mean.error.high and 0.3 < mean.error.value < 2
        np.testing.assert_allclose(mean.predicted, 0, atol=1e-12)


def test_statistics_by_hand():
    field = wave(np.random.default_rng(5))
    found = statistics(field).double().numpy()[0]
    values = field.values[:, 0].astype("f8")
    np.testing.assert_allclose(found[0], values.mean(), atol=1e-6)
    np.testing.assert_allclose(found[1], np.log10(values.var(ddof=1)), rtol=1e-5)
    np.testing.assert_allclose(found[2], np.log10((np.diff(values, axis=0) ** 2).mean()), rtol=1e-5)
    assert found.shape == (3 + BANDS,)
    np.testing.assert_allclose((10 ** found[3:]).sum(), (values[-1] ** 2).mean(), rtol=1e-5)  # Plancherel


def test_an_encoder_is_described_by_its_tokens_without_jitter(clips):
    torch.manual_seed(0)
    model = FieldModel(SIZES, ("tracer",)).eval()
    some = [field for field, _ in zip(clips, range(3), strict=False)]
    first, again = (features(of_encoder(model), some, 3, "") for _ in range(2))
    assert torch.equal(first.tokens, again.tokens) and first.count.tolist() == [16] * 3
    np.testing.assert_allclose(first.pooled[1], first.tokens[16:32].mean(0), atol=1e-6)
    blocks = [features(of_encoder(model, b), some, 3, "").pooled for b in (0, 1, 2)]
    assert np.array_equal(blocks[2], first.pooled) and not np.array_equal(blocks[1], blocks[2])
    twin = random_twin(model, 3)
    assert twin.config == model.config
    assert not np.allclose(features(of_encoder(twin), some, 3, "").pooled, first.pooled)
    with pytest.raises(FoundationError, match="block 3 of a model of 2"):
        of_encoder(model, 3)


def test_the_verb_writes_what_it_found(directory, tmp_path, capsys):
    torch.manual_seed(0)
    FieldModel(SIZES, ("tracer",)).save_pretrained(tmp_path / "export")
    sets = ["--sets", f"{{waves: {directory}}}", "--out", str(tmp_path / "out"), "--frames", "[3, 2]"]
    more = ["--windows=2", "--parameters", "[waves]", "--budgets", "[0.5, 1.0]"]
    assert main(["fields", "probe", str(tmp_path / "export"), *sets, *more]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())["waves"]
    assert results["trajectories"] == {"train": 40, "valid": 12, "test": 16}
    rows = {(r["source"], r["probe"], r["budget"]): r["mse"]["value"] for r in results["rows"]}
    assert {source for source, *_ in rows} == {"encoder", "random encoder", "raw input", MEAN}
    assert rows["raw input", "linear", 1.0] < 0.1 < rows[MEAN, "", 1.0]  # a spectrum tells the number of waves
    assert "waves" in capsys.readouterr().err
    assert "<img" in (tmp_path / "out" / "report.html").read_text()
    assert main(["fields", "probe", str(tmp_path / "export"), *sets, "--against", "{raw input: x}"]) == 1
    assert "which is a row already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budgets": (0.0,)}, "above 0 and at most 1"),
        ({"budgets": ()}, "above 0 and at most 1"),
    ],
)
def test_refusals_of_budgets(clips, options, message):
    with pytest.raises(FoundationError, match=message):
        regress({}, clips, parameters_of(trained(clips)), **options)


def test_refusals_of_directories(directory, tmp_path):
    with pytest.raises(FoundationError, match="has no train"):
        Clips.of(tmp_path, FRAMES, EACH)
    with pytest.raises(FoundationError, match="shorter than 9 frames"):
        Clips.of(directory, (9, 9), EACH)
