"""Small fields of every kind that The Well's layout knows."""

import numpy as np
import pytest

from foundation.data.fields.record import Field


def made_field(axes=2, frames=9, seed=0, **changes):
    """Scalars, a vector, a tensor and a constant scalar, with another condition on every side that can have one."""
    rng = np.random.default_rng(seed)
    names = ("pressure",)
    letters = "xyz"[:axes]
    names += tuple(f"velocity_{a}" for a in letters) + tuple(f"D_{a}{b}" for a in letters for b in letters)
    names += ("density",)
    space = (6, 5, 4)[:axes]
    values = rng.normal(size=(frames, len(names), *space))
    values[:, -1] = values[:1, -1]
    parts = {
        "values": values.astype("f4"),
        "names": names,
        "constant": (False,) * (len(names) - 1) + (True,),
        "spacing": np.array([0.25, 0.5, 0.125][:axes]),
        "boundary": (("periodic", "periodic"), ("wall", "open"), ("open", "open"))[:axes],
        "time": np.linspace(0, 1, frames),
        "scalars": {"Reynolds": 100.0, "Schmidt": 0.5},
        "dataset": "made_up",
    }
    return Field(**(parts | changes))


@pytest.fixture(params=[1, 2, 3])
def trajectories(request):
    """Two trajectories that differ in their values and in one parameter."""
    return [made_field(request.param, seed=s, scalars={"Reynolds": 100.0, "Schmidt": 0.5 + s}) for s in range(2)]


@pytest.fixture
def make_field():
    """The function that makes such a field; any of its parts may be given instead."""
    return made_field
