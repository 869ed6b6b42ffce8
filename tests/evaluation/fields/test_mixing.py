"""Growth of a mixing layer: heights of known profiles, rates of known growth, energies that balance, and the verb."""

import json

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.fields.record import PERIODIC, WALLS, Field
from foundation.data.fields.writer import write_well
from foundation.data.simulate.fields.rayleigh_taylor import RayleighTaylor
from foundation.errors import FoundationError
from foundation.evaluation.fields.mixing import (
    HEIGHTS,
    Layer,
    growth_rates,
    integral_height,
    kinetic_energy,
    released_energy,
    threshold_height,
)
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel

POINTS = 400


def ramp(width):
    """Fraction that rises from 0 to 1 over the middle `width` of a unit box, [4 columns, points]."""
    z = (np.arange(POINTS) + 0.5) / POINTS
    return np.tile(np.clip((z - 0.5) / width + 0.5, 0, 1), (4, 1))


def layers(widths, values=lambda f: 1 - f):
    """A record whose buoyancy goes from 1 below to 0 above in layers of these widths."""
    buoyancy = values(np.stack([ramp(w) for w in widths]))[:, None].astype("f4")
    return Field(
        buoyancy, ("buoyancy",), (False,), np.array([0.1, 1 / POINTS]), (PERIODIC, WALLS), np.arange(len(widths)) * 0.5
    )


def test_heights_of_a_linear_profile():
    sample = layers([0.1, 0.2, 0.5])
    fraction = Layer().fraction(sample)
    np.testing.assert_allclose(integral_height(fraction, 1, 1 / POINTS), [0.1, 0.2, 0.5], rtol=2e-3)
    np.testing.assert_allclose(threshold_height(fraction, 1, 1 / POINTS), [0.098, 0.196, 0.49], atol=2 / POINTS)
    assert set(HEIGHTS) == {"integral", "threshold"}


def test_what_fluids_are_called_does_not_matter():
    widths = [0.1, 0.3]
    usual, heavy = layers(widths), layers(widths, lambda f: 5 + 2 * f)
    np.testing.assert_allclose(Layer().fraction(usual), Layer().fraction(heavy), atol=1e-5)
    assert Layer().driving(usual) == pytest.approx(0.5) and Layer().driving(heavy) == pytest.approx(1.0)
    assert Layer(acceleration=0.3).driving(heavy) == 0.3


@pytest.mark.parametrize("alpha", [0.02, 0.07])
def test_growth_rates_of_self_similar_growth(alpha):
    time = np.linspace(2, 6, 200)
    found = growth_rates(alpha * 0.5 * time**2, time, 0.5)
    assert found == pytest.approx(dict.fromkeys(("slope", "root", "ratio"), alpha), rel=1e-3)
    later = growth_rates(alpha * 0.5 * (time + 3) ** 2, time, 0.5)  # the clock began late: only two bear that
    assert later["root"] == pytest.approx(alpha) and later["ratio"] == pytest.approx(alpha, rel=1e-3)
    assert later["slope"] > 1.3 * alpha


def test_released_energy_feeds_motion():
    """Motion has what buoyancy released, less what viscosity took and diffusion released."""
    sample = RayleighTaylor(size=64, frames=16, rayleigh=1e7, amplitude=0.02).simulate(np.random.default_rng(1))
    released, moving = released_energy(sample, Layer()), kinetic_energy(sample)
    assert released[0] == 0 and (np.diff(released) > 0).all()
    assert (moving[1:] < released[1:]).all() and moving[-1] > 0.5 * released[-1]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer("density"), "has channels buoyancy, not 'density'"),
        (Layer(axis="z"), "No axis 'z'; there are x, y"),
        (Layer(axis="x"), "no two fluids"),
    ],
)
def test_where_there_is_no_layer(layer, message):
    with pytest.raises(FoundationError, match=message):
        layer.fraction(layers([0.2, 0.3]))


def test_too_short_for_a_rate():
    with pytest.raises(FoundationError, match="at least 4 times"):
        growth_rates(np.ones(3), np.arange(3.0), 0.5)


def test_the_verb(tmp_path, capsys):
    names = ("buoyancy", "velocity_x", "velocity_y")
    sizes = FieldModelConfig(width=16, depth=1, heads=2, hidden=16, inner=4, frequencies=1, tokens=(4, 4, 4))
    FieldModel(sizes, names).save_pretrained(tmp_path / "model")
    simulated = [RayleighTaylor(16, 9).simulate(np.random.default_rng(i)) for i in range(2)]
    write_well(simulated, tmp_path / "rt.hdf5")
    options = ["--on", str(tmp_path / "rt.hdf5"), "--out", str(tmp_path / "out"), "--steps", "6"]
    assert main(["fields", "mixing", str(tmp_path / "model"), *options, "--between", "[0.0, 1.0]"]) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(found["trajectories"]) == 2 and set(found["alpha"]) == {"simulation", "model", "persistence", "linear"}
    assert len(found["time"]) == 8
    still = found["trajectories"][0]["persistence"]["curves"]["height"]
    true = integral_height(Layer().fraction(simulated[0]), 1, 1 / 16)
    np.testing.assert_allclose(still, [*true[:2], *[true[1]] * 6], rtol=1e-5)
    assert (tmp_path / "out" / "mixing.png").stat().st_size > 10_000
    assert "simulation: alpha" in capsys.readouterr().err
    assert main(["fields", "mixing", str(tmp_path / "model"), *options, "--field", "density"]) == 1
