"""Windows: every one is counted once, the same in any process, and reads only what it must."""

import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from foundation.data.fields.opening import WellError
from foundation.data.fields.windows import FieldWindows
from foundation.data.fields.writer import write_well


@pytest.fixture
def directory(tmp_path, make_field):
    write_well([make_field(seed=0), make_field(seed=1)], tmp_path / "a.hdf5")
    write_well([make_field(seed=2, frames=7)], tmp_path / "b.h5")
    return tmp_path


def test_every_window_once(directory):
    windows = FieldWindows(directory, frames=3, stride=2)
    assert len(windows) == 2 * (9 - 4) + (7 - 4)
    places = [(r.path.name, t, s) for r, t, s in map(windows.place, range(len(windows)))]
    assert len(set(places)) == len(windows)
    assert places[0] == ("a.hdf5", 0, 0)
    assert places[-1] == ("b.h5", 0, 2)
    assert windows.place(-1)[1:] == (0, 2)
    with pytest.raises(IndexError, match="no window 13; there are 13"):
        windows[13]


def test_window_holds_the_frames_it_says(directory, make_field):
    windows = FieldWindows(directory, frames=3, stride=2)
    np.testing.assert_array_equal(windows[6].values, make_field(seed=1).values[1:6:2])


def test_drawn_strides_fit_and_depend_on_seed_and_index_only(directory):
    def strides(seed):
        windows = FieldWindows(directory, frames=3, stride=(1, 4), seed=seed)
        times = [windows[i].time for i in reversed(range(len(windows)))]
        steps = [round((t[1] - t[0]) / (1 / 8)) for t in times[5:]]
        assert all(np.allclose(np.diff(t), t[1] - t[0]) for t in times)
        return steps

    assert strides(0) == strides(0) != strides(1)
    assert set(strides(0)) == {1, 2, 3, 4}


def test_only_so_many_files_stay_open(directory, monkeypatch, make_field):
    monkeypatch.setattr("foundation.data.fields.windows.OPEN", 1)
    windows = FieldWindows(directory, frames=7)
    for index in (0, -1, 0, 1, -1):
        windows[index]
        assert sum(reader._open is not None for reader in windows.readers) == 1
    np.testing.assert_array_equal(windows[-1].values, make_field(seed=2, frames=7).values)


def test_worker_processes_give_the_same(directory):
    windows = FieldWindows(directory, frames=2, stride=(1, 3), names=("velocity_y", "pressure"))
    windows[0]  # opens a file, which must not be shared with the workers
    loader = DataLoader(windows, batch_size=None, num_workers=2)
    for index, field in enumerate(loader):
        np.testing.assert_array_equal(field.values, windows[index].values)
        assert field.names == ("velocity_y", "pressure")
    copy = pickle.loads(pickle.dumps(windows))
    np.testing.assert_array_equal(copy[3].values, windows[3].values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": 8}, "b.h5: trajectories have 7 frames, too few for windows of 8 in steps of 1"),
        ({"frames": 4, "stride": (3, 4)}, "too few for windows of 4 in steps of 3"),
        ({"frames": 0}, "wanted at least 1 of both"),
        ({"frames": 2, "stride": (2, 1)}, "wanted at least 1 of both"),
        ({"frames": 2, "names": ("tracer",)}, "has no channel 'tracer'; it has pressure"),
    ],
)
def test_windows_that_cannot_be_are_refused(directory, arguments, message):
    with pytest.raises(WellError, match=message):
        FieldWindows(directory, **arguments)


def test_directory_without_files_is_refused(tmp_path):
    with pytest.raises(WellError, match=r"holds no \.hdf5 file\. Give files of The Well"):
        FieldWindows(tmp_path, frames=2)
