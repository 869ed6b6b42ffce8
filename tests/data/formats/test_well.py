"""Files of The Well become record shards and are described; what is wrong with them is one sentence."""

import h5py
import numpy as np
import pytest

from foundation.data.fields.record import PERIODIC, WALLS, Field
from foundation.data.fields.statistics import statistics
from foundation.data.fields.writer import write_well
from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError
from foundation.data.ingest import ingest
from foundation.data.inspect import inspect
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError


def fields(axes, count=2):
    rng = np.random.default_rng(axes)
    names = ("density", *(f"momentum_{a}" for a in "xyz"[:axes]))
    space, boundary = (8, 6, 4)[:axes], (PERIODIC, WALLS, WALLS)[:axes]
    for number in range(count):
        values = rng.normal(size=(5, 1 + axes, *space)).astype("f4")
        yield Field(
            values, names, (False,) * (1 + axes), np.ones(axes), boundary, np.arange(5.0), {"Mach": 0.5 + number},
            dataset=f"gas_{axes}d",
        )  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    for axes in (2, 3):
        write_well(list(fields(axes)), tmp_path / "data" / "train" / f"{axes}.hdf5")
    return tmp_path


def test_flat_and_solid_trajectories_share_a_shard(dataset, tmp_path, capsys):
    ingest([dataset / "data"], out=tmp_path / "shards")
    samples = list(RecordShards(tmp_path / "shards"))
    assert [s.key for s in samples] == [f"gas_{a}d-train-{a}-{n}" for a in (2, 3) for n in range(2)]
    for sample, field in zip(samples, [*fields(2), *fields(3)], strict=True):
        (name,) = sample
        assert name == f"field_{len(field.axes)}d"
        assert sample.labels == {"Mach": field.scalars["Mach"]}
        for part in ("names", "constant", "boundary", "scalars", "axes", "dataset", "system", "valid", "coordinates"):
            assert getattr(sample[name], part) == getattr(field, part), part
        for part in ("values", "spacing", "time"):
            np.testing.assert_array_equal(getattr(sample[name], part), getattr(field, part))
    inspect(tmp_path / "shards", verify=True)
    assert "field_3d" in capsys.readouterr().out


def test_inspect_says_what_a_file_and_a_data_set_hold(dataset, capsys):
    inspect(dataset / "data" / "train" / "3.hdf5")
    said = capsys.readouterr().out
    for words in ("2 trajectories of gas_3d, 5 frames of 8 x 6 x 4 points", "periodic", "wall", "momentum_z", "Mach"):
        assert words in said
    (dataset / "data" / "train" / "2.hdf5").unlink()
    inspect(dataset)
    assert "without stats.yaml" in capsys.readouterr().out
    statistics(dataset)
    inspect(dataset)
    assert "with stats.yaml" in capsys.readouterr().out


def test_hdf5_of_another_layout_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["density"] = np.ones(3)
    with pytest.raises(FormatError, match="lacks a part of The Well's layout"):
        list(read_file(tmp_path / "a.h5"))
    with pytest.raises(FoundationError, match="lacks a part of The Well's layout"):
        inspect(tmp_path / "a.h5")


def test_truncated_file_is_one_sentence(dataset, tmp_path):
    content = (dataset / "data" / "train" / "2.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(content[: len(content) // 2])
    with pytest.raises(FoundationError, match=r"is cut short\. Copy it again from its source"):
        ingest([tmp_path / "cut.hdf5"], out=tmp_path / "shards")
