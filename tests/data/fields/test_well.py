"""Files of The Well: what is written is read again, and its own package agrees in both directions."""

import pickle

import h5py
import numpy as np
import pytest

from foundation.data.fields.opening import WellError
from foundation.data.fields.reader import WellReader
from foundation.data.fields.record import Field
from foundation.data.fields.writer import write_well
from foundation.data.records import RecordError


def same(a: Field, b: Field) -> None:
    for part in ("names", "constant", "boundary", "scalars", "dataset", "axes", "system", "coordinates"):
        assert getattr(a, part) == getattr(b, part), part
    for part in ("values", "time"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part), err_msg=part)
    np.testing.assert_allclose(a.spacing, b.spacing)


@pytest.fixture
def path(tmp_path, trajectories):
    write_well(trajectories, tmp_path / "a.hdf5")
    return tmp_path / "a.hdf5"


def test_round_trip(path, trajectories):
    reader = WellReader(path)
    assert (reader.layout.trajectories, reader.layout.frames) == (2, 9)
    for number, field in enumerate(trajectories):
        same(reader.window(number), field)


@pytest.mark.parametrize(("start", "frames", "stride"), [(0, 9, 1), (2, 3, 1), (1, 3, 3), (8, 1, 4)])
def test_window_is_a_slice_of_the_trajectory(path, trajectories, start, frames, stride):
    window = WellReader(path).window(1, start, frames, stride)
    np.testing.assert_array_equal(window.values, trajectories[1].values[start::stride][:frames])
    np.testing.assert_array_equal(window.time, trajectories[1].time[start::stride][:frames])


def test_channels_are_read_by_name_in_the_order_asked(path, trajectories):
    names = ("density", "velocity_x", "pressure")
    window = WellReader(path).window(0, 3, 2, names=names)
    assert window.constant == (True, False, False)
    for name in names:
        np.testing.assert_array_equal(window.channel(name), trajectories[0].channel(name)[3:5])


def test_reader_travels_to_another_process(path, trajectories):
    reader = WellReader(path)
    reader.window(0)
    same(pickle.loads(pickle.dumps(reader)).window(1), trajectories[1])


def test_grid_that_is_not_uniform_is_kept(tmp_path, make_field):
    nodes = tuple(np.cos(np.pi * np.arange(5) / 4).tolist())
    field = make_field(coordinates=(tuple(0.25 * np.arange(6)), nodes))
    write_well([field], tmp_path / "a.hdf5")
    same(WellReader(tmp_path / "a.hdf5").window(0), field)


def test_obstacles_are_a_mask(tmp_path, make_field):
    valid = np.ones((6, 5), bool)
    valid[2:4, 1] = False
    values = make_field().values.copy()
    values[..., ~valid] = np.nan
    write_well([make_field(values=values, valid=valid)], tmp_path / "a.hdf5")
    field = WellReader(tmp_path / "a.hdf5").window(0, names=("pressure",))
    np.testing.assert_array_equal(field.valid, valid)
    np.testing.assert_array_equal(WellReader(tmp_path / "a.hdf5").window(0).channel("mask")[0], ~valid)


def test_region_of_nan_without_mask_is_refused(tmp_path, path):
    with h5py.File(path, "a") as file:
        file["t0_fields/pressure"][1, 4, 0] = np.nan
    assert np.isfinite(WellReader(path).window(1, 5).values).all()
    with pytest.raises(RecordError, match=r"not finite at .* points\. Give `valid`"):
        WellReader(path).window(1, 3, 2)


def rewrite(path, name, values, **flags):
    """Replace an array of a file, keeping those of its attributes that are not given."""
    with h5py.File(path, "a") as file:
        kept = dict(file[name].attrs) | flags
        del file[name]
        file.create_dataset(name, data=values)
        file[name].attrs.update(kept)


@pytest.mark.parametrize("thin", [(2, 9, 6, 1), (2, 9, 6)])
def test_axis_along_which_nothing_varies_may_be_thin_or_absent(tmp_path, thin, make_field):
    write_well([make_field(seed=0), make_field(seed=1)], tmp_path / "a.hdf5")
    values = np.random.default_rng(0).normal(size=thin).astype("f4")
    rewrite(tmp_path / "a.hdf5", "t0_fields/pressure", values.reshape(thin), dim_varying=[True, False])
    window = WellReader(tmp_path / "a.hdf5").window(1, 2, 3)
    expected = np.broadcast_to(values.reshape(2, 9, 6, 1)[1, 2:5], (3, 6, 5))
    np.testing.assert_array_equal(window.channel("pressure"), expected)


def test_field_stored_once_for_all_trajectories(tmp_path, make_field):
    write_well([make_field(seed=0), make_field(seed=1)], tmp_path / "a.hdf5")
    values = np.random.default_rng(0).normal(size=(6, 5)).astype("f4")
    rewrite(tmp_path / "a.hdf5", "t0_fields/density", values, sample_varying=False)
    reader = WellReader(tmp_path / "a.hdf5")
    for number in (0, 1, 1):
        np.testing.assert_array_equal(reader.window(number, 0, 2).channel("density")[1], values)


def test_chunked_and_packed_file_reads_the_same(tmp_path, make_field):
    write_well([make_field(seed=0), make_field(seed=1)], tmp_path / "a.hdf5")
    before = WellReader(tmp_path / "a.hdf5").window(1, 1, 4, 2)
    with h5py.File(tmp_path / "a.hdf5", "a") as file:
        values, attributes = file["t0_fields/pressure"][:], dict(file["t0_fields/pressure"].attrs)
        del file["t0_fields/pressure"]
        file.create_dataset("t0_fields/pressure", data=values.astype(">f8"), chunks=(1, 2, 3, 5), compression="gzip")
        file["t0_fields/pressure"].attrs.update(attributes)
    same(WellReader(tmp_path / "a.hdf5").window(1, 1, 4, 2), before)


def test_scalars_may_vary_in_time(path):
    with h5py.File(path, "a") as file:
        file["scalars"].attrs["field_names"] = ["Reynolds", "drift"]
        file["scalars/drift"] = np.arange(18.0).reshape(2, 9)
        file["scalars/drift"].attrs.update(sample_varying=True, time_varying=True)
    reader = WellReader(path)
    assert reader.window(1).scalars == {"Reynolds": 100.0}
    assert reader.series(1)["drift"].tolist() == list(range(9, 18))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.unlink(), "there is no such file"),
        (lambda p: p.write_bytes(b"text"), "is no HDF5 file. Give a file of The Well"),
        (lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]), "is cut short. Copy it again"),
        (lambda p: h5py.File(p, "w").close(), "lacks a part of The Well's layout"),
    ],
)
def test_file_that_is_damaged_is_one_sentence(path, damage, message):
    damage(path)
    with pytest.raises(WellError, match=message) as caught:
        WellReader(path)
    assert str(path) in str(caught.value)


def test_wrong_order_of_axes_is_named(tmp_path, make_field):
    write_well([make_field(seed=0)], tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5", "a") as file:
        values = file["t1_fields/velocity"][:]
    rewrite(tmp_path / "a.hdf5", "t1_fields/velocity", np.moveaxis(values, -1, 2))
    with pytest.raises(WellError, match=r"wanted \(1, 9, 6, 5, 2\) = \[trajectory, time, x, y, component\]"):
        WellReader(tmp_path / "a.hdf5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ("vorticity",)}, "has no channel 'vorticity'; it has pressure"),
        ({"trajectory": 2}, "no trajectory 2; it has 2"),
        ({"start": 8, "frames": 2}, "asked for 2 frames from 8 in steps of 1, trajectories have 9"),
        ({"stride": 0, "frames": 2}, "steps of 0"),
    ],
)
def test_window_that_is_not_there_is_refused(path, arguments, message):
    with pytest.raises(WellError, match=message):
        WellReader(path).window(**({"trajectory": 0} | arguments))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"frames": 8}, "trajectory 1 has other number of frames"),
        ({"boundary": (("wall", "wall"), ("wall", "open"))}, "trajectory 1 has other boundary"),
        ({"spacing": np.array([0.25, 0.25])}, "trajectory 1 has other spacing"),
        ({"scalars": {"Re": 1.0}}, "trajectory 1 has other names of scalars"),
    ],
)
def test_fields_that_do_not_fit_into_one_file_leave_none(tmp_path, second, message, make_field):
    with pytest.raises(WellError, match=message):
        write_well([make_field(), make_field(**second)], tmp_path / "a.hdf5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("announced", [1, 3])
def test_number_of_trajectories_must_be_true(tmp_path, announced, make_field):
    with pytest.raises(WellError, match="Say how many there are"):
        write_well(iter([make_field(), make_field()]), tmp_path / "a.hdf5", announced)
    assert not list(tmp_path.iterdir())
