"""The verb writes whole data sets, the same with any number of workers."""

import numpy as np
import pytest

from foundation.data.fields.reader import WellReader
from foundation.data.fields.statistics import read_statistics
from foundation.data.simulate.fields.command import SPLITS, fields
from foundation.data.simulate.fields.sets import SETS
from foundation.errors import FoundationError

SMALL = {"size": 16, "frames": 3, "trajectories": 12, "size_3d": 16, "frames_3d": 2, "trajectories_3d": 6}


def test_every_set_has_its_splits_parameters_and_statistics(tmp_path, capsys):
    fields(tmp_path, **SMALL)
    for name, made in SETS.items():
        layout = None
        seen = set()
        for split in SPLITS:
            files = sorted((tmp_path / name / "data" / split).iterdir())
            assert len(files) == len(made.sweep)
            for file in files:
                reader = WellReader(file)
                layout = reader.layout
                assert (layout.dataset, len(layout.axes)) == (name, made.dimensions)
                seen.add(tuple(reader.window(0).scalars.items()))
        assert len(seen) == len(made.sweep)
        varying = [name for stored in layout.fields if stored.by_time for name in stored.names]
        assert (read_statistics(tmp_path / name, layout.fields).of("rms_delta", varying) > 0).all()
    assert "12 trajectories of shear_flow" in capsys.readouterr().out


def test_parameters_vary_within_their_ranges_from_trajectory_to_trajectory(tmp_path, capsys):
    fields(tmp_path, vary=True, **SMALL | {"trajectories": 6, "trajectories_3d": 4})
    for name, made in SETS.items():
        drawn = {split: WellReader(tmp_path / name / "data" / split / "varied.hdf5") for split in SPLITS}
        every = [r.window(i).scalars for r in drawn.values() for i in range(r.layout.trajectories)]
        varied = [key for key in every[0] if len({scalars[key] for scalars in every}) == len(every)]
        ends = {tuple(map(float, pair)) for pair in made.ranges.values()}
        assert len(varied) == len(ends)
        for key in varied:
            values = [scalars[key] for scalars in every]
            assert any(low <= min(values) and max(values) <= high for low, high in ends)


def test_workers_do_not_change_the_numbers(tmp_path, capsys):
    for workers in (0, 2):
        fields(tmp_path / str(workers), sets=("rayleigh_taylor",), workers=workers, **SMALL)
    for split in SPLITS:
        one, other = (
            WellReader(tmp_path / str(workers) / "rayleigh_taylor" / "data" / split / "parameters_2.hdf5").window(0)
            for workers in (0, 2)
        )
        np.testing.assert_array_equal(one.values, other.values)
    fields(tmp_path / "0", sets=("rayleigh_taylor",), seed=1, **SMALL)  # replaces the first
    again = WellReader(tmp_path / "0" / "rayleigh_taylor" / "data" / "test" / "parameters_2.hdf5").window(0)
    assert not np.array_equal(again.values, one.values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sets": ("weather",)}, "no simulated set 'weather'; there are shear_flow"),
        ({"trajectories": 11}, "shear_flow: got 11 trajectories .* at least 12"),
        ({"size": 15}, "on 15 points an axis"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, message):
    with pytest.raises(FoundationError, match=message):
        fields(tmp_path, **(SMALL | options))
    assert not list(tmp_path.iterdir())


def test_what_is_no_data_set_is_not_replaced(tmp_path):
    (tmp_path / "shear_flow").mkdir()
    (tmp_path / "shear_flow" / "thesis.tex").write_text("years")
    with pytest.raises(FoundationError, match="is no data set, and would be replaced"):
        fields(tmp_path, **SMALL)
