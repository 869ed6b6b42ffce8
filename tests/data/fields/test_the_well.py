"""The package `the_well` reads what we write, and we read what it writes, to the last bit."""

import warnings

import numpy as np
import pytest

from foundation.data.fields.reader import WellReader
from foundation.data.fields.record import SIDES
from foundation.data.fields.statistics import read_statistics, statistics
from foundation.data.fields.windows import FieldWindows
from foundation.data.fields.writer import write_well

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is not ours to mend
    data = pytest.importorskip("the_well.data")
    from the_well.data.normalization import RMSNormalization, ZScoreNormalization
    from the_well.utils.dummy_data import write_dummy_data


@pytest.fixture
def dataset(tmp_path, trajectories):
    for number in range(2):
        write_well(trajectories, tmp_path / "data" / "train" / f"{number}.hdf5")
    return tmp_path


def theirs(path, **options):
    return data.WellDataset(path=str(path), well_split_name="train", n_steps_input=2, n_steps_output=2, **options)


def test_it_reads_what_we_write(dataset):
    one, other = theirs(dataset, min_dt_stride=2, max_dt_stride=2), FieldWindows(dataset / "data" / "train", 4, 2)
    assert len(one) == len(other) == 2 * 2 * 3
    named = [name for names in one.metadata.field_names.values() for name in names]
    constant = [name for names in one.metadata.constant_field_names.values() for name in names]
    for index in range(len(one)):
        sample, field = one[index], other[index]
        assert field.names == (*named, *constant)
        values = np.concatenate([sample["input_fields"], sample["output_fields"]])
        np.testing.assert_array_equal(field.values[:, : len(named)], np.moveaxis(values, -1, 1))
        np.testing.assert_array_equal(
            field.values[0, len(named) :], np.moveaxis(sample["constant_fields"].numpy(), -1, 0)
        )
        np.testing.assert_array_equal(field.boundary_codes, sample["boundary_conditions"])
        np.testing.assert_array_equal(list(field.scalars.values()), sample["constant_scalars"])
        times = np.concatenate([sample["input_time_grid"], sample["output_time_grid"]])
        np.testing.assert_allclose(field.time - field.time[0], times)
        grid = np.stack(np.meshgrid(*field.points(), indexing="ij"), -1)
        np.testing.assert_allclose(grid, sample["space_grid"])


def test_its_metadata_are_ours(dataset):
    meta, layout = theirs(dataset).metadata, WellReader(dataset / "data" / "train" / "0.hdf5").layout
    assert (meta.dataset_name, meta.grid_type, meta.spatial_resolution) == (layout.dataset, layout.system, layout.space)
    assert meta.n_trajectories_per_file == [2, 2]
    assert set(meta.boundary_condition_types) <= {side.upper() for side in SIDES}
    assert meta.constant_scalar_names == list(layout.scalars)


def test_we_read_what_it_writes(tmp_path):
    (tmp_path / "data" / "train").mkdir(parents=True)
    path = tmp_path / "data" / "train" / "dummy.hdf5"
    write_dummy_data(str(path))
    one, reader = theirs(tmp_path), WellReader(path)
    assert reader.layout.names == ("field_x", "field_y", "constant_field")
    sample, field = one[8], reader.window(1, 1, 4)
    values = np.concatenate([sample["input_fields"], sample["output_fields"]])
    np.testing.assert_array_equal(field.values[:, :2], np.moveaxis(values, -1, 1))
    np.testing.assert_array_equal(field.channel("constant_field")[3], sample["constant_fields"][..., 0])
    np.testing.assert_array_equal(field.boundary_codes, sample["boundary_conditions"])
    np.testing.assert_array_equal(list(field.scalars.values()), sample["constant_scalars"])
    series = reader.series(1)["time_varying_scalar"]
    np.testing.assert_array_equal(series[1:3], sample["input_scalars"][:, 0])


@pytest.mark.parametrize("kind", ["zscore", "rms"])
def test_it_normalises_with_our_statistics(dataset, capsys, kind):
    statistics(dataset)
    normalise = {"zscore": ZScoreNormalization, "rms": RMSNormalization}[kind]
    sample = theirs(dataset, use_normalization=True, normalization_type=normalise)[0]
    field = FieldWindows(dataset / "data" / "train", 2)[0]
    found = read_statistics(dataset, WellReader(dataset / "data" / "train" / "0.hdf5").layout.fields)
    names = field.names[:-1]
    shape = (len(names), *(1,) * len(field.space))
    shift = found.of("mean", names).reshape(shape) if kind == "zscore" else 0
    scale = found.of({"zscore": "std", "rms": "rms"}[kind], names).reshape(shape)
    expected = (field.values[:, : len(names)] - shift) / scale
    np.testing.assert_allclose(np.moveaxis(sample["input_fields"].numpy(), -1, 1), expected, rtol=1e-4, atol=1e-5)
