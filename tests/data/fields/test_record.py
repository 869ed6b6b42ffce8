"""A field is validated once, at the border."""

import numpy as np
import pytest

from foundation.data.fields.record import Field
from foundation.data.records import RecordError


def field(**changes):
    parts = {
        "values": np.arange(3 * 2 * 4 * 5, dtype=float).reshape(3, 2, 4, 5),
        "names": ("pressure", "velocity_x"),
        "constant": (False, False),
        "spacing": (0.25, 0.2),
        "boundary": (("periodic", "periodic"), ("wall", "open")),
        "time": (0.0, 0.1, 0.2),
    }
    parts |= changes
    arrays = {name: np.array(parts[name]) for name in ("values", "spacing", "time")}
    return Field(**(parts | arrays))


def test_parts_are_typed():
    record = field(scalars={"Reynolds": 2}, dataset="shear")
    assert (record.values.dtype, record.spacing.dtype, record.time.dtype) == (np.float32, np.float64, np.float64)
    assert record.space == (4, 5)
    assert record.axes == ("x", "y")
    assert record.scalars == {"Reynolds": 2.0}
    assert record.boundary_codes.tolist() == [[2, 2], [0, 1]]
    np.testing.assert_array_equal(record.channel("velocity_x"), record.values[:, 1])


def test_points_are_uniform_unless_given():
    x, y = field().points()
    np.testing.assert_allclose(x, [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(y, [0, 0.2, 0.4, 0.6, 0.8])
    chebyshev = tuple(np.cos(np.pi * np.arange(5) / 4))
    given = field(coordinates=((0.0, 1.0, 2.0, 3.0), chebyshev), spacing=(1, 0.5))
    assert [p.tolist() for p in given.points()] == [[0, 1, 2, 3], list(chebyshev)]


def test_values_that_are_not_finite_are_zeroed_inside_obstacles_only():
    values = np.ones((3, 2, 4, 5))
    values[:, :, 0, 0] = np.nan
    valid = np.ones((4, 5), bool)
    valid[0, 0] = False
    assert field(values=values, valid=valid).values[:, :, 0, 0].tolist() == [[0, 0]] * 3
    with pytest.raises(RecordError, match=r"not finite at 1 of 20 points\. Give `valid`"):
        field(values=values)
    values[1, 1, 2, 2] = np.inf
    with pytest.raises(RecordError, match="not finite at 1 of 20 points"):
        field(values=values, valid=valid)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.ones((3, 2))}, "wanted \\[time, field, 1 to 3 axes"),
        ({"values": np.ones((0, 2, 4, 5))}, "wanted \\[time, field, 1 to 3 axes"),
        ({"values": np.ones((3, 2, 4, 1))}, "axis of length 1 is none. Drop it"),
        ({"values": np.ones((3, 4, 5, 2))}, r"4 channels but names .* values are \[time, field, \*space\]"),
        ({"names": ("a", "a")}, "Name each channel once"),
        ({"constant": (False,)}, "1 constant flags. Give one per channel"),
        ({"constant": (False, True)}, "'velocity_x' is called constant but varies"),
        ({"spacing": (0.1, 0.0)}, "one positive distance per axis"),
        ({"spacing": (0.1,)}, "one positive distance per axis"),
        ({"boundary": (("wall", "wall"),)}, "of wall, open, periodic per axis"),
        ({"boundary": (("wall", "wall"), ("wall", "periodic"))}, "periodic on one side only"),
        ({"time": (0, 1)}, "Give one time per frame"),
        ({"time": (0, 2, 1)}, "times do not increase"),
        ({"scalars": {"Re": np.nan}}, "scalar 'Re' is nan. Leave a missing one out"),
        ({"valid": np.ones((5, 4), bool)}, "Give both on the same grid"),
        ({"axes": ("x", "x")}, "Name each axis once"),
        ({"coordinates": ((0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 3.0))}, "Give all axes"),
        (
            {"coordinates": ((0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 2.0, 3.0)), "spacing": (1, 1)},
            "not strictly monotone",
        ),
        ({"coordinates": ((0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 3.0, 4.0))}, "Give their mean"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(RecordError, match=message):
        field(**changes)


def test_channel_that_is_not_there_is_named():
    with pytest.raises(RecordError, match="has channels pressure, velocity_x, not 'density'"):
        field().channel("density")
