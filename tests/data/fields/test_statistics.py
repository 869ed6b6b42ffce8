"""Statistics equal those of the whole arrays, and survive the file that The Well wants."""

import numpy as np
import pytest
import yaml

from foundation.data.fields import statistics as module
from foundation.data.fields.opening import WellError
from foundation.data.fields.reader import WellReader
from foundation.data.fields.statistics import KEYS, Moments, measure, read_statistics, statistics
from foundation.data.fields.writer import write_well


@pytest.fixture
def dataset(tmp_path, trajectories):
    for number, field in enumerate(trajectories):
        write_well([field], tmp_path / "data" / "train" / f"{number}.hdf5")
    return tmp_path


@pytest.mark.parametrize("block", [1, 700, 1 << 22])
def test_equal_to_those_of_whole_arrays(dataset, trajectories, monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    found = measure(sorted(dataset.glob("data/train/*")))
    for channel, name in enumerate(trajectories[0].names):
        values = np.stack([field.values[:, channel] for field in trajectories]).astype("f8")
        values = values[:, :1] if trajectories[0].constant[channel] else values
        for suffix, array in (("", values), ("_delta", np.diff(values, axis=1))):
            if array.size:
                expected = array.mean(), array.std(), np.sqrt(np.square(array).mean())
                got = [found.of(f"{key}{suffix}", [name])[0] for key in KEYS[:3]]
                np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


def test_command_writes_what_is_read(dataset, capsys):
    statistics(dataset)
    assert "2 files" in capsys.readouterr().out
    layout = WellReader(dataset / "data" / "train" / "0.hdf5").layout
    read, measured = read_statistics(dataset, layout.fields), measure(sorted(dataset.glob("data/train/*")))
    assert read.numbers == measured.numbers
    table = yaml.safe_load((dataset / "stats.yaml").read_text())
    axes = len(layout.axes)
    assert np.shape(table["rms"]["D"]) == (axes, axes)
    assert np.shape(table["rms_delta"]["velocity"]) == (axes,)
    assert "density" not in table["std_delta"]


def test_small_variance_on_a_large_mean():
    values = 1e6 + np.random.default_rng(0).normal(size=1000)
    moments = Moments()
    for part in np.split(values, 10):
        moments.add(part)
    assert moments.numbers[1] == pytest.approx(values.std(), rel=1e-9)


def test_points_inside_obstacles_do_not_count(tmp_path, make_field):
    valid = np.ones((6, 5), bool)
    valid[2, 2] = False
    values = make_field().values.copy()
    values[..., 2, 2] = 1e6
    write_well([make_field(values=values, valid=valid)], tmp_path / "a.hdf5")
    assert measure([tmp_path / "a.hdf5"]).of("rms", ["pressure"])[0] < 10


def test_missing_statistics_are_one_sentence(tmp_path):
    with pytest.raises(WellError, match=r"there are no statistics\. Type `foundation statistics"):
        read_statistics(tmp_path, ())
    with pytest.raises(WellError, match=r"has no data/train"):
        statistics(tmp_path)
    (tmp_path / "stats.yaml").write_text("- 1")
    with pytest.raises(WellError, match="is no table of statistics"):
        read_statistics(tmp_path, ())


def test_key_that_older_files_lack_is_missed_when_asked_for(dataset):
    layout = WellReader(dataset / "data" / "train" / "0.hdf5").layout
    (dataset / "stats.yaml").write_text(yaml.safe_dump({"mean": {"pressure": 1.0}}))
    found = read_statistics(dataset, layout.fields)
    assert found.of("mean", ["pressure"]).tolist() == [1.0]
    with pytest.raises(WellError, match="have no 'rms_delta' of 'pressure'; they have none"):
        found.of("rms_delta", ["pressure"])
